//! A job on one key range of two buckets.

use futures_util::stream::{self, StreamExt};

use super::bucket::{Bucket, LIST_MAX, Removed};
use super::compare::{Comparison, compare_patiently, look};
use super::holding::{Book, Carried};
use super::ledger::Ledger;
use super::range::{Range, ranges_of};
use super::sync::{Cause, Outcome, Turn, sync};
use super::union::{Batch as Keys, next_keys};
use super::{CANARY_KEY, PULSE_PREFIX, Pair, is_canary};
use crate::checkpoint::{Checkpoint, Checkpoints, Counts, Job, Task};
use crate::drive::{Batch, Limits, Progress, Then, drive};
use crate::error::Error;
use crate::hold::Holds;
use crate::holding::Desk;
use crate::job::allowed;
use crate::lease::Phases;
use crate::phase::source_of;
use crate::ports::Clock;

/// Works on `task` until it is done or the deadline is near. Safe to run again, at any time, by anyone.
/// `holder` names this invocation; no other one may bear the name. `limits.page_items` is the number of keys a
/// batch, `limits.in_flight` that of objects in transfer.
///
/// Copy and repair hold objects that cannot be carried, and go on; the gates behind them ask for none that is held. A
/// held object is free again once a job has carried it or found it the same on both sides.
///
/// # Errors
/// `WrongPhase` when the state does not allow the job; `SegmentBusy` while another worker may still be
/// writing; else those of the ports and `Conflict`: then the last saved position stands.
pub async fn run<B, L, C, P, K, H>(
    pair: Pair<'_, B, L, C>,
    holds: &H,
    phases: &P,
    checkpoints: &K,
    task: &Task,
    holder: &str,
    limits: Limits,
) -> Result<Progress, Error>
where
    B: Bucket,
    L: Ledger,
    C: Clock,
    P: Phases,
    K: Checkpoints<String>,
    H: Holds,
{
    allowed(task, &phases.state().await?)?;
    let worker = Worker { pair, holds, task, holder, limits };
    let range = worker.range().await?;
    drive(checkpoints, pair.clock, task, limits, async |checkpoint: &Checkpoint<String>| {
        let (counts, next) = worker.batch(range.as_ref(), checkpoint.after.as_deref()).await?;
        Ok(Batch { counts, then: next.map_or(Then::Done, Then::After) })
    })
    .await
}

struct Worker<'a, B, L, C, H> {
    pair: Pair<'a, B, L, C>,
    holds: &'a H,
    task: &'a Task,
    holder: &'a str,
    limits: Limits,
}

impl<B: Bucket, L: Ledger, C: Clock, H: Holds> Worker<'_, B, L, C, H> {
    /// This segment's range; `None` when there are fewer ranges than segments.
    async fn range(&self) -> Result<Option<Range>, Error> {
        match self.task.job {
            // The ledger is swept by its own segments.
            Job::Sweep => Ok(Some(Range::default())),
            Job::Copy | Job::Verify | Job::Repair | Job::Finish | Job::Certify => {
                let ranges = ranges_of(self.pair, self.task.run, self.task.segment.total).await?;
                Ok(ranges.into_iter().nth(self.task.segment.index as usize))
            }
        }
    }

    async fn batch(&self, range: Option<&Range>, after: Option<&str>) -> Result<(Counts, Option<String>), Error> {
        let Some(range) = range else {
            return Ok((Counts::default(), None));
        };
        if self.task.job == Job::Sweep {
            return self.sweep(after).await;
        }
        let (losing, gaining) = (self.pair.losing(self.task.run), self.pair.gaining(self.task.run));
        let limit = self.limits.page_items.clamp(1, LIST_MAX);
        let batch = match self.task.job {
            Job::Copy => next_keys(&[losing], range, after, limit).await?,
            Job::Verify | Job::Repair | Job::Finish | Job::Certify | Job::Sweep => {
                next_keys(&[losing, gaining], range, after, limit).await?
            }
        };
        let counts = self.each(&batch).await?;
        Ok((counts, batch.next))
    }

    /// Does the job for every key; waits for all of them even if one fails, so that nothing is left under way.
    async fn each(&self, batch: &Keys) -> Result<Counts, Error> {
        let mut counts = Counts { read: batch.keys.len() as u64, ..Counts::default() };
        let mut failed = None;
        let desk = Desk { holds: self.holds, subject: &self.task.subject, side: source_of(self.task.run) };
        let book = &Book::open(desk).await?;
        let mut results = stream::iter(batch.keys.clone())
            .map(|key| async move { self.one(book, &key).await })
            .buffer_unordered(self.limits.in_flight.max(1));
        while let Some(result) = results.next().await {
            match result {
                Ok(done) => counts.add(&done),
                Err(error) => failed = Some(error),
            }
        }
        failed.map_or(Ok(counts), Err)
    }

    async fn one(&self, book: &Book<'_, H>, key: &str) -> Result<Counts, Error> {
        let run = self.task.run;
        let mut counts = Counts::default();
        match self.task.job {
            Job::Verify => {
                let found = compare_patiently(self.pair, run, key).await?;
                self.count(book, &mut counts, key, &found).await?;
            }
            Job::Certify => {
                let found = look(self.pair, run, key).await?;
                self.count(book, &mut counts, key, &found).await?;
                counts.source_digest = found.losing_digest;
                counts.target_digest = found.gaining_digest;
            }
            Job::Copy | Job::Repair | Job::Finish | Job::Sweep => {
                let turn =
                    Turn { run, holder: self.holder, act_until: self.limits.stop(), dead_by: self.limits.deadline };
                let carried = match self.task.job {
                    Job::Copy | Job::Repair => book.carry(self.pair, turn, key, Cause::Job, 1).await?,
                    // Nothing is to be left over here: what cannot be carried says so by its error.
                    Job::Verify | Job::Finish | Job::Certify | Job::Sweep => {
                        let outcome = sync(self.pair, turn, key, Cause::Job).await?;
                        Carried::Done(outcome)
                    }
                };
                match carried {
                    Carried::Done(Outcome::Written | Outcome::Removed) => counts.written = 1,
                    Carried::Done(Outcome::Kept | Outcome::Duplicate | Outcome::Ours) => counts.kept = 1,
                    Carried::Held => {}
                    Carried::Done(Outcome::Foreign) => {
                        tracing::warn!(key = %crate::canonical::Digest::of(key.as_bytes()), "left: not known to be a copy");
                        counts.native = 1;
                    }
                }
            }
        }
        Ok(counts)
    }

    async fn count(&self, book: &Book<'_, H>, counts: &mut Counts, key: &str, found: &Comparison) -> Result<(), Error> {
        if found.same {
            counts.kept = 1;
        } else {
            counts.differing = 1;
            tracing::info!(job = ?self.task.job, key = %crate::canonical::Digest::of(key.as_bytes()), "differs");
        }
        // What has moved on counts as the same, but nobody has seen it so.
        if found.losing_digest == found.gaining_digest {
            book.compared(self.task.run, key).await?;
        }
        Ok(())
    }

    /// Removes ledger rows; the first segment removes the canaries, too.
    async fn sweep(&self, after: Option<&str>) -> Result<(Counts, Option<String>), Error> {
        let swept = self.pair.ledger.sweep(self.task.segment, after, self.limits.page_items).await?;
        let mut counts = Counts { read: swept.removed, written: swept.removed, ..Counts::default() };
        if self.task.segment.index == 0 && after.is_none() {
            for bucket in [self.pair.source, self.pair.target] {
                // Pulses that a crash left behind; they come right after the prefix.
                let pulses =
                    bucket.list(Some(PULSE_PREFIX), LIST_MAX).await?.entries.into_iter().map(|entry| entry.key);
                for key in pulses.take_while(|key| is_canary(key)).chain([CANARY_KEY.to_owned()]) {
                    if let Some(head) = bucket.head(&key).await?
                        && bucket.remove(&key, &head.etag).await? == Removed::Gone
                    {
                        counts.written += 1;
                    }
                }
            }
        }
        Ok((counts, swept.next))
    }
}
