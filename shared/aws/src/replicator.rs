//! The replicator's work on one batch of stream records: find what they belong to, apply them, tell of them.

mod denied;
mod signals;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_lambda_events::event::streams::DynamoDbEventResponse;
use livemove_core::change::Change;
use livemove_core::error::Error;
use livemove_core::hold::Holds;
use livemove_core::holding::{Desk, replicate_holding};
use livemove_core::lease::{Cache, Phases};
use livemove_core::phase::{Kind, Side, State};
use livemove_core::plan::{SubjectPlan, subject_id};
use livemove_core::ports::{Clock, Millis, Table};
use livemove_core::register::{Signals, States, Stragglers};
use livemove_core::replicate::Outcome;
use livemove_core::route::Pair;
use serde_json::Value;

use crate::config::ConfigError;
use crate::dynamo::DynamoTable;
use crate::metrics::{HELD, LAG_MS, Line, RECORDS, RETRIED, STRAGGLERS, WRITTEN};
use crate::startup::{Function, SystemClock};
use crate::streams::{self, Origin};
use signals::{Batch, Reports};

/// Replicates the stream of one side of a table to the other side.
#[derive(Debug)]
pub struct Replicator<'a, R> {
    function: &'a Function,
    register: &'a R,
    side: Side,
    subject: String,
    open: Mutex<Option<Arc<Open<'a, R>>>>,
    reports: Reports,
}

/// The tables, and the lease on their phase, as long as the plan stays the one they were opened by.
#[derive(Debug)]
struct Open<'a, R> {
    plan: SubjectPlan,
    source: DynamoTable,
    target: DynamoTable,
    lease: Cache<Watched<'a, R>, SystemClock>,
}

#[derive(Debug)]
struct Watched<'a, R> {
    states: &'a R,
    subject: String,
    plan: SubjectPlan,
}

impl<R: States> Phases for Watched<'_, R> {
    async fn state(&self) -> Result<State, Error> {
        match self.states.load(&self.subject).await? {
            Some((state, plan)) if plan == self.plan => Ok(state),
            // The batch fails, is delivered again and finds the tables of the plan that is.
            Some(_) | None => Err(Error::Conflict(format!("the plan of {} has changed", self.subject))),
        }
    }
}

impl<'a, R: States + Signals + Stragglers + Holds> Replicator<'a, R> {
    /// A replicator for the wired table; nothing is opened yet.
    ///
    /// # Errors
    /// `STREAM_SIDE` or `WIRED_TABLE_SOURCE` is missing.
    pub fn new(function: &'a Function, register: &'a R) -> Result<Replicator<'a, R>, ConfigError> {
        let side = function.config.required_stream_side()?;
        let table = function.config.wired.table_source.as_deref().ok_or(ConfigError {
            name: "WIRED_TABLE_SOURCE",
            problem: "is not set".to_owned(),
            remedy: "set it to the name of the table at the plan's source",
        })?;
        let (subject, open) = (subject_id(Kind::Table, table), Mutex::default());
        Ok(Replicator { function, register, side, subject, open, reports: Reports::default() })
    }

    /// Handles one event; answers which records must be delivered again. Idempotent.
    ///
    /// # Errors
    /// Then the whole batch must be delivered again: the event cannot be read, the phase cannot be read, or
    /// what came of the batch could not be told.
    pub async fn handle(&self, event: Value) -> Result<DynamoDbEventResponse, Error> {
        let result = self.batch(event).await;
        if let Err(error) = &result {
            tracing::error!(subject = %self.subject, side = ?self.side, error_type = error.name(), %error, "batch failed");
            // Whatever was wrong, the next batch starts from what is registered then.
            *self.open.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
        result
    }

    async fn batch(&self, event: Value) -> Result<DynamoDbEventResponse, Error> {
        let event = streams::parse(event)?;
        let Some(origin) = streams::origin(&event)? else {
            return Ok(DynamoDbEventResponse::default());
        };
        let Some(open) = self.open().await? else {
            // Not registered: phase old of the first run, when nothing is replicated.
            tracing::info!(subject = %self.subject, records = event.records.len(), "not registered yet");
            return Ok(DynamoDbEventResponse::default());
        };
        open.check(self.side, &origin)?;
        let pair = Pair { source: &open.source, target: &open.target };
        let changes = streams::changes(event, pair.side(self.side).schema(), SystemClock.now())?;
        let in_flight = usize::try_from(open.plan.writes_in_flight).unwrap_or(usize::MAX);
        let desk = Desk { holds: self.register, subject: &self.subject, side: self.side };
        let apply = async |changes: &[Change]| replicate_holding(desk, &open.lease, pair, changes, in_flight).await;
        let first = apply(&changes).await?;
        let outcome = denied::bear(&SystemClock, first, &changes, apply).await?;
        let state = open.lease.view().await?.state;
        let now = SystemClock.now();
        let batch = Batch { subject: &self.subject, side: self.side, state: &state, changes: &changes, now };
        signals::tell(self.register, &self.reports, &batch, &outcome).await?;
        self.record(&changes, &outcome, now);
        Ok(streams::failures(outcome.failed.iter().map(|(records, _)| records.first().to_owned())))
    }

    /// The tables in hand, or those that are registered now; `None` when none are.
    async fn open(&self) -> Result<Option<Arc<Open<'a, R>>>, Error> {
        let held = self.open.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if held.is_some() {
            return Ok(held);
        }
        let Some((_, plan)) = self.register.load(&self.subject).await? else {
            return Ok(None);
        };
        let longest = Duration::from_millis(plan.timing.call_ms);
        let table = |side| {
            let end = plan.end(side);
            async move { DynamoTable::open(&self.function.sites, &end.into(), &end.name, longest).await }
        };
        let (source, target) = futures_util::try_join!(table(Side::Source), table(Side::Target))?;
        let watched = Watched { states: self.register, subject: self.subject.clone(), plan: plan.clone() };
        let lease = Cache::new(watched, SystemClock, plan.timing.lease_ms);
        let open = Arc::new(Open { plan, source, target, lease });
        *self.open.lock().unwrap_or_else(PoisonError::into_inner) = Some(open.clone());
        Ok(Some(open))
    }

    fn record(&self, changes: &[Change], outcome: &Outcome, now: Millis) {
        for records in &outcome.held {
            // Why is in its row: what DynamoDB says of an item may quote it.
            let (key, sequence) = (records.key.hash(), records.last());
            tracing::error!(subject = %self.subject, key, sequence, "held: put it right, then redrive");
        }
        for (records, error) in &outcome.failed {
            let sequence = records.first();
            tracing::warn!(subject = %self.subject, sequence, error_type = error.name(), %error, "not replicated yet");
        }
        let lag_ms = changes.iter().map(|change| now.saturating_sub(change.at)).min().unwrap_or_default();
        let (records, failed) = (changes.len() as u64, outcome.failed.len() as u64);
        tracing::info!(
            subject = %self.subject, side = ?self.side, records, written = outcome.written, stale = outcome.stale,
            skipped = outcome.skipped, stragglers = outcome.stragglers.len(), failed, held = outcome.held.len(), lag_ms, "batch"
        );
        let config = &self.function.config;
        Line::new([("Migration", config.migration.clone()), ("Function", config.function.clone())])
            .value(LAG_MS, lag_ms)
            .value(RECORDS, records)
            .value(WRITTEN, outcome.written)
            .value(RETRIED, failed)
            .value(STRAGGLERS, outcome.stragglers.len() as u64)
            .value(HELD, outcome.held.len() as u64)
            .emit(now);
    }
}

impl<R> Open<'_, R> {
    /// That the records come from the stream that the plan means.
    fn check(&self, side: Side, origin: &Origin) -> Result<(), Error> {
        let end = self.plan.end(side);
        if (&end.account, &end.region, &end.name) == (&origin.account, &origin.region, &origin.table) {
            return Ok(());
        }
        Err(Error::refused(
            "WrongStream",
            format!(
                "the records are of table {} in {}/{}, the plan's is {} in {}/{}",
                origin.table, origin.account, origin.region, end.name, end.account, end.region
            ),
            "deploy the stack with the stream of the plan's table",
        ))
    }
}
