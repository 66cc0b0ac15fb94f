//! What has been read of one of two indexes, and the order in which both are put together.

use std::cmp::Ordering;
use std::collections::VecDeque;

use serde_dynamo::AttributeValue;

use super::show::Seen;
use crate::expression::value;
use crate::item::{Item, Key, KeySchema};
use crate::ports::pages::Walk;

/// An entry of an index.
pub(super) struct Candidate {
    /// The key of its item.
    pub(super) key: Key,
    /// The key attributes of table and index, as the index has them.
    pub(super) start: Item,
    /// What the application sees of it.
    pub(super) seen: Seen,
}

/// What was read of one index: a page, or nothing.
#[derive(Default)]
pub(super) struct Chunk {
    /// Its entries.
    pub(super) candidates: VecDeque<Candidate>,
    /// Where the next page begins.
    pub(super) next: Option<Item>,
    /// Whether the page ended by its size.
    pub(super) is_short: bool,
    /// Whether the index was read at all.
    pub(super) is_read: bool,
}

impl Chunk {
    /// The keys of its entries.
    pub(super) fn keys(&self) -> Vec<Key> {
        self.candidates.iter().map(|candidate| candidate.key.clone()).collect()
    }
}

/// The order of a read.
pub(super) struct Order<'a> {
    /// By this attribute, or none that both indexes share.
    sort: Option<&'a str>,
    forward: bool,
}

impl<'a> Order<'a> {
    /// That of a read of an index of these keys.
    pub(super) fn of(walk: &Walk, keys: &'a KeySchema) -> Order<'a> {
        match walk {
            Walk::Query { forward, .. } => Order { sort: keys.sort.as_deref(), forward: *forward },
            Walk::Scan { .. } => Order { sort: None, forward: true },
        }
    }

    /// Whether there is one.
    pub(super) fn is_by_key(&self) -> bool {
        self.sort.is_some()
    }

    /// Which of the two comes first.
    pub(super) fn compare(&self, one: &Item, two: &Item) -> Ordering {
        let Some(sort) = self.sort else { return Ordering::Equal };
        let values: Option<(&AttributeValue, &AttributeValue)> = one.0.get(sort).zip(two.0.get(sort));
        let order = values.and_then(|(one, two)| value::order(one, two)).unwrap_or(Ordering::Equal);
        if self.forward { order } else { order.reverse() }
    }

    /// Whether nothing that is yet to be read of `other` comes before `item`.
    pub(super) fn is_up_to(&self, item: &Item, other: &Chunk) -> bool {
        other.next.as_ref().is_none_or(|next| self.compare(item, next).is_le())
    }

    /// Whether nothing that is yet to be read of `other` comes before `item` or beside it.
    pub(super) fn is_before(&self, item: &Item, other: &Chunk) -> bool {
        other.next.as_ref().is_none_or(|next| self.compare(item, next).is_lt())
    }
}
