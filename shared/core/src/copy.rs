//! The backfill of one page: insert into the gaining table what it does not have yet.

use futures_util::stream::{self, StreamExt};

use crate::checkpoint::Counts;
use crate::error::Error;
use crate::item::{Item, Key};
use crate::mark::{Marks, Run, visible};
use crate::ports::{Clock, INSERT_MAX, Inserted, Millis, Table};
use crate::route::Pair;
use crate::segment::Segment;
use crate::size::{is_too_large, leaves_room};

/// Pauses before items that were throttled or whose answer was lost are tried again; after the last one the page fails.
/// Only they wait: items of other partitions have been written by then, and other batches go on.
const PAUSES: [Millis; 6] = [50, 100, 200, 400, 800, 1600];

/// Copies one page; answers with what was done and the key to go on after. When it answers, every item of the
/// page is durable on the gaining table, as this copy or as something newer. Idempotent.
///
/// Left out are only items that leave no room for marks and that the gaining table refuses for it. All that leave none
/// are counted as large: no gate opens before they are smaller.
///
/// # Errors
/// Those of the tables; then nothing may be concluded about the page, and it must be copied again.
pub async fn copy_page<T: Table, C: Clock>(
    pair: Pair<'_, T>,
    clock: &C,
    run: Run,
    segment: Segment,
    after: Option<&Key>,
    page_items: u32,
    in_flight: usize,
) -> Result<(Counts, Option<Key>), Error> {
    let page = pair.losing(run).scan(segment, after, page_items).await?;
    let read = page.items.len() as u64;
    let large = page.items.iter().filter(|item| !leaves_room(item)).count() as u64;
    let copies: Vec<Item> = page.items.into_iter().filter_map(|item| replica(run, item)).collect();
    let batches: Vec<Vec<Item>> = copies.chunks(INSERT_MAX).map(<[Item]>::to_vec).collect();
    let gaining = pair.gaining(run);
    let mut results =
        stream::iter(batches).map(|batch| insert(gaining, clock, batch)).buffer_unordered(in_flight.max(1));
    let mut counts = Counts { read, large, ..Counts::default() };
    while let Some(result) = results.next().await {
        let (written, kept) = result?;
        counts.written += written;
        counts.kept += kept;
    }
    Ok((counts, page.next))
}

/// What the gaining table gets: nothing for tombstones, stubs and keys that have moved.
fn replica(run: Run, item: Item) -> Option<Item> {
    let Marks { moved, stamp, .. } = Marks::of(&item);
    if moved >= run {
        return None;
    }
    let marks = Marks { moved: run.previous(), stamp, ..Marks::default() };
    visible(Some(item)).map(|item| marks.onto(item))
}

/// Inserts until each item has been acknowledged; answers how many were new and how many were there.
async fn insert<T: Table, C: Clock>(gaining: &T, clock: &C, mut batch: Vec<Item>) -> Result<(u64, u64), Error> {
    let (mut written, mut kept) = (0, 0);
    let mut pauses = PAUSES.into_iter();
    loop {
        let results = gaining.insert(&batch).await;
        let (mut again, mut last) = (Vec::new(), None);
        for (item, result) in batch.into_iter().zip(results) {
            match result {
                Inserted::Inserted => written += 1,
                Inserted::Exists => kept += 1,
                Inserted::Failed(error @ (Error::Throttled(_) | Error::Unavailable(_) | Error::Ambiguous(_))) => {
                    last = Some(error);
                    again.push(item);
                }
                Inserted::Failed(error) if is_too_large(&error) && !leaves_room(&item) => {}
                Inserted::Failed(error) => return Err(error),
            }
        }
        let Some(error) = last else { return Ok((written, kept)) };
        let Some(pause) = pauses.next() else { return Err(error) };
        clock.sleep(pause).await;
        batch = again;
    }
}
