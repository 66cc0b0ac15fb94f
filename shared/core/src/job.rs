//! A job on one segment of a table.

use crate::checkpoint::{Checkpoint, Checkpoints, Counts, Job, Task};
use crate::compare::Sides;
use crate::copy::copy_page;
use crate::drive::{Batch, Limits, Progress, Then, drive};
use crate::error::Error;
use crate::finish::{certify, finish};
use crate::item::Key;
use crate::lease::{Fenced, Phases};
use crate::phase::{Phase, State};
use crate::ports::{Clock, Table};
use crate::route::Pair;
use crate::scan::{Half, both};
use crate::size;
use crate::sweep::sweep;
use crate::verify::{OnDifference, verify};

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
    let stop = limits.stop();
    let (source, target) = (Fenced::new(pair.source, clock, stop), Fenced::new(pair.target, clock, stop));
    let fenced = Pair { source: &source, target: &target };
    drive(checkpoints, clock, task, limits, async |checkpoint| work(fenced, clock, task, checkpoint, limits).await)
        .await
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
) -> Result<Batch<Key>, Error> {
    let (run, after, items) = (task.run, checkpoint.after.as_ref(), limits.page_items);
    match task.job {
        Job::Copy => {
            let (counts, next) = copy_page(pair, clock, run, task.segment, after, items, limits.in_flight).await?;
            Ok(Batch { counts, then: next.map_or(Then::Done, Then::After) })
        }
        Job::Sweep => {
            let home = pair.gaining(run);
            let page = home.scan(task.segment, after, items).await?;
            let counts = sweep(home, page.items).await?;
            Ok(Batch { counts, then: page.next.map_or(Then::Done, Then::After) })
        }
        Job::Verify | Job::Repair | Job::Finish | Job::Certify => {
            let half = if checkpoint.second_half { Half::Gaining } else { Half::Losing };
            let (page, next) = both(pair, run, half, task.segment, after, items).await?;
            let large = if half == Half::Losing { large(&page) } else { 0 };
            let counts = match task.job {
                Job::Verify => verify(pair, clock, run, page, OnDifference::Count).await?,
                Job::Repair => verify(pair, clock, run, page, OnDifference::Repair).await?,
                Job::Finish => finish(pair, run, page).await?,
                Job::Certify | Job::Copy | Job::Sweep => certify(pair, run, half, page).await?,
            };
            let then = match (next, half) {
                (Some(next), _) => Then::After(next),
                (None, Half::Losing) => Then::SecondHalf,
                (None, Half::Gaining) => Then::Done,
            };
            Ok(Batch { counts: Counts { large, ..counts }, then })
        }
    }
}

/// How many items of the losing table have no room for marks; each is told of in the log, by the hash of its key.
fn large(page: &[Sides]) -> u64 {
    let large: Vec<_> = page.iter().filter(|sides| sides.is_too_large()).collect();
    for sides in &large {
        let bytes = sides.old.as_ref().map(size::of);
        tracing::warn!(key = sides.key.hash(), bytes, "an item leaves no room for marks and cannot move");
    }
    large.len() as u64
}
