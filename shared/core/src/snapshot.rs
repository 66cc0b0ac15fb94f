//! A read transaction over items of a migrating table: all items as they are at one moment.

use serde_json::Value;

use crate::error::Error;
use crate::handoff::handoff_all;
use crate::item::{Item, Key};
use crate::mark::{Marks, Run, visible};
use crate::phase::State;
use crate::ports::transact::{ReadEntry, Reason, Snapshot, Transactions};
use crate::ports::{Consistency, Get};
use crate::read::{GetRequest, gone};
use crate::route::{Pair, Route};

/// How often a snapshot is repeated because keys moved under it.
const TRIES: u32 = 8;

/// One entry.
#[derive(Clone, Debug)]
pub enum SnapshotPart {
    /// A read of the migrating table; always of the latest state, whatever its consistency says.
    Get(GetRequest),
    /// An entry for another table, as DynamoDB's JSON has it in `TransactItems`.
    Foreign(Value),
}

/// Reads all `parts` at one moment, as one DynamoDB table would, whatever the phase; one answer for each, in order.
///
/// The answer comes from one table. Only where some of the keys have moved and others have not are the others
/// handed over.
///
/// # Errors
/// [`Error::Cancelled`] when it met a write under way; [`Error::StalePhase`] when the state is out of date; else
/// those of the tables.
pub async fn snapshot<T: Transactions>(
    pair: Pair<'_, T>,
    state: &State,
    parts: &[SnapshotPart],
) -> Result<Vec<Option<Item>>, Error> {
    match state.route() {
        Route::Plain => Ok(shown(parts, look(pair.source, parts).await?)),
        Route::Final { run } => Ok(shown(parts, look(pair.gaining(run), parts).await?)),
        Route::Guarded { run, moving } => {
            let items = look(pair.losing(run), parts).await?;
            if !own(parts, &items).any(|(_, item)| gone(item, run)) {
                return Ok(shown(parts, items));
            }
            if moving { across(pair, run, parts).await } else { Err(Error::StalePhase) }
        }
        Route::Handoff { run } => across(pair, run, parts).await,
    }
}

/// The gaining table's answer counts if all keys are native there, the losing table's if none has moved. Else
/// those that are not native are handed over first.
async fn across<T: Transactions>(
    pair: Pair<'_, T>,
    run: Run,
    parts: &[SnapshotPart],
) -> Result<Vec<Option<Item>>, Error> {
    for _ in 0..TRIES {
        let new = look(pair.gaining(run), parts).await?;
        let owned = |item: &Option<Item>| Marks::of_option(item.as_ref()).own;
        if own(parts, &new).any(|(_, item)| owned(item) > run) {
            return Err(Error::StalePhase);
        }
        let not_native: Vec<&Key> =
            own(parts, &new).filter(|(_, item)| owned(item) < run).map(|(key, _)| key).collect();
        if not_native.is_empty() {
            return Ok(shown(parts, new));
        }
        if not_native.len() == own(parts, &new).count() {
            let old = look(pair.losing(run), parts).await?;
            if !own(parts, &old).any(|(_, item)| gone(item, run)) {
                return Ok(shown(parts, old));
            }
        }
        handoff_all(pair, run, &not_native).await.map_err(|error| conflict(parts, error))?;
    }
    Err(Error::Unavailable("keys kept moving during the read; try again".to_owned()))
}

/// A key could not be handed over because somebody else is at it: to the application a conflict like any other.
fn conflict(parts: &[SnapshotPart], error: Error) -> Error {
    let Error::Conflict(_) = error else { return error };
    let reason = |part: &SnapshotPart| match part {
        SnapshotPart::Get(_) => Reason::conflict(),
        SnapshotPart::Foreign(_) => Reason::none(),
    };
    Error::Cancelled { reasons: parts.iter().map(reason).collect() }
}

/// All parts from one table, marks included.
async fn look<T: Transactions>(table: &T, parts: &[SnapshotPart]) -> Result<Vec<Option<Item>>, Error> {
    let entries: Vec<ReadEntry> = parts.iter().map(entry).collect();
    match table.snapshot(&entries).await? {
        Snapshot::Read(items) if items.len() == parts.len() => Ok(items),
        Snapshot::Read(_) => Err(Error::Invariant("a snapshot has another number of items than entries".to_owned())),
        Snapshot::Cancelled(reasons) => {
            let reasons = reasons.into_iter().map(|reason| Reason { item: None, ..reason }).collect();
            Err(Error::Cancelled { reasons })
        }
    }
}

fn entry(part: &SnapshotPart) -> ReadEntry {
    match part {
        SnapshotPart::Get(request) => ReadEntry::Get(Get {
            key: request.key.clone(),
            consistency: Consistency::Strong,
            projection: request.projection.clone(),
            names: request.names.clone(),
        }),
        SnapshotPart::Foreign(entry) => ReadEntry::Foreign(entry.clone()),
    }
}

/// The migrating table's parts: keys and items.
fn own<'a>(parts: &'a [SnapshotPart], items: &'a [Option<Item>]) -> impl Iterator<Item = (&'a Key, &'a Option<Item>)> {
    parts.iter().zip(items).filter_map(|(part, item)| match part {
        SnapshotPart::Get(request) => Some((&request.key, item)),
        SnapshotPart::Foreign(_) => None,
    })
}

/// What the application sees; items of other tables are none of our business.
fn shown(parts: &[SnapshotPart], items: Vec<Option<Item>>) -> Vec<Option<Item>> {
    let show = |(part, item): (&SnapshotPart, _)| match part {
        SnapshotPart::Get(_) => visible(item),
        SnapshotPart::Foreign(_) => item,
    };
    parts.iter().zip(items).map(show).collect()
}
