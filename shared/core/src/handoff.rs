//! The handoff of one key: the losing table gives it up and tells its last value in the same call, the
//! gaining table takes it. Idempotent; anyone may finish another's.

use std::collections::BTreeMap;

use futures_util::stream::{self, StreamExt, TryStreamExt};
use serde_dynamo::AttributeValue;

use crate::error::Error;
use crate::item::Key;
use crate::mark::{Held, MOVED, Marks, Run};
use crate::ports::{Action, Guard, Returning, Table, Write, Written};
use crate::route::Pair;
use crate::size;

/// How often a step is repeated when somebody else came in between or the answer was lost.
const TRIES: u32 = 8;

/// How many keys are handed over at the same time.
const IN_FLIGHT: usize = 16;

/// Hands `key` over in `run`. When it answers, the key is native on the gaining table.
///
/// # Errors
/// [`Error::StalePhase`] when a mark of a later run is found; `ItemTooLarge` where the item has no room for the mark;
/// else those of the tables. Whatever the error, repeating is harmless.
pub async fn handoff<T: Table>(pair: Pair<'_, T>, run: Run, key: &Key) -> Result<(), Error> {
    let value = freeze(pair.losing(run), run, key, Likely::Present).await?;
    take(pair.gaining(run), run, key, value).await
}

/// What the losing table probably holds: which of two calls to begin with, nothing more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Likely {
    /// An item.
    Present,
    /// None.
    Absent,
}

/// Hands all of `keys` over in `run`.
///
/// # Errors
/// As [`handoff`]; some may have been handed over then.
pub async fn handoff_all<T: Table>(pair: Pair<'_, T>, run: Run, keys: &[&Key]) -> Result<(), Error> {
    // Collected first: the compiler cannot see that a stream of closures may be sent between threads.
    let handoffs: Vec<_> = keys.iter().map(|key| handoff(pair, run, key)).collect();
    stream::iter(handoffs).buffer_unordered(IN_FLIGHT).try_collect().await
}

/// Has the losing table of `run` give up all of `keys`, and nothing else: for when the gaining table has them
/// already, because the run is over.
///
/// # Errors
/// As [`handoff`].
pub(crate) async fn freeze_all<T: Table>(losing: &T, run: Run, keys: &[&Key]) -> Result<(), Error> {
    let freezes: Vec<_> = keys.iter().map(|key| freeze(losing, run, key, Likely::Present)).collect();
    stream::iter(freezes).buffer_unordered(IN_FLIGHT).try_for_each(async |_| Ok(())).await
}

/// Marks the key as moved and answers the last value it had for the application: its last for good on this table.
///
/// An absent key gets a stub that is a tombstone as well as moved: nobody can create the key here any more,
/// and a later finisher cannot take the stub for an item of key attributes alone.
///
/// # Errors
/// As [`handoff`].
pub(crate) async fn freeze<T: Table>(losing: &T, run: Run, key: &Key, likely: Likely) -> Result<Held, Error> {
    let mark = Write::new(
        key.clone(),
        Action::Update {
            expression: None,
            set: BTreeMap::from([(MOVED, AttributeValue::N(run.to_string()))]),
            remove: Vec::new(),
        },
        Guard::PresentNotMoved(run),
    )
    .returning(Returning::AllOld);
    let marks = Marks { moved: run, tombstone: true, ..Marks::default() };
    let stub = Write::new(key.clone(), Action::Put(marks.onto(key.to_item())), Guard::Absent);
    let mut next = likely;
    for _ in 0..2 * TRIES {
        let step = if next == Likely::Present { &mark } else { &stub };
        match settled(losing.write(step).await, key)? {
            // Done or not: each step finds out.
            None => {}
            Some(Written::Applied(before)) => return Ok(Held::of(before)),
            Some(Written::Refused(None)) => next = Likely::Absent,
            Some(Written::Refused(Some(current))) => {
                let found = Marks::of(&current);
                if found.moved == run {
                    return Ok(Held::of(Some(current)));
                }
                if found.moved > run || found.own >= run {
                    return Err(Error::StalePhase);
                }
                next = Likely::Present;
            }
        }
    }
    Err(Error::Unavailable("the key kept changing during its handoff; try again".to_owned()))
}

/// Makes the key native on the gaining table with this value, or a tombstone, unless it is native already.
///
/// # Errors
/// As [`handoff`].
pub(crate) async fn take<T: Table>(gaining: &T, run: Run, key: &Key, value: Held) -> Result<(), Error> {
    let item = value.with(Marks { own: run, ..Marks::default() }, key);
    let put = Write::new(key.clone(), Action::Put(item), Guard::NotNative(run));
    for _ in 0..TRIES {
        match settled(gaining.write(&put).await, key)? {
            None => continue,
            Some(Written::Refused(current)) if Marks::of_option(current.as_ref()).own > run => {
                return Err(Error::StalePhase);
            }
            Some(Written::Applied(_) | Written::Refused(_)) => return Ok(()),
        }
    }
    Err(Error::Unavailable("answers kept getting lost during a handoff; try again".to_owned()))
}

/// Both steps may be repeated, so a lost answer is no error here but `None`: look again.
fn settled(result: Result<Written, Error>, key: &Key) -> Result<Option<Written>, Error> {
    match result {
        Ok(written) => Ok(Some(written)),
        Err(error) if error.is_ambiguous() => Ok(None),
        Err(error) => Err(size::named(error, key)),
    }
}
