//! The work on one segment, whatever it is made of: claim the checkpoint, go batch by batch, save the position
//! only when everything up to it is durable, and stop before the deadline.

use crate::checkpoint::{Checkpoint, Checkpoints, Counts, Failure, Task};
use crate::error::Error;
use crate::ports::{Clock, Millis};

/// What a worker may use.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// When the invocation is ended from outside.
    pub deadline: Millis,
    /// The longest a backend call may take: none is started later than this before the deadline.
    pub call: Millis,
    /// Items or keys a batch.
    pub page_items: u32,
    /// Writes in flight.
    pub in_flight: usize,
}

impl Limits {
    /// No backend call may start at or after this moment.
    pub fn stop(&self) -> Millis {
        self.deadline.saturating_sub(self.call)
    }
}

/// Where a segment stands after an invocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Nothing is left to do.
    pub done: bool,
    /// What was done on the segment so far, by all its workers.
    pub counts: Counts,
}

/// One batch that is done and durable.
#[derive(Clone, Debug)]
pub struct Batch<Q> {
    /// What was done.
    pub counts: Counts,
    /// Where to go on, or nowhere.
    pub then: Then<Q>,
}

/// Where the work goes on after a batch.
#[derive(Clone, Debug)]
pub enum Then<Q> {
    /// After this position, in the same half.
    After(Q),
    /// At the beginning of the second half.
    SecondHalf,
    /// Nowhere: the segment is done.
    Done,
}

/// Claims `task` and does `batch` after batch, each from the checkpoint on, until it is done or the deadline is
/// near. Safe to run again, at any time, by anyone.
///
/// # Errors
/// `SegmentBusy` while another worker may still be writing; else those of the batches and of the checkpoints:
/// then the last saved position stands, and the segment is free once no call of ours can be under way.
pub async fn drive<Q, K, C>(
    checkpoints: &K,
    clock: &C,
    task: &Task,
    limits: Limits,
    batch: impl AsyncFn(&Checkpoint<Q>) -> Result<Batch<Q>, Error>,
) -> Result<Progress, Error>
where
    K: Checkpoints<Q>,
    C: Clock,
{
    let mut checkpoint = match claim(checkpoints, task, clock.now(), limits.deadline).await? {
        Claim::Done(counts) => return Ok(Progress { done: true, counts }),
        Claim::Ours(checkpoint) => checkpoint,
    };
    loop {
        let began = clock.now();
        let result = batch(&checkpoint).await;
        let now = clock.now();
        // The next batch may take as long as this one did, and then some.
        let mut stops = now + 2 * now.saturating_sub(began) >= limits.stop();
        // Of a batch that was broken off, calls may still be on their way.
        let mut calls_end = now + limits.call;
        let failed = match result {
            Ok(batch) => {
                checkpoint.advance(batch);
                stops |= checkpoint.done;
                calls_end = 0;
                None
            }
            // Out of time in the middle of a batch: its work is repeated by the next worker.
            Err(Error::StalePhase) if now >= limits.stop() => {
                stops = true;
                None
            }
            Err(error) => Some(error),
        };
        if stops || failed.is_some() {
            checkpoint.busy_until = calls_end;
        }
        checkpoint.failure = failed.as_ref().map(|error| Failure::of(error, now));
        checkpoint.version = checkpoint.version.saturating_add(1);
        let saved = checkpoints.save(task, &checkpoint).await;
        if let Some(error) = failed {
            return Err(error);
        }
        saved?;
        if stops {
            return Ok(Progress { done: checkpoint.done, counts: checkpoint.counts });
        }
    }
}

impl<Q> Checkpoint<Q> {
    fn advance(&mut self, batch: Batch<Q>) {
        self.counts.add(&batch.counts);
        match batch.then {
            Then::After(position) => self.after = Some(position),
            Then::SecondHalf => (self.after, self.second_half) = (None, true),
            Then::Done => self.done = true,
        }
    }
}

/// Notes why work on a segment could not even begin, unless somebody works on it or it is done: then there is nothing to
/// tell. Changes nothing else.
///
/// # Errors
/// Those of the checkpoints.
pub async fn note<Q, K: Checkpoints<Q>>(checkpoints: &K, task: &Task, error: &Error, now: Millis) -> Result<(), Error> {
    let mut checkpoint = checkpoints.load(task).await?;
    if checkpoint.done || checkpoint.busy_until > now || checkpoint.failure.is_some() {
        return Ok(());
    }
    checkpoint.version = checkpoint.version.saturating_add(1);
    checkpoint.failure = Some(Failure::of(error, now));
    checkpoints.save(task, &checkpoint).await
}

/// Who has a segment.
enum Claim<P> {
    /// It is done already.
    Done(Counts),
    /// We have it, until the moment we gave.
    Ours(Checkpoint<P>),
}

/// Takes a segment for one worker until `until`. Atomic: of two workers one gets it.
///
/// # Errors
/// `SegmentBusy` while somebody else may be writing; those of the checkpoints.
async fn claim<Q, K: Checkpoints<Q>>(
    checkpoints: &K,
    task: &Task,
    now: Millis,
    until: Millis,
) -> Result<Claim<Q>, Error> {
    let mut checkpoint = checkpoints.load(task).await?;
    if checkpoint.done {
        return Ok(Claim::Done(checkpoint.counts));
    }
    if checkpoint.busy_until > now {
        return Err(Error::refused(
            "SegmentBusy",
            format!("segment {} of {} has a worker until {}", task.segment.index, task.subject, checkpoint.busy_until),
            "try again after that moment",
        ));
    }
    checkpoint.version = checkpoint.version.saturating_add(1);
    (checkpoint.busy_until, checkpoint.failure) = (until, None);
    checkpoints.save(task, &checkpoint).await?;
    Ok(Claim::Ours(checkpoint))
}
