//! The world under the explorer: two in-memory tables whose every call is a scheduling point, a clock that
//! moves only by hand, faults, and the bug switched in.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use livemove_core::checkpoint::{Checkpoint, Checkpoints, Task};
use livemove_core::error::Error;
use livemove_core::item::{Item, Key, KeySchema};
use livemove_core::lease::{Cache, Phases};
use livemove_core::phase::State;
use livemove_core::ports::Clock;
use livemove_core::route::Pair;
use serde_dynamo::AttributeValue;
use shuttle::future::yield_now;
use shuttle::rand::{Rng, thread_rng};

use livemove_core::testing::register::MemoryRegister;

use crate::bug::Bug;
use crate::site::Site;

/// How long a view may be used, in ticks of the world's clock.
pub(crate) const LEASE: u64 = 100;
/// The keys: two that are there at the beginning, one that is not.
pub(crate) const KEYS: [&str; 3] = ["a", "b", "c"];
/// One more for each client, that only this client writes: what it repeats here nobody can have written over.
pub(crate) const OWN: [&str; 2] = ["p", "q"];
/// Two more, that only transactions touch, always both and with the same value: one register in two items.
pub(crate) const PAIR: [&str; 2] = ["x", "y"];

/// Everything one schedule shares.
#[derive(Clone)]
pub(crate) struct World(Arc<Inner>);

struct Inner {
    bug: Bug,
    now: AtomicU64,
    state: Mutex<State>,
    /// The version of the state that nobody acts on the one before of.
    settled: AtomicU64,
    source: Site,
    target: Site,
    checkpoints: Mutex<BTreeMap<String, Checkpoint<Key>>>,
    holds: MemoryRegister<Key>,
}

impl World {
    pub(crate) fn new(bug: Bug, faults: bool) -> World {
        let source = Site::new(bug, faults);
        // In one account tokens of transactions are remembered together, so a forgotten one is a mismatch there.
        let in_one_account = bug != Bug::TokenForgotten && thread_rng().gen_bool(0.5);
        let target = if in_one_account { source.beside() } else { source.elsewhere() };
        World(Arc::new(Inner {
            bug,
            now: AtomicU64::new(1),
            state: Mutex::new(State::first(1)),
            settled: AtomicU64::new(0),
            source,
            target,
            checkpoints: Mutex::default(),
            holds: MemoryRegister::default(),
        }))
    }

    pub(crate) fn bug(&self) -> Bug {
        self.0.bug
    }

    pub(crate) fn pair(&self) -> Pair<'_, Site> {
        Pair { source: &self.0.source, target: &self.0.target }
    }

    pub(crate) fn cache(&self) -> Cache<World, World> {
        Cache::new(self.clone(), self.clone(), LEASE)
    }

    pub(crate) fn tick(&self, by: u64) -> u64 {
        self.0.now.fetch_add(by, Ordering::SeqCst) + by
    }

    pub(crate) fn read_state(&self) -> State {
        self.0.state.lock().unwrap().clone()
    }

    pub(crate) fn set_state(&self, state: State) {
        *self.0.state.lock().unwrap() = state;
    }

    /// What the controller does after a phase change: one lease, then the longest call.
    pub(crate) async fn wait_for_leases(&self) {
        let version = self.read_state().version;
        if self.bug() == Bug::NoLeaseWait {
            self.0.settled.store(version, Ordering::SeqCst);
            return;
        }
        // For a while, some act on the former phase and some on the new one.
        let overlap = [10, 50, 250][thread_rng().gen_range(0..3)];
        for _ in 0..thread_rng().gen_range(0..overlap) {
            yield_now().await;
        }
        self.tick(LEASE);
        let before: Vec<BTreeSet<u64>> = self.sites().iter().map(|site| site.calls()).collect();
        while self.sites().iter().zip(&before).any(|(site, before)| !site.calls().is_disjoint(before)) {
            yield_now().await;
        }
        self.0.settled.store(version, Ordering::SeqCst);
    }

    /// Whether nobody acts on the state before this one any more, as clocks tell a process.
    pub(crate) fn is_settled(&self, state: &State) -> bool {
        state.version <= self.0.settled.load(Ordering::SeqCst)
    }

    pub(crate) fn has_faults(&self) -> bool {
        self.0.source.faults
    }

    fn sites(&self) -> [&Site; 2] {
        [&self.0.source, &self.0.target]
    }

    /// Where holds are kept.
    pub(crate) fn holds(&self) -> &MemoryRegister<Key> {
        &self.0.holds
    }

    pub(crate) fn restart_job(&self) {
        self.0.checkpoints.lock().unwrap().clear();
    }
}

impl Phases for World {
    async fn state(&self) -> Result<State, Error> {
        yield_now().await;
        let state = self.read_state();
        yield_now().await;
        Ok(state)
    }
}

impl Clock for World {
    fn now(&self) -> u64 {
        self.0.now.load(Ordering::SeqCst)
    }

    async fn sleep(&self, _: u64) {
        yield_now().await;
    }
}

impl Checkpoints<Key> for World {
    async fn load(&self, task: &Task) -> Result<Checkpoint<Key>, Error> {
        yield_now().await;
        Ok(self.0.checkpoints.lock().unwrap().get(&format!("{task:?}")).cloned().unwrap_or_default())
    }

    async fn save(&self, task: &Task, next: &Checkpoint<Key>) -> Result<(), Error> {
        yield_now().await;
        let mut all = self.0.checkpoints.lock().unwrap();
        let stored = all.get(&format!("{task:?}")).map_or(0, |checkpoint| checkpoint.version);
        if stored + 1 != next.version {
            return Err(Error::Conflict("checkpoint".into()));
        }
        all.insert(format!("{task:?}"), next.clone());
        Ok(())
    }
}

pub(crate) fn key(name: &str) -> Key {
    let item = Item(BTreeMap::from([("pk".to_owned(), AttributeValue::S(name.to_owned()))]));
    KeySchema { partition: "pk".into(), sort: None }.key(item).unwrap()
}

pub(crate) fn item(name: &str, value: Option<i64>) -> Item {
    let mut item = key(name).to_item();
    if let Some(value) = value {
        item.0.insert("v".to_owned(), AttributeValue::N(value.to_string()));
    }
    item
}
