//! The replicator.

use std::sync::atomic::{AtomicBool, Ordering};

use livemove_core::item::Item;
use livemove_core::lease::Cache;
use livemove_core::mark::{Marks, Position, Run, visible};
use livemove_core::phase::{Phase, Side, State};
use livemove_core::replicate::replicate;
use livemove_core::route::Pair;
use livemove_core::testing::block_on;
use livemove_core::testing::faults::{Call, Fault, Faulty};
use livemove_core::testing::memory::Memory;

use crate::world::{Hands, RUN, Still, World, gone, item, key, marked, moved, own, state};

fn seen(table: &Memory, name: &str) -> Option<Item> {
    visible(table.peek(&key(name)))
}

#[test]
fn the_last_image_of_a_key_in_a_batch_wins() {
    let world = World::new();
    for value in ["1", "2", "3"] {
        world.source.put_raw(item("a", value));
    }
    world.source.put_raw(item("b", "1"));
    let outcome = world.replicate(&state(Phase::Copy), Side::Source, &[0, 1, 2, 3]);
    assert_eq!((outcome.written, outcome.stale, outcome.skipped), (2, 0, 0));
    assert_eq!(seen(&world.target, "a"), Some(item("a", "3")));
    assert_eq!(seen(&world.target, "b"), Some(item("b", "1")));
    let position = Marks::of_option(world.target.peek(&key("a")).as_ref()).position;
    assert_eq!(position, Some(Position::new(RUN, &world.source.records()[2].sequence)));
}

#[test]
fn a_redelivered_older_record_is_refused() {
    let world = World::new();
    world.source.put_raw(item("a", "1"));
    world.source.put_raw(item("a", "2"));
    world.replicate(&state(Phase::Copy), Side::Source, &[0, 1]);
    let again = world.replicate(&state(Phase::Copy), Side::Source, &[0]);
    assert_eq!((again.written, again.stale), (0, 1));
    assert_eq!(seen(&world.target, "a"), Some(item("a", "2")));
}

#[test]
fn the_order_of_a_key_is_kept_when_sequence_numbers_grow_by_a_digit() {
    // The third record's number has one digit more: as bare text it would be smaller.
    let world = World::new();
    for value in ["1", "2", "3"] {
        world.source.put_raw(item("a", value));
    }
    let digits = |index: usize| world.source.records()[index].sequence.len();
    assert!(digits(1) < digits(2));
    world.replicate(&state(Phase::Copy), Side::Source, &[1]);
    world.replicate(&state(Phase::Copy), Side::Source, &[2]);
    assert_eq!(seen(&world.target, "a"), Some(item("a", "3")));
}

#[test]
fn a_removal_becomes_a_tombstone_that_an_older_record_cannot_undo() {
    let world = World::new();
    world.source.put_raw(item("a", "1"));
    world.source.delete_raw(&key("a"));
    let outcome = world.replicate(&state(Phase::Copy), Side::Source, &[1]);
    assert_eq!(outcome.written, 1);
    let stored = world.target.peek(&key("a")).expect("a tombstone");
    assert!(Marks::of(&stored).tombstone);
    assert_eq!(world.replicate(&state(Phase::Copy), Side::Source, &[0]).stale, 1);
    assert_eq!(seen(&world.target, "a"), None);
}

#[test]
fn a_redelivered_removal_of_before_does_not_remove_what_came_later() {
    let world = World::new();
    world.source.put_raw(item("a", "1"));
    world.source.delete_raw(&key("a"));
    world.source.put_raw(item("a", "2"));
    assert_eq!(world.replicate(&state(Phase::Copy), Side::Source, &[1]).written, 0);
    assert_eq!(world.replicate(&state(Phase::Copy), Side::Source, &[2]).written, 1);
    assert_eq!(seen(&world.target, "a"), Some(item("a", "2")));
}

#[test]
fn a_redelivered_removal_of_before_does_not_touch_a_key_that_has_not_moved_back_yet() {
    // Run 1: removed at the source, then created again on the target. In run 2 the source is behind with it.
    let world = World::new();
    world.source.put_raw(item("a", "1"));
    world.source.delete_raw(&key("a"));
    world.source.put_raw(gone("a", moved(RUN)));
    let native = marked(item("a", "2"), own(RUN));
    world.target.put_raw(native.clone());
    for phase in [Phase::Guarded, Phase::Handoff] {
        let back = State { run: Run(2), ..state(phase) };
        let outcome = world.replicate(&back, Side::Source, &[1]);
        assert_eq!((outcome.written, outcome.skipped), (0, 1));
        assert_eq!(world.target.peek(&key("a")), Some(native.clone()));
    }
}

#[test]
fn a_native_key_is_left_alone() {
    let world = World::new();
    world.target.put_raw(marked(item("a", "native"), own(RUN)));
    world.source.put_raw(item("a", "late"));
    assert_eq!(world.replicate(&state(Phase::Handoff), Side::Source, &[0]).stale, 1);
    assert_eq!(seen(&world.target, "a"), Some(item("a", "native")));
}

#[test]
fn a_replica_is_not_replicated_back() {
    let world = World::new();
    world.source.put_raw(item("a", "1"));
    world.replicate(&state(Phase::Handoff), Side::Source, &[0]);
    let back = world.replicate(&state(Phase::Handoff), Side::Target, &[0]);
    assert_eq!((back.written, back.stale, back.skipped), (0, 0, 1));
    assert_eq!(world.source.records_len(), 1);
}

#[test]
fn the_mark_of_a_handoff_is_no_news() {
    let world = World::new();
    world.source.put_raw(item("a", "1"));
    world.source.put_raw(marked(item("a", "1"), moved(RUN)));
    world.source.put_raw(gone("b", moved(RUN)));
    let outcome = world.replicate(&state(Phase::Handoff), Side::Source, &[1, 2]);
    assert_eq!((outcome.written, outcome.skipped, outcome.stragglers.len()), (0, 2, 0));
    assert!(world.target.is_empty());
}

#[test]
fn native_writes_flow_back_and_keep_the_source_moved() {
    let world = World::new();
    world.source.put_raw(marked(item("a", "1"), moved(RUN)));
    world.target.put_raw(marked(item("a", "2"), own(RUN)));
    world.target.put_raw(gone("b", own(RUN)));
    let outcome = world.replicate(&state(Phase::New), Side::Target, &[0, 1]);
    assert_eq!((outcome.written, outcome.stragglers.len()), (2, 0));
    assert_eq!(seen(&world.source, "a"), Some(item("a", "2")));
    assert_eq!(seen(&world.source, "b"), None);
    for name in ["a", "b"] {
        assert_eq!(Marks::of_option(world.source.peek(&key(name)).as_ref()).moved, RUN, "{name}");
    }
}

#[test]
fn a_write_to_a_moved_item_is_a_straggler_and_a_replica_of_it_is_none() {
    let world = World::new();
    world.source.put_raw(marked(item("a", "1"), moved(RUN)));
    world.source.put_raw(marked(item("a", "past the protocol"), moved(RUN)));
    world.source.delete_raw(&key("a"));
    world.source.put_raw(marked(item("b", "1"), moved(RUN)));
    world.source.put_raw(item("b", "put past the protocol"));
    let outcome = world.replicate(&state(Phase::Handoff), Side::Source, &[1, 2, 4]);
    assert_eq!(outcome.stragglers, [1, 2, 4].map(|record: usize| world.source.records()[record].clone()));
    assert_eq!((outcome.written, outcome.failed.len()), (0, 0));
}

#[test]
fn after_the_seal_a_write_is_late_but_a_late_record_is_not() {
    let world = World::new();
    world.source.set_now(5_000);
    world.source.put_raw(item("a", "before the seal"));
    world.source.set_now(11_000);
    world.source.put_raw(item("b", "after the seal"));
    let sealed = State { sealed: true, sealed_at: 10_000, ..state(Phase::Handoff) };
    let outcome = world.replicate(&sealed, Side::Source, &[0, 1]);
    assert_eq!((outcome.written, outcome.skipped), (0, 1));
    assert_eq!(outcome.stragglers, [world.source.records()[1].clone()]);
    assert!(world.target.is_empty());
}

#[test]
fn before_the_first_run_only_canaries_come_through() {
    let world = World::new();
    world.source.put_raw(item("a", "1"));
    let canary = Marks { canary: Some("nonce".to_owned()), ..Marks::default() };
    world.source.put_raw(canary.onto(key("canary").to_item()));
    world.source.delete_raw(&key("canary"));
    let outcome = world.replicate(&state(Phase::Old), Side::Source, &[0, 1, 2]);
    assert_eq!(outcome.canaries, ["nonce"]);
    assert_eq!((outcome.skipped, outcome.written), (2, 0));
    assert!(world.target.is_empty());
}

#[test]
fn a_failed_key_names_its_first_record_and_the_others_go_on() {
    let world = World::new();
    world.source.put_raw(item("a", "1"));
    world.source.put_raw(item("b", "1"));
    world.source.put_raw(item("a", "2"));
    let changes = world.source.records();
    let throttled = AtomicBool::new(false);
    let once = |call| {
        if call == Call::Write && !throttled.swap(true, Ordering::SeqCst) { Fault::Reject } else { Fault::None }
    };
    let (source, target) = (Faulty::new(world.source.clone(), &once), Faulty::new(world.target.clone(), &once));
    let cache = Cache::new(Still(state(Phase::Copy)), Hands::at(1), 1_000);
    let outcome = block_on(replicate(&cache, Pair { source: &source, target: &target }, Side::Source, &changes, 1));
    let outcome = outcome.expect("replicated");
    assert_eq!(outcome.written, 1);
    let failed: Vec<_> = outcome.failed.iter().map(|(records, error)| (records.first(), error.name())).collect();
    assert_eq!(failed, [(changes[0].sequence.as_str(), "Throttled")]);
    assert_eq!((seen(&world.target, "a"), seen(&world.target, "b")), (None, Some(item("b", "1"))));
}

#[test]
fn going_back_uses_its_own_positions() {
    // The rollback's stream has numbers of its own, possibly smaller ones.
    let world = World::new();
    let replica = Marks { moved: RUN, position: Some(Position::new(Run(1), "9")), ..Marks::default() };
    world.source.put_raw(marked(item("a", "1"), replica));
    world.target.put_raw(marked(item("a", "2"), own(RUN)));
    let turned = State { run: Run(2), ..state(Phase::Copy) };
    let outcome = world.replicate(&turned, Side::Target, &[0]);
    assert_eq!((outcome.written, outcome.stale), (1, 0));
    assert_eq!(seen(&world.source, "a"), Some(item("a", "2")));
}
