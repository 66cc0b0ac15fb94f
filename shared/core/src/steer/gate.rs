//! Gates: whether a step may be taken now. All reasons are found at once, each with its remedy.

use serde::Serialize;

use super::{RunEnd, is_armed, wait_left};
use crate::certificate::Certificate;
use crate::error::Error;
use crate::phase::{Kind, Phase, State, Step};
use crate::plan::{Entry, Timing};
use crate::ports::Millis;
use crate::register::{Canary, JobSummary};
use crate::size::{ITEM_MAX, MARKS_MAX};

/// Why a step may not be taken now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Closed {
    /// What is missing.
    pub reason: String,
    /// What to do about it.
    pub remedy: String,
    /// Time alone opens the gate: look again after so many milliseconds.
    pub wait_ms: Option<Millis>,
}

/// Whether items of a table expire by themselves.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Ttl {
    /// They do not.
    #[default]
    Disabled,
    /// It is being switched on or off, which takes AWS up to an hour.
    Changing,
    /// They do, by this attribute.
    Enabled(String),
}

/// What a gate must know beside the state.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Facts {
    /// The time now.
    pub now: Millis,
    /// The waits.
    pub timing: Timing,
    /// In which order copy and handoff come.
    pub entry: Entry,
    /// The latest canary of the stream of the run's source.
    pub source_canary: Option<Canary>,
    /// The latest canary of the stream of the run's target.
    pub target_canary: Option<Canary>,
    /// The run's copy job.
    pub copy: JobSummary,
    /// The run's verify job.
    pub verify: JobSummary,
    /// The run's repair job.
    pub repair: JobSummary,
    /// The run's finish job.
    pub finish: JobSummary,
    /// Of the run's source and target, tables only.
    pub ttl: [Ttl; 2],
    /// The run's certificate.
    pub certificate: Option<Certificate>,
    /// What keeps a follower from being complete: held keys, and gaps that may still close.
    pub behind: Vec<Closed>,
}

/// The state after `step`, if it may be taken now.
///
/// An advance to copy heals a broken state: copy and verify begin anew, and nothing passes without them.
///
/// # Errors
/// Every reason why not.
pub fn gate(kind: Kind, state: &State, step: Step, facts: &Facts) -> Result<State, Vec<Closed>> {
    let next = match state.after(kind, step, facts.now) {
        Ok(next) => next,
        Err(Error::Refused { reason, remedy, .. }) => {
            return Err(vec![Closed { reason, remedy, wait_ms: None }]);
        }
        Err(other) => {
            return Err(vec![Closed { reason: other.to_string(), remedy: "report it".to_owned(), wait_ms: None }]);
        }
    };
    let mut gate = Gate { state, facts, closed: Vec::new() };
    gate.whole(step);
    gate.complete(step);
    match step {
        Step::Advance(Phase::Copy) => gate.copy(),
        Step::Advance(Phase::Guarded) => gate.guarded(),
        Step::Advance(Phase::Handoff) => gate.handoff(),
        Step::Advance(Phase::New) => gate.certified(),
        Step::Seal => gate.seal(),
        Step::Advance(Phase::Final) | Step::Turn => gate.waited(),
        Step::Advance(Phase::Old) | Step::Retreat(_) => {}
    }
    if !gate.closed.is_empty() {
        return Err(gate.closed);
    }
    let healed = matches!(step, Step::Advance(Phase::Copy));
    Ok(State { broken: next.broken.filter(|_| !healed), ..next })
}

/// Whether work of the state's phase may start: only when nobody acts on the state before it any more.
///
/// # Errors
/// How long to wait.
pub fn may_work(state: &State, timing: &Timing, now: Millis) -> Result<(), Closed> {
    match wait_left(state, timing, now) {
        0 => Ok(()),
        wait => Err(Closed {
            reason: format!("others may still act on the state before {} of run {}", state.phase, state.run),
            remedy: format!("try again in {wait} ms"),
            wait_ms: Some(wait),
        }),
    }
}

/// The refusal that says all reasons: `TooEarly` when time alone opens every gate, else `GateClosed`.
pub fn refusal(closed: &[Closed]) -> Error {
    let early = closed.iter().all(|closed| closed.wait_ms.is_some());
    let join = |texts: Vec<&str>| texts.join("; ");
    Error::refused(
        if early { "TooEarly" } else { "GateClosed" },
        join(closed.iter().map(|closed| closed.reason.as_str()).collect()),
        join(closed.iter().map(|closed| closed.remedy.as_str()).collect()),
    )
}

struct Gate<'a> {
    state: &'a State,
    facts: &'a Facts,
    closed: Vec<Closed>,
}

impl Gate<'_> {
    /// Nothing is built on a broken state but what copies or compares everything again: a new copy, or the
    /// seal with its finish and certificate.
    fn whole(&mut self, step: Step) {
        let builds = matches!(step, Step::Advance(Phase::Guarded | Phase::Handoff | Phase::Final));
        if let (Some(why), true) = (&self.state.broken, builds) {
            let remedy = match self.state.phase {
                Phase::New | Phase::Final => "roll back, then migrate again: that copies and compares everything again",
                Phase::Old | Phase::Copy | Phase::Guarded | Phase::Handoff => {
                    "give the run up by starting the machine of the other direction, then start this one again: that copies and compares everything again"
                }
            };
            self.close(format!("broken: {why}"), remedy);
        }
    }

    /// Keys begin to move, and the side left behind begins to be the way back, only with nothing missing there.
    fn complete(&mut self, step: Step) {
        if matches!(step, Step::Advance(Phase::Guarded | Phase::Handoff | Phase::New) | Step::Seal) {
            self.closed.extend(self.facts.behind.iter().cloned());
        }
    }

    fn copy(&mut self) {
        if !is_armed(self.state, RunEnd::Source, self.facts.source_canary.as_ref()) {
            self.close(
                "no canary of this run has come through the stream of the run's source",
                "arm it, and look at the replicator's log and failure destination if no canary arrives",
            );
        }
        // A worker from before a retreat might still save what it found then.
        self.idle("copy", &self.facts.copy);
        self.idle("verify", &self.facts.verify);
        self.idle("repair", &self.facts.repair);
    }

    fn guarded(&mut self) {
        self.waited();
        if self.facts.entry == Entry::NewFirst {
            return;
        }
        self.done("copy", &self.facts.copy);
        self.done("verify", &self.facts.verify);
        self.idle("repair", &self.facts.repair);
        let differing = self.facts.verify.counts.differing;
        if differing > 0 {
            self.close(format!("{differing} differ between the two sides"), "repair, then verify again from the start");
        }
        let large = self.facts.verify.counts.large;
        if large > 0 {
            let most = ITEM_MAX - MARKS_MAX;
            self.close(
                format!("{large} items have more than {most} bytes: with livemove's marks they could not be stored"),
                format!("make them {most} bytes at most, or delete them (the verifier's log names them by the hash of the key), then verify again from the start"),
            );
        }
    }

    fn handoff(&mut self) {
        self.waited();
        if !is_armed(self.state, RunEnd::Target, self.facts.target_canary.as_ref()) {
            self.close(
                "no canary of this run has come through the stream of the run's target: nobody would follow its writes, and there would be no way back",
                "arm it, and look at the other replicator's log and failure destination if no canary arrives",
            );
        }
        if self.facts.entry == Entry::CopyFirst {
            self.done("copy", &self.facts.copy);
        }
        for (end, ttl) in ["source", "target"].into_iter().zip(&self.facts.ttl) {
            match ttl {
                Ttl::Disabled => {}
                Ttl::Changing => self.early(format!("time to live of the run's {end} is being switched"), 60_000),
                Ttl::Enabled(attribute) => self.close(
                    format!("time to live of the run's {end} is on, by attribute {attribute}: items would vanish while keys move"),
                    format!("advance to guarded again, or disable time to live of the run's {end}"),
                ),
            }
        }
    }

    fn seal(&mut self) {
        self.waited();
        self.done("copy", &self.facts.copy);
    }

    fn certified(&mut self) {
        let proven = self.facts.certificate.as_ref().is_some_and(|certificate| certificate.proves(self.state));
        if !proven {
            self.close(
                "there is no certificate for this run as it was sealed",
                "run finish and certify, then issue the certificate",
            );
        }
        self.idle("finish", &self.facts.finish);
    }

    fn waited(&mut self) {
        self.closed.extend(may_work(self.state, &self.facts.timing, self.facts.now).err());
    }

    fn done(&mut self, name: &str, job: &JobSummary) {
        if !job.is_done() {
            let reason = format!("{name} has done {} of {} segments", job.done, job.segments);
            self.close(reason, format!("run the {name} job until all segments are done"));
        }
        self.idle(name, job);
    }

    fn idle(&mut self, name: &str, job: &JobSummary) {
        if let wait @ 1.. = job.busy_until.saturating_sub(self.facts.now) {
            self.early(format!("a worker of {name} may still be writing"), wait);
        }
    }

    fn early(&mut self, reason: String, wait_ms: Millis) {
        self.closed.push(Closed { reason, remedy: format!("try again in {wait_ms} ms"), wait_ms: Some(wait_ms) });
    }

    fn close(&mut self, reason: impl Into<String>, remedy: impl Into<String>) {
        self.closed.push(Closed { reason: reason.into(), remedy: remedy.into(), wait_ms: None });
    }
}
