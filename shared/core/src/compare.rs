//! Comparing one key on both tables, and putting it right.

use crate::error::Error;
use crate::handoff::handoff;
use crate::item::{Item, Key};
use crate::mark::{Held, Marks, Position, Run, visible};
use crate::ports::{Action, Get, Guard, Table, Write, Written};
use crate::route::Pair;
use crate::size;

/// One key as both tables of a run hold it, marks included.
#[derive(Clone, Debug)]
pub struct Sides {
    /// The key.
    pub key: Key,
    /// On the losing table.
    pub old: Option<Item>,
    /// On the gaining table.
    pub new: Option<Item>,
}

/// How the two sides of one key stand to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The application would see the same on both. The key may be half handed over: a handoff does not
    /// change the value.
    Same,
    /// The gaining table owns the key: there is nothing to compare with.
    Native,
    /// They differ, the losing table has given the key away and the gaining one has not taken it.
    HalfDone,
    /// They differ, and the losing table is right.
    Differs,
}

impl Sides {
    /// Reads both sides, the losing one first: a key that moves in between is then seen as native.
    ///
    /// # Errors
    /// Those of the tables.
    pub async fn look<T: Table>(pair: Pair<'_, T>, run: Run, key: Key) -> Result<Sides, Error> {
        let old = pair.losing(run).get(&Get::whole(key.clone())).await?;
        let new = pair.gaining(run).get(&Get::whole(key.clone())).await?;
        Ok(Sides { key, old, new })
    }

    /// Whether both bear the stamp of the same operation, or none.
    pub fn bear_one_stamp(&self) -> bool {
        Marks::of_option(self.old.as_ref()).stamp == Marks::of_option(self.new.as_ref()).stamp
    }

    /// Whether the losing table's item leaves no room for marks, so that the key cannot move as it is.
    pub fn is_too_large(&self) -> bool {
        let moves = |item: &Item| !Marks::of(item).tombstone && !size::leaves_room(item);
        self.old.as_ref().is_some_and(moves)
    }

    /// How they stand.
    pub fn verdict(&self, run: Run) -> Verdict {
        if Marks::of_option(self.new.as_ref()).own >= run {
            return Verdict::Native;
        }
        let half_done = Marks::of_option(self.old.as_ref()).moved >= run;
        match (visible(self.old.clone()), visible(self.new.clone())) {
            (None, None) => Verdict::Same,
            (Some(old), Some(new)) if old.same_data(&new) => Verdict::Same,
            (Some(_), _) | (None, Some(_)) if half_done => Verdict::HalfDone,
            (Some(_), _) | (None, Some(_)) => Verdict::Differs,
        }
    }
}

/// What the position of a repaired replica shall be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repair {
    /// The source is alive: stay just behind the position seen, so that records still in the stream come on top.
    Live,
    /// The source is frozen and its replicator stopped: later than every record of the run.
    Frozen,
}

/// Makes the gaining table's copy equal to the losing table's item, unless the key is native there or
/// somebody changes it meanwhile. Answers whether anything was written; idempotent.
///
/// The copy is read first: the value read after it is then at least as new as the position that the copy has,
/// and may be put in its place at that position.
///
/// # Errors
/// `ItemTooLarge` where the item has no room for the marks of a copy; those of the tables.
pub async fn put_right<T: Table>(pair: Pair<'_, T>, run: Run, key: &Key, repair: Repair) -> Result<bool, Error> {
    let new = pair.gaining(run).get(&Get::whole(key.clone())).await?;
    let old = pair.losing(run).get(&Get::whole(key.clone())).await?;
    let sides = Sides { key: key.clone(), old, new };
    match sides.verdict(run) {
        // Equal data by another operation: once the losing side is frozen, nothing else brings its stamp.
        Verdict::Same if repair == Repair::Frozen && !sides.bear_one_stamp() => {}
        Verdict::Same | Verdict::Native => return Ok(false),
        Verdict::HalfDone => return handoff(pair, run, key).await.map(|()| true),
        Verdict::Differs => {}
    }
    let seen = Marks::of_option(sides.new.as_ref()).position;
    let (position, guard) = match repair {
        Repair::Live => (Position::repaired(run, seen.clone()), Guard::PositionIs(run, seen)),
        Repair::Frozen => (Position::end_of(run), Guard::NotNative(run)),
    };
    let marks = Marks { moved: run.previous(), position: Some(position), ..Marks::default() };
    let item = Held::of(sides.old).with(marks, key);
    let written = pair.gaining(run).write(&Write::new(key.clone(), Action::Put(item), guard)).await;
    let written = written.map_err(|error| size::named(error, key))?;
    Ok(matches!(written, Written::Applied(_)))
}
