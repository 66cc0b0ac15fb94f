//! `certify`: issue the certificates of a run.

use livemove_core::certificate::{Certificate, Issue};
use livemove_core::checkpoint::Job;
use livemove_core::error::Error;
use livemove_core::mark::Run;
use livemove_core::phase::{Kind, Phase};
use livemove_core::ports::Clock;
use livemove_core::register::Register;
use livemove_core::steer::RunEnd;
use livemove_core::steer::gate::{may_work, refusal};
use serde::Serialize;

use super::subjects::Subject;
use super::{Steering, World};

/// The certificates of a run, one for each table and bucket.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Certified {
    /// The run.
    pub run: Run,
    /// What was proved.
    pub certificates: Vec<Certificate>,
}

impl<R: Register, W: World, C: Clock> Steering<'_, R, W, C> {
    /// Issues and keeps the certificate of every subject, or answers the one it has for this seal.
    ///
    /// # Errors
    /// `NotIdentical` when something differs or was not compared; `TooEarly` until the seal is known to all;
    /// `WrongRun`, `NotRegistered`; those of the register.
    pub(super) async fn certify(&self, run: Run, only: Option<Kind>) -> Result<Certified, Error> {
        let mut certificates = Vec::new();
        for subject in self.subjects_of(run, only).await? {
            certificates.push(self.certificate(&subject, run).await?);
        }
        Ok(Certified { run, certificates })
    }

    async fn certificate(&self, subject: &Subject, run: Run) -> Result<Certificate, Error> {
        let state = &subject.state;
        let past = state.run > run || state.phase >= Phase::New;
        let kept = self.register.certificate(&subject.id, run).await?;
        if let Some(certificate) = kept.filter(|certificate| past || certificate.proves(state)) {
            return Ok(certificate);
        }
        let now = self.clock.now();
        may_work(state, &subject.plan.timing, now).map_err(|closed| refusal(&[closed]))?;
        let position =
            self.register.reported(&subject.id, RunEnd::Source.side(run)).await?.and_then(|report| report.position);
        let issue = Issue {
            migration: &self.site.migration,
            subject: &subject.id,
            build: env!("CARGO_PKG_VERSION"),
            now,
            position,
        };
        let certificate = Certificate::issue(issue, state, &self.job(subject, Job::Certify).await?)?;
        self.register.keep(&certificate).await?;
        tracing::info!(subject = subject.id, run = run.0, digest = %certificate.source_digest, "certified");
        Ok(certificate)
    }
}
