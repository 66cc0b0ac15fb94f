//! Replication that holds back what cannot be applied: around [`replicate_around`], which knows nothing of holds.
//!
//! What is held is told before the batch is acknowledged, so a crash in between brings the same records again, and
//! telling it again changes nothing. The held keys are read afresh for each batch: another lane or another
//! invocation may have held or released some since.

use std::collections::HashSet;

use crate::change::Change;
use crate::error::Error;
use crate::hold::{HOLDS_MAX, Hold, Holds, is_poison};
use crate::item::Key;
use crate::lease::{Cache, Phases};
use crate::phase::Side;
use crate::ports::{Clock, Table};
use crate::replicate::{Outcome, Records, replicate_around};
use crate::route::Pair;

/// Whose holds these are.
#[derive(Debug)]
pub struct Desk<'a, H> {
    /// Where holds are kept.
    pub holds: &'a H,
    /// The table or bucket that moves.
    pub subject: &'a str,
    /// Whose stream or events.
    pub side: Side,
}

impl<H> Clone for Desk<'_, H> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<H> Copy for Desk<'_, H> {}

/// As [`crate::replicate::replicate`], but that keys whose records are refused for good are held, and records of
/// held keys only add to that. Such keys are in the outcome's `held`; `failed` is what must be delivered again.
/// Idempotent.
///
/// # Errors
/// Those of reading the phase or the holds; what could not be told of a single key is in the outcome's `failed`.
pub async fn replicate_holding<T: Table, P: Phases, C: Clock, H: Holds>(
    desk: Desk<'_, H>,
    cache: &Cache<P, C>,
    pair: Pair<'_, T>,
    changes: &[Change],
    in_flight: usize,
) -> Result<Outcome, Error> {
    let known = desk.holds.holds(desk.subject, desk.side, None, HOLDS_MAX).await?;
    let ids: HashSet<String> = known.iter().map(|hold| hold.key.id()).collect();
    let mut outcome = replicate_around(cache, pair, desk.side, changes, &ids, in_flight).await?;
    let now = cache.clock().now();
    for records in std::mem::take(&mut outcome.held) {
        let told = match known.iter().find(|hold| hold.key == records.key) {
            Some(hold) => desk.hold_on(hold, &records, now).await,
            None => Err(Error::Invariant("a key is kept back that is not held".to_owned())),
        };
        outcome.settle(records, told);
    }
    let mut room = (HOLDS_MAX as usize).saturating_sub(known.len());
    for (records, error) in std::mem::take(&mut outcome.failed) {
        if room == 0 || !is_poison(&error) {
            outcome.failed.push((records, error));
            continue;
        }
        room -= 1;
        let told = desk.holds.hold(desk.subject, &desk.entry(&records, &error, now)).await;
        outcome.settle(records, told);
    }
    Ok(outcome)
}

impl<H: Holds> Desk<'_, H> {
    /// Adds records to a key that was held when the batch began.
    async fn hold_on(&self, known: &Hold, records: &Records, now: u64) -> Result<(), Error> {
        // Records that come again were counted when they came first.
        let newer = |sequence: &&String| crate::mark::Position::new(records.run, sequence) > known.position();
        let news = Hold {
            run: records.run,
            first: records.first().to_owned(),
            last: records.last().to_owned(),
            records: records.sequences.iter().filter(newer).count() as u64,
            at: now,
            since: now,
            ..known.clone()
        };
        if self.holds.hold_on(self.subject, &news).await? {
            return Ok(());
        }
        Err(Error::Conflict("the key was released meanwhile".to_owned()))
    }

    fn entry(&self, records: &Records, error: &Error, now: u64) -> Hold {
        Hold {
            run: records.run,
            side: self.side,
            key: records.key.clone(),
            first: records.first().to_owned(),
            last: records.last().to_owned(),
            records: records.sequences.len() as u64,
            error: error.name().to_owned(),
            message: error.to_string(),
            since: now,
            at: now,
            version: 1,
            object: None,
        }
    }

    /// The entry of a key as it is now.
    ///
    /// # Errors
    /// Those of the holds.
    pub async fn find(&self, key: &Key) -> Result<Option<Hold>, Error> {
        let name = Hold::name(key);
        // The first one after the greatest name that is smaller.
        let before = name.get(..name.len() - 1).unwrap_or_default();
        let next = self.holds.holds(self.subject, self.side, Some(before), 2).await?;
        Ok(next.into_iter().find(|other| other.key == *key))
    }
}

impl Outcome {
    fn settle(&mut self, records: Records, told: Result<(), Error>) {
        match told {
            Ok(()) => self.held.push(records),
            // Not told is not done: the records come again.
            Err(error) => self.failed.push((records, error)),
        }
    }
}
