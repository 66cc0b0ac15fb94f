//! `advance`: one phase up, for all subjects together or for those of one kind.

use livemove_core::checkpoint::Job;
use livemove_core::error::Error;
use livemove_core::mark::Run;
use livemove_core::phase::{Kind, Phase, State, Step};
use livemove_core::ports::Clock;
use livemove_core::register::Register;
use livemove_core::steer::RunEnd;
use livemove_core::steer::gate::{Facts, gate, refusal};
use livemove_core::steer::watch::Watch;
use serde_json::json;

use super::subjects::{Standing, Subject, of_subject, standing};
use super::ttl::TtlBefore;
use super::{Steering, World, to_json};

impl<R: Register, W: World, C: Clock> Steering<'_, R, W, C> {
    /// Takes every subject that is not there yet to the phase `to`. All gates are looked at before any subject
    /// is moved; after a crash between two subjects the next call moves the rest.
    ///
    /// # Errors
    /// `GateClosed` with every reason, `TooEarly`, `WrongRun`, `NotRegistered`, `Conflict`; those of the register
    /// and of AWS.
    pub(super) async fn advance(&self, run: Run, to: Phase, only: Option<Kind>) -> Result<Standing, Error> {
        let mut subjects = self.subjects_of(run, only).await?;
        // What an earlier call left undone, for the gates of this step may ask for it.
        for subject in &subjects {
            self.settle_ttl(subject).await?;
        }
        let mut closed = Vec::new();
        let mut moves = Vec::new();
        for (index, subject) in subjects.iter().enumerate() {
            let Some(phase) = subject.to_do(run, to) else { continue };
            let facts = self.facts(subject).await?;
            match gate(subject.plan.kind, &subject.state, Step::Advance(phase), &facts) {
                Ok(next) => moves.push((index, next, facts)),
                Err(reasons) => closed.extend(of_subject(&subject.id, reasons)),
            }
        }
        if !closed.is_empty() {
            return Err(refusal(&closed));
        }
        for (index, next, facts) in moves {
            if let Some(subject) = subjects.get_mut(index) {
                self.step_up(subject, next, &facts).await?;
            }
        }
        let mut answer = standing(&subjects, run, self.clock.now());
        for subject in &subjects {
            answer.warnings.extend(self.settle_ttl(subject).await?);
        }
        Ok(answer)
    }

    async fn step_up(&self, subject: &mut Subject, next: State, facts: &Facts) -> Result<(), Error> {
        let mut evidence = json!({"action": "advance", "facts": to_json(facts)?});
        if next.phase == Phase::Copy {
            // What was copied and compared before a retreat holds no longer.
            for job in [Job::Copy, Job::Verify, Job::Repair] {
                self.register.forget(&subject.id, subject.state.run, job).await?;
            }
            // What comes now is of the stream that is now, and everything before it is copied.
            let losing = RunEnd::Source.side(subject.state.run);
            self.register.keep_watch(&subject.id, losing, &Watch::default()).await?;
        }
        if next.phase == Phase::Guarded {
            evidence["ttl_before"] = to_json(&TtlBefore::of(&facts.ttl))?;
        }
        self.register.transition(&subject.id, &subject.state, &next, &evidence).await?;
        tracing::info!(subject = subject.id, phase = %next.phase, run = next.run.0, "advanced");
        subject.state = next;
        Ok(())
    }
}
