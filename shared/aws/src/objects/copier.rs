//! The copier's work on one batch of a queue: find what the messages tell of, follow it, tell what came of it.

mod batch;

use std::sync::{Arc, Mutex, PoisonError};

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use livemove_core::error::{Error, Remedy};
use livemove_core::holding::Desk;
use livemove_core::lease::{Cache, Phases};
use livemove_core::object::Pair;
use livemove_core::object::follow::{Followed, Follower, Notice, follow};
use livemove_core::phase::{Kind, Side, State};
use livemove_core::plan::{SubjectPlan, subject_id};
use livemove_core::ports::{Clock, Millis};
use livemove_core::register::{Report, Signals, States, Stragglers};

use super::S3Bucket;
use batch::{failures, newest, notices, straggler};

use crate::config::ConfigError;
use crate::control::Control;
use crate::denial::denied;
use crate::metrics::{HELD, LAG_MS, Line, RECORDS, RETRIED, STRAGGLERS, WRITTEN};
use crate::startup::{Function, SystemClock};

/// Objects on their way at a time.
const IN_FLIGHT: usize = 8;
/// Nothing is begun later than this before the invocation's end, where the plan's calls are not longer.
const BEFORE_END: Millis = 10_000;
/// What failed is tried again here, for a queue hides a message for minutes: at first after this, …
const PAUSE: Millis = 200;
/// … then after twice as long each time, at most this long, …
const PAUSE_MAX: Millis = 2_000;
/// … and no longer than this in all.
const PATIENCE: Millis = 20_000;

/// Follows the bucket of one side with the other one.
#[derive(Debug)]
pub struct Copier<'a> {
    function: &'a Function,
    control: &'a Control,
    side: Side,
    bucket: &'a str,
    subject: String,
    open: Mutex<Option<Arc<Open<'a>>>>,
}

/// One invocation, as Lambda tells of it.
#[derive(Clone, Copy, Debug)]
pub struct Invocation<'a> {
    /// Its id; different for every one.
    pub id: &'a str,
    /// When it is ended from outside.
    pub deadline: Millis,
}

/// The buckets, and the lease on their phase, as long as the plan stays the one they were opened by.
#[derive(Debug)]
struct Open<'a> {
    plan: SubjectPlan,
    source: S3Bucket,
    target: S3Bucket,
    lease: Cache<Watched<'a>, SystemClock>,
}

#[derive(Debug)]
struct Watched<'a> {
    control: &'a Control,
    subject: String,
    plan: SubjectPlan,
}

impl Phases for Watched<'_> {
    async fn state(&self) -> Result<State, Error> {
        match self.control.load(&self.subject).await? {
            Some((state, plan)) if plan == self.plan => Ok(state),
            // The messages come again and find the buckets of the plan that is.
            Some(_) | None => Err(Error::Conflict(format!("the plan of {} has changed", self.subject))),
        }
    }
}

impl<'a> Copier<'a> {
    /// A copier for the wired bucket; nothing is opened yet.
    ///
    /// # Errors
    /// `STREAM_SIDE` or `WIRED_BUCKET_SOURCE` is missing.
    pub fn new(function: &'a Function, control: &'a Control) -> Result<Copier<'a>, ConfigError> {
        let side = function.config.required_stream_side()?;
        let bucket = function.config.wired.bucket_source.as_deref().ok_or(ConfigError {
            name: "WIRED_BUCKET_SOURCE",
            problem: "is not set".to_owned(),
            remedy: "set it to the name of the bucket at the plan's source",
        })?;
        let subject = subject_id(Kind::Bucket, bucket);
        Ok(Copier { function, control, side, bucket, subject, open: Mutex::default() })
    }

    /// Handles one batch; answers which messages must be delivered again. Idempotent.
    ///
    /// # Errors
    /// Then the whole batch must be delivered again: the plan cannot be read.
    pub async fn handle(&self, event: SqsEvent, invocation: Invocation<'_>) -> Result<SqsBatchResponse, Error> {
        let Some(open) = self.open().await.inspect_err(|error| self.batch_failed(error))? else {
            // Not registered: phase old of the first run, when nothing is copied.
            tracing::info!(subject = %self.subject, messages = event.records.len(), "not registered yet");
            return Ok(SqsBatchResponse::default());
        };
        let sent = newest(&event);
        let (mut notices, mut failed) = notices(event, &open.plan.end(self.side).name);
        let told = notices.len();
        let patience = SystemClock.now() + PATIENCE;
        let mut pause = PAUSE;
        let (mut written, mut held) = (0, 0);
        loop {
            let mut followed = self.follow(&open, invocation, &notices).await;
            written += followed.written;
            held += followed.held;
            self.tell(&mut followed).await;
            let (again, lost): (Vec<_>, Vec<_>) =
                followed.failed.into_iter().partition(|(_, error)| error.remedy() == Remedy::Retry);
            failed.extend(lost);
            let now = SystemClock.now();
            if again.is_empty() || now + pause >= patience.min(self.stop(&open, invocation)) {
                failed.extend(again);
                break;
            }
            notices.retain(|notice| again.iter().any(|(message, _)| *message == notice.message));
            SystemClock.sleep(pause).await;
            pause = (2 * pause).min(PAUSE_MAX);
        }
        if failed.iter().any(|(_, error)| matches!(error, Error::Conflict(_) | Error::Refused { .. })) {
            // The plan may have changed: the next batch starts from what is registered then.
            *self.open.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
        self.record(told, (written, held), sent, &failed).await;
        Ok(failures(failed))
    }

    /// The buckets in hand, or those that are registered now; `None` when none are.
    async fn open(&self) -> Result<Option<Arc<Open<'a>>>, Error> {
        let held = self.open.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if held.is_some() {
            return Ok(held);
        }
        let Some((_, plan)) = self.control.load(&self.subject).await? else {
            return Ok(None);
        };
        let source = S3Bucket::open(&self.function.sites, plan.end(Side::Source))?;
        let target = S3Bucket::open(&self.function.sites, plan.end(Side::Target))?;
        let watched = Watched { control: self.control, subject: self.subject.clone(), plan: plan.clone() };
        let lease = Cache::new(watched, SystemClock, plan.timing.lease_ms);
        let open = Arc::new(Open { plan, source, target, lease });
        *self.open.lock().unwrap_or_else(PoisonError::into_inner) = Some(open.clone());
        Ok(Some(open))
    }

    fn stop(&self, open: &Open<'_>, invocation: Invocation<'_>) -> Millis {
        invocation.deadline.saturating_sub(open.plan.timing.call_ms.max(BEFORE_END))
    }

    async fn follow(&self, open: &Open<'_>, invocation: Invocation<'_>, notices: &[Notice]) -> Followed {
        let ledger = self.control.ledger(self.bucket);
        let pair = Pair { source: &open.source, target: &open.target, ledger: &ledger, clock: &SystemClock };
        let call = invocation.deadline - self.stop(open, invocation);
        let (holder, deadline) = (invocation.id, invocation.deadline);
        let desk = Desk { holds: self.control, subject: &self.subject, side: self.side };
        let follower = Follower { holder, deadline, call, in_flight: IN_FLIGHT };
        follow(desk, &open.lease, pair, follower, notices).await
    }

    /// Tells of canaries and late writes; what could not be told comes again.
    async fn tell(&self, followed: &mut Followed) {
        for (nonce, messages) in std::mem::take(&mut followed.canaries) {
            let told = self.control.canary_seen(&self.subject, self.side, &nonce, SystemClock.now()).await;
            not_told(followed, told, messages);
        }
        for late in std::mem::take(&mut followed.late) {
            let told = match straggler(&late, SystemClock.now()) {
                Ok(straggler) => self.control.enter(&self.subject, &straggler).await,
                Err(error) => Err(error),
            };
            if told.is_ok() {
                let labels = [("Migration", self.function.config.migration.clone())];
                Line::new(labels).value(STRAGGLERS, 1).emit(SystemClock.now());
            }
            not_told(followed, told, late.messages);
        }
    }

    async fn record(&self, told: usize, (written, held): (u64, u64), sent: Millis, failed: &[(String, Error)]) {
        for (message, error) in failed {
            tracing::warn!(subject = %self.subject, message, error_type = error.name(), %error, "not copied yet");
        }
        let now = SystemClock.now();
        let lag_ms = if sent > 0 { now.saturating_sub(sent) } else { 0 };
        let config = &self.function.config;
        Line::new([("Migration", config.migration.clone()), ("Function", config.function.clone())])
            .value(RECORDS, told as u64)
            .value(WRITTEN, written)
            .value(RETRIED, failed.len() as u64)
            .value(HELD, held)
            .value(LAG_MS, lag_ms)
            .emit(now);
        let report = Report {
            at: now,
            record_at: sent,
            position: None,
            records: told as u64,
            failed: failed.len() as u64,
            denied: denied(failed.iter().map(|(_, error)| error)),
        };
        // Figures for the operator: late news costs nothing else.
        if let Err(error) = self.control.report(&self.subject, self.side, &report).await {
            tracing::warn!(subject = %self.subject, error_type = error.name(), %error, "report not stored");
        }
    }

    fn batch_failed(&self, error: &Error) {
        tracing::error!(subject = %self.subject, side = ?self.side, error_type = error.name(), %error, "batch failed");
    }
}

fn not_told(followed: &mut Followed, told: Result<(), Error>, messages: Vec<String>) {
    if let Err(error) = told {
        let text = error.to_string();
        followed.failed.extend(messages.into_iter().map(|message| (message, Error::Unavailable(text.clone()))));
    }
}
