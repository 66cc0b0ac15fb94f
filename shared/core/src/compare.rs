//! Comparing one key on both tables, and putting it right.

use crate::error::Error;
use crate::handoff::handoff;
use crate::item::{Item, Key};
use crate::mark::{visible, Marks, Position, Run};
use crate::ports::{Action, Consistency, Get, Guard, Table, Write, Written};
use crate::route::Pair;

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
    /// The application would see the same on both.
    Same,
    /// The gaining table owns the key: there is nothing to compare with.
    Native,
    /// The losing table has given the key away, the gaining one has not taken it: a handoff is half done.
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
        let old = strong(pair.losing(run), &key).await?;
        let new = strong(pair.gaining(run), &key).await?;
        Ok(Sides { key, old, new })
    }

    /// How they stand.
    pub fn verdict(&self, run: Run) -> Verdict {
        if Marks::of_option(self.new.as_ref()).own >= run {
            return Verdict::Native;
        }
        if Marks::of_option(self.old.as_ref()).moved >= run {
            return Verdict::HalfDone;
        }
        match (visible(self.old.clone()), visible(self.new.clone())) {
            (None, None) => Verdict::Same,
            (Some(old), Some(new)) if old.same_data(&new) => Verdict::Same,
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
/// somebody changed it since the look. Answers whether anything was written; idempotent.
///
/// # Errors
/// Those of the tables.
pub async fn put_right<T: Table>(pair: Pair<'_, T>, run: Run, sides: &Sides, repair: Repair) -> Result<bool, Error> {
    match sides.verdict(run) {
        Verdict::Same | Verdict::Native => return Ok(false),
        Verdict::HalfDone => return handoff(pair, run, &sides.key).await.map(|()| true),
        Verdict::Differs => {}
    }
    let seen = Marks::of_option(sides.new.as_ref()).position;
    let (position, guard) = match repair {
        Repair::Live => (Some(Position::repaired(run, seen.clone())), Guard::PositionIs(run, seen)),
        Repair::Frozen => (Some(Position::end_of(run)), Guard::NotNative(run)),
    };
    let value = visible(sides.old.clone());
    let marks = Marks { moved: run.previous(), tombstone: value.is_none(), position, ..Marks::default() };
    let item = marks.onto(value.unwrap_or_else(|| sides.key.to_item()));
    let written = pair.gaining(run).write(&Write::new(sides.key.clone(), Action::Put(item), guard)).await?;
    Ok(matches!(written, Written::Applied(_)))
}

async fn strong<T: Table>(table: &T, key: &Key) -> Result<Option<Item>, Error> {
    let get = Get { key: key.clone(), consistency: Consistency::Strong, projection: None, names: Default::default() };
    table.get(&get).await
}
