//! Objects that cannot be carried: each is held, and the others go on.
//!
//! An event is only a cause to look, and what is carried is always what the object is now. So nothing can overtake
//! anything, a held object is tried whenever there is a cause to, and the first attempt that succeeds lifts the hold:
//! by an event, by a job, by `redrive`, whatever came first.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::Pair;
use super::bucket::Bucket;
use super::ledger::Ledger;
use super::sync::{Cause, Outcome, Turn, sync};
use crate::error::Error;
use crate::hold::{HOLDS_MAX, Hold, Holds, Seen};
use crate::holding::Desk;
use crate::item::Key;
use crate::mark::Run;
use crate::ports::{Clock, Millis};

/// An object that is tried so often is held before it is tried: the attempt before may have ended without an answer,
/// as one does that outlasts its invocation.
const OFTEN: u32 = 3;

/// The error of an object that the other bucket has something else for.
pub const NOT_A_COPY: &str = "NotACopy";
/// The error of an object that was tried before without an answer.
pub const TRIED_BEFORE: &str = "TriedBefore";

/// What came of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carried {
    /// See [`Outcome`].
    Done(Outcome),
    /// It cannot be carried as things are: it is held.
    Held,
}

/// The held objects of one side, as they were before any object of a batch was looked at.
#[derive(Debug)]
pub struct Book<'a, H> {
    desk: Desk<'a, H>,
    known: HashMap<String, Hold>,
    room: AtomicUsize,
}

impl<'a, H: Holds> Book<'a, H> {
    /// Reads what is held.
    ///
    /// # Errors
    /// Those of the holds.
    pub async fn open(desk: Desk<'a, H>) -> Result<Book<'a, H>, Error> {
        let holds = desk.holds.holds(desk.subject, desk.side, None, HOLDS_MAX).await?;
        let room = AtomicUsize::new((HOLDS_MAX as usize).saturating_sub(holds.len()));
        let known = holds.into_iter().filter_map(|hold| Some((hold.key.object()?.to_owned(), hold))).collect();
        Ok(Book { desk, known, room })
    }

    /// As [`sync`], but an object whose error is its own is held, and one that was held is free once it is carried.
    /// `tries` counts this attempt. Idempotent.
    ///
    /// # Errors
    /// Those of [`sync`] that are not the object's own, and those of the holds: then it must be tried again.
    pub async fn carry<B: Bucket, L: Ledger, C: Clock>(
        &self,
        pair: Pair<'_, B, L, C>,
        turn: Turn<'_>,
        key: &str,
        cause: Cause<'_>,
        tries: u32,
    ) -> Result<Carried, Error> {
        let held = self.held(pair, turn, key, tries).await?;
        let cause = match (cause, &held) {
            // The event may have had its effect, what it was held for need not.
            (Cause::Event(_), Some(_)) => Cause::Event(None),
            (cause, _) => cause,
        };
        match sync(pair, turn, key, cause).await {
            Ok(Outcome::Foreign) if self.has_room(held.is_some()) => {
                let why = "the other bucket has another object of that name, which is not known to be a copy";
                self.hold(pair, turn, key, (NOT_A_COPY, why)).await
            }
            Ok(Outcome::Foreign) => Ok(Carried::Done(Outcome::Foreign)),
            Ok(outcome) => {
                self.free(held.as_ref()).await?;
                Ok(Carried::Done(outcome))
            }
            Err(error) if is_poison(&error) && self.has_room(held.is_some()) => {
                self.hold(pair, turn, key, (error.name(), &error.to_string())).await
            }
            Err(error) => Err(error),
        }
    }

    /// Frees an object that was found to be the same on both sides by a look after the book was opened.
    ///
    /// # Errors
    /// Those of the holds.
    pub async fn compared(&self, run: Run, key: &str) -> Result<(), Error> {
        self.free(self.known.get(key).filter(|hold| hold.run <= run)).await
    }

    /// The entry of the object before it is tried.
    async fn held<B: Bucket, L: Ledger, C: Clock>(
        &self,
        pair: Pair<'_, B, L, C>,
        turn: Turn<'_>,
        key: &str,
        tries: u32,
    ) -> Result<Option<Hold>, Error> {
        let known = self.known.get(key).filter(|hold| hold.run <= turn.run);
        if known.is_some() || tries < OFTEN || !self.has_room(false) {
            return Ok(known.cloned());
        }
        let why = "it was tried before and nothing came of it; it may take longer than its copier has";
        let entry = self.entry(turn, key, (TRIED_BEFORE, why), Seen::default(), pair.clock.now());
        self.desk.holds.hold(self.desk.subject, &entry).await?;
        self.desk.find(&entry.key).await
    }

    async fn hold<B: Bucket, L: Ledger, C: Clock>(
        &self,
        pair: Pair<'_, B, L, C>,
        turn: Turn<'_>,
        key: &str,
        why: (&str, &str),
    ) -> Result<Carried, Error> {
        // For whoever reads the entry: an object that does not let itself be looked at is held all the same.
        let head = pair.losing(turn.run).head(key).await.ok().flatten();
        let entry = self.entry(turn, key, why, Seen::of(head), pair.clock.now());
        self.desk.holds.hold(self.desk.subject, &entry).await?;
        // Why is in its row: what S3 says may name the object.
        tracing::error!(
            subject = self.desk.subject,
            key = entry.key.hash(),
            error_type = why.0,
            "held: put it right, then redrive"
        );
        Ok(Carried::Held)
    }

    /// Nothing newer was held since: else it stays held, and what came after it will be tried again.
    async fn free(&self, held: Option<&Hold>) -> Result<(), Error> {
        let Some(hold) = held else { return Ok(()) };
        if self.desk.holds.release(self.desk.subject, hold).await? {
            tracing::info!(subject = self.desk.subject, key = hold.key.hash(), "free again");
        }
        Ok(())
    }

    /// With more, it is not objects that are wrong but what all of them go to: then they are tried again.
    fn has_room(&self, held: bool) -> bool {
        let take = |room: usize| room.checked_sub(1);
        held || self.room.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok()
    }

    fn entry(&self, turn: Turn<'_>, key: &str, (error, message): (&str, &str), seen: Seen, now: Millis) -> Hold {
        let attempt = format!("{now}-{}", turn.holder);
        Hold {
            run: turn.run,
            side: self.desk.side,
            key: Key::of_object(key),
            first: attempt.clone(),
            last: attempt,
            records: 1,
            error: error.to_owned(),
            message: message.to_owned(),
            since: now,
            at: now,
            version: 1,
            object: Some(seen),
        }
    }
}

/// Whether an error of carrying an object may be the object's own, so that the others are not concerned: S3 refuses
/// what is archived, encrypted by a key that is denied or gone, or named and described in a way that it does not take:
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>.
///
/// A denial does not say whether it is one of the object or of the whole bucket; [`HOLDS_MAX`] bounds what a wrong
/// guess does.
pub fn is_poison(error: &Error) -> bool {
    match error {
        Error::Denied(_) => true,
        // Of the bucket itself, or of the control table.
        Error::Rejected { name, .. } => {
            !matches!(name.as_str(), "NoSuchBucket" | "PermanentRedirect" | "ResourceNotFoundException" | "Http301")
        }
        Error::Throttled(_)
        | Error::Unavailable(_)
        | Error::Ambiguous(_)
        | Error::OldValuesLost(_)
        | Error::Conflict(_)
        | Error::ConditionFailed { .. }
        | Error::Cancelled { .. }
        | Error::Refused { .. }
        | Error::StalePhase
        | Error::Invariant(_) => false,
    }
}
