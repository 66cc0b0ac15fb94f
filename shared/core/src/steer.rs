//! Steering: which way a migration goes, and what an operator must know of a state. Which step may be taken
//! when is the business of [`gate`].

mod begin;
pub mod events;
pub mod gate;
pub mod watch;

use serde::{Deserialize, Serialize};

pub use begin::{Begin, Course, begin};

use crate::mark::Run;
use crate::phase::{Kind, Phase, Side, State, source_of, target_of};
use crate::plan::Timing;
use crate::ports::Millis;
use crate::register::Canary;

/// One end of a run; which side that is depends on the run's direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunEnd {
    /// The end that loses its keys.
    Source,
    /// The end that gains them.
    Target,
}

impl RunEnd {
    /// The side that this end is in `run`.
    pub fn side(self, run: Run) -> Side {
        match self {
            RunEnd::Source => source_of(run),
            RunEnd::Target => target_of(run),
        }
    }
}

/// The phase that a step of the whole migration means for one kind of subject; `None` = this step is not its.
///
/// A bucket's `guarded` is a freeze, so it begins only when the tables' handoff does, after the approval.
pub fn phase_for(kind: Kind, step: Phase) -> Option<Phase> {
    match (kind, step) {
        (Kind::Bucket, Phase::Guarded) => None,
        (Kind::Bucket, Phase::Handoff) => Some(Phase::Guarded),
        (Kind::Table | Kind::Bucket, phase) => Some(phase),
    }
}

/// Whether the stream of that end of the run is known to arrive.
///
/// The source's canary must be younger than the state while that is `old`: one from before a retreat proves
/// nothing any more.
pub fn is_armed(state: &State, end: RunEnd, canary: Option<&Canary>) -> bool {
    canary.is_some_and(|canary| canary.seen.is_some() && is_current(state, end, canary))
}

/// Whether a canary counts for the state, once it is seen.
pub fn is_current(state: &State, end: RunEnd, canary: &Canary) -> bool {
    let fresh = match (end, state.phase) {
        (RunEnd::Source, Phase::Old) => canary.sent >= state.since,
        (RunEnd::Source | RunEnd::Target, _) => true,
    };
    fresh && canary.run == state.run
}

/// How long to wait until nobody acts on the state before this one any more; 0 = it is over.
pub fn wait_left(state: &State, timing: &Timing, now: Millis) -> Millis {
    (state.since + timing.wait_ms()).saturating_sub(now)
}

/// What a health check answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// Nothing is broken.
    pub healthy: bool,
    /// Which side applications are served from.
    pub serving: Side,
    /// The phase.
    pub phase: Phase,
}

/// The health of one subject.
pub fn health(state: &State) -> Health {
    Health { healthy: state.broken.is_none(), serving: state.serving(), phase: state.phase }
}

/// The rollback gauge: whether one can go back now, without a pause and without a loss.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gauge {
    /// The rollback machine would go back if it were started now.
    pub can_go_back: bool,
    /// Why, or why not and what to do.
    pub why: String,
}

/// Reads the gauge for the run in progress; `behind` is what keeps the follower from being complete.
pub fn gauge(state: &State, behind: &[gate::Closed]) -> Gauge {
    let followed = matches!((state.phase, state.run), (Phase::New, _) | (Phase::Old, Run(2..)));
    if let (None, true, Some(first)) = (&state.broken, followed, behind.first()) {
        return Gauge { can_go_back: false, why: format!("{}; {}", first.reason, first.remedy) };
    }
    let (can_go_back, why) = match (&state.broken, state.phase, state.run) {
        (_, Phase::Final, _) => (false, "the point of no return is behind".to_owned()),
        (Some(why), _, _) => {
            (false, format!("{why}; the other side is not known to be complete until it is copied and compared again"))
        }
        (None, Phase::Old, Run(1)) => (true, "nothing has moved yet".to_owned()),
        (None, Phase::Old, _) => (true, "the side left last follows every write".to_owned()),
        (None, Phase::Copy | Phase::Guarded, _) => {
            (true, "no key has moved in this run: it can be given up".to_owned())
        }
        (None, Phase::Handoff, _) => (false, "keys are moving: let the run finish, then go back".to_owned()),
        (None, Phase::New, _) => (true, "the side left behind follows every write".to_owned()),
    };
    Gauge { can_go_back, why }
}

#[cfg(test)]
mod tests;
