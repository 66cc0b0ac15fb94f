//! The finisher and the certificate's comparison.

use livemove_core::canonical::Digest;
use livemove_core::checkpoint::Counts;
use livemove_core::finish::{certify, finish};
use livemove_core::mark::{Marks, Position, visible};
use livemove_core::phase::{Phase, Side};
use livemove_core::scan::{Half, both};
use livemove_core::segment::Segment;
use livemove_core::testing::block_on;

use crate::world::{RUN, World, at, gone, item, key, marked, moved, own, state};

fn run_finish(world: &World, half: Half) -> Counts {
    let (page, _) = block_on(both(world.pair(), RUN, half, Segment::WHOLE, None, 100)).expect("a page");
    block_on(finish(world.pair(), RUN, page)).expect("finished")
}

fn run_certify(world: &World, half: Half) -> Counts {
    let (page, _) = block_on(both(world.pair(), RUN, half, Segment::WHOLE, None, 100)).expect("a page");
    block_on(certify(world.pair(), RUN, half, page)).expect("compared")
}

fn unfinished() -> World {
    let world = World::new();
    world.source.put_raw(item("same", "1"));
    world.target.put_raw(item("same", "1"));
    world.source.put_raw(item("missing", "1"));
    world.source.put_raw(item("stale", "2"));
    world.target.put_raw(marked(item("stale", "1"), at(Position::new(RUN, "9"))));
    world.target.put_raw(item("extra", "1"));
    world.source.put_raw(marked(item("half-done", "1"), moved(RUN)));
    world.source.put_raw(marked(item("native", "1"), moved(RUN)));
    world.target.put_raw(marked(item("native", "2"), own(RUN)));
    world
}

#[test]
fn a_half_done_handoff_is_finished() {
    let world = unfinished();
    run_finish(&world, Half::Losing);
    assert_eq!(world.target.peek(&key("half-done")), Some(marked(item("half-done", "1"), own(RUN))));
}

#[test]
fn a_half_done_deletion_is_finished_as_a_tombstone() {
    let world = World::new();
    world.source.put_raw(gone("a", moved(RUN)));
    world.target.put_raw(item("a", "stale"));
    assert_eq!(run_finish(&world, Half::Losing).written, 1);
    assert_eq!(world.target.peek(&key("a")), Some(gone("a", own(RUN))));
}

#[test]
fn the_target_becomes_what_the_source_is_and_native_keys_stay() {
    let world = unfinished();
    let losing = run_finish(&world, Half::Losing);
    assert_eq!((losing.read, losing.written, losing.kept, losing.native), (5, 3, 1, 1));
    let gaining = run_finish(&world, Half::Gaining);
    assert_eq!(gaining.written, 1);
    for (name, value) in [("same", "1"), ("missing", "1"), ("stale", "2"), ("native", "2")] {
        assert_eq!(visible(world.target.peek(&key(name))), Some(item(name, value)));
    }
    let extra = world.target.peek(&key("extra")).expect("a tombstone, not a hole");
    assert!(Marks::of(&extra).tombstone);
}

#[test]
fn finishing_twice_writes_nothing_more() {
    let world = unfinished();
    run_finish(&world, Half::Losing);
    run_finish(&world, Half::Gaining);
    let before = world.target.items();
    assert_eq!(run_finish(&world, Half::Losing).written + run_finish(&world, Half::Gaining).written, 0);
    assert_eq!(world.target.items(), before);
}

#[test]
fn no_record_of_the_run_undoes_what_was_finished() {
    let world = World::new();
    world.source.put_raw(item("a", "1"));
    world.source.put_raw(item("a", "2"));
    run_finish(&world, Half::Losing);
    let late = world.replicate(&state(Phase::Handoff), Side::Source, &[0]);
    assert_eq!((late.written, late.stale), (0, 1));
    assert_eq!(visible(world.target.peek(&key("a"))), Some(item("a", "2")));
}

#[test]
fn equal_sides_have_equal_digests_that_cover_what_is_not_native() {
    let world = unfinished();
    run_finish(&world, Half::Losing);
    run_finish(&world, Half::Gaining);
    let (losing, gaining) = (run_certify(&world, Half::Losing), run_certify(&world, Half::Gaining));
    assert_eq!((losing.differing, gaining.differing), (0, 0));
    assert_eq!(losing.source_digest, losing.target_digest);
    let mut expected = Digest::default();
    for (name, value) in [("same", "1"), ("missing", "1"), ("stale", "2")] {
        expected.add(&item(name, value).digest());
    }
    assert_eq!(losing.source_digest, expected);
    assert_eq!((gaining.source_digest, gaining.target_digest), (Digest::default(), Digest::default()));
}

#[test]
fn whatever_differs_is_counted_and_shows_in_the_digests_and_nothing_is_written() {
    let world = unfinished();
    let before = world.target.items();
    let (losing, gaining) = (run_certify(&world, Half::Losing), run_certify(&world, Half::Gaining));
    // Missing, stale and half done from the one side; stale and too much from the other.
    assert_eq!((losing.differing, gaining.differing), (3, 2));
    assert_ne!(losing.source_digest, losing.target_digest);
    assert_eq!(world.target.items(), before);
}
