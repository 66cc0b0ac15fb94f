//! Two tables in memory, a clock that moves by hand, and checkpoints.

use std::sync::atomic::{AtomicU64, Ordering};

use livemove_core::checkpoint::{Job, Task};
use livemove_core::error::Error;
use livemove_core::item::{Item, Key, KeySchema};
use livemove_core::lease::{Cache, Phases};
use livemove_core::mark::{Marks, Position, Run};
use livemove_core::phase::{Phase, Side, State};
use livemove_core::ports::{Clock, Millis};
use livemove_core::replicate::{Outcome, replicate};
use livemove_core::route::Pair;
use livemove_core::segment::Segment;
use livemove_core::testing::block_on;
use livemove_core::testing::memory::Memory;
use serde_dynamo::AttributeValue;

pub(crate) const RUN: Run = Run(1);

pub(crate) struct World {
    pub(crate) source: Memory,
    pub(crate) target: Memory,
}

/// A clock that moves only when somebody sleeps or sets it; `at_sleep` happens during the first sleep.
pub(crate) struct Hands<F = fn()> {
    pub(crate) now: AtomicU64,
    pub(crate) at_sleep: F,
}

impl Hands {
    pub(crate) fn at(now: Millis) -> Hands {
        Hands { now: AtomicU64::new(now), at_sleep: || {} }
    }
}

impl<F: Fn() + Sync> Clock for Hands<F> {
    fn now(&self) -> Millis {
        self.now.load(Ordering::SeqCst)
    }

    async fn sleep(&self, pause: Millis) {
        (self.at_sleep)();
        self.now.fetch_add(pause, Ordering::SeqCst);
    }
}

/// A phase that stands still.
pub(crate) struct Still(pub State);

impl Phases for Still {
    async fn state(&self) -> Result<State, Error> {
        Ok(self.0.clone())
    }
}

impl World {
    pub(crate) fn new() -> World {
        World { source: Memory::new(schema()), target: Memory::new(schema()).with_salt(1) }
    }

    pub(crate) fn pair(&self) -> Pair<'_, Memory> {
        Pair { source: &self.source, target: &self.target }
    }

    /// Replicates the records of `side` from the `from`th on, in this order, in one batch.
    pub(crate) fn replicate(&self, state: &State, side: Side, records: &[usize]) -> Outcome {
        let table = self.pair().side(side);
        let changes: Vec<_> = records.iter().map(|index| table.record(*index).expect("a record")).collect();
        let cache = Cache::new(Still(state.clone()), Hands::at(1), 1_000);
        block_on(replicate(&cache, self.pair(), side, &changes, 4)).expect("replicated")
    }
}

pub(crate) fn schema() -> KeySchema {
    KeySchema { partition: "pk".to_owned(), sort: None }
}

pub(crate) fn state(phase: Phase) -> State {
    State { phase, ..State::first(1) }
}

pub(crate) fn key(name: &str) -> Key {
    schema().key_of(&item(name, "")).expect("a key")
}

pub(crate) fn item(name: &str, value: &str) -> Item {
    let text = |text: &str| AttributeValue::S(text.to_owned());
    Item([("pk".to_owned(), text(name)), ("v".to_owned(), text(value))].into())
}

pub(crate) fn marked(item: Item, marks: Marks) -> Item {
    marks.onto(item)
}

/// A tombstone or stub: nothing but key and marks.
pub(crate) fn gone(name: &str, marks: Marks) -> Item {
    Marks { tombstone: true, ..marks }.onto(key(name).to_item())
}

pub(crate) fn own(run: Run) -> Marks {
    Marks { own: run, ..Marks::default() }
}

pub(crate) fn moved(run: Run) -> Marks {
    Marks { moved: run, ..Marks::default() }
}

pub(crate) fn at(position: Position) -> Marks {
    Marks { position: Some(position), ..Marks::default() }
}

pub(crate) fn task(job: Job) -> Task {
    Task { subject: "table#orders".to_owned(), run: RUN, job, segment: Segment::WHOLE }
}
