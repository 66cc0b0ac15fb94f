//! Tokens of transactions: done once, also where the phase changes before the retry.

use livemove_core::error::Error;
use livemove_core::mark::{Marks, Run};
use livemove_core::phase::{Phase, State};
use livemove_core::transact::{Earlier, TransactRequest};

use super::world::{RUN, World, add, clear, item, key, native, number, put, state, state_of, with_token};

fn both() -> [World; 2] {
    [World::new(), World::in_one_account()]
}

/// Counts two keys, one of which may be absent, and clears a third.
fn count(earlier: Earlier) -> TransactRequest {
    with_token(vec![add("a", 1), add("b", 1), clear("c", None)], earlier)
}

/// What the run does between two phases: to keys nobody has touched.
fn pass(world: &World, from: &State, to: &State) {
    let frozen = |state: &State| state.run == Run(1) && state.phase <= Phase::Handoff;
    if frozen(from) && !frozen(to) {
        // The finisher: whatever is not native becomes what the source has.
        for item in world.source.items() {
            let marks = Marks::of(&item);
            if marks.moved < RUN {
                world.target.put_raw(item);
            }
        }
    }
}

#[test]
fn transaction_retried_across_the_phase_change_is_done_once() {
    let phases = [
        state(Phase::Old),
        state(Phase::Copy),
        state(Phase::Guarded),
        state(Phase::Handoff),
        state(Phase::New),
        state_of(Run(2), Phase::Old),
        state_of(Run(2), Phase::Copy),
    ];
    for (index, first) in phases.iter().enumerate() {
        for later in &phases[index..] {
            for world in both() {
                let what = format!("{} of run {}, then {} of run {}", first.phase, first.run, later.phase, later.run);
                if first.phase >= Phase::New || first.run > RUN {
                    world.target.put_raw(item("a", 10));
                } else {
                    world.source.put_raw(item("a", 10));
                }
                world.transact(first, &count(Earlier::Impossible)).unwrap();
                pass(&world, first, later);
                for _ in 0..2 {
                    world.transact(later, &count(Earlier::Possible)).unwrap_or_else(|error| panic!("{what}: {error}"));
                }
                assert_eq!(world.read(later, "a"), Some(item("a", 11)), "{what}");
                assert_eq!(world.read(later, "b"), Some(item("b", 1)), "{what}");
                assert_eq!(world.read(later, "c"), None, "{what}");
            }
        }
    }
}

#[test]
fn transaction_retried_in_final_is_done_once() {
    for world in both() {
        world.target.put_raw(native("a", 10, RUN));
        world.transact(&state(Phase::New), &count(Earlier::Impossible)).unwrap();
        world.transact(&state(Phase::Final), &count(Earlier::Possible)).unwrap();
        assert_eq!(world.read(&state(Phase::Final), "a"), Some(item("a", 11)));
    }
}

#[test]
fn a_retry_by_a_process_that_lags_behind_is_done_once() {
    for (first, behind) in [(Phase::Handoff, Phase::Guarded), (Phase::New, Phase::Handoff)] {
        for earlier in [Earlier::Possible, Earlier::Impossible] {
            for world in both() {
                let (home, what) = match first {
                    Phase::New => (&world.target, "new, then handoff"),
                    _ => (&world.source, "handoff, then guarded"),
                };
                home.put_raw(item("a", 10));
                world.transact(&state(first), &count(Earlier::Impossible)).unwrap();
                world.transact(&state(behind), &count(earlier)).unwrap_or_else(|error| panic!("{what}: {error}"));
                let marks = Marks::of_option(world.target.peek(&key("a")).as_ref());
                assert_eq!(marks.own, RUN, "{what}");
                assert_eq!(world.target.peek(&key("a")).unwrap().0["v"], number(11), "{what}");
            }
        }
    }
}

#[test]
fn a_retry_that_was_not_done_before_is_done_now() {
    for later in [state(Phase::Guarded), state(Phase::Handoff), state(Phase::New), state_of(Run(2), Phase::Copy)] {
        for world in both() {
            let home = if later.phase == Phase::New || later.run > RUN { &world.target } else { &world.source };
            home.put_raw(item("a", 10));
            world.transact(&later, &count(Earlier::Possible)).unwrap();
            assert_eq!(world.read(&later, "a"), Some(item("a", 11)), "{}", later.phase);
            assert_eq!(world.read(&later, "b"), Some(item("b", 1)), "{}", later.phase);
        }
    }
}

#[test]
fn another_request_under_the_same_token_is_refused_and_moves_no_key() {
    for state in [state(Phase::Copy), state(Phase::Guarded), state(Phase::New), state(Phase::Final)] {
        for world in both() {
            world.transact(&state, &with_token(vec![put("a", 1)], Earlier::Impossible)).unwrap();
            let before = world.records();
            let other = with_token(vec![put("a", 2)], Earlier::Impossible);
            let refused = world.transact(&state, &other);
            let Err(Error::Rejected { name, .. }) = refused else { panic!("{}: {refused:?}", state.phase) };
            assert_eq!(name, "IdempotentParameterMismatchException");
            assert_eq!(world.records(), before, "{}: nothing was done, no key handed over", state.phase);
        }
    }
}

#[test]
fn another_request_under_the_same_token_is_refused_in_handoff() {
    for world in both() {
        world.transact(&state(Phase::Handoff), &with_token(vec![put("a", 1)], Earlier::Impossible)).unwrap();
        for earlier in [Earlier::Impossible, Earlier::Possible] {
            let refused = world.transact(&state(Phase::Handoff), &with_token(vec![put("a", 2)], earlier));
            assert!(matches!(refused, Err(Error::Rejected { .. })), "{refused:?}");
        }
        assert_eq!(world.target.peek(&key("a")), Some(native("a", 1, RUN)));
    }
}

#[test]
fn a_token_is_forgotten_after_ten_minutes_as_on_one_table() {
    let world = World::new();
    let again = || world.transact(&state(Phase::New), &count(Earlier::Impossible)).unwrap();
    again();
    world.target.set_now(599_999);
    again();
    assert_eq!(world.read(&state(Phase::New), "b"), Some(item("b", 1)));
    world.target.set_now(600_000);
    again();
    assert_eq!(world.read(&state(Phase::New), "b"), Some(item("b", 2)));
}
