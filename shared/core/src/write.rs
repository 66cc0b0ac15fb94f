//! Writing one item of a migrating table, with the application's own condition.

mod dress;
mod request;
mod trace;

pub(crate) use dress::Dress;
pub use request::{Asked, Change, Operation, WriteRequest};
pub use trace::may_stamp;
use trace::{is_own, stamped_in, told, trace, unknown};

use crate::error::Error;
use crate::handoff::{Likely, freeze, take};
use crate::item::Item;
use crate::mark::{Marks, Run, visible};
use crate::phase::State;
use crate::ports::{Condition, Guard, Returning, Table, Write, Written};
use crate::route::{Pair, Route};
use crate::size;

/// How often a write is repeated because its key moved under it.
const TRIES: u32 = 8;

/// Writes an item as one DynamoDB table would, whatever the phase, and answers the attributes asked for.
///
/// A write whose answer was lost is never repeated here. Where keys bear marks its outcome is looked for: the item
/// says by its stamp whether this operation was the last to write it. An operation that comes a second time is known
/// by the same stamp and answered as the first time.
///
/// # Errors
/// `ItemTooLarge` and `ExpressionTooLong` when there would be no room for livemove's own;
/// [`Error::ConditionFailed`] with what the application may see of the item; [`Error::StalePhase`] when the
/// state is out of date and nothing was done; [`Error::Ambiguous`] when it may have been done and the items do not
/// tell; [`Error::OldValuesLost`] when it was done and what the item was before cannot be told any more; else those
/// of the tables.
pub async fn write<T: Table>(pair: Pair<'_, T>, state: &State, request: &WriteRequest) -> Result<Option<Item>, Error> {
    let route = state.route();
    if let Change::Put(item) = &request.change {
        demand_room(route, item)?;
    }
    request.demand_room()?;
    let (Some(operation), Some(run)) = (&request.operation, stamped_in(route)) else {
        return send(pair, route, request).await;
    };
    if operation.asked == Asked::Again {
        return match trace(pair, run, request).await? {
            Some(item) => told(request, item),
            None => Err(unknown()),
        };
    }
    match send(pair, route, request).await {
        Err(lost @ Error::Ambiguous(_)) => match trace(pair, run, request).await {
            Ok(Some(item)) => told(request, item),
            // Whatever is wrong now: it may have been done, so it must not be started again.
            Ok(None) | Err(_) => Err(lost),
        },
        result => result,
    }
}

/// Refuses an item that has no room for marks, wherever there are marks or may be.
///
/// # Errors
/// `ItemTooLarge`.
pub(crate) fn demand_room(route: Route, item: &Item) -> Result<(), Error> {
    match route {
        Route::Final { .. } => Ok(()),
        Route::Plain | Route::Guarded { .. } | Route::Handoff { .. } => size::check(item),
    }
}

async fn send<T: Table>(pair: Pair<'_, T>, route: Route, request: &WriteRequest) -> Result<Option<Item>, Error> {
    match route {
        Route::Plain => attempt(pair.source, request, Dress::Plain, Guard::Always).await?.or(stale()),
        Route::Final { run } => last(pair.gaining(run), request).await,
        Route::Guarded { run, moving } => {
            // Where nobody moves keys, leases keep processes apart, as in the first `old`. So nothing is asked of an
            // item only for the guard's sake: a condition has its price, in the backend's time.
            let has_condition = request.condition.is_some() || request.once().is_some();
            let guard = if moving || has_condition { Guard::NotMoved(run) } else { Guard::Always };
            match attempt(pair.losing(run), request, Dress::losing(run), guard).await? {
                Attempt::Done(attributes) => Ok(attributes),
                Attempt::NotOurs(_) if moving => across(pair, run, request).await,
                Attempt::NotOurs(_) => stale(),
            }
        }
        Route::Handoff { run } => across(pair, run, request).await,
    }
}

/// On the table that won, where marks are taken away in passing.
///
/// An update without an expression makes an item where there is none, but one that takes marks away does not. So it
/// takes them away only where there is something.
async fn last<T: Table>(table: &T, request: &WriteRequest) -> Result<Option<Item>, Error> {
    if request.change != Change::Update(None) {
        return attempt(table, request, Dress::Final, Guard::Always).await?.or(stale());
    }
    let (mut dress, mut guard) = (Dress::Plain, Guard::Absent);
    for _ in 0..TRIES {
        let current = match attempt(table, request, dress, guard).await? {
            Attempt::Done(attributes) => return Ok(attributes),
            Attempt::NotOurs(current) => current,
        };
        (dress, guard) = match current {
            None => (Dress::Plain, Guard::Absent),
            hidden if visible(hidden.clone()).is_none() => (Dress::Final, Guard::Invisible),
            Some(_) => (Dress::Final, Guard::Visible),
        };
    }
    Err(Error::Unavailable("the item kept changing during the write; try again".to_owned()))
}

/// What came of an attempt on one table.
enum Attempt {
    /// Written.
    Done(Option<Item>),
    /// The guard does not hold: this table does not own the key. The item as it is stored.
    NotOurs(Option<Item>),
}

impl Attempt {
    fn or(self, otherwise: Result<Option<Item>, Error>) -> Result<Option<Item>, Error> {
        match self {
            Attempt::Done(attributes) => Ok(attributes),
            Attempt::NotOurs(_) => otherwise,
        }
    }
}

fn stale<R>() -> Result<R, Error> {
    Err(Error::StalePhase)
}

/// On the gaining table, on condition that the key is native there. Where it is not, the losing table gives the key
/// up first, and the write itself makes it native.
async fn across<T: Table>(pair: Pair<'_, T>, run: Run, request: &WriteRequest) -> Result<Option<Item>, Error> {
    for _ in 0..TRIES {
        let replica = match attempt(pair.gaining(run), request, Dress::Native(run), Guard::NativeIn(run)).await? {
            Attempt::Done(attributes) => return Ok(attributes),
            Attempt::NotOurs(current) if Marks::of_option(current.as_ref()).own > run => return stale(),
            Attempt::NotOurs(current) => current,
        };
        let position = replica.as_ref().map(|replica| Marks::of(replica).position);
        let replica = visible(replica);
        let likely = if replica.is_some() { Likely::Present } else { Likely::Absent };
        let value = freeze(pair.losing(run), run, &request.key, likely).await?;
        if is_own(request, value.stamp.as_ref()) {
            // Done before the key moved. Whoever needs the key finishes its handoff.
            return told(request, value.with(Marks::default(), &request.key));
        }
        if is_same(replica.as_ref(), value.item.as_ref()) {
            // The copy is the key's last value, which can change no more. So the write may go to the copy, as long
            // as it is still that copy, and needs no other call to make it native.
            let guard = position.map_or(Guard::Absent, |position| Guard::PositionIs(run, position));
            if let Attempt::Done(attributes) = attempt(pair.gaining(run), request, Dress::First(run), guard).await? {
                return Ok(attributes);
            }
        }
        take(pair.gaining(run), run, &request.key, value).await?;
    }
    Err(Error::Unavailable("the key kept moving during the write; try again".to_owned()))
}

fn is_same(replica: Option<&Item>, value: Option<&Item>) -> bool {
    match (replica, value) {
        (None, None) => true,
        (Some(replica), Some(value)) => replica.same_data(value),
        (Some(_), None) | (None, Some(_)) => false,
    }
}

async fn attempt<T: Table>(table: &T, request: &WriteRequest, dress: Dress, guard: Guard) -> Result<Attempt, Error> {
    // Where there are no marks yet, nothing can bear a stamp.
    let id = request.operation.as_ref().map(|operation| &operation.id).filter(|_| dress != Dress::Plain);
    let mut write = Write {
        key: request.key.clone(),
        action: dress.action(&request.key, &request.change, id),
        condition: request.condition(dress)?,
        guard,
        names: request.names.clone(),
        values: request.values.clone(),
        returning: request.returning,
        once: request.once().filter(|_| id.is_some()).cloned(),
    };
    let only_takes_away = dress != Dress::Plain && request.takes_away()?.is_some();
    if only_takes_away {
        demand_an_item(&mut write, &table.schema().partition);
    }
    // Where there are no marks, DynamoDB's own words say it all.
    let bare = matches!(dress, Dress::Plain | Dress::Final);
    let written = table.write(&write).await;
    match written.map_err(|error| if bare { error } else { size::named(error, &request.key) })? {
        Written::Applied(attributes) => Ok(Attempt::Done(answer(request.returning, attributes))),
        Written::Refused(Some(done)) if write.is_done(Some(&done)) => told(request, done).map(Attempt::Done),
        Written::Refused(current) if !write.guard.holds(current.as_ref()) => Ok(Attempt::NotOurs(current)),
        Written::Refused(current) => match visible(current) {
            None if only_takes_away && request.holds_when_absent()? => Ok(Attempt::Done(None)),
            item => Err(Error::ConditionFailed { item }),
        },
    }
}

/// An update that only takes attributes away creates no item; but the marks set with it would. So it demands
/// an item, and finding none is success, as it is in DynamoDB.
fn demand_an_item(write: &mut Write, partition: &str) {
    let unused = (0u32..).map(|n| format!("#key{n}")).find(|name| !write.names.contains_key(name));
    let placeholder = unused.unwrap_or_default();
    let text = match &write.condition {
        Some(condition) => format!("({}) AND attribute_exists({placeholder})", condition.text),
        None => format!("attribute_exists({placeholder})"),
    };
    write.condition = Some(Condition { text, when_tombstone: Some(false) });
    write.names.insert(placeholder, partition.to_owned());
}

/// What the application gets back. Before an update the item may have been a tombstone: then it was absent.
fn answer(returning: Returning, attributes: Option<Item>) -> Option<Item> {
    match returning {
        Returning::Nothing => None,
        Returning::AllOld | Returning::AllNew | Returning::UpdatedOld | Returning::UpdatedNew => {
            visible(attributes).filter(|item| !item.0.is_empty())
        }
    }
}
