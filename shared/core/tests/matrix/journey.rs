//! A migrating pair that takes phase after phase by the shipped flows, beside one plain table of the same history.

use std::sync::atomic::AtomicU64;

use livemove_core::copy::copy_page;
use livemove_core::error::Error;
use livemove_core::finish::finish;
use livemove_core::handoff::handoff;
use livemove_core::item::Key;
use livemove_core::lease::{Cache, Phases};
use livemove_core::mark::{Marks, Run};
use livemove_core::phase::{Kind, Phase, Side, State, Step, source_of, target_of};
use livemove_core::ports::{Clock, Millis, Returning};
use livemove_core::replicate::replicate;
use livemove_core::route::Pair;
use livemove_core::scan::{Half, both};
use livemove_core::segment::Segment;
use livemove_core::sweep::sweep;
use livemove_core::testing::block_on;
use livemove_core::testing::faults::{Call, Fault, Faulty};
use livemove_core::testing::memory::Memory;
use livemove_core::write::{Change, WriteRequest, write};

use crate::fates::{Deed, PARTITIONS, Time, at_first, deeds, item_of};
use crate::plain;
use crate::world::{World, item, n, table};

/// How far a run has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Point {
    /// Nothing has been done for it yet.
    Old,
    /// The backfill is done, and part of the records since have arrived.
    Copied,
    /// `guarded`, before any key moves.
    Guarded,
    /// `handoff`, before any key moves.
    Begun,
    /// `handoff`: keys of every kind have moved, or half.
    Moving,
    /// `handoff`, sealed and finished.
    Finished,
    /// `new`, and applications have gone on.
    Switched,
    /// `final`; nothing is swept yet.
    Completed,
    /// `final`; every other item is swept.
    Swept,
}

const POINTS: [Point; 9] = [
    Point::Old,
    Point::Copied,
    Point::Guarded,
    Point::Begun,
    Point::Moving,
    Point::Finished,
    Point::Switched,
    Point::Completed,
    Point::Swept,
];

/// The migrating pair, and the table beside it.
pub(crate) struct Journey {
    pub(crate) world: World,
    pub(crate) plain: Memory,
    /// How many records of the source's and the target's stream have been delivered.
    delivered: [usize; 2],
    /// The number of the last item.
    number: i64,
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

fn every_call_fails(_: Call) -> Fault {
    Fault::Reject
}

fn every_call_succeeds(_: Call) -> Fault {
    Fault::None
}

impl Journey {
    /// Before the first run.
    pub(crate) fn new(world: World) -> Journey {
        let journey = Journey { world, plain: table(1, usize::MAX), delivered: [0, 0], number: 100 };
        for item in at_first() {
            journey.world.source.put_raw(item.clone());
            journey.plain.put_raw(item);
        }
        // Preflight tries the streams out.
        for table in [&journey.world.source, &journey.world.target] {
            let canary = Marks { canary: Some("1".to_owned()), ..Marks::default() };
            table.put_raw(canary.onto(item("_lm_canary", "_lm_canary", &[])));
        }
        journey
    }

    pub(crate) fn state(&self) -> State {
        self.world.state.lock().unwrap().clone()
    }

    /// From the beginning to a point of a run; `told` hears of each state on the way.
    pub(crate) fn travel(&mut self, run: Run, end: Point, mut told: impl FnMut(State)) {
        for number in 1..=run.0 {
            let last = if Run(number) < run { Point::Switched } else { end };
            for point in POINTS.into_iter().take_while(|point| *point <= last) {
                self.go(point);
                told(self.state());
            }
        }
    }

    /// From wherever the run is to its `new`.
    pub(crate) fn go_on(&mut self) {
        let state = self.state();
        let rest = match (state.phase, state.sealed) {
            (Phase::Old, _) => Point::Copied,
            (Phase::Copy, _) => Point::Guarded,
            (Phase::Guarded, _) => Point::Begun,
            (Phase::Handoff, false) => Point::Finished,
            (Phase::Handoff, true) => Point::Switched,
            (Phase::New | Phase::Final, _) => return,
        };
        POINTS.into_iter().filter(|point| (rest..=Point::Switched).contains(point)).for_each(|point| self.go(point));
    }

    /// From one point to the next.
    fn go(&mut self, point: Point) {
        match point {
            Point::Old if self.state().phase == Phase::New => self.step(Step::Turn),
            Point::Old => {}
            Point::Copied => self.copy(),
            Point::Guarded => {
                self.step(Step::Advance(Phase::Guarded));
                self.live(Time::Guarded, source_of(self.state().run));
            }
            Point::Begun => self.step(Step::Advance(Phase::Handoff)),
            // The replicator of the losing side is behind; that of the gaining side is not.
            Point::Moving => self.live(Time::Handoff, target_of(self.state().run)),
            Point::Finished => self.finish(),
            Point::Switched => {
                self.step(Step::Advance(Phase::New));
                self.live(Time::New, target_of(self.state().run));
            }
            Point::Completed => self.step(Step::Advance(Phase::Final)),
            Point::Swept => {
                let home = self.world.pair().gaining(self.state().run);
                let some = home.items().into_iter().step_by(2).collect();
                block_on(sweep(home, some)).unwrap();
            }
        }
    }

    fn step(&self, step: Step) {
        let next = self.state().after(Kind::Table, step, 1).unwrap();
        *self.world.state.lock().unwrap() = next;
    }

    fn copy(&mut self) {
        self.step(Step::Advance(Phase::Copy));
        let run = self.state().run;
        block_on(copy_page(self.world.pair(), &livemove_core::testing::Timeless, run, Segment::WHOLE, None, 10_000, 1))
            .unwrap();
        self.live(Time::Copy, source_of(run));
    }

    fn finish(&mut self) {
        self.step(Step::Seal);
        let run = self.state().run;
        for half in [Half::Losing, Half::Gaining] {
            let (page, _) = block_on(both(self.world.pair(), run, half, Segment::WHOLE, None, 10_000)).unwrap();
            block_on(finish(self.world.pair(), run, page)).unwrap();
        }
    }

    /// Delivers what a side's stream has.
    pub(crate) fn deliver(&mut self, side: Side) {
        let delivered = &mut self.delivered[usize::from(side == Side::Target)];
        let table = self.world.pair().side(side);
        let records: Vec<_> = (*delivered..).map_while(|index| table.record(index)).collect();
        *delivered += records.len();
        let cache = Cache::new(Still(self.state()), Stopped(AtomicU64::new(1)), 1_000);
        let outcome = block_on(replicate(&cache, self.world.pair(), side, &records, 4)).unwrap();
        assert!(outcome.failed.is_empty());
    }

    /// The deeds of a time: of one partition, then the stream of `side` arrives, then of the other.
    fn live(&mut self, time: Time, side: Side) {
        let run = self.state().run;
        for partition in 0..PARTITIONS.len() {
            for (key, deed) in deeds(run, time, partition) {
                self.act(&key, deed);
            }
            if partition == 0 {
                self.deliver(side);
            }
        }
    }

    fn act(&mut self, key: &Key, deed: Deed) {
        self.number += 1;
        let change = match deed {
            Deed::Put => Change::Put(item_of(key, self.number)),
            Deed::Change => Change::Update(Some("SET v = :n, nr = :nr ADD changes :n".to_owned())),
            Deed::Delete => Change::Delete,
            Deed::Move => return block_on(handoff(self.world.pair(), self.state().run, key)).unwrap(),
            Deed::Half => return self.hand_over_half(key),
        };
        let values = match deed {
            Deed::Change => vec![(":n".to_owned(), n(self.number)), (":nr".to_owned(), n(self.number % 4))],
            Deed::Put | Deed::Delete | Deed::Move | Deed::Half => vec![],
        };
        let request = WriteRequest {
            key: key.clone(),
            change,
            condition: None,
            names: Default::default(),
            values: values.into_iter().collect(),
            returning: Returning::Nothing,
            operation: None,
        };
        block_on(write(self.world.pair(), &self.state(), &request)).unwrap();
        plain::write(&self.plain, &request).unwrap();
    }

    /// A handoff that dies between its two calls.
    fn hand_over_half(&self, key: &Key) {
        let run = self.state().run;
        let faulty = |side, faults: fn(Call) -> Fault| Faulty::new(self.world.pair().side(side).clone(), faults);
        let (losing, gaining) = (faulty(source_of(run), every_call_succeeds), faulty(target_of(run), every_call_fails));
        let pair = match source_of(run) {
            Side::Source => Pair { source: &losing, target: &gaining },
            Side::Target => Pair { source: &gaining, target: &losing },
        };
        assert!(matches!(block_on(handoff(pair, run, key)), Err(Error::Throttled(_))));
    }
}
