//! Holds: keys of which a record cannot be applied by repeating it. Such a record neither blocks its shard nor is
//! forgotten, and nothing later of its key overtakes it: the key is *held* until `redrive` has put it right from the
//! side that the records come from.

use std::future::Future;

use serde::{Deserialize, Serialize};

use crate::canonical::Digest;
use crate::error::Error;
use crate::item::Key;
use crate::mark::{Position, Run};
use crate::object::bucket::Head;
use crate::phase::Side;
use crate::ports::Millis;
use crate::size;

/// The most keys of one stream that are held. With more, it is not records that are wrong but what all of them go
/// to: then they are tried again, and the stream waits.
pub const HOLDS_MAX: u32 = 500;

/// What an object was when it could not be carried, as far as it could be looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seen {
    /// Its entity tag; `None` when there was no object, or when it did not let itself be looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// Its version, in a bucket that keeps versions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

impl Seen {
    /// What a look showed.
    pub fn of(head: Option<Head>) -> Seen {
        head.map_or_else(Seen::default, |head| Seen { etag: Some(head.etag.0), version: head.version })
    }
}

/// A key that is held: of an item, or of an object (see [`Key::of_object`]).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hold {
    /// The run that its records are replicated for.
    pub run: Run,
    /// Whose stream they come from.
    pub side: Side,
    /// The key.
    pub key: Key,
    /// Sequence number of the first record that was held back. Of an object: which attempt it was that failed first;
    /// different for every attempt, and in no order.
    pub first: String,
    /// The same of the last one. Whatever puts an item right must be as new as this.
    pub last: String,
    /// How many records were held back, or how often the object was tried; about: one that comes again may count
    /// twice.
    pub records: u64,
    /// The name of the error, see [`Error::name`].
    pub error: String,
    /// What the error said: for the operator, not for logs, for it may quote a value.
    pub message: String,
    /// Since when.
    pub since: Millis,
    /// When the last record was held back.
    pub at: Millis,
    /// Counts the changes of this entry, from 1.
    pub version: u64,
    /// Of an object; `None` for an item.
    pub object: Option<Seen>,
}

impl Hold {
    /// The name of the entry: tells keys of any length apart and shows nothing of them.
    pub fn name(key: &Key) -> String {
        Digest::of(key.id().as_bytes()).to_string()
    }

    /// Whether this is the entry that `other` was read from: a key that was released and held again begins at
    /// version 1 anew, with a later record.
    pub fn is(&self, other: &Hold) -> bool {
        (self.version, self.position()) == (other.version, other.position())
    }

    /// The position of the last record that was held back.
    pub fn position(&self) -> Position {
        Position::new(self.run, &self.last)
    }

    /// The entry after `news` of the same key; `None` when they are none. A later run's news replace the entry:
    /// records of an earlier one count no longer. Attempts at an object have no order, so each of a run is news.
    #[must_use]
    pub fn after(&self, news: &Hold) -> Option<Hold> {
        let is_old = if self.object.is_some() { news.run < self.run } else { news.position() <= self.position() };
        if is_old {
            return None;
        }
        let same_run = news.run == self.run;
        Some(Hold {
            first: if same_run { self.first.clone() } else { news.first.clone() },
            records: if same_run { self.records.saturating_add(news.records) } else { news.records },
            since: if same_run { self.since } else { news.since },
            version: self.version.saturating_add(1),
            ..news.clone()
        })
    }
}

/// The held keys of tables and buckets. Reads are strongly consistent, changes atomic and durable when they answer.
pub trait Holds: Sync {
    /// The held keys of one side's stream by name, at most `limit`, going on after the name `after`.
    fn holds(
        &self,
        subject: &str,
        side: Side,
        after: Option<&str>,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<Hold>, Error>> + Send;

    /// Holds a key, or adds to its entry as [`Hold::after`] says; the version given counts for nothing.
    /// For items idempotent by position: what is not later than what is held changes nothing. For objects not.
    fn hold(&self, subject: &str, hold: &Hold) -> impl Future<Output = Result<(), Error>> + Send;

    /// As [`Holds::hold`], where the key is held; answers whether it is. `false` = it was released meanwhile, and
    /// nothing was changed.
    fn hold_on(&self, subject: &str, hold: &Hold) -> impl Future<Output = Result<bool, Error>> + Send;

    /// Removes the entry, if it [is](Hold::is) that of `hold` still; answers whether the key is free now. `false` =
    /// something newer was held meanwhile. Idempotent.
    fn release(&self, subject: &str, hold: &Hold) -> impl Future<Output = Result<bool, Error>> + Send;
}

/// Whether an error of applying a record is the record's own: repeating it gives the same error, and other records
/// are not concerned. Everything else is tried again for as long as the stream keeps the records: a table that is
/// missing, denied or throttled concerns every key alike.
pub fn is_poison(error: &Error) -> bool {
    match error {
        // What cannot be stored, as a collection of a table with local indexes that outgrows 10 GB:
        // https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html
        Error::Rejected { name, .. } => {
            matches!(name.as_str(), "ValidationException" | "ItemCollectionSizeLimitExceededException")
        }
        Error::Refused { name, .. } => *name == size::TOO_LARGE,
        Error::Throttled(_)
        | Error::Unavailable(_)
        | Error::Ambiguous(_)
        | Error::OldValuesLost(_)
        | Error::Conflict(_)
        | Error::Denied(_)
        | Error::ConditionFailed { .. }
        | Error::Cancelled { .. }
        | Error::StalePhase
        | Error::Invariant(_) => false,
    }
}
