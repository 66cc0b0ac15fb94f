//! One record of a table's stream, and what it means for the other table.

use crate::item::{Item, Key};
use crate::mark::{Marks, Run, visible};
use crate::ports::Millis;

/// A change of one item, with both images, as the stream of its table tells it.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// The item's key.
    pub key: Key,
    /// The item before, marks included; `None` if there was none.
    pub old: Option<Item>,
    /// The item after, marks included; `None` if it is gone.
    pub new: Option<Item>,
    /// The stream's sequence number.
    pub sequence: String,
    /// When it happened, to the second: good for lag, never for order.
    pub at: Millis,
}

/// What a change means for the table that `run` moves to.
#[derive(Clone, Debug, PartialEq)]
pub enum Meaning {
    /// The application's item is this now, or a tombstone: to be replicated.
    Value(Option<Item>),
    /// The item was removed physically, by the application or by TTL. Nothing in such a record tells in which
    /// run it happened, so the item itself must be looked at.
    Removed,
    /// Nothing to replicate: a mark alone, a replica, another run's record.
    Nothing,
    /// Somebody wrote past the protocol to an item that had moved.
    Straggler,
    /// The canary of that nonce came through.
    Canary(String),
}

impl Change {
    /// What this record means for the table that gains the keys in `run`.
    ///
    /// Native records only: those whose item this table owns by the run before. That a mark is there says
    /// nothing, since `UpdateItem` keeps marks; the difference between the images decides.
    pub fn meaning(&self, run: Run) -> Meaning {
        let before = Marks::of_option(self.old.as_ref());
        let Some(new) = &self.new else {
            return match (before.canary, before.moved >= run) {
                (Some(_), _) => Meaning::Nothing,
                (None, true) if before.tombstone => Meaning::Nothing,
                (None, true) => Meaning::Straggler,
                (None, false) => Meaning::Removed,
            };
        };
        let after = Marks::of(new);
        if let Some(nonce) = after.canary {
            return Meaning::Canary(nonce);
        }
        if after.moved.max(before.moved) >= run {
            return if self.is_write_past(run, &before, &after) { Meaning::Straggler } else { Meaning::Nothing };
        }
        if after.own == run.previous() { Meaning::Value(visible(Some(new.clone()))) } else { Meaning::Nothing }
    }

    /// A write to an item that had moved before it, that is no replica: replicas change the position. Nobody but who
    /// writes past the protocol, or by a phase long over, takes the mark of a run away in that run.
    fn is_write_past(&self, run: Run, before: &Marks, after: &Marks) -> bool {
        let same_data = match (visible(self.old.clone()), visible(self.new.clone())) {
            (Some(old), Some(new)) => old.same_data(&new),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        before.moved >= run && (after.moved < run || before.position == after.position && !same_data)
    }
}
