//! The ports: what the protocol needs of the world. Each doc is the contract that the one contract suite
//! (`testing::contract`) holds every implementation to.
//!
//! One awaited call of a [`Table`] is one atomic call of the backend; the protocol's proofs count on that.

pub mod pages;
pub mod transact;

use std::collections::BTreeMap;
use std::future::Future;

use serde_dynamo::AttributeValue;

use crate::error::Error;
use crate::item::{Item, Key, KeySchema};
use crate::mark::{Marks, OperationId, Position, Run};
use crate::segment::Segment;

/// Milliseconds since the Unix epoch.
pub type Millis = u64;

/// The wall clock. Not `Instant`: that may stand still while a Lambda sandbox is frozen.
pub trait Clock: Sync {
    /// The time now.
    fn now(&self) -> Millis;

    /// Waits at least this long.
    fn sleep(&self, pause: Millis) -> impl Future<Output = ()> + Send;
}

/// How fresh a read must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consistency {
    /// May miss the latest writes.
    Eventual,
    /// Sees every write acknowledged before it.
    Strong,
}

/// A read of one item.
#[derive(Clone, Debug)]
pub struct Get {
    /// Which item.
    pub key: Key,
    /// How fresh.
    pub consistency: Consistency,
    /// The application's projection expression; the marks are returned with it in any case.
    pub projection: Option<String>,
    /// `ExpressionAttributeNames` of the projection.
    pub names: BTreeMap<String, String>,
}

impl Get {
    /// A strongly consistent read of the whole item.
    pub fn whole(key: Key) -> Get {
        Get { key, consistency: Consistency::Strong, projection: None, names: BTreeMap::new() }
    }
}

/// What the product demands of the stored item, beside the application's own condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Guard {
    /// Nothing.
    Always,
    /// No item of that key, not even a tombstone.
    Absent,
    /// Some item of that key, a tombstone counts, and [`Guard::NotMoved`].
    PresentNotMoved(Run),
    /// Not given away in this run or a later one, and native in no run as late as this one.
    NotMoved(Run),
    /// Native in exactly this run.
    NativeIn(Run),
    /// Not native in this run or a later one.
    NotNative(Run),
    /// Not native in this run or a later one, and at no position or an older one than this.
    Older(Run, Position),
    /// Not native in this run or a later one, and still at the position seen before.
    PositionIs(Run, Option<Position>),
    /// A tombstone or a canary.
    Invisible,
    /// An item that is neither a tombstone nor a canary.
    Visible,
}

impl Guard {
    /// Whether the guard holds for the stored item: the one meaning that adapters translate.
    pub fn holds(&self, current: Option<&Item>) -> bool {
        let marks = Marks::of_option(current);
        let hidden = marks.tombstone || marks.canary.is_some();
        match self {
            Guard::Always => true,
            Guard::Absent => current.is_none(),
            Guard::PresentNotMoved(run) => current.is_some() && marks.moved < *run && marks.own < *run,
            Guard::NotMoved(run) => marks.moved < *run && marks.own < *run,
            Guard::NativeIn(run) => marks.own == *run,
            Guard::NotNative(run) => marks.own < *run,
            Guard::Older(run, position) => {
                marks.own < *run && marks.position.as_ref().is_none_or(|stored| stored < position)
            }
            Guard::PositionIs(run, position) => marks.own < *run && marks.position == *position,
            Guard::Invisible => current.is_some() && hidden,
            Guard::Visible => current.is_some() && !hidden,
        }
    }
}

/// The application's condition expression.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    /// The expression as the application wrote it; names and values are those of the [`Write`].
    pub text: String,
    /// Whether a tombstone must be taken for an absent item, and what the expression says of an absent item
    /// then: a tombstone keeps no application attribute but its key, so the backend is asked
    /// `(text) OR tombstone` if it holds for an absent item and `(text) AND NOT tombstone` if not.
    pub when_tombstone: Option<bool>,
}

/// What a write does to the item.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Replace the whole item by this one (key and marks included).
    Put(Item),
    /// Change attributes, creating the item if there is none; then set and remove marks.
    Update {
        /// The application's update expression, if any; names and values are those of the [`Write`].
        expression: Option<String>,
        /// Marks to set, by attribute name.
        set: BTreeMap<&'static str, AttributeValue>,
        /// Marks to remove.
        remove: Vec<&'static str>,
    },
    /// Remove the item physically; no item is no error.
    Delete,
}

/// Which attributes a write answers with; DynamoDB's `ReturnValues`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Returning {
    /// None.
    #[default]
    Nothing,
    /// The whole item before the write.
    AllOld,
    /// The whole item after the write (updates only).
    AllNew,
    /// The updated attributes before the write (updates only).
    UpdatedOld,
    /// The updated attributes after the write (updates only).
    UpdatedNew,
}

/// One conditional write of one item.
#[derive(Clone, Debug, PartialEq)]
pub struct Write {
    /// Which item.
    pub key: Key,
    /// What to do.
    pub action: Action,
    /// What the product demands.
    pub guard: Guard,
    /// What the application demands.
    pub condition: Option<Condition>,
    /// `ExpressionAttributeNames` of the application's expressions.
    pub names: BTreeMap<String, String>,
    /// `ExpressionAttributeValues` of the application's expressions.
    pub values: BTreeMap<String, AttributeValue>,
    /// What to answer with.
    pub returning: Returning,
    /// Refused where the stored item bears the stamp of this operation: it has been done.
    pub once: Option<OperationId>,
}

impl Write {
    /// A write of the product's own: no application expression, nothing returned.
    pub fn new(key: Key, action: Action, guard: Guard) -> Write {
        Write {
            key,
            action,
            guard,
            condition: None,
            names: BTreeMap::new(),
            values: BTreeMap::new(),
            returning: Returning::Nothing,
            once: None,
        }
    }

    /// Whether the stored item says that this very operation has been done.
    pub fn is_done(&self, current: Option<&Item>) -> bool {
        self.once.is_some() && Marks::of_option(current).stamp == self.once
    }

    /// The same write answering with `returning`.
    #[must_use]
    pub fn returning(self, returning: Returning) -> Write {
        Write { returning, ..self }
    }
}

/// What came of a conditional write.
#[derive(Clone, Debug, PartialEq)]
pub enum Written {
    /// Applied and durable; the attributes asked for, marks included.
    Applied(Option<Item>),
    /// Not applied because the guard or the condition does not hold, or it has been done before; the stored item,
    /// marks included.
    Refused(Option<Item>),
}

/// What came of one item of [`Table::insert`].
#[derive(Debug)]
pub enum Inserted {
    /// Durable.
    Inserted,
    /// There was an item (or tombstone) of that key; nothing was changed.
    Exists,
    /// Not written, or not known to be: try again.
    Failed(Error),
}

/// One page of a scan.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// The items as stored, marks included.
    pub items: Vec<Item>,
    /// The key to go on after; `None` at the end of the segment.
    pub next: Option<Key>,
}

/// A DynamoDB table, or what behaves like one.
///
/// Writes that answer an error of [`Error::is_ambiguous`] may or may not have been applied.
pub trait Table: Sync {
    /// The names of the key attributes.
    fn schema(&self) -> &KeySchema;

    /// Reads one item, marks included.
    fn get(&self, get: &Get) -> impl Future<Output = Result<Option<Item>, Error>> + Send;

    /// Reads many items, marks included, strongly consistent; each on its own atomic, all together not. The
    /// answer has one entry for each key, in order. At most [`GET_MAX`] keys, no key twice.
    fn get_many(&self, keys: &[Key]) -> impl Future<Output = Result<Vec<Option<Item>>, Error>> + Send;

    /// One conditional write: atomic, durable when it answers [`Written::Applied`]. Never retried after an
    /// ambiguous failure: a caller may not be idempotent.
    fn write(&self, write: &Write) -> impl Future<Output = Result<Written, Error>> + Send;

    /// Inserts each item that has no item of its key yet: each on its own atomic and idempotent. The answer
    /// has one entry for each item, in order. At most [`INSERT_MAX`] items.
    fn insert(&self, items: &[Item]) -> impl Future<Output = Vec<Inserted>> + Send;

    /// Reads a page of one segment, strongly consistent, going on after `after`; at most `limit` items.
    fn scan(
        &self,
        segment: Segment,
        after: Option<&Key>,
        limit: u32,
    ) -> impl Future<Output = Result<Page, Error>> + Send;
}

/// The most items one [`Table::insert`] takes: that of `BatchExecuteStatement`.
pub const INSERT_MAX: usize = 25;

/// The most keys one [`Table::get_many`] takes: that of `BatchGetItem`.
pub const GET_MAX: usize = 100;
