//! What an application asks for in a write transaction.

use std::collections::BTreeMap;

use serde_dynamo::AttributeValue;
use serde_json::Value;

use crate::item::Key;
use crate::ports::transact::Reason;
use crate::write::WriteRequest;

/// One entry.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    /// A write to the migrating table; its `returning` counts for nothing.
    Write(WriteRequest),
    /// A condition on an item of the migrating table.
    Check {
        /// Which item.
        key: Key,
        /// The condition expression.
        condition: String,
        /// `ExpressionAttributeNames`.
        names: BTreeMap<String, String>,
        /// `ExpressionAttributeValues`.
        values: BTreeMap<String, AttributeValue>,
    },
    /// An entry for another table, as DynamoDB's JSON has it in `TransactItems`.
    Foreign(Value),
}

impl Part {
    fn key(&self) -> Option<&Key> {
        match self {
            Part::Write(request) => Some(&request.key),
            Part::Check { key, .. } => Some(key),
            Part::Foreign(_) => None,
        }
    }
}

/// Whether a transaction of this token may have been sent in an earlier phase.
///
/// Backends remember a token for ten minutes. So it is impossible once the state has stood for ten minutes and the
/// longest call, and possible before. To be judged anew for each state in hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Earlier {
    /// It may have been.
    Possible,
    /// It was not, or no backend remembers it.
    Impossible,
}

/// An application's write transaction.
#[derive(Clone, Debug, PartialEq)]
pub struct TransactRequest {
    /// The entries; at least one is for the migrating table.
    pub parts: Vec<Part>,
    /// `ClientRequestToken`: it goes to the backend as it is.
    pub token: Option<String>,
    /// Whether what was done under the token before must be looked for.
    pub earlier: Earlier,
}

impl TransactRequest {
    /// The keys of the migrating table.
    pub(super) fn keys(&self) -> Vec<&Key> {
        self.parts.iter().filter_map(Part::key).collect()
    }

    /// The reasons of a cancellation because somebody else is at the keys.
    pub(super) fn in_conflict(&self) -> Vec<Reason> {
        let reason = |part: &Part| if part.key().is_some() { Reason::conflict() } else { Reason::none() };
        self.parts.iter().map(reason).collect()
    }

    /// Whether an earlier phase may have done it already.
    pub(super) fn may_be_remembered(&self) -> bool {
        self.token.is_some() && self.earlier == Earlier::Possible
    }
}
