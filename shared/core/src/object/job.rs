//! A job on one key range of two buckets: claims its checkpoint, works batch by batch, saves its position only
//! when everything up to it is durable, and stops before its deadline.

use futures_util::stream::{self, StreamExt};

use super::bucket::{Bucket, Removed, LIST_MAX};
use super::compare::{compare_patiently, look, Comparison};
use super::ledger::Ledger;
use super::range::{ranges_of, Range};
use super::sync::{sync, Cause, Outcome, Turn};
use super::union::{next_keys, Batch};
use super::{Pair, CANARY_KEY};
use crate::checkpoint::{Checkpoint, Checkpoints, Counts, Job, Task};
use crate::error::Error;
use crate::job::{allowed, claim, Claim, Limits, Progress};
use crate::lease::Phases;
use crate::ports::{Clock, Millis};

/// Works on `task` until it is done or the deadline is near. Safe to run again, at any time, by anyone.
/// `holder` names this invocation; no other one may bear the name. `limits.page_items` is the number of keys a
/// batch, `limits.in_flight` that of objects in transfer.
///
/// # Errors
/// `WrongPhase` when the state does not allow the job; `SegmentBusy` while another worker may still be
/// writing; else those of the ports and `Conflict`: then the last saved position stands and the segment is
/// free at once.
pub async fn run<B, L, C, P, K>(
    pair: Pair<'_, B, L, C>,
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
{
    allowed(task, &phases.state().await?)?;
    let mut checkpoint = match claim(checkpoints, task, pair.clock.now(), limits.deadline).await? {
        Claim::Done(counts) => return Ok(Progress { done: true, counts }),
        Claim::Ours(checkpoint) => checkpoint,
    };
    let worker = Worker { pair, task, holder, limits, stop: limits.deadline.saturating_sub(limits.call) };
    let result = worker.work(checkpoints, &mut checkpoint).await;
    if result.is_err() && checkpoint.busy_until > 0 {
        // Nothing of ours is under way any more: no reason to make the next worker wait. Best effort.
        checkpoint.busy_until = 0;
        checkpoint.version += 1;
        if let Err(error) = checkpoints.save(task, &checkpoint).await {
            tracing::debug!(%error, "the segment stays busy until its lease ends");
        }
    }
    result.map(|()| Progress { done: checkpoint.done, counts: checkpoint.counts })
}

struct Worker<'a, B, L, C> {
    pair: Pair<'a, B, L, C>,
    task: &'a Task,
    holder: &'a str,
    limits: Limits,
    /// Nothing is begun at or after this moment.
    stop: Millis,
}

impl<B: Bucket, L: Ledger, C: Clock> Worker<'_, B, L, C> {
    async fn work<K: Checkpoints<String>>(
        &self,
        checkpoints: &K,
        checkpoint: &mut Checkpoint<String>,
    ) -> Result<(), Error> {
        let range = self.range().await?;
        loop {
            let began = self.pair.clock.now();
            match self.batch(range.as_ref(), checkpoint.after.as_deref()).await {
                // Out of time in the middle of a batch: its work is repeated by the next worker.
                Err(Error::StalePhase) => {}
                Err(error) => return Err(error),
                Ok((counts, next)) => {
                    checkpoint.counts.add(&counts);
                    checkpoint.done = next.is_none();
                    checkpoint.after = next;
                }
            }
            // The next batch may take as long as this one did, and then some.
            let now = self.pair.clock.now();
            let enough = checkpoint.done || now + 2 * now.saturating_sub(began) >= self.stop;
            if enough {
                checkpoint.busy_until = 0;
            }
            checkpoint.version += 1;
            checkpoints.save(self.task, checkpoint).await?;
            if enough {
                return Ok(());
            }
        }
    }

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
        let Some(range) = range else { return Ok((Counts::default(), None)) };
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
    async fn each(&self, batch: &Batch) -> Result<Counts, Error> {
        let mut counts = Counts { read: batch.keys.len() as u64, ..Counts::default() };
        let mut failed = None;
        let mut results = stream::iter(batch.keys.clone())
            .map(|key| async move { self.one(&key).await })
            .buffer_unordered(self.limits.in_flight.max(1));
        while let Some(result) = results.next().await {
            match result {
                Ok(done) => counts.add(&done),
                Err(error) => failed = Some(error),
            }
        }
        failed.map_or(Ok(counts), Err)
    }

    async fn one(&self, key: &str) -> Result<Counts, Error> {
        let run = self.task.run;
        let mut counts = Counts::default();
        match self.task.job {
            Job::Verify => {
                let found = compare_patiently(self.pair, run, key).await?;
                self.count(&mut counts, key, &found);
            }
            Job::Certify => {
                let found = look(self.pair, run, key).await?;
                self.count(&mut counts, key, &found);
                counts.source_digest = found.losing_digest;
                counts.target_digest = found.gaining_digest;
            }
            Job::Copy | Job::Repair | Job::Finish | Job::Sweep => {
                let turn = Turn { run, holder: self.holder, act_until: self.stop, dead_by: self.limits.deadline };
                match sync(self.pair, turn, key, Cause::Job).await? {
                    Outcome::Written | Outcome::Removed => counts.written = 1,
                    Outcome::Kept | Outcome::Duplicate | Outcome::Ours => counts.kept = 1,
                    Outcome::Foreign => {
                        tracing::warn!(key = %crate::canonical::Digest::of(key.as_bytes()), "left: not known to be a copy");
                        counts.native = 1;
                    }
                }
            }
        }
        Ok(counts)
    }

    fn count(&self, counts: &mut Counts, key: &str, found: &Comparison) {
        if found.same {
            counts.kept = 1;
        } else {
            counts.differing = 1;
            tracing::info!(job = ?self.task.job, key = %crate::canonical::Digest::of(key.as_bytes()), "differs");
        }
    }

    /// Removes ledger rows; the first segment removes the canaries, too.
    async fn sweep(&self, after: Option<&str>) -> Result<(Counts, Option<String>), Error> {
        let swept = self.pair.ledger.sweep(self.task.segment, after, self.limits.page_items).await?;
        let mut counts = Counts { read: swept.removed, written: swept.removed, ..Counts::default() };
        if self.task.segment.index == 0 && after.is_none() {
            for bucket in [self.pair.source, self.pair.target] {
                if let Some(head) = bucket.head(CANARY_KEY).await?
                    && bucket.remove(CANARY_KEY, &head.etag).await? == Removed::Gone
                {
                    counts.written += 1;
                }
            }
        }
        Ok((counts, swept.next))
    }
}
