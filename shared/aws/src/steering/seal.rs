//! `seal`: stop the run's replicators for good, so that the frozen source can be compared.

use livemove_core::checkpoint::Job;
use livemove_core::error::Error;
use livemove_core::mark::Run;
use livemove_core::phase::{Kind, Phase, Step};
use livemove_core::ports::Clock;
use livemove_core::register::Register;
use livemove_core::steer::gate::{gate, refusal};
use serde_json::json;

use super::subjects::{Standing, of_subject, standing};
use super::{Steering, World, to_json};

impl<R: Register, W: World, C: Clock> Steering<'_, R, W, C> {
    /// Seals every subject that is not sealed yet.
    ///
    /// # Errors
    /// As those of `advance`.
    pub(super) async fn seal(&self, run: Run, only: Option<Kind>) -> Result<Standing, Error> {
        let mut subjects = self.subjects_of(run, only).await?;
        let (mut moves, mut closed) = (Vec::new(), Vec::new());
        for (index, subject) in subjects.iter().enumerate() {
            let past = subject.state.run > run || subject.state.phase >= Phase::New;
            if past || subject.state.sealed {
                continue;
            }
            let facts = self.facts(subject).await?;
            match gate(subject.plan.kind, &subject.state, Step::Seal, &facts) {
                Ok(next) => moves.push((index, next, facts)),
                Err(reasons) => closed.extend(of_subject(&subject.id, reasons)),
            }
        }
        if !closed.is_empty() {
            return Err(refusal(&closed));
        }
        for (index, next, facts) in moves {
            let Some(subject) = subjects.get_mut(index) else {
                continue;
            };
            // A bucket may have been sealed before and given free again: what was found then holds no longer.
            for job in [Job::Finish, Job::Certify] {
                self.register.forget(&subject.id, run, job).await?;
            }
            let evidence = json!({"action": "seal", "facts": to_json(&facts)?});
            self.register.transition(&subject.id, &subject.state, &next, &evidence).await?;
            tracing::info!(subject = subject.id, run = run.0, "sealed");
            subject.state = next;
        }
        Ok(standing(&subjects, run, self.clock.now()))
    }
}
