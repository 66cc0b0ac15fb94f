//! A job on one key range of two buckets.

use futures_util::stream::{self, StreamExt};

use super::bucket::{Bucket, LIST_MAX, Removed};
use super::compare::{Comparison, compare_patiently, look};
use super::ledger::Ledger;
use super::range::{Range, ranges_of};
use super::sync::{Cause, Outcome, Turn, sync};
use super::union::{Batch as Keys, next_keys};
use super::{CANARY_KEY, Pair};
use crate::checkpoint::{Checkpoint, Checkpoints, Counts, Job, Task};
use crate::drive::{Batch, Limits, Progress, Then, drive};
use crate::error::Error;
use crate::job::allowed;
use crate::lease::Phases;
use crate::ports::Clock;

/// Works on `task` until it is done or the deadline is near. Safe to run again, at any time, by anyone.
/// `holder` names this invocation; no other one may bear the name. `limits.page_items` is the number of keys a
/// batch, `limits.in_flight` that of objects in transfer.
///
/// # Errors
/// `WrongPhase` when the state does not allow the job; `SegmentBusy` while another worker may still be
/// writing; else those of the ports and `Conflict`: then the last saved position stands.
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
    let worker = Worker { pair, task, holder, limits };
    let range = worker.range().await?;
    drive(checkpoints, pair.clock, task, limits, async |checkpoint: &Checkpoint<String>| {
        let (counts, next) = worker.batch(range.as_ref(), checkpoint.after.as_deref()).await?;
        Ok(Batch { counts, then: next.map_or(Then::Done, Then::After) })
    })
    .await
}

struct Worker<'a, B, L, C> {
    pair: Pair<'a, B, L, C>,
    task: &'a Task,
    holder: &'a str,
    limits: Limits,
}

impl<B: Bucket, L: Ledger, C: Clock> Worker<'_, B, L, C> {
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
                let turn =
                    Turn { run, holder: self.holder, act_until: self.limits.stop(), dead_by: self.limits.deadline };
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
