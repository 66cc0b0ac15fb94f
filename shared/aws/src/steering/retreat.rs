//! `retreat`: one phase back, where no key has moved yet.

use livemove_core::error::Error;
use livemove_core::mark::Run;
use livemove_core::phase::{Phase, Step};
use livemove_core::ports::Clock;
use livemove_core::register::Register;
use livemove_core::steer::gate::{gate, refusal};
use serde_json::json;

use super::subjects::{Standing, of_subject, standing};
use super::{Steering, World};

impl<R: Register, W: World, C: Clock> Steering<'_, R, W, C> {
    /// Takes every subject that is further back to the phase `to`. As [`Steering::advance`], the other way.
    ///
    /// # Errors
    /// As [`Steering::advance`]; `GateClosed` once keys have moved.
    pub(super) async fn retreat(&self, run: Run, to: Phase) -> Result<Standing, Error> {
        let mut subjects = self.subjects_of(run, None).await?;
        let (mut moves, mut closed) = (Vec::new(), Vec::new());
        for (index, subject) in subjects.iter().enumerate() {
            if subject.state.run == run && subject.state.phase <= to {
                continue;
            }
            let facts = self.facts(subject).await?;
            match gate(subject.plan.kind, &subject.state, Step::Retreat(to), &facts) {
                Ok(next) => moves.push((index, next)),
                Err(reasons) => closed.extend(of_subject(&subject.id, reasons)),
            }
        }
        if !closed.is_empty() {
            return Err(refusal(&closed));
        }
        for (index, next) in moves {
            if let Some(subject) = subjects.get_mut(index) {
                self.register.transition(&subject.id, &subject.state, &next, &json!({"action": "retreat"})).await?;
                tracing::info!(subject = subject.id, phase = %next.phase, run = next.run.0, "retreated");
                subject.state = next;
            }
        }
        let mut answer = standing(&subjects, run, self.clock.now());
        for subject in &subjects {
            answer.warnings.extend(self.settle_ttl(subject).await?);
        }
        Ok(answer)
    }
}
