//! A job on one segment of a table: claims its checkpoint, works page by page, saves its position only when
//! everything up to it is durable, and stops before its deadline.

use crate::checkpoint::{Checkpoint, Checkpoints, Counts, Job, Task};
use crate::copy::copy_page;
use crate::error::Error;
use crate::finish::{certify, finish};
use crate::item::Key;
use crate::lease::{Fenced, Phases};
use crate::phase::{Phase, State};
use crate::ports::{Clock, Millis, Table};
use crate::route::Pair;
use crate::scan::{both, Half};
use crate::sweep::sweep;
use crate::verify::{verify, OnDifference};

/// What a worker may use.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// When the invocation is ended from outside.
    pub deadline: Millis,
    /// The longest a backend call may take: none is started later than this before the deadline.
    pub call: Millis,
    /// Items a page.
    pub page_items: u32,
    /// Writes in flight.
    pub in_flight: usize,
}

/// Where a segment stands after an invocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Nothing is left to do.
    pub done: bool,
    /// What was done on the segment so far, by all its workers.
    pub counts: Counts,
}

/// Works on `task` until it is done or the deadline is near. Safe to run again, at any time, by anyone.
///
/// # Errors
/// `WrongPhase` when the state does not allow the job; `SegmentBusy` while another worker may still be
/// writing; else those of the tables and of the checkpoints: then the last saved position stands.
pub async fn run<T, P, C, K>(
    pair: Pair<'_, T>,
    phases: &P,
    clock: &C,
    checkpoints: &K,
    task: &Task,
    limits: Limits,
) -> Result<Progress, Error>
where
    T: Table,
    P: Phases,
    C: Clock,
    K: Checkpoints<Key>,
{
    allowed(task, &phases.state().await?)?;
    let mut checkpoint = match claim(checkpoints, task, clock.now(), limits.deadline).await? {
        Claim::Done(counts) => return Ok(Progress { done: true, counts }),
        Claim::Ours(checkpoint) => checkpoint,
    };
    let stop = limits.deadline.saturating_sub(limits.call);
    let (source, target) = (Fenced::new(pair.source, clock, stop), Fenced::new(pair.target, clock, stop));
    let fenced = Pair { source: &source, target: &target };
    loop {
        let began = clock.now();
        let result = work(fenced, clock, task, &checkpoint, limits).await;
        let now = clock.now();
        // The next page may take as long as this one did, and then some.
        let mut stops = now + 2 * now.saturating_sub(began) >= stop;
        // Of a page that was broken off, calls may still be on their way.
        let mut calls_end = now + limits.call;
        let failed = match result {
            Ok((counts, next)) => {
                checkpoint.counts.add(&counts);
                checkpoint.advance(task.job, next);
                stops |= checkpoint.done;
                calls_end = 0;
                None
            }
            // Out of time in the middle of a page: its work is repeated by the next worker.
            Err(Error::StalePhase) if now >= stop => None,
            Err(error) => Some(error),
        };
        if stops || failed.is_some() {
            checkpoint.busy_until = calls_end;
        }
        checkpoint.version += 1;
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

impl Checkpoint<Key> {
    fn half(&self) -> Half {
        if self.second_half { Half::Gaining } else { Half::Losing }
    }

    fn advance(&mut self, job: Job, next: Option<Key>) {
        self.after = next;
        if self.after.is_none() {
            let one_half = matches!(job, Job::Copy | Job::Sweep);
            self.done = one_half || self.second_half;
            self.second_half = true;
        }
    }
}

/// Who has a segment.
pub enum Claim<P> {
    /// It is done already.
    Done(Counts),
    /// We have it, until the moment we gave.
    Ours(Checkpoint<P>),
}

/// Takes a segment for one worker until `until`. Atomic: of two workers one gets it.
///
/// # Errors
/// `SegmentBusy` while somebody else may be writing; those of the checkpoints.
pub async fn claim<Q: Clone, K: Checkpoints<Q>>(
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
    checkpoint.version += 1;
    checkpoint.busy_until = until;
    checkpoints.save(task, &checkpoint).await?;
    Ok(Claim::Ours(checkpoint))
}

/// Whether the state allows the job: a worker that comes too late must not start.
///
/// # Errors
/// `WrongPhase`.
pub fn allowed(task: &Task, state: &State) -> Result<(), Error> {
    let fits = state.run == task.run
        && match task.job {
            Job::Copy => matches!(state.phase, Phase::Copy | Phase::Guarded | Phase::Handoff) && !state.sealed,
            Job::Verify | Job::Repair => matches!(state.phase, Phase::Copy | Phase::Guarded),
            Job::Finish | Job::Certify => matches!(state.phase, Phase::Handoff | Phase::Guarded) && state.sealed,
            Job::Sweep => state.phase == Phase::Final,
        };
    if fits {
        return Ok(());
    }
    Err(Error::refused(
        "WrongPhase",
        format!("{:?} of run {} cannot run in {} of run {}", task.job, task.run, state.phase, state.run),
        "start the state machine again: it goes on from the phase that is",
    ))
}

async fn work<T: Table, C: Clock>(
    pair: Pair<'_, T>,
    clock: &C,
    task: &Task,
    checkpoint: &Checkpoint<Key>,
    limits: Limits,
) -> Result<(Counts, Option<Key>), Error> {
    let (run, after, items) = (task.run, checkpoint.after.as_ref(), limits.page_items);
    match task.job {
        Job::Copy => copy_page(pair, run, task.segment, after, items, limits.in_flight).await,
        Job::Sweep => {
            let home = pair.gaining(run);
            let page = home.scan(task.segment, after, items).await?;
            Ok((sweep(home, page.items).await?, page.next))
        }
        Job::Verify | Job::Repair | Job::Finish | Job::Certify => {
            let half = checkpoint.half();
            let (page, next) = both(pair, run, half, task.segment, after, items).await?;
            let counts = match task.job {
                Job::Verify => verify(pair, clock, run, page, OnDifference::Count).await?,
                Job::Repair => verify(pair, clock, run, page, OnDifference::Repair).await?,
                Job::Finish => finish(pair, run, page).await?,
                Job::Certify | Job::Copy | Job::Sweep => certify(pair, run, half, page).await?,
            };
            Ok((counts, next))
        }
    }
}
