//! Comparing and repairing under live writes.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use livemove_core::checkpoint::Counts;
use livemove_core::mark::{Marks, Position, visible};
use livemove_core::phase::{Phase, Side};
use livemove_core::scan::{Half, both};
use livemove_core::segment::Segment;
use livemove_core::testing::block_on;
use livemove_core::verify::{OnDifference, verify};

use crate::world::{Hands, RUN, World, at, gone, item, key, marked, moved, own, state};

/// Compares everything, walking one table; `meanwhile` happens at each pause, with its number from 0.
fn compare(world: &World, half: Half, on_difference: OnDifference, meanwhile: impl Fn(u32) + Sync) -> Counts {
    let pauses = AtomicU32::new(0);
    let at_sleep = || meanwhile(pauses.fetch_add(1, Ordering::SeqCst));
    let clock = Hands { now: AtomicU64::new(0), at_sleep };
    let (page, next) = block_on(both(world.pair(), RUN, half, Segment::WHOLE, None, 100)).expect("a page");
    assert_eq!(next, None);
    block_on(verify(world.pair(), &clock, RUN, page, on_difference)).expect("compared")
}

#[test]
fn equal_and_native_keys_are_no_difference() {
    let world = World::new();
    world.source.put_raw(item("same", "1"));
    world.target.put_raw(marked(item("same", "1"), at(Position::new(RUN, "5"))));
    world.source.put_raw(marked(item("native", "1"), moved(RUN)));
    world.target.put_raw(marked(item("native", "2"), own(RUN)));
    world.target.put_raw(gone("deleted", at(Position::new(RUN, "6"))));
    for half in [Half::Losing, Half::Gaining] {
        let counts = compare(&world, half, OnDifference::Count, |_| {});
        assert_eq!((counts.differing, counts.native, counts.written), (0, 1, 0), "{half:?}");
    }
}

#[test]
fn a_replica_that_lags_is_cleared() {
    let world = World::new();
    world.source.put_raw(item("a", "1"));
    let counts = compare(&world, Half::Losing, OnDifference::Count, |pause| {
        if pause == 1 {
            world.replicate(&state(Phase::Copy), Side::Source, &[0]);
        }
    });
    assert_eq!((counts.kept, counts.differing), (1, 0));
}

#[test]
fn a_replica_that_follows_a_busy_source_is_cleared() {
    let world = World::new();
    world.source.put_raw(item("a", "0"));
    // Always one write behind: never equal at any look.
    let counts = compare(&world, Half::Losing, OnDifference::Count, |pause| {
        world.source.put_raw(item("a", &format!("{}", pause + 1)));
        world.replicate(&state(Phase::Copy), Side::Source, &[pause as usize]);
    });
    assert_eq!((counts.kept, counts.differing), (1, 0));
}

#[test]
fn real_differences_are_counted_on_both_halves() {
    let world = World::new();
    world.source.put_raw(item("missing", "1"));
    world.source.put_raw(item("wrong", "1"));
    world.target.put_raw(marked(item("wrong", "2"), at(Position::new(RUN, "5"))));
    world.target.put_raw(marked(item("extra", "1"), at(Position::new(RUN, "5"))));
    let before = world.target.items();
    let losing = compare(&world, Half::Losing, OnDifference::Count, |_| {});
    assert_eq!((losing.read, losing.differing, losing.written), (2, 2, 0));
    let gaining = compare(&world, Half::Gaining, OnDifference::Count, |_| {});
    assert_eq!((gaining.read, gaining.differing, gaining.written), (2, 2, 0));
    assert_eq!(world.target.items(), before);
}

#[test]
fn repair_puts_right_what_differs_and_removes_what_is_too_much() {
    let world = World::new();
    world.source.put_raw(item("missing", "1"));
    world.source.put_raw(item("wrong", "1"));
    world.target.put_raw(marked(item("wrong", "2"), at(Position::new(RUN, "5"))));
    world.target.put_raw(marked(item("extra", "1"), at(Position::new(RUN, "5"))));
    let counts = compare(&world, Half::Losing, OnDifference::Repair, |_| {});
    assert_eq!((counts.written, counts.differing), (2, 0));
    let counts = compare(&world, Half::Gaining, OnDifference::Repair, |_| {});
    assert_eq!((counts.written, counts.differing), (1, 0));
    assert_eq!(visible(world.target.peek(&key("missing"))), Some(item("missing", "1")));
    assert_eq!(visible(world.target.peek(&key("wrong"))), Some(item("wrong", "1")));
    let extra = world.target.peek(&key("extra")).expect("a tombstone: an older record must not bring it back");
    assert!(Marks::of(&extra).tombstone);
}

#[test]
fn a_repair_is_overtaken_by_the_records_that_follow_it() {
    let world = World::new();
    world.source.put_raw(item("a", "1"));
    world.target.put_raw(marked(item("a", "broken"), at(Position::new(RUN, "0"))));
    assert_eq!(compare(&world, Half::Losing, OnDifference::Repair, |_| {}).written, 1);
    world.source.put_raw(item("a", "2"));
    let outcome = world.replicate(&state(Phase::Copy), Side::Source, &[1]);
    assert_eq!(outcome.written, 1);
    assert_eq!(visible(world.target.peek(&key("a"))), Some(item("a", "2")));
}

#[test]
fn a_repair_does_not_overwrite_what_came_after_the_look() {
    let world = World::new();
    world.source.put_raw(item("a", "1"));
    world.target.put_raw(marked(item("a", "broken"), at(Position::new(RUN, "0"))));
    let counts = compare(&world, Half::Losing, OnDifference::Repair, |pause| {
        if pause == 0 {
            world.source.put_raw(item("a", "2"));
            world.replicate(&state(Phase::Copy), Side::Source, &[1]);
        }
    });
    assert_eq!((counts.written, counts.differing), (0, 0));
    assert_eq!(visible(world.target.peek(&key("a"))), Some(item("a", "2")));
}
