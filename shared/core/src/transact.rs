//! A write transaction over items of a migrating table: done whole on one table, never in parts.

mod form;
mod request;
mod send;

pub use request::{Earlier, Part, TransactRequest};

use crate::error::Error;
use crate::expression::{Kind, room};
use crate::handoff::{freeze_all, handoff_all};
use crate::mark::Run;
use crate::phase::State;
use crate::ports::transact::Transactions;
use crate::route::{Pair, Route};
use crate::size;
use crate::write::{Change, WriteRequest, demand_room};
use form::Form;
use send::{Sent, is_judged};

/// The most bytes of all items of a transaction:
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>.
const BYTES_MAX: usize = 4 << 20;
/// How often a transaction is repeated because keys moved under it.
const TRIES: u32 = 8;

/// Does a transaction as one DynamoDB table would, whatever the phase: all of it or nothing, isolated.
///
/// All its keys are on one table: where some have moved, the others are handed over first. With a token it is
/// done once, however often it is asked for within ten minutes, from any phase of a run to `new` and up to
/// `guarded` of the next run; see docs/DESIGN.md for the argument.
///
/// # Errors
/// [`Error::Cancelled`] with what the application may see of the items, also where somebody else is at a key that
/// must be handed over; [`Error::StalePhase`] when the state is out of date and nothing was done;
/// [`Error::Ambiguous`] when it may have been done: without a token it is never sent again; else those of the
/// tables, and nothing was done.
pub async fn transact<T: Transactions>(
    pair: Pair<'_, T>,
    state: &State,
    request: &TransactRequest,
) -> Result<(), Error> {
    if request.keys().is_empty() {
        return Err(Error::Invariant("a transaction without an item of the migrating table".to_owned()));
    }
    request.parts.iter().try_for_each(|part| demand_room_for(part, state.route()))?;
    demand_room_together(request)?;
    match routed(pair, state, request).await {
        // A key could not be handed over: to the application a conflict like any other.
        Err(Error::Conflict(_)) => Err(Error::Cancelled { reasons: request.in_conflict() }),
        result => result,
    }
}

/// Refuses what leaves no room for livemove's own.
///
/// # Errors
/// `ItemTooLarge` and `ExpressionTooLong`.
fn demand_room_for(part: &Part, route: Route) -> Result<(), Error> {
    match part {
        Part::Write(request) => {
            if let Change::Put(item) = &request.change {
                demand_room(route, item)?;
            }
            request.demand_room()
        }
        Part::Check { condition, .. } => room::check(Kind::Condition, condition, room::TO_CONDITION),
        Part::Foreign(_) => Ok(()),
    }
}

/// Refuses a transaction whose items are within DynamoDB's limit for all of them and would not be with their marks. What
/// an update makes of an item is DynamoDB's to say.
///
/// # Errors
/// `TransactionTooLarge`.
fn demand_room_together(request: &TransactRequest) -> Result<(), Error> {
    let put = |part: &Part| match part {
        Part::Write(WriteRequest { change: Change::Put(item), .. }) => size::of(item),
        Part::Write(_) | Part::Check { .. } | Part::Foreign(_) => 0,
    };
    let bytes: usize = request.parts.iter().map(put).sum();
    let room = BYTES_MAX - request.parts.len() * size::MARKS_MAX;
    if bytes <= room || bytes > BYTES_MAX {
        return Ok(());
    }
    Err(Error::refused(
        "TransactionTooLarge",
        format!("the items have {bytes} bytes, and livemove's marks on them leave room for {room} of {BYTES_MAX}"),
        "split the transaction",
    ))
}

async fn routed<T: Transactions>(pair: Pair<'_, T>, state: &State, request: &TransactRequest) -> Result<(), Error> {
    match state.route() {
        Route::Plain => settled(pair, Run(1), request).await,
        Route::Guarded { run, moving: false } => settled(pair, run, request).await,
        Route::Guarded { run, moving: true } => guarded(pair, run, request).await,
        Route::Handoff { run } => {
            if request.may_be_remembered() {
                handoff_all(pair, run, &request.keys()).await?;
                if remembered(Form::losing(pair, run), request).await? {
                    return Ok(());
                }
            }
            across(pair, run, request).await
        }
        Route::Final { run } => match Form::last(pair, run).send(request).await? {
            Sent::Applied => Ok(()),
            Sent::NotOurs(_) => Err(Error::StalePhase),
            Sent::Mismatch(mismatch) => otherwise(Form::losing(pair, run.next()), request, mismatch).await,
        },
    }
}

/// On the table that loses its keys in `run`, before any key can have moved in it.
async fn settled<T: Transactions>(pair: Pair<'_, T>, run: Run, request: &TransactRequest) -> Result<(), Error> {
    let before = run.previous();
    if before > Run(0) && request.may_be_remembered() {
        // The run before is over, and this table has all keys already. What did not move then is given up now,
        // so that nothing but the memory of the token can let the transaction pass there.
        freeze_all(pair.losing(before), before, &request.keys()).await?;
        if remembered(Form::losing(pair, before), request).await? {
            return Ok(());
        }
    }
    match Form::losing(pair, run).send(request).await? {
        Sent::Applied => Ok(()),
        Sent::NotOurs(_) => Err(Error::StalePhase),
        // Done, if at all, on this same table while its keys came in. Where that is not remembered after all, the
        // transaction runs under a guard that holds just as well: native keys have not moved since.
        Sent::Mismatch(mismatch) if before > Run(0) => otherwise(Form::gaining(pair, before), request, mismatch).await,
        Sent::Mismatch(mismatch) => Err(mismatch),
    }
}

/// On the losing table, if it still has all the keys.
async fn guarded<T: Transactions>(pair: Pair<'_, T>, run: Run, request: &TransactRequest) -> Result<(), Error> {
    match Form::losing(pair, run).send(request).await? {
        Sent::Applied => Ok(()),
        // A key that has moved stays moved, so from now on nothing can do the transaction here.
        Sent::NotOurs(_) => across(pair, run, request).await,
        // A neighbour in `handoff` may have done it. No key is handed over on suspicion alone.
        Sent::Mismatch(mismatch) => otherwise(Form::gaining(pair, run), request, mismatch).await,
    }
}

/// On the gaining table, on condition that all keys are native there; those that are not are handed over first.
async fn across<T: Transactions>(pair: Pair<'_, T>, run: Run, request: &TransactRequest) -> Result<(), Error> {
    let form = Form::gaining(pair, run);
    for _ in 0..TRIES {
        match form.send(request).await? {
            Sent::Applied => return Ok(()),
            Sent::NotOurs(keys) if keys.iter().any(|(_, marks)| marks.own > run) => return Err(Error::StalePhase),
            Sent::NotOurs(keys) => {
                handoff_all(pair, run, &keys.iter().map(|(key, _)| key).collect::<Vec<_>>()).await?;
            }
            Sent::Mismatch(mismatch) => {
                // A neighbour in `new` may have done it. With all keys native, its form does here what ours does.
                handoff_all(pair, run, &request.keys()).await?;
                return otherwise(Form::losing(pair, run.next()), request, mismatch).await;
            }
        }
    }
    Err(Error::Unavailable("keys kept moving during the transaction; try again".to_owned()))
}

/// Whether the table that has given all the keys up remembers having done it before: its guards refuse everything
/// that it does not remember.
async fn remembered<T: Transactions>(form: Form<'_, T>, request: &TransactRequest) -> Result<bool, Error> {
    match form.send(request).await? {
        Sent::Applied => Ok(true),
        Sent::NotOurs(_) | Sent::Mismatch(_) => Ok(false),
    }
}

/// The token stands for something else on this table: for the same request in another form, or else for another
/// request, and then the application hears of it.
async fn otherwise<T: Transactions>(
    form: Form<'_, T>,
    request: &TransactRequest,
    mismatch: Error,
) -> Result<(), Error> {
    match form.send(request).await {
        Ok(Sent::Applied) => Ok(()),
        Ok(Sent::NotOurs(_) | Sent::Mismatch(_)) => Err(mismatch),
        Err(Error::Cancelled { reasons }) if is_judged(&reasons) => Err(mismatch),
        Err(error) => Err(error),
    }
}
