//! The control ports: what the product must remember about a migration. Each doc is the contract.
//!
//! A subject is a table or bucket by its id, see [`crate::plan::subject_id`]. Reads are strongly consistent:
//! they see every change acknowledged before them. Changes are atomic and durable when they answer; one that
//! answers [`Error::Ambiguous`] may have happened.

use std::collections::BTreeSet;
use std::future::Future;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::certificate::Certificate;
use crate::checkpoint::{Counts, Failure, Job};
use crate::error::Error;
use crate::hold::Holds;
use crate::item::{Item, Key};
use crate::mark::Run;
use crate::phase::{Side, State};
use crate::plan::{Plan, SubjectPlan};
use crate::ports::Millis;
use crate::segment::Segment;
use crate::steer::watch::Watch;

/// One line of a subject's history.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transition {
    /// When it happened.
    pub at: Millis,
    /// The state before; `None` for the registration.
    pub from: Option<State>,
    /// The state after; its version numbers the transition.
    pub to: State,
    /// What allowed it, as the controller saw it.
    pub evidence: Value,
}

/// The states of the subjects and their history. The controller is the only one that changes them.
pub trait States: Sync {
    /// The state of a subject and its plan; `None` when it has not been registered.
    fn load(&self, subject: &str) -> impl Future<Output = Result<Option<(State, SubjectPlan)>, Error>> + Send;

    /// Registers a subject in its first state, with the first line of its history, in one step.
    ///
    /// # Errors
    /// [`Error::Conflict`] when it is registered already.
    fn create(
        &self,
        plan: &SubjectPlan,
        first: &State,
        evidence: &Value,
    ) -> impl Future<Output = Result<(), Error>> + Send;

    /// Replaces `from` by `to` and adds the line to the history, in one step, on condition that the stored
    /// version is that of `from`; `to` has the version after it.
    ///
    /// # Errors
    /// [`Error::Conflict`] when somebody else changed it first, and when it is not registered.
    fn transition(
        &self,
        subject: &str,
        from: &State,
        to: &State,
        evidence: &Value,
    ) -> impl Future<Output = Result<(), Error>> + Send;

    /// As [`States::transition`], and replaces the plan as well.
    ///
    /// # Errors
    /// As [`States::transition`].
    fn replan(
        &self,
        plan: &SubjectPlan,
        from: &State,
        to: &State,
        evidence: &Value,
    ) -> impl Future<Output = Result<(), Error>> + Send;

    /// The last `limit` lines of the history, newest first.
    fn history(&self, subject: &str, limit: u32) -> impl Future<Output = Result<Vec<Transition>, Error>> + Send;
}

/// A request for approval that waits for an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApprovalRequest {
    /// The state machine's task token.
    pub token: String,
    /// The run that waits.
    pub run: Run,
    /// Since when.
    pub at: Millis,
}

/// What is known of the migration as a whole.
pub trait Migrations: Sync {
    /// The plan that was registered last.
    fn plan(&self, migration: &str) -> impl Future<Output = Result<Option<Plan>, Error>> + Send;

    /// Stores the plan in the place of the one before. Idempotent.
    fn save_plan(&self, plan: &Plan) -> impl Future<Output = Result<(), Error>> + Send;

    /// The latest request for approval.
    fn approval(&self, migration: &str) -> impl Future<Output = Result<Option<ApprovalRequest>, Error>> + Send;

    /// Stores a request for approval in the place of the one before. Idempotent.
    fn request_approval(
        &self,
        migration: &str,
        request: &ApprovalRequest,
    ) -> impl Future<Output = Result<(), Error>> + Send;
}

/// A canary: a record written to one side to prove that its stream arrives.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Canary {
    /// Tells it from earlier ones.
    pub nonce: String,
    /// The run it was sent for.
    pub run: Run,
    /// When it was written.
    pub sent: Millis,
    /// When a replicator or copier reported it.
    pub seen: Option<Millis>,
}

/// What the replicator or copier of one side's stream says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// When it finished a batch last.
    pub at: Millis,
    /// When the newest record of that batch was made (streams tell whole seconds).
    pub record_at: Millis,
    /// Position of the newest record of that batch in the stream, as text.
    pub position: Option<String>,
    /// Records handled: in [`Signals::report`] those of the batch, in [`Signals::reported`] all so far.
    pub records: u64,
    /// Records not replicated and handed back, counted in the same way.
    pub failed: u64,
    /// What is denied to it, with the statement to add; none when nothing was denied in that batch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub denied: Option<String>,
}

/// What the functions at the streams tell the controller.
pub trait Signals: Sync {
    /// Stores a canary in the place of the one before on that side; pulses ([`PULSE`]) among themselves. Idempotent
    /// for the same nonce.
    fn canary_sent(&self, subject: &str, side: Side, canary: &Canary)
    -> impl Future<Output = Result<(), Error>> + Send;

    /// Notes that the canary came through; no effect when another nonce is stored, or when it was seen
    /// before. Idempotent.
    fn canary_seen(
        &self,
        subject: &str,
        side: Side,
        nonce: &str,
        at: Millis,
    ) -> impl Future<Output = Result<(), Error>> + Send;

    /// The latest canary of that side.
    fn canary(&self, subject: &str, side: Side) -> impl Future<Output = Result<Option<Canary>, Error>> + Send;

    /// The latest pulse of that side.
    fn pulse(&self, subject: &str, side: Side) -> impl Future<Output = Result<Option<Canary>, Error>> + Send;

    /// Adds one batch: times and position are replaced, numbers of records added up. Not idempotent: a
    /// repeated report counts twice, which only the operator's figures notice.
    fn report(&self, subject: &str, side: Side, batch: &Report) -> impl Future<Output = Result<(), Error>> + Send;

    /// What that side's replicator said.
    fn reported(&self, subject: &str, side: Side) -> impl Future<Output = Result<Option<Report>, Error>> + Send;
}

/// What a nonce begins with that is the watch's: such a canary is kept beside the one that arms a run, so that
/// neither takes the other's place.
pub const PULSE: &str = "pulse-";

/// A write that came past the protocol, kept for somebody to decide on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Straggler {
    /// The run in which nobody should have written there any more.
    pub run: Run,
    /// The stream sequence number of the write.
    pub sequence: String,
    /// The key that was written.
    pub key: Key,
    /// The item after the write; `None` when it was removed.
    pub image: Option<Item>,
    /// When it was found.
    pub at: Millis,
}

/// The straggler ledger.
pub trait Stragglers: Sync {
    /// Enters a write. Idempotent by sequence number and key.
    fn enter(&self, subject: &str, straggler: &Straggler) -> impl Future<Output = Result<(), Error>> + Send;

    /// The first `limit` entries, by sequence number.
    fn list(&self, subject: &str, limit: u32) -> impl Future<Output = Result<Vec<Straggler>, Error>> + Send;

    /// How many entries there are.
    fn count(&self, subject: &str) -> impl Future<Output = Result<u64, Error>> + Send;
}

/// What the watch remembers.
pub trait Watches: Sync {
    /// Of one side's stream.
    fn watch(&self, subject: &str, side: Side) -> impl Future<Output = Result<Option<Watch>, Error>> + Send;

    /// Stores it in the place of what was remembered before. Idempotent.
    fn keep_watch(&self, subject: &str, side: Side, watch: &Watch) -> impl Future<Output = Result<(), Error>> + Send;
}

/// The certificates.
pub trait Certificates: Sync {
    /// Stores the certificate of its subject and run in the place of the one before. Idempotent.
    fn keep(&self, certificate: &Certificate) -> impl Future<Output = Result<(), Error>> + Send;

    /// The certificate of a run.
    fn certificate(&self, subject: &str, run: Run) -> impl Future<Output = Result<Option<Certificate>, Error>> + Send;
}

/// Where one segment of a job stands; its position stays with [`crate::checkpoint::Checkpoints`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SegmentStatus {
    /// The part.
    pub segment: Segment,
    /// It is done.
    pub done: bool,
    /// A worker may be writing until then.
    pub busy_until: Millis,
    /// What was done.
    pub counts: Counts,
    /// Why the last worker gave up.
    pub failure: Option<Failure>,
}

/// The jobs of a run, for gates and status.
pub trait Jobs: Sync {
    /// Every segment of a job that has a checkpoint, by index.
    fn segments(
        &self,
        subject: &str,
        run: Run,
        job: Job,
    ) -> impl Future<Output = Result<Vec<SegmentStatus>, Error>> + Send;

    /// Removes every checkpoint of a job: what it found holds no longer. Idempotent; not atomic.
    fn forget(&self, subject: &str, run: Run, job: Job) -> impl Future<Output = Result<(), Error>> + Send;
}

/// Everything that the controller remembers by.
pub trait Register: States + Migrations + Signals + Stragglers + Holds + Watches + Certificates + Jobs {}

impl<R: States + Migrations + Signals + Stragglers + Holds + Watches + Certificates + Jobs> Register for R {}

/// A job of a run in one figure.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobSummary {
    /// How many segments the job has; 0 = not begun.
    pub segments: u32,
    /// How many of them are done.
    pub done: u32,
    /// Until when a worker may be writing.
    pub busy_until: Millis,
    /// What was done, over all segments.
    pub counts: Counts,
}

impl JobSummary {
    /// Adds up the segments of one job. A part of another total covers something else, and one that is told twice
    /// covers nothing more: neither counts as done.
    pub fn of(segments: &[SegmentStatus]) -> JobSummary {
        let total = segments.iter().map(|status| status.segment.total).max().unwrap_or_default();
        let mut summary = JobSummary { segments: total, ..JobSummary::default() };
        let mut done = BTreeSet::new();
        for status in segments {
            let Segment { index, total: of } = status.segment;
            if status.done && of == total && index < total && done.insert(index) {
                summary.done += 1;
            }
            summary.busy_until = summary.busy_until.max(status.busy_until);
            summary.counts.add(&status.counts);
        }
        summary
    }

    /// Every segment is done, and there is at least one.
    pub fn is_done(&self) -> bool {
        self.segments > 0 && self.done == self.segments
    }
}
