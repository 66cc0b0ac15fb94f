//! How many backend calls an operation takes: what the protocol costs.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};

use livemove_core::mark::{Marks, OperationId, Position, Run};
use livemove_core::phase::{Phase, State};
use livemove_core::ports::{Consistency, Returning};
use livemove_core::read::{self, GetRequest};
use livemove_core::route::Pair;
use livemove_core::testing::block_on;
use livemove_core::testing::faults::{Call, Fault, Faulty};
use livemove_core::write::{self, Asked, Change, Operation, WriteRequest};
use serde_dynamo::AttributeValue;

use crate::world::{RUN, World, at, item, key, marked, own, state};

/// An operation of an application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Op {
    Get,
    Put,
    Insert,
    Update,
    Delete,
}

const WRITES: [Op; 4] = [Op::Put, Op::Insert, Op::Update, Op::Delete];

/// The calls that `op` on key `a` takes, whatever comes of its condition.
fn calls(world: &World, state: &State, op: Op) -> u32 {
    let count = AtomicU32::new(0);
    let counting = |_: Call| {
        count.fetch_add(1, Ordering::SeqCst);
        Fault::None
    };
    let (source, target) = (Faulty::new(world.source.clone(), &counting), Faulty::new(world.target.clone(), &counting));
    let pair = Pair { source: &source, target: &target };
    if op == Op::Get {
        let request =
            GetRequest { key: key("a"), consistency: Consistency::Strong, projection: None, names: BTreeMap::new() };
        block_on(read::get(pair, state, &request)).expect("read");
    } else {
        let update = Change::Update(Some("SET v = :v".to_owned()));
        let (change, condition) = match op {
            Op::Insert => (Change::Put(item("a", "new")), Some("attribute_not_exists(pk)".to_owned())),
            Op::Update => (update, None),
            Op::Delete => (Change::Delete, None),
            Op::Put | Op::Get => (Change::Put(item("a", "new")), None),
        };
        let values = (op == Op::Update).then(|| (":v".to_owned(), AttributeValue::S("new".to_owned())));
        let request = WriteRequest {
            key: key("a"),
            change,
            condition,
            names: BTreeMap::new(),
            values: values.into_iter().collect(),
            returning: Returning::Nothing,
            // A stamp costs no call.
            operation: OperationId::new("a").map(|id| Operation { id, asked: Asked::First }),
        };
        block_on(write::write(pair, state, &request)).expect("written");
    }
    count.load(Ordering::SeqCst)
}

/// Key `a` on the source, copied.
fn copied() -> World {
    let world = World::new();
    world.source.put_raw(item("a", "old"));
    world.target.put_raw(marked(item("a", "old"), at(Position::new(RUN, "7"))));
    world
}

#[test]
fn before_guarded_and_after_handoff_an_operation_is_one_call() {
    let of_run = |run: u32, phase| State { run: Run(run), ..state(phase) };
    for at in [of_run(1, Phase::Old), of_run(1, Phase::Copy), of_run(1, Phase::New), of_run(1, Phase::Final)] {
        for op in [Op::Get, Op::Put, Op::Update, Op::Delete] {
            assert_eq!(calls(&copied(), &at, op), 1, "{op:?} in {}", at.phase);
        }
    }
}

#[test]
fn guarded_adds_no_call() {
    for op in [Op::Get, Op::Put, Op::Update, Op::Delete] {
        assert_eq!(calls(&copied(), &state(Phase::Guarded), op), 1, "{op:?}");
    }
    assert_eq!(calls(&World::new(), &state(Phase::Guarded), Op::Insert), 1);
}

#[test]
fn handoff_adds_at_most_two_calls_on_the_first_touch_of_a_key_and_none_afterwards() {
    let handoff = state(Phase::Handoff);
    let world = copied();
    assert_eq!(calls(&world, &handoff, Op::Get), 2, "a read of a key that has not moved");
    for op in WRITES {
        let absent = op == Op::Insert;
        let world = if absent { World::new() } else { copied() };
        assert_eq!(calls(&world, &handoff, op), 3, "{op:?}, first touch");
        for again in [Op::Get, Op::Put, Op::Update, Op::Delete] {
            assert_eq!(calls(&world, &handoff, again), 1, "{again:?} after {op:?}");
        }
    }
}

#[test]
fn a_copy_that_lags_costs_the_first_touch_one_call_more() {
    let world = copied();
    world.source.put_raw(item("a", "newer"));
    assert_eq!(calls(&world, &state(Phase::Handoff), Op::Update), 4);
    assert_eq!(
        world.target.peek(&key("a")),
        Some(marked(item("a", "new"), Marks { stamp: OperationId::new("a"), ..own(RUN) }))
    );
}

#[test]
fn the_write_that_makes_a_key_native_leaves_no_mark_of_the_copy() {
    let world = copied();
    let replica = Marks { moved: Run(1), position: Some(Position::new(Run(2), "7")), ..Marks::default() };
    world.source.put_raw(marked(item("a", "old"), replica));
    world.target.put_raw(marked(item("a", "old"), own(Run(1))));
    let back = State { run: Run(2), ..state(Phase::Handoff) };
    assert_eq!(calls(&world, &back, Op::Update), 3);
    assert_eq!(
        world.source.peek(&key("a")),
        Some(marked(item("a", "new"), Marks { stamp: OperationId::new("a"), ..own(Run(2)) }))
    );
}
