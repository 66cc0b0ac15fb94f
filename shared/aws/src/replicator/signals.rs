//! What is told of a batch: canaries, late writes, how far the replicator is, and that it fell behind for good.

use std::sync::{Mutex, PoisonError};

use livemove_core::change::Change;
use livemove_core::error::Error;
use livemove_core::phase::{Side, State, Stream};
use livemove_core::ports::Millis;
use livemove_core::register::{Report, Signals, States, Straggler, Stragglers};
use livemove_core::replicate::Outcome;
use livemove_core::steer::watch::{TOO_OLD, mark_broken};

use crate::denial::denied;

/// The least time between two reports of one sandbox.
const REPORT_EVERY: Millis = 1_000;

/// A batch that has been applied.
#[derive(Debug)]
pub(super) struct Batch<'a> {
    pub(super) subject: &'a str,
    pub(super) side: Side,
    /// The state it was applied by, or a later one.
    pub(super) state: &'a State,
    pub(super) changes: &'a [Change],
    pub(super) now: Millis,
}

/// Tells all that has to be told of a batch. Idempotent but for the figures of the report.
///
/// # Errors
/// What could not be told and must not be lost: then the batch must be delivered again.
pub(super) async fn tell<R: States + Signals + Stragglers>(
    register: &R,
    reports: &Reports,
    batch: &Batch<'_>,
    outcome: &Outcome,
) -> Result<(), Error> {
    if let Some(oldest) = too_old(batch) {
        let hours = oldest / (60 * 60 * 1000);
        let why = format!("a record of the {:?} stream came {hours} hours late; older ones may be lost", batch.side);
        mark_broken(register, batch.subject, batch.side, batch.now, &why).await?;
    }
    for change in &outcome.stragglers {
        register.enter(batch.subject, &straggler(batch, change)).await?;
    }
    for nonce in &outcome.canaries {
        register.canary_seen(batch.subject, batch.side, nonce, batch.now).await?;
    }
    // The figures are for gates that wait for good news: late news costs them time, nothing else.
    if let Some(report) = reports.due(batch, outcome)
        && let Err(error) = register.report(batch.subject, batch.side, &report).await
    {
        tracing::warn!(subject = batch.subject, error_type = error.name(), %error, "report not stored");
    }
    Ok(())
}

fn straggler(batch: &Batch<'_>, change: &Change) -> Straggler {
    let run = match batch.state.stream(batch.side) {
        Stream::Replicate(run) | Stream::Watch(run) => run,
        Stream::Ignore => batch.state.run,
    };
    let (key, image) = (change.key.clone(), change.new.clone());
    Straggler { run, sequence: change.sequence.clone(), key, image, at: batch.now }
}

/// The age of the oldest record, where it is too old and counts: what a side's stream says while nothing is
/// replicated from it is copied anyway.
fn too_old(batch: &Batch<'_>) -> Option<Millis> {
    let oldest = batch.changes.iter().map(|change| batch.now.saturating_sub(change.at)).max()?;
    let counts = matches!(batch.state.stream(batch.side), Stream::Replicate(_));
    (counts && oldest > TOO_OLD).then_some(oldest)
}

/// Adds up what has not been reported yet.
#[derive(Debug, Default)]
pub(super) struct Reports {
    pending: Mutex<Pending>,
}

#[derive(Debug, Default)]
struct Pending {
    report: Report,
    sent: Millis,
}

impl Reports {
    /// Adds a batch; answers what to report now, if it is time. A canary makes it time at once: a gate waits.
    fn due(&self, batch: &Batch<'_>, outcome: &Outcome) -> Option<Report> {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        let newest = batch.changes.iter().map(|change| change.at).max().unwrap_or_default();
        let report = &mut pending.report;
        report.at = batch.now;
        report.record_at = report.record_at.max(newest);
        report.position = batch.changes.last().map(|change| change.sequence.clone()).or(report.position.take());
        report.records += batch.changes.len() as u64;
        report.failed += outcome.failed.len() as u64;
        report.denied = denied(outcome.failed.iter().map(|(_, error)| error)).or(report.denied.take());
        let due = batch.now >= pending.sent + REPORT_EVERY || !outcome.canaries.is_empty();
        due.then(|| {
            pending.sent = batch.now;
            std::mem::take(&mut pending.report)
        })
    }
}

#[cfg(test)]
mod tests;
