//! The subjects of the migration with their states.

use livemove_core::error::Error;
use livemove_core::mark::Run;
use livemove_core::phase::{Kind, Phase, State};
use livemove_core::plan::{Plan, SubjectPlan};
use livemove_core::ports::{Clock, Millis};
use livemove_core::register::Register;
use livemove_core::steer::gate::Closed;
use livemove_core::steer::{phase_for, wait_left};
use serde::Serialize;

use super::{Steering, World, seconds};

/// One table or bucket of the migration.
#[derive(Clone, Debug)]
pub(super) struct Subject {
    pub(super) id: String,
    pub(super) plan: SubjectPlan,
    pub(super) state: State,
}

/// Where the migration stands after a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Standing {
    /// The furthest phase of any subject; a bucket that is frozen counts as in handoff.
    pub phase: Phase,
    /// How long to wait until nobody acts on the state before any more.
    pub wait_seconds: u64,
    /// What could not be done, though the step was.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

impl<R: Register, W: World, C: Clock> Steering<'_, R, W, C> {
    /// The plan that was registered.
    pub(super) async fn plan(&self) -> Result<Plan, Error> {
        self.register.plan(&self.site.migration).await?.ok_or_else(|| not_registered("the migration"))
    }

    /// All subjects, buckets first.
    pub(super) async fn subjects(&self) -> Result<Vec<Subject>, Error> {
        let mut subjects = Vec::new();
        for plan in self.plan().await?.subjects() {
            let id = plan.subject();
            let (state, plan) = self.register.load(&id).await?.ok_or_else(|| not_registered(&id))?;
            subjects.push(Subject { id, plan, state });
        }
        Ok(subjects)
    }

    /// The subjects, or those of one kind only; none of all may be in an earlier run than this one.
    pub(super) async fn subjects_of(&self, run: Run, only: Option<Kind>) -> Result<Vec<Subject>, Error> {
        let mut subjects = self.subjects().await?;
        match subjects.iter().find(|subject| subject.state.run < run) {
            None => {
                subjects.retain(|subject| only.is_none_or(|kind| subject.plan.kind == kind));
                Ok(subjects)
            }
            Some(subject) => Err(Error::refused(
                "WrongRun",
                format!("run is {run}, but {} is in run {}", subject.id, subject.state.run),
                "use the run that begin has answered",
            )),
        }
    }
}

impl Subject {
    /// The phase that a step of the migration means here, unless this subject is there already or past it.
    pub(super) fn to_do(&self, run: Run, step: Phase) -> Option<Phase> {
        phase_for(self.plan.kind, step).filter(|phase| self.state.run == run && self.state.phase < *phase)
    }

    /// How long the state's change is to be waited for.
    pub(super) fn wait_ms(&self, now: Millis) -> Millis {
        wait_left(&self.state, &self.plan.timing, now)
    }

    fn phase(&self) -> Phase {
        match (self.plan.kind, self.state.phase) {
            (Kind::Bucket, Phase::Guarded) => Phase::Handoff,
            (Kind::Bucket | Kind::Table, phase) => phase,
        }
    }
}

/// Where all of them stand.
pub(super) fn standing(subjects: &[Subject], run: Run, now: Millis) -> Standing {
    let in_run = || subjects.iter().filter(|subject| subject.state.run == run);
    // A later run is past every phase of this one.
    let phase = in_run().map(Subject::phase).max().unwrap_or(Phase::New);
    let wait = in_run().map(|subject| subject.wait_ms(now)).max().unwrap_or_default();
    Standing { phase, wait_seconds: seconds(wait), warnings: Vec::new() }
}

/// Reasons of one subject, told apart from those of others.
pub(super) fn of_subject(id: &str, reasons: Vec<Closed>) -> impl Iterator<Item = Closed> {
    reasons.into_iter().map(move |closed| Closed { reason: format!("{id}: {}", closed.reason), ..closed })
}

fn not_registered(what: &str) -> Error {
    Error::refused(
        "NotRegistered",
        format!("{what} has not been registered"),
        "run preflight, or the migrate machine, with its plan",
    )
}
