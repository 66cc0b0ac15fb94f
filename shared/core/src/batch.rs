//! Unconditional writes of several items of a migrating table.

use std::collections::{BTreeMap, HashSet};

use futures_util::stream::{self, StreamExt};

use crate::error::Error;
use crate::expression::validation;
use crate::item::{Item, Key};
use crate::phase::State;
use crate::ports::Returning;
use crate::ports::transact::{REPLACE_MAX, Replacement, Transactions};
use crate::route::{Pair, Route};
use crate::write::{Change, Dress, WriteRequest, demand_room, write};

/// How many items are written at the same time where each is written on its own.
const IN_FLIGHT: usize = 16;

/// One write of a batch.
#[derive(Clone, Debug, PartialEq)]
pub enum BatchWrite {
    /// Replace the item of this key.
    Put {
        /// Its key.
        key: Key,
        /// The new item, key included.
        item: Item,
    },
    /// Delete the item of this key.
    Delete(Key),
}

impl BatchWrite {
    fn key(&self) -> &Key {
        match self {
            BatchWrite::Put { key, .. } | BatchWrite::Delete(key) => key,
        }
    }
}

/// Writes each item on its own, as one DynamoDB table would, whatever the phase; answers the indexes of those that
/// were not written and may be sent again.
///
/// A batch has no conditions. So it goes as one call only in phases in which no key can move; else as a
/// conditional write of each item. A write that was done, or may have been, is never done again here: somebody
/// may have written over it since. So of a batch of which anything was done, the rest is answered as not written,
/// even if a fresh phase is all that it needs.
///
/// # Errors
/// When nothing was done: `ItemTooLarge`, [`Error::StalePhase`], [`Error::Throttled`] and the like. After any other error,
/// [`Error::Ambiguous`] among them, each item may have been written or not.
pub async fn batch<T: Transactions>(
    pair: Pair<'_, T>,
    state: &State,
    writes: &[BatchWrite],
) -> Result<Vec<usize>, Error> {
    let mut keys = HashSet::new();
    if !writes.iter().all(|write| keys.insert(write.key().id())) {
        return Err(validation("Provided list of item keys contains duplicates"));
    }
    for write in writes {
        if let BatchWrite::Put { item, .. } = write {
            demand_room(state.route(), item)?;
        }
    }
    let results = match state.route() {
        Route::Plain => together(pair.source, Dress::Plain, writes).await,
        Route::Final { run } => together(pair.gaining(run), Dress::Final, writes).await,
        // No key can have moved by the phase in hand, so nothing needs to be asked of the items.
        Route::Guarded { run, moving: false } => together(pair.losing(run), Dress::losing(run), writes).await,
        Route::Guarded { moving: true, .. } | Route::Handoff { .. } => one_by_one(pair, state, writes).await,
    };
    left_over(results)
}

/// In calls of [`REPLACE_MAX`], until one fails.
async fn together<T: Transactions>(table: &T, dress: Dress, writes: &[BatchWrite]) -> Vec<Result<(), Error>> {
    let replacements: Vec<Replacement> = writes.iter().map(|write| replacement(dress, write)).collect();
    let mut results = Vec::new();
    for chunk in replacements.chunks(REPLACE_MAX) {
        let failure = match table.replace(chunk).await {
            Ok(left) => {
                results
                    .extend((0..chunk.len()).map(|index| if left.contains(&index) { unprocessed() } else { Ok(()) }));
                continue;
            }
            Err(failure) => failure,
        };
        results.push(Err(failure));
        results.resize_with(writes.len(), unprocessed);
        break;
    }
    results
}

fn unprocessed() -> Result<(), Error> {
    Err(Error::Throttled("not processed".to_owned()))
}

fn replacement(dress: Dress, write: &BatchWrite) -> Replacement {
    match write {
        BatchWrite::Put { item, .. } => Replacement::Put(dress.item(item.clone(), None)),
        BatchWrite::Delete(key) => {
            dress.tombstone(key, None).map_or(Replacement::Delete(key.clone()), Replacement::Put)
        }
    }
}

async fn one_by_one<T: Transactions>(
    pair: Pair<'_, T>,
    state: &State,
    writes: &[BatchWrite],
) -> Vec<Result<(), Error>> {
    // Collected first: the compiler cannot see that a stream of closures may be sent between threads.
    let written: Vec<_> = writes.iter().map(|one| write_one(pair, state, one)).collect();
    stream::iter(written).buffered(IN_FLIGHT).collect().await
}

async fn write_one<T: Transactions>(pair: Pair<'_, T>, state: &State, one: &BatchWrite) -> Result<(), Error> {
    write(pair, state, &request(one)).await.map(|_| ())
}

fn request(write: &BatchWrite) -> WriteRequest {
    let change = match write {
        BatchWrite::Put { item, .. } => Change::Put(item.clone()),
        BatchWrite::Delete(_) => Change::Delete,
    };
    WriteRequest {
        key: write.key().clone(),
        change,
        condition: None,
        names: BTreeMap::new(),
        values: BTreeMap::new(),
        returning: Returning::Nothing,
        operation: None,
    }
}

/// The indexes of what was not done; an error if any is not of that kind, or if nothing was done.
fn left_over(results: Vec<Result<(), Error>>) -> Result<Vec<usize>, Error> {
    let nothing_done = results.iter().all(|result| result.as_ref().is_err_and(Error::did_nothing));
    let (mut left, mut errors) = (Vec::new(), Vec::new());
    for (index, result) in results.into_iter().enumerate() {
        if let Err(error) = result {
            if error.did_nothing() {
                left.push(index);
            }
            errors.push(error);
        }
    }
    // A fresh phase comes first, if that is all that is missing; then what nobody knows the outcome of.
    errors.sort_by_key(|error| match nothing_done {
        true => u8::from(!matches!(error, Error::StalePhase)),
        false if error.is_ambiguous() => 0,
        false => 1 + u8::from(error.did_nothing()),
    });
    match errors.into_iter().next() {
        Some(error) if nothing_done || !error.did_nothing() => Err(error),
        Some(_) | None => Ok(left),
    }
}
