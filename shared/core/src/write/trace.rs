//! What a write has left: by the stamp on an item an operation finds that it has been done.

use crate::error::Error;
use crate::expression::evaluate::project;
use crate::expression::path::Path;
use crate::expression::update::Update;
use crate::item::Item;
use crate::mark::{Marks, OperationId, Run, visible};
use crate::phase::{Phase, State};
use crate::plan::Timing;
use crate::ports::{Get, Millis, Returning, Table};
use crate::route::{Pair, Route};
use crate::steer::wait_left;
use crate::write::{Change, WriteRequest, answer};

/// The run whose two tables may bear stamps; before any mark, and once marks are swept away, there are none.
pub(super) fn stamped_in(route: Route) -> Option<Run> {
    match route {
        Route::Plain | Route::Final { .. } => None,
        Route::Guarded { run, .. } | Route::Handoff { run } => Some(run),
    }
}

/// Whether an operation may leave its stamp: in the phases of the first run not before nobody acts on the state before
/// any more. Who is in `copy` still leaves none, and an update of his would let another's stand on a value of his own.
pub fn may_stamp(state: &State, timing: &Timing, now: Millis) -> bool {
    let has_neighbours = state.run == Run(1) && state.phase <= Phase::Guarded;
    !has_neighbours || wait_left(state, timing, now) == 0
}

/// Whether the stamp is that of this very operation.
pub(super) fn is_own(request: &WriteRequest, stamp: Option<&OperationId>) -> bool {
    request.operation.as_ref().is_some_and(|operation| Some(&operation.id) == stamp)
}

/// The item as this operation left it, if it is known to have been done; both tables are looked at, strongly. What
/// one of them shows is enough: stamps go where values go, and nobody makes one up.
///
/// # Errors
/// Those of the tables.
pub(super) async fn trace<T: Table>(
    pair: Pair<'_, T>,
    run: Run,
    request: &WriteRequest,
) -> Result<Option<Item>, Error> {
    for table in [pair.losing(run), pair.gaining(run)] {
        let stored = table.get(&Get::whole(request.key.clone())).await?;
        if is_own(request, Marks::of_option(stored.as_ref()).stamp.as_ref()) {
            return Ok(stored);
        }
    }
    Ok(None)
}

/// What the application is told of a write that was done before, which left `item`.
///
/// # Errors
/// [`Error::OldValuesLost`] when it asks for what was there before.
pub(super) fn told(request: &WriteRequest, item: Item) -> Result<Option<Item>, Error> {
    match request.returning {
        Returning::Nothing => Ok(None),
        Returning::AllNew => Ok(answer(request.returning, Some(item))),
        Returning::UpdatedNew => Ok(answer(request.returning, updated(request, item)?)),
        Returning::AllOld | Returning::UpdatedOld => {
            Err(Error::OldValuesLost("the write was found done after its answer was lost".to_owned()))
        }
    }
}

/// The attributes that the update names.
fn updated(request: &WriteRequest, item: Item) -> Result<Option<Item>, Error> {
    let Change::Update(Some(expression)) = &request.change else { return Ok(None) };
    let update = Update::parse(expression)?;
    let paths: Vec<Path> = update.targets().map(|path| path.resolved(&request.names)).collect();
    Ok(visible(Some(item)).map(|item| project(&item, &paths)))
}

pub(super) fn unknown() -> Error {
    Error::Ambiguous(
        "it was asked for before, and the item does not tell what came of it: it may have been done and written over \
         since, or be under way still"
            .to_owned(),
    )
}
