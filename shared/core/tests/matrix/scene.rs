//! What an operation may find in a phase.

use livemove_core::error::Error;
use livemove_core::item::Item;
use livemove_core::mark::{Marks, Run};
use livemove_core::phase::{Phase, Side, State, target_of};
use livemove_core::ports::Table;
use livemove_core::route::Pair;
use livemove_core::testing::memory::Memory;

use crate::journey::{Journey, Point};
use crate::world::{World, table};

/// A column of the table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cell {
    pub(crate) run: Run,
    pub(crate) phase: Phase,
}

/// A pair at some point, and an application with a phase in hand.
pub(crate) struct Scene {
    pub(crate) journey: Journey,
    pub(crate) name: String,
    /// The state in hand: that of the pair, or the one before while its lease lasts.
    view: State,
    /// In `final`, the marks on the table that won, by key.
    marks: Option<Vec<(String, Marks)>>,
}

impl Cell {
    /// All that an operation may find in this phase, with whole pages.
    pub(crate) fn scenes(self) -> Vec<Scene> {
        self.scenes_on(|| World::new(Run(1), Phase::Old))
    }

    /// The same, where the tables' pages end after so many items.
    pub(crate) fn scenes_of_pages(self, page_items: usize) -> Vec<Scene> {
        self.scenes_on(|| World::with_pages(Run(1), Phase::Old, page_items))
    }

    /// The same in one account and Region: there the tables remember the tokens of transactions together.
    pub(crate) fn scenes_in_one_account(self) -> Vec<Scene> {
        self.scenes_on(|| {
            let apart = World::new(Run(1), Phase::Old);
            World { target: apart.target.beside(&apart.source), ..apart }
        })
    }

    fn scenes_on(self, tables: impl Fn() -> World) -> Vec<Scene> {
        // The point of the pair, and whether the application is still in the phase before it.
        let found: &[(Point, Phase)] = match self.phase {
            Phase::Old => &[(Point::Old, Phase::Old), (Point::Copied, Phase::Old)],
            Phase::Copy => &[(Point::Copied, Phase::Copy), (Point::Guarded, Phase::Copy)],
            Phase::Guarded => {
                &[(Point::Guarded, Phase::Guarded), (Point::Begun, Phase::Guarded), (Point::Moving, Phase::Guarded)]
            }
            Phase::Handoff => &[
                (Point::Begun, Phase::Handoff),
                (Point::Moving, Phase::Handoff),
                (Point::Finished, Phase::Handoff),
                (Point::Switched, Phase::Handoff),
            ],
            Phase::New => &[(Point::Switched, Phase::New), (Point::Completed, Phase::New)],
            Phase::Final => &[(Point::Completed, Phase::Final), (Point::Swept, Phase::Final)],
        };
        found.iter().map(|(point, phase)| Scene::at(tables(), self.run, *point, *phase)).collect()
    }
}

impl Scene {
    fn at(world: World, run: Run, point: Point, phase: Phase) -> Scene {
        let mut journey = Journey::new(world);
        let mut view = journey.state();
        journey.travel(run, point, |state| {
            if (state.run, state.phase) == (run, phase) {
                view = state;
            }
        });
        let marks = (view.phase == Phase::Final).then(|| marks(&journey));
        Scene { journey, name: format!("{phase} of run {run}, {point:?}"), view, marks }
    }

    pub(crate) fn pair(&self) -> Pair<'_, Memory> {
        self.journey.world.pair()
    }

    /// Whether scans walk over the target: it serves, or has all keys until the last of them has moved.
    pub(crate) fn is_at_target(&self) -> bool {
        self.journey.state().serving() == Side::Target
    }

    /// The table beside, in the order of the one that scans walk over.
    pub(crate) fn plain_in_home_order(&self) -> Memory {
        let copy = table(if self.is_at_target() { 2 } else { 1 }, usize::MAX);
        self.journey.plain.items().into_iter().for_each(|item| copy.put_raw(item));
        copy
    }

    /// Asks with the phase in hand, and again with a fresh one if that is what is missing.
    pub(crate) fn ask<A>(&self, ask: impl Fn(&State) -> Result<A, Error>) -> Result<A, Error> {
        match ask(&self.view) {
            Err(Error::StalePhase) => ask(&self.journey.state()),
            answer => answer,
        }
    }

    /// How many records both streams have: whether anything was written.
    pub(crate) fn records(&self) -> usize {
        self.pair().source.records_len() + self.pair().target.records_len()
    }

    /// Whether the gaining table follows the losing one, and no key has moved yet.
    pub(crate) fn has_mirror(&self) -> bool {
        let state = self.journey.state();
        match state.phase {
            Phase::Old => state.run > Run(1),
            Phase::Copy | Phase::Guarded => true,
            Phase::Handoff | Phase::New | Phase::Final => false,
        }
    }

    /// Demands that no item has marks in `final` but those that it had when the scene began.
    pub(crate) fn check_marks(&self) {
        if let Some(before) = &self.marks {
            let new: Vec<_> = marks(&self.journey).into_iter().filter(|marks| !before.contains(marks)).collect();
            assert!(new.is_empty(), "{}: new marks: {new:?}", self.name);
        }
    }

    /// Takes the pair on to `new` of its run, where that is yet to come, and delivers all records.
    pub(crate) fn go_on(&mut self) {
        let state = self.journey.state();
        match state.phase {
            Phase::Old | Phase::Copy | Phase::Guarded | Phase::Handoff => self.journey.go_on(),
            Phase::New | Phase::Final => {}
        }
        self.journey.deliver(target_of(state.run));
    }
}

/// The marks on the table that gains the keys, by key.
fn marks(journey: &Journey) -> Vec<(String, Marks)> {
    let home = journey.world.pair().gaining(journey.state().run);
    let of = |item: &Item| (home.schema().key_of(item).unwrap().id(), Marks::of(item));
    home.items().iter().map(of).filter(|(_, marks)| *marks != Marks::default()).collect()
}
