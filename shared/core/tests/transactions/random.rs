//! A pair of tables that goes through the phases, step by step, with its replicators and jobs.

use livemove_core::copy::copy_page;
use livemove_core::finish::finish;
use livemove_core::lease::{Cache, Phases};
use livemove_core::mark::Run;
use livemove_core::phase::{Kind, Phase, Side, State, Step};
use livemove_core::ports::{Clock, Millis};
use livemove_core::replicate::replicate;
use livemove_core::scan::{Half, both};
use livemove_core::segment::Segment;
use livemove_core::testing::block_on;

use super::generate::Lag;
use super::world::World;

pub(crate) struct Moving {
    pub(crate) world: World,
    state: State,
    /// The run that ends in `final`.
    last: Run,
    /// The state before, while somebody may still act on it.
    before: Option<State>,
    delivered: [usize; 2],
}

struct Still(State);

impl Phases for Still {
    async fn state(&self) -> Result<State, livemove_core::error::Error> {
        Ok(self.0.clone())
    }
}

struct Midnight;

impl Clock for Midnight {
    fn now(&self) -> Millis {
        0
    }

    async fn sleep(&self, _: Millis) {}
}

impl Moving {
    pub(crate) fn new(world: World, last: Run) -> Moving {
        Moving { world, state: State::first(1), last, before: None, delivered: [0, 0] }
    }

    /// What a process believes in.
    pub(crate) fn state(&self, lag: Lag) -> State {
        self.before.clone().filter(|_| lag == Lag::Behind).unwrap_or_else(|| self.state.clone())
    }

    /// One step on: the work of the phase, when nobody acts on the phase before any more, and the next phase.
    pub(crate) fn advance(&mut self) {
        self.before = None;
        let step = match (self.state.phase, self.state.run, self.state.sealed) {
            (Phase::Old, ..) => Step::Advance(Phase::Copy),
            (Phase::Copy, ..) => {
                self.copy();
                Step::Advance(Phase::Guarded)
            }
            (Phase::Guarded, ..) => Step::Advance(Phase::Handoff),
            (Phase::Handoff, _, false) => Step::Seal,
            (Phase::Handoff, _, true) => {
                self.finish();
                Step::Advance(Phase::New)
            }
            (Phase::New, run, _) if run < self.last => Step::Turn,
            (Phase::New, ..) => Step::Advance(Phase::Final),
            (Phase::Final, ..) => return,
        };
        let next = self.state.after(Kind::Table, step, 1).unwrap();
        self.before = Some(std::mem::replace(&mut self.state, next));
    }

    /// Replicates up to `most` records of `side`, in order.
    pub(crate) fn deliver(&mut self, side: Side, most: usize) {
        let table = self.world.pair().side(side);
        let position = &mut self.delivered[side as usize];
        let changes: Vec<_> = (*position..).map_while(|index| table.record(index)).take(most).collect();
        let cache = Cache::new(Still(self.state.clone()), Midnight, 1_000);
        let outcome = block_on(replicate(&cache, self.world.pair(), side, &changes, 4)).unwrap();
        assert!(outcome.failed.is_empty(), "{:?}", outcome.failed);
        *position += changes.len();
    }

    fn copy(&self) {
        let copied = block_on(copy_page(
            self.world.pair(),
            &livemove_core::testing::Timeless,
            self.state.run,
            Segment::WHOLE,
            None,
            1_000,
            4,
        ));
        assert!(copied.unwrap().1.is_none(), "one page");
    }

    fn finish(&self) {
        let (pair, run) = (self.world.pair(), self.state.run);
        for half in [Half::Losing, Half::Gaining] {
            let (page, next) = block_on(both(pair, run, half, Segment::WHOLE, None, 1_000)).unwrap();
            assert!(next.is_none(), "one page");
            block_on(finish(pair, run, page)).unwrap();
        }
    }
}
