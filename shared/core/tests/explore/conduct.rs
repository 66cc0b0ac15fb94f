//! The conductor: takes a table through the phases as the controller does, with a replicator on each side.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use livemove_core::checkpoint::{Job, Task};
use livemove_core::drive::Limits;
use livemove_core::error::Error;
use livemove_core::finish::finish;
use livemove_core::holding::{Desk, replicate_holding};
use livemove_core::job;
use livemove_core::lease::{Cache, Phases};
use livemove_core::mark::{Marks, Position, Run};
use livemove_core::phase::{Kind, Phase, Side, State, Step, Stream};
use livemove_core::ports::Clock;
use livemove_core::scan::{Half, both};
use livemove_core::segment::Segment;
use shuttle::future::{self, yield_now};
use shuttle::rand::{Rng, thread_rng};

use crate::bug::Bug;
use crate::held::{Held, SUBJECT, redrive_all};
use crate::site::pause;
use crate::world::{KEYS, LEASE, World, key};

/// How far a schedule goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Goal {
    /// To `copy`, back to `old`, to `copy` again and there.
    Copy,
    /// To `new`.
    New,
    /// To `new` and back: run 2.
    Back,
    /// To `new`, back and forth again: run 3.
    Forth,
    /// To `final`, swept.
    Final,
}

/// One side's replicator: where it stands, shared with whoever waits for it.
#[derive(Clone)]
pub(crate) struct Replicator {
    world: World,
    side: Side,
    position: Arc<AtomicUsize>,
    muted: Arc<AtomicBool>,
    pub(crate) quit: Arc<AtomicBool>,
}

/// The phase as the replicator sees it.
struct ReplicatorPhases(World);

impl Phases for ReplicatorPhases {
    async fn state(&self) -> Result<State, Error> {
        let state = self.0.state().await?;
        let stuck = self.0.bug() == Bug::ReplicatorNotSealed && state.run == Run(1) && state.phase >= Phase::Handoff;
        Ok(if stuck { State { phase: Phase::Handoff, sealed: false, ..state } } else { state })
    }
}

impl Replicator {
    pub(crate) fn new(world: &World, side: Side) -> Replicator {
        Replicator { world: world.clone(), side, position: Arc::default(), muted: Arc::default(), quit: Arc::default() }
    }

    /// Delivers the stream as an event source mapping does: in order, at least once. Now and then an invocation
    /// that was given up is still at work (records come again, out of order), or the position is lost (all
    /// records from an earlier one on come again).
    pub(crate) async fn run(self) {
        let cache = Cache::new(ReplicatorPhases(self.world.clone()), self.world.clone(), LEASE);
        // Since when this stream has been replicated for the same run: what an invocation given up may write.
        let (mut meant, mut since) = (None, 0);
        while !self.quit.load(Ordering::SeqCst) {
            let position = self.position.load(Ordering::SeqCst);
            let most = thread_rng().gen_range(1..=3);
            pause().await;
            let before = self.meaning(&cache).await;
            let fresh = if self.muted.load(Ordering::SeqCst) { 0 } else { self.deliver(&cache, position, most).await };
            if fresh == 0 {
                yield_now().await;
                continue;
            }
            let after = self.meaning(&cache).await;
            if before != meant || after != meant {
                (meant, since) = (after, position + fresh);
            }
            if since < position && thread_rng().gen_bool(0.1) {
                self.deliver(&cache, thread_rng().gen_range(since..position), 2).await;
            }
            let next =
                if thread_rng().gen_bool(0.02) { thread_rng().gen_range(0..=position) } else { position + fresh };
            self.position.store(next, Ordering::SeqCst);
        }
    }

    /// What the stream is for, as far as the replicator knows.
    async fn meaning(&self, cache: &Cache<ReplicatorPhases, World>) -> Option<Stream> {
        cache.view().await.ok().map(|view| view.state.stream(self.side))
    }

    /// Delivers up to `most` records from `from` on; answers how many were acknowledged.
    async fn deliver(&self, cache: &Cache<ReplicatorPhases, World>, from: usize, most: usize) -> usize {
        let mut changes = self.world.pair().side(self.side).changes(from, most);
        if self.world.bug() == Bug::ReplicationLoop
            && let Stream::Replicate(run) = self.world.read_state().stream(self.side)
        {
            for new in changes.iter_mut().filter_map(|change| change.new.as_mut()) {
                let marks = Marks { own: run.previous(), moved: Run(0), ..Marks::of(new) };
                *new = marks.onto(std::mem::take(new));
            }
        }
        let held = Held(self.world.clone());
        let (before, replicas) = (held.now(self.side).await, self.replicas());
        let desk = Desk { holds: &held, subject: SUBJECT, side: self.side };
        let result = replicate_holding(desk, cache, self.world.pair(), &changes, 2).await;
        // Nobody else writes replicas of this stream meanwhile.
        let (after, written) = (held.now(self.side).await, self.replicas());
        for (key, hold) in before {
            let stayed = after.get(&key).is_some_and(|now| now.first == hold.first && now.since == hold.since);
            assert!(!stayed || replicas.get(&key) == written.get(&key), "a record overtook those that are held");
        }
        match result {
            Ok(outcome) if outcome.failed.is_empty() => changes.len(),
            Ok(_) | Err(_) => 0,
        }
    }

    /// What this stream's replicator wrote last, by key.
    fn replicas(&self) -> BTreeMap<String, Position> {
        self.world.pair().side(self.side.other()).replicas()
    }

    /// Waits until everything in the stream has been delivered.
    pub(crate) async fn drain(&self) {
        while self.position.load(Ordering::SeqCst) < self.world.pair().side(self.side).records() {
            yield_now().await;
        }
    }

    fn skip_to_the_end(&self) {
        self.position.store(self.world.pair().side(self.side).records(), Ordering::SeqCst);
    }
}

/// Takes the table to `goal`.
pub(crate) async fn conduct(world: World, replicators: [Replicator; 2], goal: Goal) {
    match goal {
        Goal::Copy => {
            step(&world, Step::Advance(Phase::Copy)).await;
            work(&world, Job::Copy).await;
            step(&world, Step::Retreat(Phase::Old)).await;
            step(&world, Step::Advance(Phase::Copy)).await;
            world.restart_job();
            backfill(&world, &replicators).await;
            if world.bug() != Bug::ScanBeforeStream {
                work(&world, Job::Repair).await;
            }
        }
        Goal::New => one_run(&world, &replicators).await,
        Goal::Back | Goal::Forth => {
            one_run(&world, &replicators).await;
            for _ in 0..if goal == Goal::Back { 1 } else { 2 } {
                step(&world, Step::Turn).await;
                one_run(&world, &replicators).await;
            }
        }
        Goal::Final => {
            one_run(&world, &replicators).await;
            if world.bug() != Bug::SkipNew {
                step(&world, Step::Advance(Phase::Final)).await;
            }
            while sweep(&world).await > 0 {}
        }
    }
}

/// Everything that is there into the gaining table.
async fn backfill(world: &World, replicators: &[Replicator; 2]) {
    match world.bug() {
        Bug::ScanBeforeStream => {
            replicators.iter().for_each(|replicator| replicator.muted.store(true, Ordering::SeqCst));
            work(world, Job::Copy).await;
            for replicator in replicators {
                replicator.skip_to_the_end();
                replicator.muted.store(false, Ordering::SeqCst);
            }
        }
        Bug::ZombieBackfill => {
            let world = world.clone();
            future::spawn_local(async move { work(&world, Job::Copy).await });
        }
        _ => {
            work(world, Job::Copy).await;
        }
    }
}

/// From `old` to `new` of the run at hand.
async fn one_run(world: &World, replicators: &[Replicator; 2]) {
    let bug = world.bug();
    step(world, Step::Advance(Phase::Copy)).await;
    backfill(world, replicators).await;
    if thread_rng().gen_bool(0.3) {
        work(world, Job::Repair).await;
    }
    if bug != Bug::SkipGuarded && (bug == Bug::RetreatForgetsStamps || thread_rng().gen_bool(0.2)) {
        think_better(world).await;
    }
    if bug == Bug::SkipGuarded {
        world.set_state(State { phase: Phase::Guarded, ..world.read_state() });
    } else {
        step(world, Step::Advance(Phase::Guarded)).await;
    }
    step(world, Step::Advance(Phase::Handoff)).await;
    if bug == Bug::TtlDropsMark {
        drop_marks(world).await;
    }
    step(world, Step::Seal).await;
    match bug {
        Bug::SkipFinish => {}
        Bug::FinishHalf => finish_half(world).await,
        _ => {
            work(world, Job::Finish).await;
        }
    }
    if bug == Bug::None {
        let differing = certified(world).await;
        let (source, target) = (world.pair().source.items(), world.pair().target.items());
        assert_eq!(differing, 0, "the certificate finds differences: {source:?} {target:?}");
    }
    match bug {
        Bug::SweepEarly => {
            sweep_now(world).await;
            for _ in 0..thread_rng().gen_range(0..100) {
                yield_now().await;
            }
        }
        Bug::SkipNew => {
            world.set_state(State { phase: Phase::Final, sealed: false, ..world.read_state() });
            return;
        }
        _ => {}
    }
    step(world, Step::Advance(Phase::New)).await;
}

/// To `guarded`, and back to `copy`.
async fn think_better(world: &World) {
    step(world, Step::Advance(Phase::Guarded)).await;
    for _ in 0..thread_rng().gen_range(0..60) {
        yield_now().await;
    }
    step(world, Step::Retreat(Phase::Copy)).await;
}

/// Writes the next state and waits until nobody acts on the former one.
async fn step(world: &World, step: Step) {
    yield_now().await;
    if thread_rng().gen_bool(0.5) {
        redrive_all(world).await;
    }
    let mut next = world.read_state().after(Kind::Table, step, world.now()).unwrap();
    next.marked &= world.bug() != Bug::RetreatForgetsStamps;
    world.set_state(next);
    world.wait_for_leases().await;
}

/// Runs a job by as many workers as it takes; workers fail and are killed.
async fn work(world: &World, job: Job) -> livemove_core::checkpoint::Counts {
    let task = Task { subject: "table#t".into(), run: world.read_state().run, job, segment: Segment::WHOLE };
    // A zombie is a worker whom nothing stops.
    let patience = if world.bug() == Bug::ZombieBackfill && job == Job::Copy { u64::MAX / 2 } else { 10 * LEASE };
    for _ in 0..1000 {
        let limits = Limits { deadline: world.now() + patience, call: 1, page_items: 2, in_flight: 2 };
        match job::run(world.pair(), world, world, world, &task, limits).await {
            Ok(progress) if progress.done => return progress.counts,
            Ok(_) => {}
            Err(Error::Refused { name: "WrongPhase", .. }) if world.bug() != Bug::None => return Default::default(),
            Err(error @ Error::Invariant(_)) => panic!("{error}"),
            Err(_) if patience > 10 * LEASE => return Default::default(),
            // The next worker waits until this one cannot be writing any more.
            Err(_) => {
                world.tick(10 * LEASE + 1);
            }
        }
        yield_now().await;
    }
    panic!("{job:?} does not come to an end");
}

async fn certified(world: &World) -> u64 {
    work(world, Job::Certify).await.differing
}

async fn sweep(world: &World) -> u64 {
    world.restart_job();
    work(world, Job::Sweep).await.written
}

/// A sweep that does not care for the phase.
async fn sweep_now(world: &World) {
    let home = world.pair().gaining(world.read_state().run);
    let items = home.items();
    while livemove_core::sweep::sweep(home, items.clone()).await.is_err() {}
}

/// The finisher without its second half.
async fn finish_half(world: &World) {
    let (pair, run) = (world.pair(), world.read_state().run);
    loop {
        let Ok((page, _)) = both(pair, run, Half::Losing, Segment::WHOLE, None, 100).await else {
            continue;
        };
        if finish(pair, run, page).await.is_ok() {
            return;
        }
    }
}

/// TTL at work on the losing table although it should be off.
async fn drop_marks(world: &World) {
    let losing = world.pair().losing(world.read_state().run);
    for _ in 0..thread_rng().gen_range(0..30) {
        yield_now().await;
    }
    for name in KEYS {
        let marked = losing.items().iter().any(|item| Marks::of(item).moved > Run(0) && losing_key(item) == name);
        if marked && thread_rng().gen_bool(0.5) {
            losing.delete_raw(&key(name));
        }
    }
}

fn losing_key(item: &livemove_core::item::Item) -> &str {
    match item.0.get("pk") {
        Some(serde_dynamo::AttributeValue::S(name)) => name,
        _ => "",
    }
}
