//! Reading one item of a migrating table.

use std::collections::BTreeMap;

use crate::error::Error;
use crate::handoff::handoff;
use crate::hold::is_poison;
use crate::item::{Item, Key};
use crate::mark::{Marks, Run, visible};
use crate::phase::State;
use crate::ports::{Consistency, Get, Table};
use crate::route::{Pair, Route};

/// How often a read is repeated because its key moved under it.
const TRIES: u32 = 8;

/// An application's read of one item.
#[derive(Clone, Debug)]
pub struct GetRequest {
    /// Which item.
    pub key: Key,
    /// How fresh. While keys may move, every read is strong: else a read could go back in time.
    pub consistency: Consistency,
    /// The projection expression.
    pub projection: Option<String>,
    /// `ExpressionAttributeNames`.
    pub names: BTreeMap<String, String>,
}

/// Reads an item as one DynamoDB table would, whatever the phase.
///
/// # Errors
/// [`Error::StalePhase`] when the state is out of date; else those of the tables.
pub async fn get<T: Table>(pair: Pair<'_, T>, state: &State, request: &GetRequest) -> Result<Option<Item>, Error> {
    match state.route() {
        Route::Plain => fetch(pair.source, request, request.consistency).await.map(visible),
        Route::Final { run } => fetch(pair.gaining(run), request, request.consistency).await.map(visible),
        Route::Guarded { run, moving: false } => {
            let item = fetch(pair.losing(run), request, request.consistency).await?;
            if gone(&item, run) { Err(Error::StalePhase) } else { Ok(visible(item)) }
        }
        Route::Guarded { run, moving: true } => {
            let item = fetch(pair.losing(run), request, Consistency::Strong).await?;
            if gone(&item, run) { across(pair, run, request).await } else { Ok(visible(item)) }
        }
        Route::Handoff { run } => across(pair, run, request).await,
    }
}

/// The gaining table first. Its answer counts if the key is native there; else the losing table's counts if
/// the key has not moved; else the handoff is half done and is finished first, if the gaining table can take the item.
async fn across<T: Table>(pair: Pair<'_, T>, run: Run, request: &GetRequest) -> Result<Option<Item>, Error> {
    for _ in 0..TRIES {
        let new = fetch(pair.gaining(run), request, Consistency::Strong).await?;
        let own = Marks::of_option(new.as_ref()).own;
        if own > run {
            return Err(Error::StalePhase);
        }
        if own == run {
            return Ok(visible(new));
        }
        let old = fetch(pair.losing(run), request, Consistency::Strong).await?;
        if !gone(&old, run) {
            return Ok(visible(old));
        }
        match handoff(pair, run, &request.key).await {
            Ok(()) => {}
            // The gaining table will not take it. Its value is frozen, and was the key's when this read began or later.
            Err(error) if is_poison(&error) => return Ok(visible(old)),
            Err(error) => return Err(error),
        }
    }
    Err(Error::Unavailable("the key kept moving during the read; try again".to_owned()))
}

/// Whether the losing table has given the key away in this run or a later one.
pub(crate) fn gone(item: &Option<Item>, run: Run) -> bool {
    let marks = Marks::of_option(item.as_ref());
    marks.moved >= run || marks.own >= run
}

async fn fetch<T: Table>(table: &T, request: &GetRequest, consistency: Consistency) -> Result<Option<Item>, Error> {
    let get = Get {
        key: request.key.clone(),
        consistency,
        projection: request.projection.clone(),
        names: request.names.clone(),
    };
    table.get(&get).await
}
