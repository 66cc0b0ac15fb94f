//! The phase of a migrating table or bucket, and the one function that changes it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::mark::Run;
use crate::ports::Millis;

/// Where a run stands. Only neighbours may be active together, so nothing steps over one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Applications use the source alone; nothing is replicated for this run.
    Old,
    /// Applications use the source alone; stream and backfill fill the target.
    Copy,
    /// As copy, and every application write to the source demands that its key has not moved.
    Guarded,
    /// Keys move one by one, on their first touch; the target wins for those that have.
    Handoff,
    /// Applications use the target alone; the source follows it, so that there is a way back.
    New,
    /// The point of no return is behind: no follower, marks are swept away.
    Final,
}

/// What kind of thing moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A DynamoDB table: keys are handed off one by one.
    Table,
    /// An S3 bucket: no condition spans two buckets, so `guarded` is a short freeze and there is no `handoff`.
    Bucket,
}

/// Which of the two places, as the plan names them; a run's own source and target swap with its direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// The plan's source: the old table or bucket.
    Source,
    /// The plan's target: the new table or bucket.
    Target,
}

impl Side {
    /// The other one.
    pub fn other(self) -> Side {
        match self {
            Side::Source => Side::Target,
            Side::Target => Side::Source,
        }
    }
}

/// The record that rules a migrating table or bucket, changed by conditional write only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    /// Counts the changes of this record; the condition of the next one.
    pub version: u64,
    /// The run in progress.
    pub run: Run,
    /// Its phase.
    pub phase: Phase,
    /// The run's replicator has been told to stop for good.
    #[serde(default)]
    pub sealed: bool,
    /// When the run's replicator was last told to stop; kept through `new`, to tell late writes from late
    /// records. 0 = never.
    #[serde(default)]
    pub sealed_at: Millis,
    /// Keys may bear marks on the plan's source even before any moves: `guarded` has been, whatever came after.
    #[serde(default)]
    pub marked: bool,
    /// When this record last changed.
    pub since: Millis,
    /// Why nothing may advance and no way back is claimed, until a re-copy with compare has run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub broken: Option<String>,
}

/// A step that the protocol allows from some states and under some gates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Step {
    /// One phase up.
    Advance(Phase),
    /// One phase back: only where no key has moved yet.
    Retreat(Phase),
    /// Stop the run's replicator for good, so that the frozen source can be compared.
    Seal,
    /// `new` of a run becomes `old` of the next one, in the other direction.
    Turn,
}

impl State {
    /// A table or bucket that nothing has happened to yet.
    pub fn first(now: Millis) -> State {
        State {
            version: 1,
            run: Run(1),
            phase: Phase::Old,
            sealed: false,
            sealed_at: 0,
            marked: false,
            since: now,
            broken: None,
        }
    }

    /// The state after `step`, by the phase table alone; gates are [`crate::steer`]'s business.
    ///
    /// # Errors
    /// `IllegalStep` when the phase table has no such step from here.
    pub fn after(&self, kind: Kind, step: Step, now: Millis) -> Result<State, Error> {
        let illegal = || {
            Err(Error::refused(
                "IllegalStep",
                format!(
                    "{step} is not a step from {} of run {}{}",
                    self.phase,
                    self.run,
                    if self.sealed { ", sealed" } else { "" }
                ),
                "take the phases one by one: old, copy, guarded, handoff (tables), new, final",
            ))
        };
        let last_before_new = match kind {
            Kind::Table => Phase::Handoff,
            Kind::Bucket => Phase::Guarded,
        };
        // Whoever enters or leaves `guarded` may meet stamps of those who are in it.
        let marked = |phase| self.marked || self.phase.max(phase) >= Phase::Guarded;
        let next = |phase| State {
            version: self.version.saturating_add(1),
            phase,
            sealed: self.sealed,
            marked: marked(phase),
            since: now,
            ..self.clone()
        };
        match (step, self.phase, kind) {
            (Step::Advance(Phase::Copy), Phase::Old, _)
            | (Step::Advance(Phase::Guarded), Phase::Copy, _)
            | (Step::Advance(Phase::Handoff), Phase::Guarded, Kind::Table) => match step {
                Step::Advance(to) => Ok(next(to)),
                Step::Retreat(_) | Step::Seal | Step::Turn => illegal(),
            },
            (Step::Advance(Phase::New), from, _) if from == last_before_new && self.sealed => {
                Ok(State { sealed: false, ..next(Phase::New) })
            }
            (Step::Advance(Phase::Final), Phase::New, _) => Ok(next(Phase::Final)),
            (Step::Retreat(Phase::Old), Phase::Copy, _) => Ok(next(Phase::Old)),
            (Step::Retreat(Phase::Copy), Phase::Guarded, _) => Ok(State { sealed: false, ..next(Phase::Copy) }),
            (Step::Seal, from, _) if from == last_before_new && !self.sealed => {
                Ok(State { sealed: true, sealed_at: now, ..next(from) })
            }
            (Step::Turn, Phase::New, _) => Ok(State { run: self.run.next(), ..next(Phase::Old) }),
            (Step::Advance(_) | Step::Retreat(_) | Step::Seal | Step::Turn, _, _) => illegal(),
        }
    }

    /// The side that applications are served from, where keys have not moved one by one.
    pub fn serving(&self) -> Side {
        if self.phase >= Phase::New { target_of(self.run) } else { source_of(self.run) }
    }
}

/// The side that loses its keys in `run`.
pub fn source_of(run: Run) -> Side {
    if run.is_forward() { Side::Source } else { Side::Target }
}

/// The side that gains the keys in `run`.
pub fn target_of(run: Run) -> Side {
    source_of(run).other()
}

/// What a replicator does with the records of one side's stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Nothing: the records of this side do not count now.
    Ignore,
    /// Replicate to the other side, for this run.
    Replicate(Run),
    /// Nobody should write here any more: enter late writes in the straggler ledger.
    Watch(Run),
}

impl State {
    /// What the records of `side`'s stream are for, now.
    ///
    /// `new` of run e and `old` of run e+1 are one phase: whoever follows in the one follows in the other.
    pub fn stream(&self, side: Side) -> Stream {
        let (run, losing) = (self.run, side == source_of(self.run));
        match (self.phase, losing) {
            (Phase::Final, _) => Stream::Ignore,
            (Phase::Old, true) if run == Run(1) => Stream::Ignore,
            (Phase::Old | Phase::Copy | Phase::Guarded | Phase::Handoff, true) if self.sealed => Stream::Watch(run),
            (Phase::Old | Phase::Copy | Phase::Guarded | Phase::Handoff, true) => Stream::Replicate(run),
            (Phase::Old | Phase::Copy, false) if run == Run(1) => Stream::Ignore,
            (Phase::Old | Phase::Copy, false) => Stream::Watch(run.previous()),
            // Armed in `guarded`: a neighbour may be in `handoff` already, and its native records must not be
            // passed over by a replicator that does not know of it yet.
            (Phase::Guarded | Phase::Handoff | Phase::New, false) => Stream::Replicate(run.next()),
            (Phase::New, true) => Stream::Watch(run),
        }
    }

    /// Whether keys may be moving to `side` one by one, so that either side owns some.
    pub fn gains_keys(&self, side: Side) -> bool {
        matches!(self.phase, Phase::Guarded | Phase::Handoff) && side == target_of(self.run)
    }

    /// What the events of `side`'s bucket are for, by a state that was read after they were received.
    ///
    /// As [`State::stream`] but for one thing: a bucket has no native records, so before `new` every change of
    /// the gaining bucket is the run's own work. Carrying that back would make the ledger speak of the next run
    /// while this one is still finishing.
    pub fn events(&self, side: Side) -> Stream {
        match (self.phase, side == target_of(self.run)) {
            (Phase::Guarded, true) if self.run == Run(1) => Stream::Ignore,
            (Phase::Guarded, true) => Stream::Watch(self.run.previous()),
            _ => self.stream(side),
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Phase::Old => "old",
            Phase::Copy => "copy",
            Phase::Guarded => "guarded",
            Phase::Handoff => "handoff",
            Phase::New => "new",
            Phase::Final => "final",
        })
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Advance(phase) => write!(f, "advance to {phase}"),
            Step::Retreat(phase) => write!(f, "retreat to {phase}"),
            Step::Seal => f.write_str("seal"),
            Step::Turn => f.write_str("turn round"),
        }
    }
}
