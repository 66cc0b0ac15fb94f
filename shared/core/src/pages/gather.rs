//! What a page has gathered so far, and when it is full.

use crate::item::Item;
use crate::ports::pages::Shown;

use super::show::Seen;
use super::{PageAnswer, PageRead};

/// The page so far.
pub(super) struct Gathered {
    limit: Option<u32>,
    keeps_items: bool,
    items: Vec<Item>,
    count: u32,
    looked_at: u32,
    /// How many were looked at that are not there for the application.
    hidden: u32,
}

impl Gathered {
    /// Nothing yet.
    pub(super) fn new(read: &PageRead) -> Gathered {
        let keeps_items = read.shown != Shown::Count;
        Gathered { limit: read.limit, keeps_items, items: Vec::new(), count: 0, looked_at: 0, hidden: 0 }
    }

    /// How many items may still be looked at.
    pub(super) fn left(&self) -> Option<u32> {
        self.limit.map(|limit| limit - self.looked_at.min(limit))
    }

    /// As [`Gathered::left`], and as many more as have turned out to be nothing: so a long row of tombstones is
    /// passed in few calls.
    pub(super) fn left_and_spare(&self) -> Option<u32> {
        self.left().map(|left| left.saturating_add(self.hidden))
    }

    /// Adds an item that was looked at.
    pub(super) fn add(&mut self, seen: Seen) {
        match seen {
            Seen::Nothing => self.hidden = self.hidden.saturating_add(1),
            Seen::KeptBack => self.looked_at += 1,
            Seen::Item(item) => {
                self.looked_at += 1;
                self.count += 1;
                if self.keeps_items {
                    self.items.push(item);
                }
            }
        }
    }

    /// Adds items that the backend looked at and kept back.
    pub(super) fn add_kept_back(&mut self, number: u32) {
        self.looked_at = self.looked_at.saturating_add(number);
    }

    /// Whether the limit is reached.
    pub(super) fn is_full(&self) -> bool {
        self.left() == Some(0)
    }

    /// Whether no item that the application can see was looked at.
    pub(super) fn is_bare(&self) -> bool {
        self.looked_at == 0
    }

    /// The page, going on after `next`.
    pub(super) fn answer(self, next: Option<Item>) -> PageAnswer {
        PageAnswer { items: self.items, count: self.count, scanned: self.looked_at, next }
    }
}
