//! Unconditional writes of several items.

use std::sync::atomic::{AtomicU32, Ordering};

use livemove_core::batch::{BatchWrite, batch};
use livemove_core::error::Error;
use livemove_core::mark::{Marks, Run};
use livemove_core::phase::{Phase, State};
use livemove_core::route::Pair;
use livemove_core::testing::block_on;
use livemove_core::testing::faults::{Call, Fault, Faulty};

use super::world::{RUN, World, gone, item, key, moved, native, state};

fn put(name: &str, value: i64) -> BatchWrite {
    BatchWrite::Put { key: key(name), item: item(name, value) }
}

fn delete(name: &str) -> BatchWrite {
    BatchWrite::Delete(key(name))
}

fn send(world: &World, state: &State, writes: &[BatchWrite]) -> Result<Vec<usize>, Error> {
    block_on(batch(world.pair(), state, writes))
}

/// As [`send`], with a fault for each call.
fn with_faults(
    world: &World,
    state: &State,
    writes: &[BatchWrite],
    decide: impl Fn(Call) -> Fault + Send + Sync,
) -> Result<Vec<usize>, Error> {
    let (source, target) = (Faulty::new(world.source.clone(), &decide), Faulty::new(world.target.clone(), &decide));
    block_on(batch(Pair { source: &source, target: &target }, state, writes))
}

#[test]
fn in_every_phase_a_batch_puts_and_deletes() {
    for phase in [Phase::Old, Phase::Copy, Phase::Guarded, Phase::Handoff, Phase::New, Phase::Final] {
        let world = World::new();
        let home = if phase >= Phase::New { &world.target } else { &world.source };
        home.put_raw(item("old", 1));
        home.put_raw(item("over", 1));
        let writes: Vec<_> = (0..30).map(|n| put(&format!("k{n}"), n)).chain([delete("old"), put("over", 2)]).collect();
        assert_eq!(send(&world, &state(phase), &writes).unwrap(), Vec::<usize>::new(), "{phase}");
        assert_eq!(world.read(&state(phase), "old"), None, "{phase}");
        assert_eq!(world.read(&state(phase), "over"), Some(item("over", 2)), "{phase}");
        assert_eq!(world.read(&state(phase), "k29"), Some(item("k29", 29)), "{phase}");
    }
}

#[test]
fn each_write_of_a_batch_follows_its_key() {
    for phase in [Phase::Guarded, Phase::Handoff] {
        let world = World::new();
        world.source.put_raw(moved("moved", 0, RUN));
        world.source.put_raw(item("still", 0));
        send(&world, &state(phase), &[put("moved", 1), put("still", 1)]).unwrap();
        assert_eq!(world.source.peek(&key("moved")), Some(moved("moved", 0, RUN)), "{phase}: frozen");
        assert_eq!(world.target.peek(&key("moved")), Some(native("moved", 1, RUN)), "{phase}");
        let moves_all = phase == Phase::Handoff;
        let still = if moves_all { moved("still", 0, RUN) } else { item("still", 1) };
        assert_eq!(world.source.peek(&key("still")), Some(still), "{phase}");
    }
}

#[test]
fn a_delete_of_a_batch_leaves_a_tombstone_where_native_items_live() {
    let world = World::new();
    world.target.put_raw(native("k", 1, RUN));
    send(&world, &state(Phase::New), &[delete("k"), put("other", 1)]).unwrap();
    assert_eq!(world.target.peek(&key("k")), Some(gone("k", RUN)));
    assert_eq!(world.target.peek(&key("other")), Some(native("other", 1, RUN)));
    send(&world, &state(Phase::Final), &[delete("k"), put("other", 2)]).unwrap();
    assert_eq!((world.target.peek(&key("k")), world.target.peek(&key("other"))), (None, Some(item("other", 2))));
}

#[test]
fn what_was_throttled_is_answered_as_unprocessed_and_the_rest_is_written() {
    for (phase, call) in [(Phase::Copy, Call::Replace), (Phase::New, Call::Replace), (Phase::Guarded, Call::Write)] {
        let world = World::new();
        let calls = AtomicU32::new(0);
        let second = |of| match of == call && calls.fetch_add(1, Ordering::SeqCst) == 1 {
            true => Fault::Reject,
            false => Fault::None,
        };
        let left = with_faults(&world, &state(phase), &[put("a", 1), put("b", 1), put("c", 1)], second).unwrap();
        assert_eq!(left.len(), 1, "{phase}");
        for (index, name) in ["a", "b", "c"].iter().enumerate() {
            assert_eq!(world.read(&state(phase), name).is_none(), left == [index], "{phase}: {name}");
        }
        let all = with_faults(&world, &state(phase), &[put("a", 2), put("b", 2)], |_| Fault::Reject);
        assert!(matches!(all, Err(Error::Throttled(_))), "{phase}: nothing was done: {all:?}");
    }
}

#[test]
fn a_batch_of_which_anything_was_done_is_not_started_again() {
    let world = World::new();
    let later = Marks { own: Run(2), ..Marks::default() };
    world.target.put_raw(later.onto(item("later", 7)));
    let left = send(&world, &state(Phase::Handoff), &[put("a", 1), put("later", 1)]).unwrap();
    assert_eq!(left, [1], "its phase is out of date, but another write of the batch is done");
    let nothing_done = send(&world, &state(Phase::Handoff), &[put("later", 1)]);
    assert!(matches!(nothing_done, Err(Error::StalePhase)), "{nothing_done:?}");
}

#[test]
fn a_batch_is_not_sent_again_after_a_lost_answer() {
    for (phase, call) in [(Phase::Copy, Call::Replace), (Phase::Handoff, Call::Write)] {
        let world = World::new();
        world.source.put_raw(moved("a", 0, RUN));
        world.target.put_raw(native("a", 0, RUN));
        let calls = AtomicU32::new(0);
        let lose = |of| match of == call {
            true => {
                calls.fetch_add(1, Ordering::SeqCst);
                Fault::LoseAnswer
            }
            false => Fault::None,
        };
        let lost = with_faults(&world, &state(phase), &[put("a", 1)], lose);
        assert!(matches!(lost, Err(Error::Ambiguous(_))), "{phase}: {lost:?}");
        assert_eq!(calls.load(Ordering::SeqCst), 1, "{phase}");
    }
}

#[test]
fn one_key_twice_is_no_batch_in_any_phase() {
    for phase in [Phase::Copy, Phase::Guarded, Phase::Handoff, Phase::New, Phase::Final] {
        let world = World::new();
        let refused = send(&world, &state(phase), &[put("a", 1), delete("a")]);
        let Err(Error::Rejected { name, .. }) = refused else { panic!("{phase}: {refused:?}") };
        assert_eq!((name.as_str(), world.records()), ("ValidationException", 0), "{phase}");
    }
}
