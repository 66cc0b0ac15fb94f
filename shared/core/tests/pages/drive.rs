//! A migrating pair that is driven step by step through runs and phases, beside one table that never moves.

use std::sync::atomic::AtomicU64;

use livemove_core::copy::copy_page;
use livemove_core::error::Error;
use livemove_core::finish::finish;
use livemove_core::handoff::handoff;
use livemove_core::item::{Item, Key};
use livemove_core::lease::{Cache, Phases};
use livemove_core::mark::{MOVED, Marks, visible};
use livemove_core::phase::{Kind, Phase, Side, State, Step};
use livemove_core::ports::{Action, Clock, Guard, Millis, Returning, Table, Write};
use livemove_core::replicate::replicate;
use livemove_core::route::Pair;
use livemove_core::scan::{Half, both};
use livemove_core::segment::Segment;
use livemove_core::sweep::sweep;
use livemove_core::testing::block_on;
use livemove_core::testing::memory::Memory;
use livemove_core::write::{Change, WriteRequest, write};
use serde_dynamo::AttributeValue;

use crate::chance::Chance;
use crate::world::{World, n, table};

/// The migrating pair and the table beside it.
pub(crate) struct Drive {
    pub(crate) world: World,
    pub(crate) model: Memory,
    /// The state before, while somebody may still act on it.
    before: Option<State>,
    positions: [usize; 2],
    seen: [usize; 2],
    copied: bool,
}

struct Still(State);

impl Phases for Still {
    async fn state(&self) -> Result<State, Error> {
        Ok(self.0.clone())
    }
}

struct Stopped(AtomicU64);

impl Clock for Stopped {
    fn now(&self) -> Millis {
        self.0.load(std::sync::atomic::Ordering::SeqCst)
    }

    async fn sleep(&self, _: Millis) {}
}

impl Drive {
    pub(crate) fn new(page_items: usize) -> Drive {
        let world = World::with_pages(livemove_core::mark::Run(1), Phase::Old, page_items);
        Drive { world, model: table(3, usize::MAX), before: None, positions: [0, 0], seen: [0, 0], copied: false }
    }

    pub(crate) fn state(&self) -> State {
        self.world.state.lock().unwrap().clone()
    }

    /// The state that somebody may act on: the present one, or the one before while its lease lasts.
    pub(crate) fn view(&self, chance: &mut Chance) -> State {
        match &self.before {
            Some(before) if chance.once_in(2) => before.clone(),
            Some(_) | None => self.state(),
        }
    }

    /// Takes the next step on the way there and back and there again, to the end; what a step needs is done
    /// before it.
    pub(crate) fn step(&mut self, chance: &mut Chance) {
        let state = self.state();
        let run = state.run;
        // Nobody acts on the state before the last one any more.
        self.before = None;
        let step = match state.phase {
            Phase::Old => Step::Advance(Phase::Copy),
            Phase::Copy if run.0 == 1 && chance.once_in(6) => Step::Retreat(Phase::Old),
            Phase::Copy => {
                self.copy();
                Step::Advance(Phase::Guarded)
            }
            Phase::Guarded if chance.once_in(5) => Step::Retreat(Phase::Copy),
            Phase::Guarded => Step::Advance(Phase::Handoff),
            Phase::Handoff if !state.sealed => Step::Seal,
            Phase::Handoff => {
                self.finish();
                Step::Advance(Phase::New)
            }
            Phase::New if run.0 < 3 => Step::Turn,
            Phase::New => Step::Advance(Phase::Final),
            Phase::Final => return,
        };
        let next = state.after(Kind::Table, step, 1).unwrap();
        *self.world.state.lock().unwrap() = next;
        self.before = Some(state);
        self.copied = false;
    }

    /// Everything that is there into the gaining table.
    pub(crate) fn copy(&mut self) {
        let state = self.state();
        if state.phase == Phase::Copy && !self.copied {
            block_on(copy_page(
                self.world.pair(),
                &livemove_core::testing::Timeless,
                state.run,
                Segment::WHOLE,
                None,
                10_000,
                1,
            ))
            .unwrap();
            self.copied = true;
        }
    }

    fn finish(&mut self) {
        let run = self.state().run;
        for half in [Half::Losing, Half::Gaining] {
            let (page, _) = block_on(both(self.world.pair(), run, half, Segment::WHOLE, None, 10_000)).unwrap();
            block_on(finish(self.world.pair(), run, page)).unwrap();
        }
    }

    /// Some items of the table that won are swept.
    pub(crate) fn sweep(&mut self, chance: &mut Chance) {
        let state = self.state();
        if state.phase == Phase::Final && self.before.take().is_none() {
            let home = self.world.pair().gaining(state.run);
            let some: Vec<Item> = home.items().into_iter().filter(|_| chance.once_in(3)).collect();
            block_on(sweep(home, some)).unwrap();
        }
    }

    /// The keys whose values have changed on either table since the last call.
    pub(crate) fn arrived(&mut self) -> Vec<Key> {
        let mut keys = Vec::new();
        for (table, seen) in [&self.world.source, &self.world.target].into_iter().zip(&mut self.seen) {
            let form = |item: &Option<Item>| visible(item.clone()).map(|item| item.canonical());
            while let Some(change) = table.record(*seen) {
                *seen += 1;
                if form(&change.old) != form(&change.new) {
                    keys.push(change.key);
                }
            }
        }
        keys
    }

    /// Delivers up to `most` records of a side's stream.
    pub(crate) fn replicate(&mut self, side: Side, most: usize) {
        let position = &mut self.positions[usize::from(side == Side::Target)];
        let table = self.world.pair().side(side);
        let changes: Vec<_> = (*position..).map_while(|index| table.record(index)).take(most).collect();
        let state = self.world.state.lock().unwrap().clone();
        let cache = Cache::new(Still(state), Stopped(AtomicU64::new(1)), 1_000);
        let outcome = block_on(replicate(&cache, self.world.pair(), side, &changes, 1)).unwrap();
        assert!(outcome.failed.is_empty());
        *position += changes.len();
    }

    /// Hands a key over, or does the first half of it.
    pub(crate) fn hand_over(&mut self, key: &Key, whole: bool) {
        let state = self.state();
        if state.phase != Phase::Handoff {
            return;
        }
        if whole {
            return block_on(handoff(self.world.pair(), state.run, key)).unwrap();
        }
        let losing = self.world.pair().losing(state.run);
        let marks = Marks { moved: state.run, tombstone: true, ..Marks::default() };
        let set = [(MOVED, n(i64::from(state.run.0)))].into();
        let write = match losing.peek(key) {
            None => Write::new(key.clone(), Action::Put(marks.onto(key.to_item())), Guard::Absent),
            Some(_) => Write::new(
                key.clone(),
                Action::Update { expression: None, set, remove: vec![] },
                Guard::PresentNotMoved(state.run),
            ),
        };
        block_on(losing.write(&write)).unwrap();
    }

    /// The same write on the pair and on the table beside it, with the same answer.
    pub(crate) fn write(&mut self, key: Key, change: Change, values: &[(&str, AttributeValue)], chance: &mut Chance) {
        let request = WriteRequest {
            key,
            change,
            condition: None,
            names: Default::default(),
            values: values.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
            returning: Returning::Nothing,
            operation: None,
        };
        let view = self.view(chance);
        let attempt = |state: &State| block_on(write(self.world.pair(), state, &request));
        let answer = match attempt(&view) {
            Err(Error::StalePhase) => attempt(&self.state()),
            answer => answer,
        };
        let model = Pair { source: &self.model, target: &self.model };
        let expected = block_on(write(model, &State::first(1), &request));
        assert_eq!(format!("{answer:?}"), format!("{expected:?}"));
    }
}
