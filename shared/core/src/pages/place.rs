//! Where a read of two indexes stands, and how it goes on.

use std::collections::HashSet;

use super::chunk::{Candidate, Chunk, Order};
use super::gather::Gathered;
use super::show::Seen;
use super::token::{Stand, Stands};
use crate::item::Item;

/// Where the read stands.
pub(super) struct Place {
    /// The key attributes of the last entry that was looked at.
    pub(super) last: Option<Item>,
    /// Where each index stands.
    pub(super) stands: Stands,
}

/// Whose entry comes next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Turn {
    Mine,
    Other,
}

impl Place {
    /// Adds to `page` what comes next of the walked index, `mine`, and the `other`, until it is full, or as far as
    /// it is certain that nothing comes before.
    pub(super) fn fill(&mut self, order: &Order<'_>, page: &mut Gathered, mut mine: Chunk, mut other: Chunk) {
        let mut shown = HashSet::new();
        while !page.is_full() {
            let Some(turn) = turn(order, &mine, &other) else { break };
            let from = if turn == Turn::Mine { &mut mine } else { &mut other };
            let Some(next) = from.candidates.pop_front() else { break };
            // An entry may be in both where a copy arrived between the two reads.
            let is_new = self.pass(order, turn, &next) && (next.seen == Seen::Nothing || shown.insert(next.key.id()));
            page.add(if is_new { next.seen } else { Seen::Nothing });
        }
        if !page.is_full() {
            end(mine, &mut self.stands.walked);
            end(other, &mut self.stands.other);
        }
    }

    /// Goes past an entry. Answers whether it is in its turn: what is behind has come too late for this walk.
    fn pass(&mut self, order: &Order<'_>, turn: Turn, next: &Candidate) -> bool {
        let stand = if turn == Turn::Mine { &mut self.stands.walked } else { &mut self.stands.other };
        *stand = Stand::After(next.start.clone());
        let since = self.last.as_ref().map(|last| order.compare(&next.start, last));
        let others_turn = self.stands.others_turn && turn == Turn::Mine;
        if since.is_some_and(|since| since.is_lt() || (since.is_eq() && others_turn)) {
            return false;
        }
        self.stands.others_turn = turn == Turn::Other;
        self.last = Some(next.start.clone());
        true
    }
}

/// Whose entry comes next: the lesser one, and the walked index's among equal ones. `None` when that is not
/// certain before more is read.
fn turn(order: &Order<'_>, mine: &Chunk, other: &Chunk) -> Option<Turn> {
    let (next, others) = (mine.candidates.front(), other.candidates.front());
    let is_mine = match (next, others) {
        (Some(next), Some(others)) => order.compare(&next.start, &others.start).is_le(),
        (next, _) => next.is_some(),
    };
    match if is_mine { (next, Turn::Mine) } else { (others, Turn::Other) } {
        (Some(next), Turn::Mine) if order.is_up_to(&next.start, other) => Some(Turn::Mine),
        (Some(next), Turn::Other) if order.is_before(&next.start, mine) => Some(Turn::Other),
        _ => None,
    }
}

/// Where an index stands whose chunk has been passed as a whole.
fn end(chunk: Chunk, stand: &mut Stand) {
    if chunk.is_read && chunk.candidates.is_empty() {
        *stand = chunk.next.map_or(Stand::End, Stand::After);
    }
}
