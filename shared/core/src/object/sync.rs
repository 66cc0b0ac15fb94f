//! Making one key of the gaining bucket equal to the losing one, whatever happened to it.

use super::Pair;
use super::bucket::{Bucket, Expect, Head, Removed, Transferred};
use super::judge::{Verdict, judge};
use super::ledger::{Intent, Known, Ledger, Row, Sequencer, Written};
use crate::error::Error;
use crate::mark::Run;
use crate::phase::{source_of, target_of};
use crate::ports::{Clock, Millis};

/// How often one sync looks before it gives up for now.
const LOOKS: u32 = 24;
/// How long to wait before looking at a key again that another worker holds.
const PAUSE: Millis = 100;
/// How long a write whose answer was lost may still take place: the key stays ours for that time.
const AFTERMATH: Millis = 5_000;

/// Why a key is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause<'a> {
    /// An event of the losing bucket, with its sequencer where it has one.
    Event(Option<&'a Sequencer>),
    /// A job that goes through all keys.
    Job,
}

/// By whom and how long.
#[derive(Clone, Copy, Debug)]
pub struct Turn<'a> {
    /// The run to sync for.
    pub run: Run,
    /// One attempt of one worker; different for every attempt.
    pub holder: &'a str,
    /// No write is begun at or after this moment: the end of the lease of the phase, or of the time at hand.
    pub act_until: Millis,
    /// The worker is dead by then, and so are the writes that it began.
    pub dead_by: Millis,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Content, description or tags were carried over.
    Written,
    /// The object was removed from the gaining bucket.
    Removed,
    /// Both sides agreed already.
    Kept,
    /// The event had had its effect before.
    Duplicate,
    /// The follower of the other direction wrote it: not carried back.
    Ours,
    /// The gaining bucket holds something that is not known to be a copy. It was left.
    Foreign,
}

/// Makes the gaining bucket of `turn.run` equal to what the losing one holds now under `key`, and looks again
/// until both agree. Idempotent; at most one worker writes a key at a time. Out-of-order and repeated events
/// do no harm, for an event is only the cause to look.
///
/// # Errors
/// `Conflict` when another worker holds the key or the object kept changing; `StalePhase` when the time to
/// act is over or the ledger has seen a later run; those of the ports. All but refusals bear repeating.
pub async fn sync<B: Bucket, L: Ledger, C: Clock>(
    pair: Pair<'_, B, L, C>,
    turn: Turn<'_>,
    key: &str,
    cause: Cause<'_>,
) -> Result<Outcome, Error> {
    let mut work = Work { pair, turn, key, cause, stored: Row::default(), row: Row::default(), done: Outcome::Kept };
    let result = work.attempt().await;
    if result.is_err() || result.as_ref().is_ok_and(|outcome| *outcome == Outcome::Foreign) {
        work.let_go(result.as_ref().err()).await;
    }
    result
}

struct Work<'a, B, L, C> {
    pair: Pair<'a, B, L, C>,
    turn: Turn<'a>,
    key: &'a str,
    cause: Cause<'a>,
    /// The row as it is in the ledger.
    stored: Row,
    /// The row with what we have learned since.
    row: Row,
    done: Outcome,
}

impl<B: Bucket, L: Ledger, C: Clock> Work<'_, B, L, C> {
    async fn attempt(&mut self) -> Result<Outcome, Error> {
        self.load().await?;
        if let Cause::Event(Some(sequencer)) = self.cause
            && self.row.covers(self.turn.run, sequencer)
        {
            return Ok(Outcome::Duplicate);
        }
        for _ in 0..LOOKS {
            if self.row.is_busy(self.pair.clock.now(), self.turn.holder) {
                self.pair.clock.sleep(PAUSE).await;
                self.load().await?;
                continue;
            }
            let (losing, gaining) = self.look().await?;
            let done = match judge(&self.row, self.turn.run, losing.as_ref(), gaining.as_ref()) {
                Verdict::Agreed => self.settle(losing.as_ref(), gaining.as_ref()).await,
                Verdict::Foreign => return Ok(Outcome::Foreign),
                Verdict::Copy(Expect::Absent) if self.is_carried_back(losing.as_ref()) => return Ok(Outcome::Ours),
                verdict @ (Verdict::Copy(_) | Verdict::Retag | Verdict::Remove(_)) => {
                    self.act(&verdict, losing.as_ref(), gaining.as_ref()).await.map(|()| false)
                }
            };
            match done {
                Ok(true) => return Ok(self.done),
                Ok(false) => {}
                // Somebody else changed the row: what it says now may change the verdict.
                Err(Error::Conflict(_)) => self.load().await?,
                Err(error) => return Err(error),
            }
        }
        Err(Error::Conflict(format!("the object is held by another worker or kept changing ({})", self.row)))
    }

    async fn load(&mut self) -> Result<(), Error> {
        self.stored = self.pair.ledger.get(self.key).await?.unwrap_or_default();
        self.row = self.stored.clone();
        if self.row.run > self.turn.run { Err(Error::StalePhase) } else { Ok(()) }
    }

    /// Looks at both buckets, the losing one first: what it held then is carried over at least.
    async fn look(&self) -> Result<(Option<Head>, Option<Head>), Error> {
        let losing = self.pair.losing(self.turn.run).head(self.key).await?;
        let gaining = self.pair.gaining(self.turn.run).head(self.key).await?;
        if losing.is_none() {
            self.pair.losing(self.turn.run).alive().await?;
        }
        Ok((losing, gaining))
    }

    /// Whether an event would carry back what the other direction's follower wrote and somebody then removed
    /// from the bucket that lost its keys. Jobs put that right; an event must not, or two followers that
    /// overlap would undo each other's removals for ever.
    fn is_carried_back(&self, losing: Option<&Head>) -> bool {
        let side = source_of(self.turn.run);
        self.cause != Cause::Job
            && self.row.run < self.turn.run
            && losing.is_some_and(|head| *self.row.known(side) == Known::Content(head.etag.clone()))
            && matches!(self.row.known(target_of(self.turn.run)), Known::Content(_))
    }

    /// Writes down that both agree; `false` when somebody changed the row meanwhile.
    async fn settle(&mut self, losing: Option<&Head>, gaining: Option<&Head>) -> Result<bool, Error> {
        let sequencer = match self.cause {
            Cause::Event(sequencer) => sequencer,
            Cause::Job => None,
        };
        let next = self.row.agreed(self.turn.run, sequencer, Known::of(losing), Known::of(gaining));
        if !next.says_the_same(&self.stored) {
            self.store(next).await?;
        }
        Ok(true)
    }

    async fn act(&mut self, verdict: &Verdict, losing: Option<&Head>, gaining: Option<&Head>) -> Result<(), Error> {
        let on = target_of(self.turn.run);
        let content = losing.map(|head| Written {
            etag: head.etag.clone(),
            size: head.size,
            description: head.description.digest(),
        });
        self.take(Intent { on, content }).await?;
        let (from, to) = (self.pair.losing(self.turn.run), self.pair.gaining(self.turn.run));
        match (verdict, losing) {
            (Verdict::Copy(expected), Some(seen)) => {
                if let Transferred::Written(etag) = to.transfer(from, self.key, seen, expected).await? {
                    self.learn(Known::Content(seen.etag.clone()), Known::Content(etag));
                    self.done = Outcome::Written;
                }
            }
            (Verdict::Retag, Some(seen)) => {
                to.set_tags(self.key, &seen.tags).await?;
                self.done = Outcome::Written;
            }
            (Verdict::Remove(etag), _) => {
                if to.remove(self.key, etag).await? == Removed::Gone {
                    self.learn(Known::Absent, Known::Absent);
                    self.done = Outcome::Removed;
                }
            }
            (Verdict::Copy(_) | Verdict::Retag | Verdict::Agreed | Verdict::Foreign, _) => {
                return Err(Error::Invariant(format!(
                    "{verdict:?} with {} in hand",
                    if gaining.is_some() { "a copy" } else { "nothing" }
                )));
            }
        }
        Ok(())
    }

    /// Makes the key ours and the write that follows known, before it is begun.
    async fn take(&mut self, intent: Intent) -> Result<(), Error> {
        if self.pair.clock.now() >= self.turn.act_until.min(self.turn.dead_by) {
            return Err(Error::StalePhase);
        }
        let next = self.row.taken(self.turn.run, self.turn.holder, self.turn.dead_by, intent);
        if next.says_the_same(&self.stored) { Ok(()) } else { self.store(next).await }
    }

    /// Notes what the two buckets are known to hold after a write of ours; the ledger is told when both agree.
    fn learn(&mut self, losing: Known, gaining: Known) {
        let learned = self.row.agreed(self.turn.run, None, losing, gaining);
        (self.row.source, self.row.target) = (learned.source, learned.target);
    }

    async fn store(&mut self, next: Row) -> Result<(), Error> {
        let next = Row { version: self.stored.version.saturating_add(1), ..next };
        self.pair.ledger.put(self.key, &next).await?;
        self.stored = next.clone();
        self.row = next;
        Ok(())
    }

    /// Lets others at the key before the lease ends, as far as that is safe. Best effort: the lease ends anyway.
    async fn let_go(&mut self, error: Option<&Error>) {
        if self.stored.holder.as_deref() != Some(self.turn.holder) {
            return;
        }
        let lingering = error.is_some_and(Error::is_ambiguous);
        let free_at = if lingering { self.pair.clock.now() + AFTERMATH } else { 0 };
        let busy_until = free_at.min(self.stored.busy_until);
        // What was learned goes with it: a transfer that answered proves that both contents are the same.
        let next = Row { holder: None, busy_until, ..self.row.clone() };
        if let Err(error) = self.store(next).await {
            tracing::debug!(%error, "the key stays held until its lease ends");
        }
    }
}
