//! Two buckets, a ledger, a clock that runs only when somebody sleeps, and a state that the test sets.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use livemove_core::checkpoint::{Checkpoint, Checkpoints, Counts, Job, Task};
use livemove_core::drive::{Limits, Progress};
use livemove_core::error::Error;
use livemove_core::hold::{Hold, Holds};
use livemove_core::holding::Desk;
use livemove_core::lease::{Cache, Phases};
use livemove_core::mark::Run;
use livemove_core::object::follow::{Followed, Follower, Notice, follow};
use livemove_core::object::ledger::Sequencer;
use livemove_core::object::sync::{Cause, Outcome, Turn, sync};
use livemove_core::object::{Pair, job};
use livemove_core::phase::{Phase, Side, State};
use livemove_core::ports::{Clock, Millis};
use livemove_core::segment::Segment;
use livemove_core::testing::block_on;
use livemove_core::testing::bucket::{MemoryBucket, Tagging, Yielding};
use livemove_core::testing::ledger::MemoryLedger;
use livemove_core::testing::memory::Hook;
use livemove_core::testing::register::MemoryRegister;

#[derive(Clone, Debug, Default)]
pub(crate) struct Now(Arc<AtomicU64>);

impl Clock for Now {
    fn now(&self) -> Millis {
        self.0.load(Ordering::SeqCst)
    }

    async fn sleep(&self, pause: Millis) {
        self.0.fetch_add(pause, Ordering::SeqCst);
        Yielding.pause().await;
    }
}

pub(crate) struct World {
    pub(crate) source: MemoryBucket<Yielding>,
    pub(crate) target: MemoryBucket<Yielding>,
    pub(crate) ledger: MemoryLedger<Yielding>,
    pub(crate) clock: Now,
    pub(crate) register: MemoryRegister<String>,
    state: Mutex<State>,
    checkpoints: Mutex<BTreeMap<String, Checkpoint<String>>>,
    attempts: AtomicU64,
}

pub(crate) const SUBJECT: &str = "bucket#b";

pub(crate) type WorldPair<'a> = Pair<'a, MemoryBucket<Yielding>, MemoryLedger<Yielding>, Now>;

impl World {
    pub(crate) fn new(tagging: Tagging) -> World {
        let world = World {
            source: MemoryBucket::with_hook(tagging, Yielding),
            target: MemoryBucket::with_hook(tagging, Yielding),
            ledger: MemoryLedger::with_hook(Yielding),
            clock: Now::default(),
            register: MemoryRegister::default(),
            state: Mutex::new(State::first(0)),
            checkpoints: Mutex::default(),
            attempts: AtomicU64::default(),
        };
        world.phase(1, Phase::Copy);
        world
    }

    pub(crate) fn pair(&self) -> WorldPair<'_> {
        Pair { source: &self.source, target: &self.target, ledger: &self.ledger, clock: &self.clock }
    }

    pub(crate) fn phase(&self, run: u32, phase: Phase) {
        let mut state = self.state.lock().unwrap();
        *state = State { run: Run(run), phase, sealed: false, ..state.clone() };
    }

    pub(crate) fn seal(&self) {
        self.state.lock().unwrap().sealed = true;
    }

    pub(crate) fn holder(&self) -> String {
        format!("attempt {}", self.attempts.fetch_add(1, Ordering::SeqCst))
    }

    pub(crate) async fn sync(&self, run: u32, key: &str, cause: Cause<'_>) -> Result<Outcome, Error> {
        let dead_by = self.clock.now() + 60_000;
        let holder = self.holder();
        let turn = Turn { run: Run(run), holder: &holder, act_until: dead_by, dead_by };
        sync(self.pair(), turn, key, cause).await
    }

    pub(crate) fn desk(&self, side: Side) -> Desk<'_, MemoryRegister<String>> {
        Desk { holds: &self.register, subject: SUBJECT, side }
    }

    pub(crate) fn held(&self, side: Side) -> Vec<Hold> {
        block_on(self.register.holds(SUBJECT, side, None, 9)).unwrap()
    }

    pub(crate) async fn follow(&self, side: Side, events: &[(&str, Option<Sequencer>)]) -> Followed {
        self.deliver(side, events, 1).await
    }

    /// Messages that come for the `tries`th time.
    pub(crate) async fn deliver(&self, side: Side, events: &[(&str, Option<Sequencer>)], tries: u32) -> Followed {
        let notices: Vec<Notice> = events
            .iter()
            .enumerate()
            .map(|(i, (key, sequencer))| Notice {
                message: format!("m{i}"),
                key: (*key).to_owned(),
                sequencer: sequencer.clone(),
                tries,
            })
            .collect();
        let cache = Cache::new(self, self.clock.clone(), 5_000);
        let holder = self.holder();
        let follower = Follower { holder: &holder, deadline: self.clock.now() + 60_000, call: 3_000, in_flight: 3 };
        follow(self.desk(side), &cache, self.pair(), follower, &notices).await
    }

    /// Delivers every event that the bucket of `side` has emitted so far.
    pub(crate) async fn drain(&self, side: Side) -> Followed {
        let bucket = if side == Side::Source { &self.source } else { &self.target };
        let events = bucket.events();
        let events: Vec<_> = events.iter().map(|event| (event.key.as_str(), Some(event.sequencer.clone()))).collect();
        self.follow(side, &events).await
    }

    /// Runs a job on all its segments to the end.
    pub(crate) fn job(&self, run: u32, job: Job) -> Counts {
        let mut counts = Counts::default();
        for index in 0..3 {
            let task = Task { subject: SUBJECT.to_owned(), run: Run(run), job, segment: Segment { index, total: 3 } };
            self.checkpoints.lock().unwrap().remove(&name(&task));
            let mut progress = Progress { done: false, counts: Counts::default() };
            while !progress.done {
                progress = block_on(self.work(&task)).unwrap();
            }
            counts.add(&progress.counts);
        }
        counts
    }

    pub(crate) async fn work(&self, task: &Task) -> Result<Progress, Error> {
        let holder = self.holder();
        let limits = Limits { deadline: self.clock.now() + 60_000, call: 3_000, page_items: 2, in_flight: 2 };
        job::run(self.pair(), &self.register, &self, self, task, &holder, limits).await
    }

    pub(crate) fn assert_equal(&self) {
        let plain = |bucket: &MemoryBucket<Yielding>| -> Vec<_> {
            let objects = bucket.objects().into_iter();
            objects.map(|(key, object)| (key, object.content, object.description, object.tags)).collect()
        };
        assert_eq!(plain(&self.source), plain(&self.target));
    }
}

fn name(task: &Task) -> String {
    format!("{} {} {:?} {}", task.subject, task.run, task.job, task.segment.index)
}

impl Phases for &World {
    async fn state(&self) -> Result<State, Error> {
        Ok(self.state.lock().unwrap().clone())
    }
}

impl Checkpoints<String> for World {
    async fn load(&self, task: &Task) -> Result<Checkpoint<String>, Error> {
        Ok(self.checkpoints.lock().unwrap().get(&name(task)).cloned().unwrap_or_default())
    }

    async fn save(&self, task: &Task, next: &Checkpoint<String>) -> Result<(), Error> {
        let mut all = self.checkpoints.lock().unwrap();
        let stored = all.get(&name(task)).map_or(0, |stored| stored.version);
        if stored + 1 != next.version {
            return Err(Error::Conflict("checkpoint".to_owned()));
        }
        all.insert(name(task), next.clone());
        Ok(())
    }
}
