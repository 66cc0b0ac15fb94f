//! Who owns a key, and what the owner holds.

use futures_util::stream::{self, StreamExt, TryStreamExt};

use crate::error::Error;
use crate::item::{Item, Key};
use crate::mark::{Marks, Run, visible};
use crate::phase::{Side, State, source_of};
use crate::ports::{GET_MAX, Table};
use crate::route::{Pair, Route};

/// How many batches of keys are read at a time.
const IN_FLIGHT: usize = 8;

/// Who owns the keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// One table owns all of them.
    One {
        /// Which.
        side: Side,
        /// Seeing a key that has moved in this run means that the phase in hand is out of date.
        before: Option<Run>,
    },
    /// The losing table of the run, but for those that have moved.
    Moving {
        /// The run.
        run: Run,
    },
}

impl Owner {
    /// As the state has it.
    pub(super) fn of(state: &State) -> Owner {
        match state.route() {
            Route::Plain => Owner::One { side: Side::Source, before: None },
            Route::Guarded { run, moving: false } => Owner::One { side: source_of(run), before: Some(run) },
            Route::Guarded { run, moving: true } | Route::Handoff { run } => Owner::Moving { run },
            Route::Final { run } => Owner::One { side: source_of(run.next()), before: None },
        }
    }

    /// The table that has every key: reads begin there.
    pub(super) fn home(self) -> Side {
        match self {
            Owner::One { side, .. } => side,
            Owner::Moving { run } => source_of(run),
        }
    }

    /// What the application may see of the key that the two tables hold so. While keys move, the losing table must
    /// have been read first: what had not moved then was its own, and what the gaining table had not taken after
    /// it is frozen as it was.
    pub(super) fn value(self, source: &Option<Item>, target: &Option<Item>) -> Result<Option<Item>, Error> {
        let held = |side| match side {
            Side::Source => source,
            Side::Target => target,
        };
        let run = match self {
            Owner::One { side, .. } => return Ok(visible(held(side).clone())),
            Owner::Moving { run } => run,
        };
        let (old, new) = (held(source_of(run)), held(source_of(run.next())));
        let is_new = has_moved(&Marks::of_option(old.as_ref()), run)? && has_arrived(new, run)?;
        Ok(visible(if is_new { new.clone() } else { old.clone() }))
    }
}

/// Whether the losing table's item has been given away in this run.
///
/// # Errors
/// [`Error::StalePhase`] for marks of a later run.
pub(super) fn has_moved(marks: &Marks, run: Run) -> Result<bool, Error> {
    if marks.moved > run || marks.own >= run { Err(Error::StalePhase) } else { Ok(marks.moved == run) }
}

/// Whether the gaining table has taken the key of its item.
fn has_arrived(item: &Option<Item>, run: Run) -> Result<bool, Error> {
    let own = Marks::of_option(item.as_ref()).own;
    if own > run { Err(Error::StalePhase) } else { Ok(own == run) }
}

/// What the application may see of keys that the losing table says have moved, in their order.
pub(super) async fn moved<T: Table>(pair: Pair<'_, T>, run: Run, keys: &[Key]) -> Result<Vec<Option<Item>>, Error> {
    let new = get_all(pair.gaining(run), keys).await?;
    let arrived = new.iter().map(|item| has_arrived(item, run)).collect::<Result<Vec<bool>, Error>>()?;
    // Half done: the value is the frozen one. Finishing is left to whoever needs the key.
    let half_done: Vec<Key> =
        keys.iter().zip(&arrived).filter(|(_, arrived)| !**arrived).map(|(key, _)| key.clone()).collect();
    let mut frozen = get_all(pair.losing(run), &half_done).await?.into_iter();
    let values = new.into_iter().zip(arrived);
    Ok(values.map(|(new, arrived)| visible(if arrived { new } else { frozen.next().flatten() })).collect())
}

/// What the application may see of these keys, in their order.
pub(super) async fn values<T: Table>(
    pair: Pair<'_, T>,
    owner: Owner,
    keys: &[Key],
) -> Result<Vec<Option<Item>>, Error> {
    let home = get_all(pair.side(owner.home()), keys).await?;
    let run = match owner {
        Owner::One { .. } => return Ok(home.into_iter().map(visible).collect()),
        Owner::Moving { run } => run,
    };
    let gone = home.iter().map(|item| has_moved(&Marks::of_option(item.as_ref()), run));
    let gone = gone.collect::<Result<Vec<bool>, Error>>()?;
    let keys: Vec<Key> = keys.iter().zip(&gone).filter(|(_, gone)| **gone).map(|(key, _)| key.clone()).collect();
    let mut moved = moved(pair, run, &keys).await?.into_iter();
    let values = home.into_iter().zip(gone);
    Ok(values.map(|(home, gone)| if gone { moved.next().flatten() } else { visible(home) }).collect())
}

/// Reads any number of keys, in their order, strongly.
pub(super) async fn get_all<T: Table>(table: &T, keys: &[Key]) -> Result<Vec<Option<Item>>, Error> {
    // Collected first: the compiler cannot see that a stream of closures may be sent between threads.
    let reads: Vec<_> = keys.chunks(GET_MAX).map(|keys| table.get_many(keys)).collect();
    let found: Vec<Vec<Option<Item>>> = stream::iter(reads).buffered(IN_FLIGHT).try_collect().await?;
    Ok(found.into_iter().flatten().collect())
}
