//! Planning a job: which segments of which tables and buckets are left to do.

use livemove_core::checkpoint::{Job, Task};
use livemove_core::error::Error;
use livemove_core::job::allowed;
use livemove_core::mark::Run;
use livemove_core::phase::{Kind, Phase, State};
use livemove_core::plan::{Entry, SubjectPlan};
use livemove_core::ports::Millis;
use livemove_core::register::{Jobs, Migrations, SegmentStatus, States};
use livemove_core::segment::Segment;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Asks for the segments that are left of a job.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(test, derive(Serialize))]
#[serde(deny_unknown_fields)]
pub struct PlanRequest {
    /// The job to plan.
    #[serde(rename = "for")]
    pub job: Job,
    /// The migration.
    pub migration: String,
    /// The run.
    pub run: Run,
    /// Of tables or buckets only; of all where nothing is said.
    #[serde(default)]
    pub only: Option<Kind>,
    /// Whether the job starts from nothing: what it found before holds no longer.
    #[serde(default)]
    pub restart: bool,
}

/// The work on one segment, as the state machine hands it on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Value")]
pub struct SegmentTask {
    /// The migration.
    pub migration: String,
    /// What to do.
    #[serde(flatten)]
    pub task: Task,
}

impl TryFrom<Value> for SegmentTask {
    type Error = String;

    // What is left beside the migration is the task, which knows all of its fields.
    fn try_from(mut given: Value) -> Result<SegmentTask, String> {
        let migration = given.as_object_mut().and_then(|fields| fields.remove("migration"));
        let Some(Value::String(migration)) = migration else {
            return Err("field `migration` is missing or no text".to_owned());
        };
        let task = serde_json::from_value(given).map_err(|error| error.to_string())?;
        Ok(SegmentTask { migration, task })
    }
}

/// The unfinished segments of a job over all subjects of the migration, buckets first. With `restart` the
/// job's checkpoints are removed before: not atomic, but safe to repeat until it succeeds.
///
/// # Errors
/// `UnknownMigration`; `NotRegistered`; `WrongPhase` when something is left that the phase does not allow, or
/// for another run; `SegmentBusy` when a worker may still be writing what is to be started again; else those
/// of the ports.
pub async fn plan<R>(register: &R, request: &PlanRequest, now: Millis) -> Result<Vec<SegmentTask>, Error>
where
    R: Migrations + States + Jobs,
{
    let plan = register.plan(&request.migration).await?.ok_or_else(|| {
        Error::refused(
            "UnknownMigration",
            format!("no plan of `{}` is registered", request.migration),
            "run preflight first",
        )
    })?;
    let mut left = Vec::new();
    for subject in plan.subjects().into_iter().filter(|subject| request.only.is_none_or(|kind| subject.kind == kind)) {
        left.extend(plan_subject(register, request, &subject.subject(), now).await?);
    }
    Ok(left)
}

async fn plan_subject<R>(
    register: &R,
    request: &PlanRequest,
    subject: &str,
    now: Millis,
) -> Result<Vec<SegmentTask>, Error>
where
    R: States + Jobs,
{
    let (state, plan) = register.load(subject).await?.ok_or_else(|| {
        Error::refused("NotRegistered", format!("{subject} has no state"), "run preflight with a plan that names it")
    })?;
    if waits_for_handoff(request.job, &state, &plan) || has_passed(request, &state) {
        return Ok(Vec::new());
    }
    let mut known = register.segments(subject, request.run, request.job).await?;
    if request.restart {
        check(request, subject, &state)?;
        not_busy(subject, &known, now)?;
        register.forget(subject, request.run, request.job).await?;
        known.clear();
    }
    let left = unfinished(&known, plan.segments);
    if !left.is_empty() || state.run != request.run {
        check(request, subject, &state)?;
    }
    let task = |segment| Task { subject: subject.to_owned(), run: request.run, job: request.job, segment };
    Ok(left
        .into_iter()
        .map(|segment| SegmentTask { migration: request.migration.clone(), task: task(segment) })
        .collect())
}

/// A new-first table is copied in handoff; what it does not have before then is no difference.
fn waits_for_handoff(job: Job, state: &State, plan: &SubjectPlan) -> bool {
    plan.entry == Entry::NewFirst
        && matches!(job, Job::Copy | Job::Verify | Job::Repair)
        && matches!(state.phase, Phase::Copy | Phase::Guarded)
}

/// A subject that went on before the machine was stopped needs the job no more.
fn has_passed(request: &PlanRequest, state: &State) -> bool {
    let past = match request.job {
        Job::Copy => state.phase >= Phase::New || state.sealed,
        Job::Verify | Job::Repair => state.phase >= Phase::Handoff || state.sealed,
        Job::Finish | Job::Certify => state.phase >= Phase::New,
        Job::Sweep => false,
    };
    state.run == request.run && past
}

/// The segments that are not done. A scan that has begun keeps its total: its positions mean nothing under
/// another one.
fn unfinished(known: &[SegmentStatus], planned: u32) -> Vec<Segment> {
    let total = known.iter().map(|status| status.segment.total).max().unwrap_or(planned);
    let done = |index| known.iter().any(|status| status.segment == Segment { index, total } && status.done);
    (0..total).filter(|index| !done(*index)).map(|index| Segment { index, total }).collect()
}

fn check(request: &PlanRequest, subject: &str, state: &State) -> Result<(), Error> {
    let task = Task { subject: subject.to_owned(), run: request.run, job: request.job, segment: Segment::WHOLE };
    allowed(&task, state)
}

fn not_busy(subject: &str, known: &[SegmentStatus], now: Millis) -> Result<(), Error> {
    match known.iter().map(|status| status.busy_until).max() {
        Some(until) if until > now => Err(Error::refused(
            "SegmentBusy",
            format!("a worker may be writing segments of {subject} until {until}"),
            "try again after that moment",
        )),
        Some(_) | None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
