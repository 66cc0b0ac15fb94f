//! The port of queries and scans.

use std::collections::BTreeMap;
use std::future::Future;

use serde_dynamo::AttributeValue;

use super::{Consistency, Table};
use crate::error::Error;
use crate::item::{Item, KeySchema};
use crate::mark::Run;
use crate::segment::Segment;

/// A secondary index, as far as reads must know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Index {
    /// The names of the index's own key attributes.
    pub keys: KeySchema,
    /// Whether it is local: then its reads may be strongly consistent.
    pub local: bool,
    /// Which attributes it holds.
    pub projected: Projected,
}

/// Which attributes of an item an index holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Projected {
    /// All of them, marks included.
    All,
    /// The keys of table and index, and these.
    Only(Vec<String>),
}

impl Index {
    /// Whether it holds this attribute of the items of a table of `schema`.
    pub fn holds(&self, schema: &KeySchema, attribute: &str) -> bool {
        match &self.projected {
            Projected::All => true,
            Projected::Only(more) => {
                schema.names().chain(self.keys.names()).any(|name| name == attribute)
                    || more.iter().any(|name| name == attribute)
            }
        }
    }

    /// Whether marks come with its items.
    pub fn holds_marks(&self) -> bool {
        self.projected == Projected::All
    }

    /// Whether items of nothing but the table's key attributes and marks are in it.
    pub fn holds_bare_keys(&self, schema: &KeySchema) -> bool {
        self.keys.names().all(|name| schema.names().any(|key| key == name))
    }
}

/// What a page is read from.
#[derive(Clone, Debug, PartialEq)]
pub enum Walk {
    /// One partition of the table or index, in the order of its sort key.
    Query {
        /// The key condition expression.
        key_condition: String,
        /// Whether in ascending order.
        forward: bool,
    },
    /// A segment of the table or index, in an order of the table's own.
    Scan {
        /// Which.
        segment: Segment,
    },
}

/// Which attributes come back. The key attributes of the table and, in an index, those of the index always do;
/// so do all marks that are there, unless the index does not hold them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shown {
    /// All attributes of the item; of an index only where it holds or fetches them.
    Whole,
    /// All that the index holds.
    Projected,
    /// Those of this projection expression.
    Expression(String),
    /// Nothing but keys and marks.
    Keys,
    /// No items at all, only how many they are.
    Count,
}

/// Which items come back although the application's filter says no of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Besides {
    /// None.
    Nothing,
    /// Tombstones and canaries.
    Hidden,
    /// Tombstones, canaries, and items given away, or native, in this run or a later one.
    HiddenOrMoved(Run),
}

/// A read of one page.
#[derive(Clone, Debug, PartialEq)]
pub struct PageRequest {
    /// The secondary index, if not the table itself.
    pub index: Option<String>,
    /// What is walked over.
    pub walk: Walk,
    /// How fresh; [`Consistency::Strong`] is refused for a global index.
    pub consistency: Consistency,
    /// The application's filter expression.
    pub filter: Option<String>,
    /// What comes back besides. Where an index does not hold the marks, nothing does.
    pub besides: Besides,
    /// Which attributes.
    pub shown: Shown,
    /// `ExpressionAttributeNames`.
    pub names: BTreeMap<String, String>,
    /// `ExpressionAttributeValues`.
    pub values: BTreeMap<String, AttributeValue>,
    /// The most items looked at; the page ends at 1 MB in any case.
    pub limit: Option<u32>,
    /// The key attributes of the item to go on after: those of the table and, in an index, those of the index.
    /// There need not be such an item.
    pub after: Option<Item>,
}

/// A page.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Found {
    /// The items, marks included; empty for [`Shown::Count`].
    pub items: Vec<Item>,
    /// How many they are.
    pub count: u32,
    /// How many were looked at, before the filter.
    pub scanned: u32,
    /// The key attributes to go on after; `None` at the end.
    pub next: Option<Item>,
}

/// A table whose items can be read by query and scan.
pub trait Pages: Table {
    /// The table's secondary indexes by name.
    fn indexes(&self) -> &BTreeMap<String, Index>;

    /// Reads a page. Each item on its own is read atomically, all together not.
    ///
    /// # Errors
    /// The backend's refusals of key condition, filter and the rest, in its own words.
    fn page(&self, request: &PageRequest) -> impl Future<Output = Result<Found, Error>> + Send;
}
