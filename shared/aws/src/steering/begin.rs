//! `begin`: open a run of one direction, or find the one to go on with.

use livemove_core::certificate::Direction;
use livemove_core::error::Error;
use livemove_core::mark::Run;
use livemove_core::phase::Step;
use livemove_core::ports::Clock;
use livemove_core::register::Register;
use livemove_core::steer;
use livemove_core::steer::gate::{gate, refusal};
use serde::Serialize;
use serde_json::json;

use super::subjects::of_subject;
use super::{Steering, World};

/// Which run to work on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Begun {
    /// The run.
    pub run: Run,
    /// Everything is there already.
    pub there: bool,
    /// No key has moved in the run of the other direction: it is to be given up, and that is all.
    pub retreat: bool,
}

impl<R: Register, W: World, C: Clock> Steering<'_, R, W, C> {
    /// Turns round what must be turned; the gates of all are looked at before any is.
    ///
    /// # Errors
    /// `PointOfNoReturn`, `FinishFirst`, `RunsDiffer`, `TooEarly`, `NotRegistered`; those of the register.
    pub(super) async fn begin(&self, direction: Direction) -> Result<Begun, Error> {
        let subjects = self.subjects().await?;
        let states: Vec<_> = subjects.iter().map(|subject| (subject.id.clone(), subject.state.clone())).collect();
        let begin = steer::begin(&states, direction)?;
        let (mut turns, mut closed) = (Vec::new(), Vec::new());
        for subject in begin.turn.iter().filter_map(|index| subjects.get(*index)) {
            let facts = self.facts(subject).await?;
            match gate(subject.plan.kind, &subject.state, Step::Turn, &facts) {
                Ok(next) => turns.push((subject, next)),
                Err(reasons) => closed.extend(of_subject(&subject.id, reasons)),
            }
        }
        if !closed.is_empty() {
            return Err(refusal(&closed));
        }
        for (subject, next) in turns {
            let evidence = json!({"action": "begin", "direction": direction});
            self.register.transition(&subject.id, &subject.state, &next, &evidence).await?;
        }
        Ok(Begun { run: begin.run, there: begin.there, retreat: begin.retreat })
    }
}
