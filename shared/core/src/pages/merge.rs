//! Reading an index of a table together with the other table's.
//!
//! While keys move, no index has the whole: the losing table's does not know yet what was written to keys that
//! have moved, the gaining table's has copies that may lag. So both are candidates' lists only, and each
//! candidate is looked up in both tables, strongly. The read walks one of the two, on which it began; its
//! candidates count if the owner's item is still where the index has it. Of the other index those count that the
//! walked table's item does not put there: it knows of them, or will, only through the replicator. Both are read
//! in the order of the index's sort key, and among equal ones the walked index comes first, in its own order,
//! then the other. So each key has one place in the walk, wherever it is owned, and a token that holds where
//! both stand can be carried on in every phase.
//!
//! What an application may count on is what DynamoDB promises of the same index. A global one is eventually
//! consistent: an entry may come late, also behind the place where a walk stands; a value is never old, for it
//! comes from the table. A strong query of a local one shows every item, because each time the other index is read
//! before the walked one: an item whose copy reaches the walked table in between is met there. Two cases are left.
//! If more items than a page holds share one sort key, and one of them was moved under it so shortly before that its
//! copy arrives between two of those pages, then the walk may pass it by. So may a scan, for which all of an index
//! is one row without an order, if the copy arrives between the walked index's turn and the other's.

use super::chunk::{Candidate, Chunk, Order};
use super::gather::Gathered;
use super::owner::{Owner, get_all, values};
use super::place::Place;
use super::show::{Seen, Show};
use super::token::{Stand, Token};
use super::{PageAnswer, PageRead};
use crate::error::Error;
use crate::expression::validation;
use crate::item::{Item, Key};
use crate::phase::Side;
use crate::ports::Consistency;
use crate::ports::pages::{Index, PageRequest, Pages};
use crate::route::Pair;

/// The most times that both indexes are asked for one page: what is left then is for the next page.
const ROUNDS: usize = 16;

/// A read of the index of that name of both tables, which began on that of `walked`.
struct Merge<'a, T> {
    pair: Pair<'a, T>,
    owner: Owner,
    walked: Side,
    show: Show<'a>,
    template: PageRequest,
    order: Order<'a>,
}

/// Reads a page of the index of both tables.
///
/// # Errors
/// As [`super::page`]; `IndexDiffers` when the tables do not both have it.
pub(super) async fn read<T: Pages>(
    pair: Pair<'_, T>,
    owner: Owner,
    read: &PageRead,
    name: &str,
    walked: Side,
    token: Token,
) -> Result<PageAnswer, Error> {
    let index = index_of(pair, owner, name)?;
    let schema = pair.side(walked).schema();
    let show = Show::in_its_place(schema, Some(index), read)?;
    let names: Vec<&str> = show.keys().collect();
    let last = token.key.clone();
    let stands = token.into_stands();
    stands.check(&names)?;
    let mut place = Place { last, stands };
    let is_strong = read.consistency == Consistency::Strong || matches!(owner, Owner::Moving { .. });
    let consistency = if index.local && is_strong { Consistency::Strong } else { Consistency::Eventual };
    let template = read.of_keys(consistency)?;
    let merge = Merge { pair, owner, walked, show, template, order: Order::of(&read.walk, &index.keys) };
    let mut page = Gathered::new(read);
    for _ in 0..ROUNDS {
        let limit = page.left_and_spare();
        let stands = &place.stands;
        // Without an order the walked index comes first as a whole.
        let is_others_turn = merge.order.is_by_key() || stands.walked == Stand::End;
        let other = if is_others_turn { merge.other(&stands.other, limit).await? } else { Chunk::default() };
        let mine = merge.mine(&stands.walked, limit).await?;
        let is_short = mine.is_short || other.is_short;
        place.fill(&merge.order, &mut page, mine, other);
        if page.is_full() || place.stands.is_end() || (is_short && !page.is_bare()) {
            break;
        }
    }
    let is_over = place.stands.is_end() && !page.is_full();
    let next = Token { walk: Some(walked), key: place.last, stands: Some(place.stands) };
    Ok(page.answer(if is_over { None } else { next.seal() }))
}

/// The index as the table that serves it has it; both must have it by the same key.
fn index_of<'a, T: Pages>(pair: Pair<'a, T>, owner: Owner, name: &str) -> Result<&'a Index, Error> {
    let home = owner.home();
    let unknown = || validation(format!("The table does not have the specified index: {name}"));
    let mine = pair.side(home).indexes().get(name).ok_or_else(unknown)?;
    let theirs = pair.side(home.other()).indexes().get(name);
    if theirs.is_some_and(|theirs| theirs.keys == mine.keys && theirs.local == mine.local) {
        return Ok(mine);
    }
    Err(Error::refused(
        "IndexDiffers",
        format!("index {name} is not on both tables by the same key"),
        "create it on both tables as it is on the one that serves",
    ))
}

impl<'a, T: Pages> Merge<'a, T> {
    /// What comes next of the index that is walked: each counts if its owner has it there.
    async fn mine(&self, stand: &Stand, limit: Option<u32>) -> Result<Chunk, Error> {
        let mut chunk = self.fetch(self.walked, stand, limit).await?;
        let values = values(self.pair, self.owner, &chunk.keys()).await?;
        for (candidate, value) in chunk.candidates.iter_mut().zip(values) {
            candidate.seen = self.at(candidate, value);
        }
        Ok(chunk)
    }

    /// What comes next of the other index: each counts if its owner has it there, and the table that is walked
    /// has it not.
    async fn other(&self, stand: &Stand, limit: Option<u32>) -> Result<Chunk, Error> {
        let mut chunk = self.fetch(self.walked.other(), stand, limit).await?;
        let keys = chunk.keys();
        // The losing table first; see `Owner::value`.
        let first = self.owner.home();
        let held = get_all(self.pair.side(first), &keys).await?;
        let more = get_all(self.pair.side(first.other()), &keys).await?;
        for (candidate, (held, more)) in chunk.candidates.iter_mut().zip(held.iter().zip(&more)) {
            let (source, target) = if first == Side::Source { (held, more) } else { (more, held) };
            let walked = if self.walked == first { held } else { more };
            if !self.show.is_still_at(walked.as_ref(), &candidate.start) {
                candidate.seen = self.at(candidate, self.owner.value(source, target)?);
            }
        }
        Ok(chunk)
    }

    fn at(&self, candidate: &Candidate, value: Option<Item>) -> Seen {
        self.show.whole(value.filter(|value| self.show.is_still_at(Some(value), &candidate.start)))
    }

    async fn fetch(&self, side: Side, stand: &Stand, limit: Option<u32>) -> Result<Chunk, Error> {
        let after = match stand {
            Stand::Start => None,
            Stand::After(key) => Some(key.clone()),
            Stand::End => return Ok(Chunk::default()),
        };
        let table = self.pair.side(side);
        let found = table.page(&PageRequest { limit, after, ..self.template.clone() }).await?;
        let is_short = found.next.is_some() && limit.is_none_or(|limit| found.scanned < limit);
        let keys: Result<Vec<Key>, _> = found.items.iter().map(|item| table.schema().key_of(item)).collect();
        let keys = keys.map_err(|error| Error::Invariant(error.to_string()))?;
        let starts = found.items.iter().map(|item| self.show.start_key(item));
        let candidates = keys.into_iter().zip(starts).map(|(key, start)| Candidate { key, start, seen: Seen::Nothing });
        Ok(Chunk { candidates: candidates.collect(), next: found.next, is_short, is_read: true })
    }
}
