//! Scanning two tables side by side: each half walks one table's segment and looks its keys up in the other.

use futures_util::future::try_join_all;

use crate::compare::Sides;
use crate::error::Error;
use crate::item::{Item, Key};
use crate::mark::{Marks, Run};
use crate::ports::{GET_MAX, Table};
use crate::route::Pair;
use crate::segment::Segment;

/// Which table a scan walks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Half {
    /// The losing table.
    Losing,
    /// The gaining table.
    Gaining,
}

/// Reads a page of one half and the same keys on the other table; answers with the key to go on after.
/// Canaries are left out.
///
/// # Errors
/// Those of the tables.
pub async fn both<T: Table>(
    pair: Pair<'_, T>,
    run: Run,
    half: Half,
    segment: Segment,
    after: Option<&Key>,
    limit: u32,
) -> Result<(Vec<Sides>, Option<Key>), Error> {
    let (walked, other) = match half {
        Half::Losing => (pair.losing(run), pair.gaining(run)),
        Half::Gaining => (pair.gaining(run), pair.losing(run)),
    };
    let page = walked.scan(segment, after, limit).await?;
    let items: Vec<Item> = page.items.into_iter().filter(|item| Marks::of(item).canary.is_none()).collect();
    let keys = keys_of(walked, &items)?;
    let found = try_join_all(keys.chunks(GET_MAX).map(|keys| other.get_many(keys))).await?;
    let sides = keys.into_iter().zip(items).zip(found.into_iter().flatten()).map(|((key, mine), theirs)| match half {
        Half::Losing => Sides { key, old: Some(mine), new: theirs },
        Half::Gaining => Sides { key, old: theirs, new: Some(mine) },
    });
    Ok((sides.collect(), page.next))
}

/// The keys of scanned items.
///
/// # Errors
/// [`Error::Invariant`] when the table hands out an item without its key.
pub fn keys_of<T: Table>(table: &T, items: &[Item]) -> Result<Vec<Key>, Error> {
    items.iter().map(|item| table.schema().key_of(item).map_err(|error| Error::Invariant(error.to_string()))).collect()
}
