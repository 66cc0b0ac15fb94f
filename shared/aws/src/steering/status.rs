//! `status`: everything an operator wants to know, in one answer.

use std::collections::BTreeMap;

use livemove_core::certificate::{Certificate, Direction};
use livemove_core::checkpoint::Job;
use livemove_core::error::Error;
use livemove_core::mark::Run;
use livemove_core::phase::{Phase, Side};
use livemove_core::ports::{Clock, Millis};
use livemove_core::register::{Canary, JobSummary, Register, Report};
use livemove_core::steer::gate::Closed;
use livemove_core::steer::{Gauge, gauge};
use serde::Serialize;

use super::failures::FailedSegment;
use super::subjects::{Subject, standing};
use super::{Steering, World, seconds};

/// The whole migration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Status {
    /// The migration.
    pub migration: String,
    /// The latest run of any subject.
    pub run: Run,
    /// Which way it goes.
    pub direction: Direction,
    /// The furthest phase of any subject in that run; a bucket that is frozen counts as in handoff.
    pub phase: Phase,
    /// Whether one can go back now: the least of the subjects'.
    pub rollback: Gauge,
    /// Somebody's yes is waited for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approval: Option<WaitingApproval>,
    /// Table by table and bucket by bucket.
    pub subjects: Vec<SubjectStatus>,
}

/// A state machine that waits for approval.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct WaitingApproval {
    /// Since when, in milliseconds since 1970.
    pub since: Millis,
    /// The command that says yes.
    pub approve: String,
    /// The command that says no.
    pub reject: String,
}

/// One table or bucket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct SubjectStatus {
    /// Its id.
    pub subject: String,
    /// Its run.
    pub run: Run,
    /// Its phase.
    pub phase: Phase,
    /// The run's replicator has been stopped for good.
    pub sealed: bool,
    /// Since when it is as it is, in milliseconds since 1970.
    pub since: Millis,
    /// How long others may still act on the state before.
    pub wait_seconds: u64,
    /// Which side applications are served from.
    pub serving: Side,
    /// Why nothing may be built on it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub broken: Option<String>,
    /// Whether one can go back now.
    pub rollback: Gauge,
    /// Keys that are held.
    pub held: u64,
    /// What keeps a follower from being complete, held keys among it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub behind: Vec<Closed>,
    /// The jobs of the run that have begun.
    pub jobs: BTreeMap<Job, JobSummary>,
    /// Segments that were given up: their work waits for the cause to be mended, and for the machine.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<FailedSegment>,
    /// The streams of both sides.
    pub streams: BTreeMap<Side, StreamStatus>,
    /// Writes that came past the protocol and wait for a decision.
    pub stragglers: u64,
    /// The certificate of the run, or of the run before while this one has not got far.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<Certificate>,
}

/// The stream of one side.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct StreamStatus {
    /// The latest canary.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub canary: Option<Canary>,
    /// The latest canary of the watch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pulse: Option<Canary>,
    /// What its replicator or copier said last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub report: Option<Report>,
    /// How old the newest record of the last batch was when the batch was done: about how far it lags while
    /// there is traffic. Streams tell whole seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lag_ms: Option<Millis>,
}

pub(super) const JOBS: [Job; 6] = [Job::Copy, Job::Verify, Job::Repair, Job::Finish, Job::Certify, Job::Sweep];

impl<R: Register, W: World, C: Clock> Steering<'_, R, W, C> {
    /// Reads everything; changes nothing. Not one moment's picture: each row is read on its own.
    ///
    /// # Errors
    /// `NotRegistered`; those of the register.
    pub(super) async fn status(&self) -> Result<Status, Error> {
        let all = self.subjects().await?;
        let run = all.iter().map(|subject| subject.state.run).max().unwrap_or_default();
        let phase = standing(&all, run, self.clock.now()).phase;
        let mut subjects = Vec::new();
        for subject in &all {
            subjects.push(self.status_of(subject).await?);
        }
        let gauges = || subjects.iter().map(|subject: &SubjectStatus| subject.rollback.clone());
        let rollback = gauges().find(|gauge| !gauge.can_go_back).or_else(|| gauges().next_back());
        let rollback = rollback.ok_or_else(|| Error::Invariant("a registered plan moves nothing".to_owned()))?;
        let migration = self.site.migration.clone();
        let approval = self.waiting(run, &all).await?;
        Ok(Status { migration, run, direction: Direction::of(run), phase, rollback, approval, subjects })
    }

    async fn status_of(&self, subject: &Subject) -> Result<SubjectStatus, Error> {
        let (id, state) = (subject.id.as_str(), &subject.state);
        let mut jobs = BTreeMap::new();
        for job in JOBS {
            let summary = self.job(subject, job).await?;
            if summary.segments > 0 {
                jobs.insert(job, summary);
            }
        }
        let mut streams = BTreeMap::new();
        for side in [Side::Source, Side::Target] {
            let (canary, report) = (self.register.canary(id, side).await?, self.register.reported(id, side).await?);
            let lag_ms = report.as_ref().map(|report| report.at.saturating_sub(report.record_at));
            let pulse = self.register.pulse(id, side).await?;
            streams.insert(side, StreamStatus { canary, pulse, report, lag_ms });
        }
        let certificate = match self.register.certificate(id, state.run).await? {
            None => self.register.certificate(id, state.run.previous()).await?,
            found => found,
        };
        let behind = self.behind(subject).await?;
        Ok(SubjectStatus {
            subject: subject.id.clone(),
            run: state.run,
            phase: state.phase,
            sealed: state.sealed,
            since: state.since,
            wait_seconds: seconds(subject.wait_ms(self.clock.now())),
            serving: state.serving(),
            broken: state.broken.clone(),
            rollback: gauge(state, &behind),
            held: self.held(subject).await?,
            behind,
            jobs,
            failures: self.failed_segments(subject).await?,
            streams,
            stragglers: self.register.count(id).await?,
            certificate,
        })
    }

    /// The request for approval, while it is of this run and keys have not begun to move.
    async fn waiting(&self, run: Run, all: &[Subject]) -> Result<Option<WaitingApproval>, Error> {
        let before = all.iter().any(|subject| subject.to_do(run, Phase::Handoff).is_some());
        let request = self.register.approval(&self.site.migration).await?;
        let region = &self.site.region;
        Ok(request.filter(|request| before && request.run == run).map(|request| WaitingApproval {
            since: request.at,
            approve: format!(
                "aws stepfunctions send-task-success --region {region} --task-output '{{}}' --task-token '{}'",
                request.token
            ),
            reject: format!(
                "aws stepfunctions send-task-failure --region {region} --error Rejected --task-token '{}'",
                request.token
            ),
        }))
    }
}
