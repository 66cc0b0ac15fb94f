//! Walking over one table, or one index of it.

use crate::error::Error;
use crate::item::{Item, Key, KeySchema};
use crate::mark::{Marks, Run};
use crate::phase::Side;
use crate::ports::Consistency;
use crate::ports::pages::{Besides, Found, Index, PageRequest, Pages, Shown, Walk};
use crate::route::Pair;

use super::gather::Gathered;
use super::owner::{Owner, has_moved, moved, values};
use super::show::{Seen, Show};
use super::token::Token;
use super::{PageAnswer, PageRead};

/// The most calls of the walked table that one page makes: what is left then is for the next page.
const CALLS: usize = 32;

/// How the items that are found become what the application sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Means {
    /// They are what they are. Keys that have moved in that run must not be among them.
    Direct(Option<Run>),
    /// They are what they are, but for those that have moved in this run: the gaining table has these.
    Moving(Run),
    /// Only the keys count; each is read from its owner.
    Keys,
}

impl Means {
    fn of(owner: Owner, walked: Side, schema: &KeySchema, index: Option<&Index>) -> Means {
        // Tombstones are in such an index, and cannot be told.
        let is_blind = index.is_some_and(|index| !index.holds_marks() && index.holds_bare_keys(schema));
        match owner {
            Owner::One { side, before } if side == walked && !is_blind => Means::Direct(before),
            Owner::Moving { run } if owner.home() == walked && index.is_none() => Means::Moving(run),
            Owner::One { .. } | Owner::Moving { .. } => Means::Keys,
        }
    }

    /// What the backend is asked.
    fn request(self, read: &PageRead) -> Result<PageRequest, Error> {
        // Items must be seen to be counted.
        let shown = if read.shown == Shown::Count { Shown::Keys } else { read.shown.clone() };
        match self {
            Means::Direct(_) => Ok(PageRequest { besides: Besides::Hidden, shown, ..read.request() }),
            Means::Moving(run) => Ok(PageRequest {
                besides: Besides::HiddenOrMoved(run),
                shown,
                consistency: Consistency::Strong,
                ..read.request()
            }),
            Means::Keys => read.of_keys(read.consistency),
        }
    }
}

/// Reads a page of the table or index of `walked` after `start`.
///
/// # Errors
/// As [`super::page`].
pub(super) async fn read<T: Pages>(
    pair: Pair<'_, T>,
    owner: Owner,
    read: &PageRead,
    walked: Side,
    start: Option<Item>,
) -> Result<PageAnswer, Error> {
    let table = pair.side(walked);
    let index = read.index.as_ref().and_then(|name| table.indexes().get(name));
    let means = Means::of(owner, walked, table.schema(), index);
    let show = match means {
        Means::Direct(_) => Show::after_backend(table.schema(), index, read)?,
        Means::Moving(_) | Means::Keys => Show::in_its_place(table.schema(), index, read)?,
    };
    let template = means.request(read)?;
    let mut page = Gathered::new(read);
    let mut after = start;
    for _ in 0..CALLS {
        // A filter keeps items back without telling which: then no more is asked for than may be looked at.
        let is_filtered = template.filter.is_some();
        let limit = if is_filtered { page.left() } else { page.left_and_spare() };
        let found = table.page(&PageRequest { limit, after: after.take(), ..template.clone() }).await?;
        let Found { items, scanned, next, .. } = found;
        page.add_kept_back(scanned.saturating_sub(u32::try_from(items.len()).unwrap_or(u32::MAX)));
        let starts: Vec<Item> = items.iter().map(|item| show.start_key(item)).collect();
        let seen = look(pair, owner, table.schema(), means, &show, items).await?;
        let last = fill(&mut page, starts, seen);
        let is_short = limit.is_none_or(|limit| scanned < limit);
        after = if page.is_full() && !is_filtered { last } else { next };
        if page.is_full() || after.is_none() || (is_short && !page.is_bare()) {
            break;
        }
    }
    let walk = order_is_its_own(read).then_some(walked);
    Ok(page.answer(Token { walk, key: after, stands: None }.seal()))
}

/// Whether another table would answer in another order.
fn order_is_its_own(read: &PageRead) -> bool {
    read.index.is_some() || matches!(read.walk, Walk::Scan { .. })
}

/// Adds what was seen until the page is full; answers the start key of the last one.
fn fill(page: &mut Gathered, starts: Vec<Item>, seen: Vec<Seen>) -> Option<Item> {
    let mut last = None;
    for (start, seen) in starts.into_iter().zip(seen) {
        if page.is_full() {
            break;
        }
        page.add(seen);
        last = Some(start);
    }
    last
}

/// What the application sees of the items found, one by one.
async fn look<T: Pages>(
    pair: Pair<'_, T>,
    owner: Owner,
    schema: &KeySchema,
    means: Means,
    show: &Show<'_>,
    items: Vec<Item>,
) -> Result<Vec<Seen>, Error> {
    match means {
        Means::Direct(before) => items.into_iter().map(|item| direct(show, before, item)).collect(),
        Means::Moving(run) => {
            let gone = items.iter().map(|item| has_moved(&Marks::of(item), run)).collect::<Result<Vec<bool>, _>>()?;
            let keys = keys_of(schema, items.iter().zip(&gone).filter(|(_, gone)| **gone).map(|(item, _)| item))?;
            let mut moved = moved(pair, run, &keys).await?.into_iter();
            let found = items.into_iter().zip(gone);
            Ok(found
                .map(|(item, gone)| if gone { show.whole(moved.next().flatten()) } else { seen(show, item) })
                .collect())
        }
        Means::Keys => {
            let values = values(pair, owner, &keys_of(schema, items.iter())?).await?;
            let found = items.iter().zip(values);
            Ok(found
                .map(|(item, value)| show.whole(value.filter(|value| show.is_still_at(Some(value), item))))
                .collect())
        }
    }
}

fn direct(show: &Show<'_>, before: Option<Run>, item: Item) -> Result<Seen, Error> {
    if let Some(run) = before
        && has_moved(&Marks::of(&item), run)?
    {
        return Err(Error::StalePhase);
    }
    Ok(seen(show, item))
}

/// An item that is what it is.
fn seen(show: &Show<'_>, item: Item) -> Seen {
    if is_hidden(&item) { Seen::Nothing } else { show.projected(item) }
}

/// Whether the item is none for the application.
fn is_hidden(item: &Item) -> bool {
    let marks = Marks::of(item);
    marks.tombstone || marks.canary.is_some()
}

fn keys_of<'a>(schema: &KeySchema, items: impl Iterator<Item = &'a Item>) -> Result<Vec<Key>, Error> {
    items.map(|item| schema.key_of(item).map_err(|error| Error::Invariant(error.to_string()))).collect()
}
