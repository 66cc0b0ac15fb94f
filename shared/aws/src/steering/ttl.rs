//! Time to live, switched with the phases: off at both ends while keys move, on where the data is served.
//!
//! What was on is written into the history with the step to guarded, before anything is switched off: so it is
//! known after any crash, and after a retreat.

use livemove_core::error::Error;
use livemove_core::phase::{Kind, Phase};
use livemove_core::plan::End;
use livemove_core::ports::Clock;
use livemove_core::register::Register;
use livemove_core::steer::RunEnd;
use livemove_core::steer::gate::Ttl;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::subjects::Subject;
use super::{Steering, World};

/// How far back the history is searched for the step to guarded.
const HISTORY: u32 = 100;

/// By which attributes items expired before the keys moved; kept in the evidence of the step to guarded.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct TtlBefore {
    /// At the run's source.
    pub(super) source: Option<String>,
    /// At the run's target.
    pub(super) target: Option<String>,
}

impl TtlBefore {
    /// What there is to remember of how it stands now.
    pub(super) fn of([source, target]: &[Ttl; 2]) -> TtlBefore {
        let attribute = |ttl: &Ttl| match ttl {
            Ttl::Enabled(attribute) => Some(attribute.clone()),
            Ttl::Disabled | Ttl::Changing => None,
        };
        TtlBefore { source: attribute(source), target: attribute(target) }
    }
}

impl<R: Register, W: World, C: Clock> Steering<'_, R, W, C> {
    /// Makes time to live of a table what its phase wants. Idempotent. Answers what could not be switched: AWS
    /// refuses a second change within an hour, and no step may hang on that; the gates look for themselves.
    pub(super) async fn settle_ttl(&self, subject: &Subject) -> Result<Vec<String>, Error> {
        if subject.plan.kind == Kind::Bucket {
            return Ok(Vec::new());
        }
        let before = self.ttl_before(subject).await?;
        let mut warnings = Vec::new();
        for (run_end, now) in [RunEnd::Source, RunEnd::Target].into_iter().zip(self.ttl_of_ends(subject).await?) {
            let end = subject.plan.end(run_end.side(subject.state.run));
            match (wanted(subject.state.phase, run_end, before.as_ref()), now) {
                (Wanted::Off, Ttl::Enabled(attribute)) => self.switch(end, &attribute, false, &mut warnings).await,
                (Wanted::On(attribute), Ttl::Disabled) => self.switch(end, &attribute, true, &mut warnings).await,
                (Wanted::Off | Wanted::On(_) | Wanted::AsItIs, _) => {}
            }
        }
        Ok(warnings)
    }

    async fn switch(&self, end: &End, attribute: &str, expire: bool, warnings: &mut Vec<String>) {
        if let Err(error) = self.world.switch_ttl(end, attribute, expire).await {
            let word = if expire { "enable" } else { "disable" };
            let warning = format!("{word} time to live by attribute {attribute} of table {}: {error}", end.name);
            tracing::warn!(warning, "time to live is not switched yet");
            warnings.push(warning);
        }
    }

    /// What the last step to guarded of this run found; `None` when there was none.
    async fn ttl_before(&self, subject: &Subject) -> Result<Option<TtlBefore>, Error> {
        let history = self.register.history(&subject.id, HISTORY).await?;
        // The oldest: a second step to guarded after a retreat may find it switched off still.
        let steps = history.into_iter().filter(|t| t.to.run == subject.state.run && t.to.phase == Phase::Guarded);
        let mut found = steps
            .filter_map(|t| t.evidence.get("ttl_before").cloned())
            .filter_map(|ttl: Value| serde_json::from_value(ttl).ok());
        Ok(found.next_back())
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    Off,
    On(String),
    AsItIs,
}

fn wanted(phase: Phase, end: RunEnd, before: Option<&TtlBefore>) -> Wanted {
    let own = before.and_then(|before| match end {
        RunEnd::Source => before.source.clone(),
        RunEnd::Target => before.target.clone(),
    });
    match (phase, end) {
        (Phase::Guarded | Phase::Handoff, _) => Wanted::Off,
        // What expired at the source expires at the target from now on.
        (Phase::New | Phase::Final, RunEnd::Target) => {
            own.or_else(|| before.and_then(|before| before.source.clone())).map_or(Wanted::AsItIs, Wanted::On)
        }
        (Phase::New | Phase::Final, RunEnd::Source) => Wanted::AsItIs,
        // After a retreat.
        (Phase::Old | Phase::Copy, _) => own.map_or(Wanted::AsItIs, Wanted::On),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_expire_where_they_are_served_and_nowhere_while_keys_move() {
        let before = TtlBefore { source: Some("expires".to_owned()), target: None };
        let on = || Wanted::On("expires".to_owned());
        for phase in [Phase::Guarded, Phase::Handoff] {
            assert_eq!(wanted(phase, RunEnd::Source, Some(&before)), Wanted::Off);
            assert_eq!(wanted(phase, RunEnd::Target, None), Wanted::Off);
        }
        for phase in [Phase::New, Phase::Final] {
            assert_eq!(wanted(phase, RunEnd::Target, Some(&before)), on());
            assert_eq!(wanted(phase, RunEnd::Source, Some(&before)), Wanted::AsItIs);
            assert_eq!(wanted(phase, RunEnd::Target, None), Wanted::AsItIs);
        }
        assert_eq!(wanted(Phase::Copy, RunEnd::Source, Some(&before)), on(), "after a retreat");
        assert_eq!(wanted(Phase::Old, RunEnd::Target, Some(&before)), Wanted::AsItIs);
    }
}
