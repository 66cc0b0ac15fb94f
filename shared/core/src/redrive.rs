//! Redrive: puts a held key right from the side that its records come from, and releases it. Images of records are
//! never replayed; what counts is what the item is now.

use crate::error::Error;
use crate::handoff::handoff;
use crate::hold::{Hold, Holds};
use crate::holding::Desk;
use crate::lease::{Cache, Fenced, Phases};
use crate::mark::{Held, Marks, Position};
use crate::phase::{State, Stream};
use crate::ports::{Action, Clock, Get, Guard, Table, Write, Written};
use crate::route::Pair;
use crate::size;

/// How often a key is tried when somebody else changes it meanwhile.
const TRIES: u32 = 8;

/// What came of a hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Redriven {
    /// The other side has what this side has, and the key is released.
    Released,
    /// The records count no longer: what they are of is not replicated now, and whatever will build on it copies or
    /// compares the key anew. It is released.
    Void,
    /// Something newer was held while it was put right: it must be done again.
    Again,
}

/// Puts the key of `hold` right and releases it, unless something newer was held meanwhile. Idempotent; may be done
/// by several at a time, beside the replicator.
///
/// The source is read after the hold was, so it holds at least what the last held record says; the copy gets that
/// record's position, and no record held back before can be applied over it.
///
/// # Errors
/// Those of the tables: then the key stays held. Those of the phase and of the holds.
pub async fn redrive<T: Table, P: Phases, C: Clock, H: Holds>(
    desk: Desk<'_, H>,
    cache: &Cache<P, C>,
    pair: Pair<'_, T>,
    hold: &Hold,
) -> Result<Redriven, Error> {
    let counts = cache
        .run(|view| async move {
            if view.state.stream(hold.side) != Stream::Replicate(hold.run) {
                return Ok(false);
            }
            let source = Fenced::new(pair.source, cache.clock(), view.until);
            let target = Fenced::new(pair.target, cache.clock(), view.until);
            mend(Pair { source: &source, target: &target }, &view.state, hold).await.map(|()| true)
        })
        .await?;
    Ok(match (desk.holds.release(desk.subject, hold).await?, counts) {
        (true, true) => Redriven::Released,
        (true, false) => Redriven::Void,
        (false, _) => Redriven::Again,
    })
}

/// Makes the gaining table's copy equal to the losing table's item, at the position of what was held back or later.
async fn mend<T: Table>(pair: Pair<'_, T>, state: &State, hold: &Hold) -> Result<(), Error> {
    let (run, key) = (hold.run, &hold.key);
    let (losing, gaining) = (pair.losing(run), pair.gaining(run));
    for _ in 0..TRIES {
        // The copy first: what is read of the item after it is at least as new.
        let new = gaining.get(&Get::whole(key.clone())).await?;
        let old = losing.get(&Get::whole(key.clone())).await?;
        let (before, source) = (Marks::of_option(new.as_ref()), Marks::of_option(old.as_ref()));
        // Where keys move one by one, the side that gains them speaks for those alone that have moved to it.
        if before.own >= run || (state.gains_keys(hold.side) && source.own != run.previous()) {
            return Ok(());
        }
        if source.moved >= run {
            return handoff(pair, run, key).await;
        }
        let (value, copy) = (Held::of(old), Held::of(new));
        if before.position >= Some(hold.position()) && same(&value, &copy) {
            return Ok(());
        }
        let position = Position::repaired(run, before.position.clone().max(Some(hold.position())));
        let marks = Marks { moved: run.previous(), position: Some(position), ..Marks::default() };
        let put = Action::Put(value.with(marks, key));
        // Not the product's to retry blindly: the next look tells whether it was done.
        match gaining.write(&Write::new(key.clone(), put, Guard::PositionIs(run, before.position))).await {
            Ok(Written::Applied(_)) => return Ok(()),
            Ok(Written::Refused(_)) | Err(Error::Ambiguous(_)) => {}
            Err(error) => return Err(size::named(error, key)),
        }
    }
    Err(Error::Unavailable("the key kept changing while it was put right; try again".to_owned()))
}

fn same(one: &Held, other: &Held) -> bool {
    let same_item = match (&one.item, &other.item) {
        (None, None) => true,
        (Some(one), Some(other)) => one.same_data(other),
        (Some(_), None) | (None, Some(_)) => false,
    };
    same_item && one.stamp == other.stamp
}
