//! Where the work on one segment stands, and the port that keeps it.

use std::future::Future;

use serde::{Deserialize, Serialize};

use crate::canonical::Digest;
use crate::error::Error;
use crate::mark::Run;
use crate::ports::Millis;
use crate::segment::Segment;

/// A job that runs segment by segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Job {
    /// Insert into the target what it does not have yet.
    Copy,
    /// Count what differs, looking twice; writes nothing.
    Verify,
    /// Put right what differs, under live writes.
    Repair,
    /// Put right what is not native and differs from the frozen source.
    Finish,
    /// Prove that nothing differs from the frozen source; writes nothing.
    Certify,
    /// Remove tombstones, stubs and marks after the point of no return.
    Sweep,
}

/// The identity of one segment's work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Flat", into = "Flat")]
pub struct Task {
    /// The table or bucket: `table#<name>` or `bucket#<name>`, by its name at the plan's source.
    pub subject: String,
    /// The run.
    pub run: Run,
    /// The job.
    pub job: Job,
    /// The part.
    pub segment: Segment,
}

/// A task as it is written: the part's numbers beside the rest, and nothing else.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Flat {
    subject: String,
    run: Run,
    job: Job,
    index: u32,
    total: u32,
}

impl TryFrom<Flat> for Task {
    type Error = String;

    fn try_from(flat: Flat) -> Result<Task, String> {
        let segment = Segment::new(flat.index, flat.total)?;
        Ok(Task { subject: flat.subject, run: flat.run, job: flat.job, segment })
    }
}

impl From<Task> for Flat {
    fn from(task: Task) -> Flat {
        let Segment { index, total } = task.segment;
        Flat { subject: task.subject, run: task.run, job: task.job, index, total }
    }
}

/// What a job did so far on its segment. All counts only grow within one pass.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    /// Items or objects looked at.
    pub read: u64,
    /// Written, put right or removed.
    pub written: u64,
    /// Left alone because the target has them already, native or newer.
    pub kept: u64,
    /// Found to differ (verify, certify) after the second look.
    pub differing: u64,
    /// Keys that the target owns in this run: judged by the target alone.
    pub native: u64,
    /// Items of the source that leave no room for marks, so that they cannot move.
    pub large: u64,
    /// Sum of the digests of the compared items on the source's side.
    pub source_digest: Digest,
    /// Sum of the digests of the compared items on the target's side.
    pub target_digest: Digest,
}

impl Counts {
    /// Adds what another segment or page did.
    pub fn add(&mut self, other: &Counts) {
        self.read = self.read.saturating_add(other.read);
        self.written = self.written.saturating_add(other.written);
        self.kept = self.kept.saturating_add(other.kept);
        self.differing = self.differing.saturating_add(other.differing);
        self.native = self.native.saturating_add(other.native);
        self.large = self.large.saturating_add(other.large);
        self.source_digest.add(&other.source_digest);
        self.target_digest.add(&other.target_digest);
    }
}

/// The saved state of one segment's work. `P` is the kind of position: a key of a table, a key of a bucket.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkpoint<P> {
    /// Counts the saves; the condition of the next one.
    pub version: u64,
    /// Everything up to and including this position is done and durable; `None` = nothing yet.
    pub after: Option<P>,
    /// Which half of the work `after` belongs to, for jobs that scan the source, then the target.
    #[serde(default)]
    pub second_half: bool,
    /// The segment is done.
    pub done: bool,
    /// A worker may be writing until then; nobody else takes the segment before.
    pub busy_until: Millis,
    /// What was done.
    pub counts: Counts,
    /// Why the last worker gave up; none while one works, or when it went well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
}

/// Why a worker gave a segment up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failure {
    /// The name of the error, see [`Error::name`].
    pub error: String,
    /// What the error said: for the operator, not for logs, for it may quote a value.
    pub message: String,
    /// When.
    pub at: Millis,
}

impl Failure {
    /// That of `error`, now.
    pub fn of(error: &Error, now: Millis) -> Failure {
        Failure { error: error.name().to_owned(), message: error.to_string(), at: now }
    }
}

impl<P> Default for Checkpoint<P> {
    fn default() -> Checkpoint<P> {
        Checkpoint {
            version: 0,
            after: None,
            second_half: false,
            done: false,
            busy_until: 0,
            counts: Counts::default(),
            failure: None,
        }
    }
}

/// Keeps checkpoints durably.
pub trait Checkpoints<P>: Sync {
    /// The checkpoint of this task; the default one (version 0) when there is none. Strongly consistent.
    fn load(&self, task: &Task) -> impl Future<Output = Result<Checkpoint<P>, Error>> + Send;

    /// Saves `next` as version `next.version`, on condition that version `next.version - 1` is stored (or
    /// none, for 1). Atomic; durable when it answers.
    ///
    /// # Errors
    /// [`Error::Conflict`] when somebody else saved first.
    fn save(&self, task: &Task, next: &Checkpoint<P>) -> impl Future<Output = Result<(), Error>> + Send;
}
