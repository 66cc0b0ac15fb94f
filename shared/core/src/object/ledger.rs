//! The ledger: one row for each key, the mark that S3 cannot keep.

use std::fmt;
use std::future::Future;

use serde::{Deserialize, Serialize};

use super::bucket::{Etag, Head};
use super::judge::{Likeness, likeness};
use super::range::Range;
use crate::canonical::Digest;
use crate::error::Error;
use crate::mark::Run;
use crate::phase::{Side, source_of, target_of};
use crate::ports::Millis;
use crate::segment::Segment;

/// The most begun writes a row remembers.
const INTENTS: usize = 8;

/// The `sequencer` of an S3 event: an order of the events of one key of one bucket.
///
/// Hexadecimal text of varying length; padded on the right to equal length it compares as text, see
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html>.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Sequencer(String);

/// To how many digits sequencers are padded; S3's have less than half of that.
const DIGITS: usize = 64;

impl Sequencer {
    /// The sequencer as an event carries it; `None` for anything but 1 to 64 hexadecimal digits. It would come
    /// after all others, and the events that follow would count as old.
    pub fn new(text: &str) -> Option<Sequencer> {
        let fine = (1..=DIGITS).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        fine.then(|| Sequencer(format!("{:0<DIGITS$}", text.to_ascii_uppercase())))
    }
}

impl TryFrom<String> for Sequencer {
    type Error = String;

    fn try_from(kept: String) -> Result<Sequencer, String> {
        let read = Sequencer::new(&kept).filter(|read| read.0 == kept);
        read.ok_or_else(|| format!("`{kept}` is not a sequencer of {DIGITS} upper-case hexadecimal digits"))
    }
}

impl From<Sequencer> for String {
    fn from(sequencer: Sequencer) -> String {
        sequencer.0
    }
}

/// What the ledger knows a bucket to have held under a key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Known {
    /// Nothing is known.
    #[default]
    Never,
    /// No object.
    Absent,
    /// This content.
    Content(Etag),
}

impl Known {
    /// What is known after seeing `head`.
    pub fn of(head: Option<&Head>) -> Known {
        head.map_or(Known::Absent, |head| Known::Content(head.etag.clone()))
    }
}

/// A write that was begun: it may have taken place without the ledger being told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Intent {
    /// The bucket written to.
    pub on: Side,
    /// What was to be written, by its entity tag in the other bucket; `None` for a removal.
    pub content: Option<Written>,
}

/// Content on its way from one bucket to the other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Written {
    /// The entity tag it has in the bucket it comes from.
    pub etag: Etag,
    /// Bytes.
    pub size: u64,
    /// Digest of its description.
    pub description: Digest,
}

impl Written {
    fn may_be(&self, head: &Head) -> bool {
        let unlike = likeness(&self.etag, &head.etag, head.opaque) == Likeness::Different;
        self.size == head.size && !unlike && (self.etag == head.etag || self.description == head.description.digest())
    }
}

/// The row of one key. The default is that of a key never seen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// Counts the changes of this row; the condition of the next one.
    pub version: u64,
    /// The run that it was last changed in. A row of an older run hinders no newer one.
    pub run: Run,
    /// The highest sequencer whose effect the two buckets agree on; counts within `run` only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequencer: Option<Sequencer>,
    /// What the plan's source held when both last agreed.
    #[serde(default)]
    pub source: Known,
    /// What the plan's target held then: the same content, whatever its entity tag.
    #[serde(default)]
    pub target: Known,
    /// Writes begun since.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub intents: Vec<Intent>,
    /// Who is at it: one attempt of one worker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holder: Option<String>,
    /// Nobody else writes this key before.
    #[serde(default)]
    pub busy_until: Millis,
}

impl Row {
    /// What that side held when both last agreed.
    pub fn known(&self, side: Side) -> &Known {
        match side {
            Side::Source => &self.source,
            Side::Target => &self.target,
        }
    }

    /// Whether the content seen on `side` is one that the ledger accounts for: carried over already, or a
    /// write of our own.
    pub fn accounts_for(&self, side: Side, head: Option<&Head>) -> bool {
        let begun = self.intents.iter().filter(|intent| intent.on == side);
        match head {
            Some(head) => {
                *self.known(side) == Known::Content(head.etag.clone())
                    || begun
                        .into_iter()
                        .any(|intent| intent.content.as_ref().is_some_and(|written| written.may_be(head)))
            }
            None => {
                !matches!(self.known(side), Known::Content(_))
                    || begun.into_iter().any(|intent| intent.content.is_none())
            }
        }
    }

    /// Whether the ledger proves that these two contents of `run`'s losing and gaining bucket are the same.
    pub fn proves_same(&self, run: Run, losing: &Head, gaining: &Head) -> bool {
        losing.size == gaining.size
            && *self.known(source_of(run)) == Known::Content(losing.etag.clone())
            && *self.known(target_of(run)) == Known::Content(gaining.etag.clone())
    }

    /// Whether an event of that sequencer has had its effect: both buckets agreed after it had been received.
    pub fn covers(&self, run: Run, sequencer: &Sequencer) -> bool {
        self.run == run && self.sequencer.as_ref().is_some_and(|seen| sequencer <= seen)
    }

    /// Whether somebody else than `holder` may be writing now.
    pub fn is_busy(&self, now: Millis, holder: &str) -> bool {
        now < self.busy_until && self.holder.as_deref() != Some(holder)
    }

    /// The row once both sides of `run` have been seen to agree. Forgets begun writes: their lease is over
    /// or they are ours.
    #[must_use]
    pub fn agreed(&self, run: Run, sequencer: Option<&Sequencer>, losing: Known, gaining: Known) -> Row {
        let (source, target) = match source_of(run) {
            Side::Source => (losing, gaining),
            Side::Target => (gaining, losing),
        };
        let before = if self.run == run { self.sequencer.as_ref() } else { None };
        let sequencer = before.max(sequencer).cloned();
        Row { version: self.version, run, sequencer, source, target, intents: Vec::new(), holder: None, busy_until: 0 }
    }

    /// The row while `holder` is about to do `intent`. The sequencer stays, for nothing has had effect yet,
    /// but not that of an older run.
    #[must_use]
    pub fn taken(&self, run: Run, holder: &str, until: Millis, intent: Intent) -> Row {
        let mut row = self.clone();
        row.sequencer = row.sequencer.filter(|_| self.run == run);
        if !row.intents.contains(&intent) {
            row.intents.push(intent);
        }
        let surplus = row.intents.len().saturating_sub(INTENTS);
        row.intents.drain(..surplus);
        Row { run, holder: Some(holder.to_owned()), busy_until: until, ..row }
    }

    /// Whether it says the same, whatever its version.
    pub fn says_the_same(&self, other: &Row) -> bool {
        Row { version: 0, ..self.clone() } == Row { version: 0, ..other.clone() }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "run {}, version {}, busy until {}", self.run, self.version, self.busy_until)
    }
}

/// The rows of one bucket's move, kept durably.
pub trait Ledger: Sync {
    /// The row of `key`; strongly consistent.
    fn get(&self, key: &str) -> impl Future<Output = Result<Option<Row>, Error>> + Send;

    /// Stores `row` as version `row.version`, on condition that the version before is stored (or none, for
    /// 1). Atomic, durable when it answers.
    ///
    /// # Errors
    /// [`Error::Conflict`] when another version is stored; that may be this one, when an answer was lost.
    fn put(&self, key: &str, row: &Row) -> impl Future<Output = Result<(), Error>> + Send;

    /// Removes rows of one segment of the ledger, looking at no more than `limit` records. Removing none does
    /// not mean that the segment is empty: [`Swept::next`] tells its end. Idempotent.
    fn sweep(
        &self,
        segment: Segment,
        after: Option<&str>,
        limit: u32,
    ) -> impl Future<Output = Result<Swept, Error>> + Send;

    /// The key ranges that the jobs of `run` are cut into, if they have been kept.
    fn ranges(&self, run: Run) -> impl Future<Output = Result<Option<Vec<Range>>, Error>> + Send;

    /// Keeps them unless there are some for `run` already; the first ones win. Atomic.
    fn keep_ranges(&self, run: Run, ranges: &[Range]) -> impl Future<Output = Result<(), Error>> + Send;
}

/// What one [`Ledger::sweep`] did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Rows removed.
    pub removed: u64,
    /// The position to go on after; opaque; `None` at the end of the segment.
    pub next: Option<String>,
}
