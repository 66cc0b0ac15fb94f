//! The port of writes and reads of several items at once.

use std::collections::BTreeMap;
use std::future::Future;

use serde_dynamo::AttributeValue;
use serde_json::Value;

use super::{Condition, Get, Guard, Table, Write};
use crate::error::Error;
use crate::item::{Item, Key};

/// The most entries of a transaction, as documented for `TransactWriteItems`.
pub const TRANSACT_MAX: usize = 100;
/// The most items one [`Transactions::replace`] takes: that of `BatchWriteItem`.
pub const REPLACE_MAX: usize = 25;

/// A condition on an item that is not written.
#[derive(Clone, Debug, PartialEq)]
pub struct Check {
    /// Which item.
    pub key: Key,
    /// What the product demands.
    pub guard: Guard,
    /// What the application demands.
    pub condition: Condition,
    /// `ExpressionAttributeNames` of the condition.
    pub names: BTreeMap<String, String>,
    /// `ExpressionAttributeValues` of the condition.
    pub values: BTreeMap<String, AttributeValue>,
}

/// One entry of a write transaction.
#[derive(Clone, Debug, PartialEq)]
pub enum Entry {
    /// A write to this table; its `returning` counts for nothing.
    Write(Write),
    /// A condition on an item of this table.
    Check(Check),
    /// An entry for another table, as DynamoDB's JSON has it in `TransactItems`; carried unread.
    Foreign(Value),
}

/// A write transaction.
#[derive(Clone, Debug, PartialEq)]
pub struct Transaction {
    /// At most [`TRANSACT_MAX`], no key twice.
    pub entries: Vec<Entry>,
    /// `ClientRequestToken`: a transaction of the same token and entries that was applied in the last ten
    /// minutes is answered as applied and not done again.
    pub token: Option<String>,
}

/// Why one entry stood in the way of a transaction.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reason {
    /// `None` where the entry did not stand in the way, `ConditionalCheckFailed`, `TransactionConflict`, …
    pub code: String,
    /// DynamoDB's words.
    pub message: Option<String>,
    /// The stored item, marks included, where a condition failed and there is one.
    pub item: Option<Item>,
}

impl Reason {
    /// That of an entry that did not stand in the way.
    pub fn none() -> Reason {
        Reason { code: "None".to_owned(), ..Reason::default() }
    }

    /// That of an entry whose item somebody else is writing at this moment.
    pub fn conflict() -> Reason {
        let message = "Transaction is ongoing for the item".to_owned();
        Reason { code: "TransactionConflict".to_owned(), message: Some(message), item: None }
    }
}

/// What came of a write transaction.
#[derive(Clone, Debug, PartialEq)]
pub enum Transacted {
    /// All entries are applied and durable.
    Applied,
    /// Nothing was done; one reason for each entry, in order.
    Cancelled(Vec<Reason>),
}

/// One entry of a read transaction.
#[derive(Clone, Debug)]
pub enum ReadEntry {
    /// A read of an item of this table; always of the latest state, whatever its consistency says.
    Get(Get),
    /// An entry for another table, as DynamoDB's JSON has it in `TransactItems`; carried unread.
    Foreign(Value),
}

/// What came of a read transaction.
#[derive(Clone, Debug, PartialEq)]
pub enum Snapshot {
    /// All items at one moment, marks included, one for each entry, in order.
    Read(Vec<Option<Item>>),
    /// Nothing could be read; one reason for each entry, in order.
    Cancelled(Vec<Reason>),
}

/// An unconditional write of one item in a batch.
#[derive(Clone, Debug, PartialEq)]
pub enum Replacement {
    /// Put this item, marks included.
    Put(Item),
    /// Remove the item of this key physically.
    Delete(Key),
}

/// A table whose items can be written and read several at once.
pub trait Transactions: Table {
    /// A write transaction: all or nothing, isolated, durable when it answers [`Transacted::Applied`]. Never
    /// retried after an ambiguous failure: a caller with a token may ask again, and knows then that it asked before.
    fn transact(&self, transaction: &Transaction) -> impl Future<Output = Result<Transacted, Error>> + Send;

    /// A read transaction: all items as they are at one moment.
    fn snapshot(&self, entries: &[ReadEntry]) -> impl Future<Output = Result<Snapshot, Error>> + Send;

    /// Writes each item on its own, without conditions. The answer has the indexes of those that were not
    /// written; after an ambiguous error each may have been written or not. At most [`REPLACE_MAX`], no key
    /// twice.
    fn replace(&self, items: &[Replacement]) -> impl Future<Output = Result<Vec<usize>, Error>> + Send;
}
