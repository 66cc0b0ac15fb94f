//! The control ports in memory: one lock, so every change is atomic, and rows as the control table has them.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;

use crate::certificate::Certificate;
use crate::checkpoint::{Checkpoint, Checkpoints, Job, Task};
use crate::error::Error;
use crate::hold::{Hold, Holds};
use crate::lease::Phases;
use crate::mark::Run;
use crate::phase::{Side, State};
use crate::plan::{Plan, SubjectPlan};
use crate::ports::Millis;
use crate::register::{
    ApprovalRequest, Canary, Certificates, Jobs, Migrations, PULSE, Report, SegmentStatus, Signals, States, Straggler,
    Stragglers, Transition, Watches,
};
use crate::steer::watch::Watch;

/// A register in memory. `P` is the kind of position of its checkpoints.
#[derive(Debug)]
pub struct MemoryRegister<P>(Mutex<Rows<P>>);

#[derive(Debug)]
struct Rows<P> {
    states: BTreeMap<String, (State, SubjectPlan)>,
    history: BTreeMap<String, Vec<Transition>>,
    plans: BTreeMap<String, Plan>,
    approvals: BTreeMap<String, ApprovalRequest>,
    /// By whether it is a pulse.
    canaries: BTreeMap<(String, Side, bool), Canary>,
    watches: BTreeMap<(String, Side), Watch>,
    reports: BTreeMap<(String, Side), Report>,
    stragglers: BTreeMap<(String, String, String), Straggler>,
    holds: BTreeMap<HoldKey, Hold>,
    certificates: BTreeMap<(String, Run), Certificate>,
    checkpoints: BTreeMap<SegmentKey, (Task, Checkpoint<P>)>,
}

/// Subject, side and name.
type HoldKey = (String, Side, String);

/// Subject, run, job and index.
type SegmentKey = (String, Run, Job, u32);

impl<P> Default for MemoryRegister<P> {
    fn default() -> MemoryRegister<P> {
        MemoryRegister(Mutex::new(Rows {
            states: BTreeMap::new(),
            history: BTreeMap::new(),
            plans: BTreeMap::new(),
            approvals: BTreeMap::new(),
            canaries: BTreeMap::new(),
            watches: BTreeMap::new(),
            reports: BTreeMap::new(),
            stragglers: BTreeMap::new(),
            holds: BTreeMap::new(),
            certificates: BTreeMap::new(),
            checkpoints: BTreeMap::new(),
        }))
    }
}

impl<P> MemoryRegister<P> {
    fn rows(&self) -> MutexGuard<'_, Rows<P>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state of one subject, for leases.
    pub fn phases<'a>(&'a self, subject: &'a str) -> MemoryPhases<'a, P> {
        MemoryPhases { register: self, subject }
    }
}

/// The state of one subject of a [`MemoryRegister`].
#[derive(Debug)]
pub struct MemoryPhases<'a, P> {
    register: &'a MemoryRegister<P>,
    subject: &'a str,
}

impl<P: Send> Phases for MemoryPhases<'_, P> {
    async fn state(&self) -> Result<State, Error> {
        let state = self.register.rows().states.get(self.subject).map(|(state, _)| state.clone());
        state.ok_or_else(|| Error::refused("NotRegistered", self.subject, "run preflight"))
    }
}

impl<P> Rows<P> {
    fn change(
        &mut self,
        subject: &str,
        from: &State,
        to: &State,
        plan: Option<&SubjectPlan>,
        evidence: &Value,
    ) -> Result<(), Error> {
        match self.states.get_mut(subject) {
            Some((state, kept)) if state.version == from.version && to.version == from.version + 1 => {
                *state = to.clone();
                if let Some(plan) = plan {
                    *kept = plan.clone();
                }
            }
            _ => return Err(Error::Conflict(format!("the state of {subject} is another one"))),
        }
        self.line(subject, Some(from), to, evidence);
        Ok(())
    }

    fn line(&mut self, subject: &str, from: Option<&State>, to: &State, evidence: &Value) {
        let line = Transition { at: to.since, from: from.cloned(), to: to.clone(), evidence: evidence.clone() };
        self.history.entry(subject.to_owned()).or_default().push(line);
    }
}

impl<P: Send> States for MemoryRegister<P> {
    async fn load(&self, subject: &str) -> Result<Option<(State, SubjectPlan)>, Error> {
        Ok(self.rows().states.get(subject).cloned())
    }

    async fn create(&self, plan: &SubjectPlan, first: &State, evidence: &Value) -> Result<(), Error> {
        let (subject, mut rows) = (plan.subject(), self.rows());
        if rows.states.contains_key(&subject) {
            return Err(Error::Conflict(format!("{subject} is registered already")));
        }
        rows.states.insert(subject.clone(), (first.clone(), plan.clone()));
        rows.line(&subject, None, first, evidence);
        Ok(())
    }

    async fn transition(&self, subject: &str, from: &State, to: &State, evidence: &Value) -> Result<(), Error> {
        self.rows().change(subject, from, to, None, evidence)
    }

    async fn replan(&self, plan: &SubjectPlan, from: &State, to: &State, evidence: &Value) -> Result<(), Error> {
        self.rows().change(&plan.subject(), from, to, Some(plan), evidence)
    }

    async fn history(&self, subject: &str, limit: u32) -> Result<Vec<Transition>, Error> {
        let rows = self.rows();
        Ok(rows.history.get(subject).into_iter().flatten().rev().take(limit as usize).cloned().collect())
    }
}

impl<P: Send> Migrations for MemoryRegister<P> {
    async fn plan(&self, migration: &str) -> Result<Option<Plan>, Error> {
        Ok(self.rows().plans.get(migration).cloned())
    }

    async fn save_plan(&self, plan: &Plan) -> Result<(), Error> {
        self.rows().plans.insert(plan.migration.clone(), plan.clone());
        Ok(())
    }

    async fn approval(&self, migration: &str) -> Result<Option<ApprovalRequest>, Error> {
        Ok(self.rows().approvals.get(migration).cloned())
    }

    async fn request_approval(&self, migration: &str, request: &ApprovalRequest) -> Result<(), Error> {
        self.rows().approvals.insert(migration.to_owned(), request.clone());
        Ok(())
    }
}

impl<P: Send> Signals for MemoryRegister<P> {
    async fn canary_sent(&self, subject: &str, side: Side, canary: &Canary) -> Result<(), Error> {
        let mut rows = self.rows();
        let stored = rows.canaries.entry(canary_key(subject, side, &canary.nonce)).or_insert_with(|| canary.clone());
        if stored.nonce != canary.nonce {
            *stored = canary.clone();
        }
        Ok(())
    }

    async fn canary_seen(&self, subject: &str, side: Side, nonce: &str, at: Millis) -> Result<(), Error> {
        if let Some(canary) =
            self.rows().canaries.get_mut(&canary_key(subject, side, nonce)).filter(|c| c.nonce == nonce)
        {
            canary.seen.get_or_insert(at);
        }
        Ok(())
    }

    async fn canary(&self, subject: &str, side: Side) -> Result<Option<Canary>, Error> {
        Ok(self.rows().canaries.get(&(subject.to_owned(), side, false)).cloned())
    }

    async fn pulse(&self, subject: &str, side: Side) -> Result<Option<Canary>, Error> {
        Ok(self.rows().canaries.get(&(subject.to_owned(), side, true)).cloned())
    }

    async fn report(&self, subject: &str, side: Side, batch: &Report) -> Result<(), Error> {
        let mut rows = self.rows();
        let stored = rows.reports.entry((subject.to_owned(), side)).or_default();
        let (records, failed) = (stored.records + batch.records, stored.failed + batch.failed);
        *stored = Report { records, failed, ..batch.clone() };
        Ok(())
    }

    async fn reported(&self, subject: &str, side: Side) -> Result<Option<Report>, Error> {
        Ok(self.rows().reports.get(&(subject.to_owned(), side)).cloned())
    }
}

fn canary_key(subject: &str, side: Side, nonce: &str) -> (String, Side, bool) {
    (subject.to_owned(), side, nonce.starts_with(PULSE))
}

impl<P: Send> Watches for MemoryRegister<P> {
    async fn watch(&self, subject: &str, side: Side) -> Result<Option<Watch>, Error> {
        Ok(self.rows().watches.get(&(subject.to_owned(), side)).cloned())
    }

    async fn keep_watch(&self, subject: &str, side: Side, watch: &Watch) -> Result<(), Error> {
        self.rows().watches.insert((subject.to_owned(), side), watch.clone());
        Ok(())
    }
}

impl<P: Send> Stragglers for MemoryRegister<P> {
    async fn enter(&self, subject: &str, straggler: &Straggler) -> Result<(), Error> {
        let key = (subject.to_owned(), format!("{:0>40}", straggler.sequence), straggler.key.id());
        self.rows().stragglers.insert(key, straggler.clone());
        Ok(())
    }

    async fn list(&self, subject: &str, limit: u32) -> Result<Vec<Straggler>, Error> {
        let rows = self.rows();
        let ours = rows.stragglers.iter().filter(|((of, _, _), _)| of == subject);
        Ok(ours.map(|(_, straggler)| straggler.clone()).take(limit as usize).collect())
    }

    async fn count(&self, subject: &str) -> Result<u64, Error> {
        Ok(self.rows().stragglers.keys().filter(|(of, _, _)| of == subject).count() as u64)
    }
}

impl<P: Send> Holds for MemoryRegister<P> {
    async fn holds(&self, subject: &str, side: Side, after: Option<&str>, limit: u32) -> Result<Vec<Hold>, Error> {
        let rows = self.rows();
        let ours = rows.holds.iter().filter(|((of, at, name), _)| {
            of == subject && *at == side && after.is_none_or(|after| name.as_str() > after)
        });
        Ok(ours.map(|(_, hold)| hold.clone()).take(limit as usize).collect())
    }

    async fn hold(&self, subject: &str, hold: &Hold) -> Result<(), Error> {
        if !self.hold_on(subject, hold).await? {
            self.rows().holds.insert(hold_key(subject, hold), Hold { version: 1, ..hold.clone() });
        }
        Ok(())
    }

    async fn hold_on(&self, subject: &str, hold: &Hold) -> Result<bool, Error> {
        let mut rows = self.rows();
        let Some(stored) = rows.holds.get_mut(&hold_key(subject, hold)) else {
            return Ok(false);
        };
        if let Some(next) = stored.after(hold) {
            *stored = next;
        }
        Ok(true)
    }

    async fn release(&self, subject: &str, hold: &Hold) -> Result<bool, Error> {
        let (key, mut rows) = (hold_key(subject, hold), self.rows());
        let is_newer = rows.holds.get(&key).is_some_and(|stored| !stored.is(hold));
        if !is_newer {
            rows.holds.remove(&key);
        }
        Ok(!is_newer)
    }
}

fn hold_key(subject: &str, hold: &Hold) -> HoldKey {
    (subject.to_owned(), hold.side, Hold::name(&hold.key))
}

impl<P: Send> Certificates for MemoryRegister<P> {
    async fn keep(&self, certificate: &Certificate) -> Result<(), Error> {
        self.rows().certificates.insert((certificate.subject.clone(), certificate.run), certificate.clone());
        Ok(())
    }

    async fn certificate(&self, subject: &str, run: Run) -> Result<Option<Certificate>, Error> {
        Ok(self.rows().certificates.get(&(subject.to_owned(), run)).cloned())
    }
}

impl<P: Clone + Send + Sync> Checkpoints<P> for MemoryRegister<P> {
    async fn load(&self, task: &Task) -> Result<Checkpoint<P>, Error> {
        Ok(self.rows().checkpoints.get(&place(task)).map(|(_, checkpoint)| checkpoint.clone()).unwrap_or_default())
    }

    async fn save(&self, task: &Task, next: &Checkpoint<P>) -> Result<(), Error> {
        let mut rows = self.rows();
        let stored = rows.checkpoints.get(&place(task)).map_or(0, |(_, checkpoint)| checkpoint.version);
        if next.version != stored + 1 {
            return Err(Error::Conflict(format!(
                "segment {} of {} was saved by another",
                task.segment.index, task.subject
            )));
        }
        rows.checkpoints.insert(place(task), (task.clone(), next.clone()));
        Ok(())
    }
}

impl<P: Send> Jobs for MemoryRegister<P> {
    async fn segments(&self, subject: &str, run: Run, job: Job) -> Result<Vec<SegmentStatus>, Error> {
        let rows = self.rows();
        let ours =
            rows.checkpoints.values().filter(|(task, _)| task.subject == subject && task.run == run && task.job == job);
        let status = |(task, c): &(Task, Checkpoint<P>)| SegmentStatus {
            segment: task.segment,
            done: c.done,
            busy_until: c.busy_until,
            counts: c.counts.clone(),
            failure: c.failure.clone(),
        };
        Ok(ours.map(status).collect())
    }

    async fn forget(&self, subject: &str, run: Run, job: Job) -> Result<(), Error> {
        self.rows().checkpoints.retain(|_, (task, _)| task.subject != subject || task.run != run || task.job != job);
        Ok(())
    }
}

fn place(task: &Task) -> (String, Run, Job, u32) {
    (task.subject.clone(), task.run, task.job, task.segment.index)
}
