//! The marks: a few reserved attributes by which an item says who owns its key.
//!
//! They are top-level attributes, because `SET` on a path inside a map that is not there is refused and the
//! first call of a handoff does not know what is there. They are never visible to the application.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_dynamo::AttributeValue;

use crate::item::{Item, Key};

/// Attribute names that start with this belong to livemove; applications may not use them.
pub const RESERVED: &str = "_lm_";
/// `own` (number): native on this table since that run; on the winning copy.
pub const OWN: &str = "_lm_own";
/// `mv` (number): given away by this table in that run; on the losing copy.
pub const MOVED: &str = "_lm_mv";
/// `t` (boolean true): the item is absent for the application. A tombstone keeps no application attribute
/// but its key.
pub const TOMBSTONE: &str = "_lm_t";
/// `s` (string): position of the replicated image, see [`Position`].
pub const POSITION: &str = "_lm_s";
/// `c` (string): a canary record of that nonce; never replicated, never visible.
pub const CANARY: &str = "_lm_c";
/// `o` (string): the stamp, the id of the operation of an application that wrote the value; see [`OperationId`].
/// It belongs to the value: where that goes, the stamp goes with it.
pub const STAMP: &str = "_lm_o";
/// All marks, in the order in which they are documented.
pub const ALL: [&str; 6] = [OWN, MOVED, TOMBSTONE, POSITION, CANARY, STAMP];

/// The number of a run: 1 moves old → new, 2 is the rollback new → old, 3 goes forward again.
/// 0 is "before any run": the run of an item without marks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub struct Run(pub u32);

impl Run {
    /// The last run there is: positions have six digits for it.
    pub const MAX: Run = Run(999_999);

    /// The run before this one; 0 stays 0.
    pub fn previous(self) -> Run {
        Run(self.0.saturating_sub(1))
    }

    /// The run after this one.
    pub fn next(self) -> Run {
        Run(self.0.saturating_add(1))
    }

    /// Whether this run moves keys from the old table to the new one (odd) or back (even).
    pub fn is_forward(self) -> bool {
        self.0 % 2 == 1
    }
}

impl TryFrom<u32> for Run {
    type Error = String;

    fn try_from(number: u32) -> Result<Run, String> {
        let run = Run(number);
        if run <= Run::MAX { Ok(run) } else { Err(format!("run {number} is beyond the last one, {}", Run::MAX)) }
    }
}

impl From<Run> for u32 {
    fn from(run: Run) -> u32 {
        run.0
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Where a replicated image stands in the stream of its source: the run it was replicated for, then the
/// stream's sequence number.
///
/// Sequence numbers have 21 to 40 digits, see
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_StreamRecord.html>; padded to
/// 40 they compare as text. The run comes first because each direction has its own stream, whose numbers are
/// not comparable with the other's.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Position(String);

impl Position {
    /// The position of the record with this sequence number, replicated for `run`.
    pub fn new(run: Run, sequence: &str) -> Position {
        Position(format!("{:06}.{sequence:0>40}", run.0))
    }

    /// Later than every record of `run`: the position of what the finisher writes.
    pub fn end_of(run: Run) -> Position {
        Position(format!("{:06}.{}", run.0, "~"))
    }

    /// The position of what was repaired at `seen`: later than `seen`, earlier than the next record.
    #[must_use]
    pub fn repaired(run: Run, seen: Option<Position>) -> Position {
        let seen = seen.unwrap_or_else(|| Position::new(run, "0"));
        Position(seen.0 + "+")
    }

    /// The text stored in the mark; text order is the order of positions.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The id of one operation of an application on one item, the same whenever it is asked for again. Opaque.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OperationId(String);

impl OperationId {
    /// The longest id, in bytes: items have little room for marks.
    pub const MAX_LENGTH: usize = 64;

    /// Accepts 1 to 64 visible ASCII characters; `None` for anything else, which the caller must shorten or hash.
    pub fn new(text: impl Into<String>) -> Option<OperationId> {
        let text = text.into();
        let fits = (1..=OperationId::MAX_LENGTH).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        fits.then_some(OperationId(text))
    }

    /// The text stored in the mark.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The marks of one item, decoded; the default is that of an item as the application wrote it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// Native on this table since that run; 0 = no mark.
    pub own: Run,
    /// Given away by this table in that run; 0 = no mark.
    pub moved: Run,
    /// Absent for the application.
    pub tombstone: bool,
    /// Position of the replicated image, where the item is a replica.
    pub position: Option<Position>,
    /// A canary record of that nonce.
    pub canary: Option<String>,
    /// The operation that wrote the value, where it left its id.
    pub stamp: Option<OperationId>,
}

impl Marks {
    /// Reads the marks of `item`. A mark of an unexpected type counts as absent: applications cannot write
    /// reserved names through livemove, and preflight refuses tables that hold them.
    pub fn of(item: &Item) -> Marks {
        let run = |name| match item.0.get(name) {
            Some(AttributeValue::N(n)) => n.parse().map(Run).unwrap_or_default(),
            _ => Run(0),
        };
        let text = |name| match item.0.get(name) {
            Some(AttributeValue::S(s)) => Some(s.clone()),
            _ => None,
        };
        Marks {
            own: run(OWN),
            moved: run(MOVED),
            tombstone: matches!(item.0.get(TOMBSTONE), Some(AttributeValue::Bool(true))),
            position: text(POSITION).map(Position),
            canary: text(CANARY),
            stamp: text(STAMP).map(OperationId),
        }
    }

    /// The marks of an item that may be absent.
    pub fn of_option(item: Option<&Item>) -> Marks {
        item.map(Marks::of).unwrap_or_default()
    }

    /// `item` with exactly these marks, whatever marks it had before.
    #[must_use]
    pub fn onto(&self, item: Item) -> Item {
        let mut item = strip(item);
        let mut set = |name: &str, value| item.0.insert(name.to_owned(), value);
        if self.own > Run(0) {
            set(OWN, AttributeValue::N(self.own.to_string()));
        }
        if self.moved > Run(0) {
            set(MOVED, AttributeValue::N(self.moved.to_string()));
        }
        if self.tombstone {
            set(TOMBSTONE, AttributeValue::Bool(true));
        }
        if let Some(position) = &self.position {
            set(POSITION, AttributeValue::S(position.as_str().to_owned()));
        }
        if let Some(canary) = &self.canary {
            set(CANARY, AttributeValue::S(canary.clone()));
        }
        if let Some(stamp) = &self.stamp {
            set(STAMP, AttributeValue::S(stamp.as_str().to_owned()));
        }
        item
    }
}

/// What a key holds for the application, on its way from one table to the other: an item or nothing, and the stamp,
/// which says who wrote it and goes where it goes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Held {
    /// The item without marks; `None` if it is absent for the application.
    pub item: Option<Item>,
    /// The operation that wrote the item or deleted it.
    pub stamp: Option<OperationId>,
}

impl Held {
    /// That of an item as it is stored.
    pub fn of(stored: Option<Item>) -> Held {
        Held { stamp: Marks::of_option(stored.as_ref()).stamp, item: visible(stored) }
    }

    /// As it is stored for `key` with these marks, tombstone and stamp being its own.
    #[must_use]
    pub fn with(self, marks: Marks, key: &Key) -> Item {
        let marks = Marks { tombstone: self.item.is_none(), stamp: self.stamp, ..marks };
        marks.onto(self.item.unwrap_or_else(|| key.to_item()))
    }
}

/// The item without its reserved attributes.
#[must_use]
pub fn strip(mut item: Item) -> Item {
    item.0.retain(|name, _| !name.starts_with(RESERVED));
    item
}

/// What the application may see of an item: nothing of a tombstone or a canary, else the item without marks.
pub fn visible(item: Option<Item>) -> Option<Item> {
    let item = item?;
    let marks = Marks::of(&item);
    (!marks.tombstone && marks.canary.is_none()).then(|| strip(item))
}
