//! Write transactions.

use std::sync::atomic::{AtomicU32, Ordering};

use livemove_core::error::Error;
use livemove_core::lease::Fenced;
use livemove_core::mark::{Marks, Run};
use livemove_core::phase::{Phase, State};
use livemove_core::ports::{Clock, Millis};
use livemove_core::route::Pair;
use livemove_core::testing::block_on;
use livemove_core::testing::faults::{Call, Fault, Faulty};
use livemove_core::transact::{Earlier, Part, TransactRequest, transact};
use serde_json::json;

use super::world::{
    RUN, World, add, cancelled, check, clear, codes, delete, gone, item, key, moved, native, put, request, state,
    state_of, with_token,
};

#[test]
fn before_any_key_has_moved_a_transaction_runs_on_the_losing_table_and_moves_none() {
    for phase in [Phase::Old, Phase::Copy, Phase::Guarded] {
        let world = World::new();
        world.source.put_raw(item("a", 1));
        world.transact(&state(phase), &request(vec![add("a", 2), put("b", 5)])).unwrap();
        assert_eq!(world.source.items().len(), 2);
        assert_eq!(world.source.peek(&key("a")), Some(item("a", 3)), "{phase}: no marks");
        assert!(world.target.is_empty(), "{phase}");
    }
}

#[test]
fn transaction_over_keys_of_mixed_ownership_runs_whole_on_the_gaining_table() {
    for phase in [Phase::Guarded, Phase::Handoff] {
        let world = World::new();
        world.source.put_raw(moved("moved", 1, RUN));
        world.target.put_raw(native("moved", 10, RUN));
        world.source.put_raw(moved("half", 100, RUN));
        world.source.put_raw(item("still", 1000));
        let parts = vec![add("moved", 1), add("half", 1), add("still", 1), add("absent", 1)];
        world.transact(&state(phase), &request(parts)).unwrap();
        for (name, value) in [("moved", 11), ("half", 101), ("still", 1001), ("absent", 1)] {
            assert_eq!(world.target.peek(&key(name)), Some(native(name, value, RUN)), "{phase}: {name}");
            let frozen = world.source.peek(&key(name));
            assert_eq!(Marks::of_option(frozen.as_ref()).moved, RUN, "{phase}: {name} is given up");
        }
    }
}

#[test]
fn nothing_is_done_where_one_condition_fails_whoever_owns_the_keys() {
    for phase in [Phase::Copy, Phase::Guarded, Phase::Handoff, Phase::New, Phase::Final] {
        let world = World::new();
        match phase {
            Phase::New | Phase::Final => world.target.put_raw(native("there", 7, RUN)),
            _ => world.source.put_raw(item("there", 7)),
        }
        let insert = check("there", "attribute_not_exists(pk)");
        let reasons = cancelled(world.transact(&state(phase), &request(vec![add("free", 1), insert])));
        assert_eq!(codes(&reasons), ["None", "ConditionalCheckFailed"], "{phase}");
        assert_eq!(reasons[1].item, Some(item("there", 7)), "{phase}: what the application may see, without marks");
        assert_eq!(world.read(&state(phase), "free"), None, "{phase}");
    }
}

#[test]
fn a_cancellation_shows_nothing_of_a_tombstone() {
    let world = World::new();
    world.target.put_raw(gone("k", RUN));
    for phase in [Phase::Handoff, Phase::New, Phase::Final] {
        let demand = vec![check("k", "attribute_exists(pk)")];
        let reasons = cancelled(world.transact(&state(phase), &request(demand)));
        assert_eq!((codes(&reasons), &reasons[0].item), (vec!["ConditionalCheckFailed"], &None), "{phase}");
        world.transact(&state(phase), &request(vec![check("k", "attribute_not_exists(pk)")])).expect("it is absent");
    }
}

#[test]
fn a_delete_in_a_transaction_leaves_a_tombstone_until_final() {
    let world = World::new();
    world.target.put_raw(native("k", 1, RUN));
    for phase in [Phase::Handoff, Phase::New] {
        world.transact(&state(phase), &request(vec![delete("k"), put("other", 1)])).unwrap();
        assert_eq!(world.target.peek(&key("k")), Some(gone("k", RUN)), "{phase}");
    }
    world.transact(&state(Phase::Final), &request(vec![delete("k"), delete("other")])).unwrap();
    assert!(world.target.is_empty());
}

#[test]
fn an_update_that_only_removes_creates_no_item_in_a_transaction() {
    for state in [
        state(Phase::Guarded),
        state(Phase::Handoff),
        state(Phase::New),
        state(Phase::Final),
        state_of(Run(2), Phase::Guarded),
    ] {
        let world = World::new();
        let what = format!("{} of run {}", state.phase, state.run);
        let parts = |condition| vec![clear("never", condition), put("other", 1)];
        world.transact(&state, &request(parts(None))).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(world.read(&state, "never"), None, "{what}");
        assert_eq!(world.read(&state, "other"), Some(item("other", 1)), "{what}");
        world.transact(&state, &request(parts(Some("attribute_not_exists(pk)")))).expect("the condition holds");
        let reasons = cancelled(world.transact(&state, &request(parts(Some("attribute_exists(pk)")))));
        assert_eq!(codes(&reasons), ["ConditionalCheckFailed", "None"], "{what}");
        assert_eq!(reasons[0].item, None, "{what}");
    }
}

#[test]
fn an_update_that_only_removes_does_it_to_what_is_there() {
    for state in [state(Phase::New), state_of(Run(2), Phase::Guarded), state(Phase::Handoff), state(Phase::Final)] {
        let world = World::new();
        world.target.put_raw(native("k", 1, RUN));
        world.transact(&state, &request(vec![clear("k", Some("attribute_exists(v)"))])).unwrap();
        assert_eq!(world.read(&state, "k"), Some(key("k").to_item()), "{}", state.phase);
    }
}

#[test]
fn whoever_finds_a_key_moved_that_cannot_have_moved_looks_at_the_phase_again() {
    let world = World::new();
    world.source.put_raw(moved("k", 1, RUN));
    let count = request(vec![add("k", 1), put("other", 1)]);
    for phase in [Phase::Old, Phase::Copy] {
        assert!(matches!(world.transact(&state(phase), &count), Err(Error::StalePhase)), "{phase}");
    }
    let later = World::new();
    later.source.put_raw(native("k", 1, Run(2)));
    later.target.put_raw(moved("k", 1, Run(2)));
    for phase in [Phase::Guarded, Phase::Handoff, Phase::New] {
        assert!(matches!(later.transact(&state(phase), &count), Err(Error::StalePhase)), "{phase}");
    }
    assert_eq!((world.source.len(), later.source.len()), (1, 1), "nothing was done");
}

#[test]
fn an_entry_for_another_table_is_carried_along() {
    for phase in [Phase::Copy, Phase::Guarded, Phase::Handoff, Phase::New, Phase::Final] {
        let world = World::new();
        let foreign = Part::Foreign(json!({"Delete": {"TableName": "other", "Key": {}}}));
        world.transact(&state(phase), &request(vec![foreign.clone(), put("k", 1)])).unwrap();
        assert_eq!(world.read(&state(phase), "k"), Some(item("k", 1)), "{phase}");
        let refused = world.transact(&state(phase), &request(vec![foreign]));
        assert!(matches!(refused, Err(Error::Invariant(_))), "{phase}: nobody could say who owns it: {refused:?}");
    }
}

/// `request` where the answers to the first transactions get lost; how many were sent, and what came of it.
fn with_lost_answers(world: &World, state: &State, request: &TransactRequest, lost: u32) -> (u32, Result<(), Error>) {
    let sent = AtomicU32::new(0);
    let faults = |call| match call {
        Call::Transact if sent.fetch_add(1, Ordering::SeqCst) < lost => Fault::LoseAnswer,
        _ => Fault::None,
    };
    let (source, target) = (Faulty::new(world.source.clone(), faults), Faulty::new(world.target.clone(), faults));
    let result = block_on(transact(Pair { source: &source, target: &target }, state, request));
    (sent.load(Ordering::SeqCst), result)
}

#[test]
fn a_transaction_without_a_token_is_not_sent_again_after_a_lost_answer() {
    for phase in [Phase::Copy, Phase::Guarded, Phase::New, Phase::Final] {
        let world = World::new();
        let (sent, result) = with_lost_answers(&world, &state(phase), &request(vec![add("k", 1)]), 1);
        assert!(matches!(result, Err(Error::Ambiguous(_))), "{phase}: {result:?}");
        assert_eq!(sent, 1, "{phase}");
    }
}

#[test]
fn a_transaction_with_a_token_is_sent_again_after_a_lost_answer_and_done_once() {
    for phase in [Phase::Copy, Phase::Guarded, Phase::Handoff, Phase::New, Phase::Final] {
        let world = World::new();
        let count = with_token(vec![add("k", 1)], Earlier::Impossible);
        let (_, result) = with_lost_answers(&world, &state(phase), &count, 2);
        result.unwrap_or_else(|error| panic!("{phase}: {error}"));
        assert_eq!(world.read(&state(phase), "k"), Some(item("k", 1)), "{phase}");
        let (sent, result) = with_lost_answers(&world, &state(phase), &count, u32::MAX);
        assert!(matches!(result, Err(Error::Ambiguous(_))), "{phase}: {result:?}");
        assert!(sent <= 3, "{phase}: {sent} times");
    }
}

#[test]
fn a_key_that_cannot_be_handed_over_now_is_a_conflict_as_dynamodb_words_it() {
    let world = World::new();
    world.source.put_raw(moved("moved", 1, RUN));
    world.source.put_raw(item("still", 1));
    let busy = |call| if call == Call::Write { Fault::Conflict } else { Fault::None };
    let (source, target) = (Faulty::new(world.source.clone(), busy), Faulty::new(world.target.clone(), busy));
    let pair = Pair { source: &source, target: &target };
    for phase in [Phase::Guarded, Phase::Handoff] {
        let foreign = Part::Foreign(json!({}));
        let parts = vec![foreign, add("moved", 1), add("still", 1)];
        let reasons = cancelled(block_on(transact(pair, &state(phase), &request(parts))));
        assert_eq!(codes(&reasons), ["None", "TransactionConflict", "TransactionConflict"], "{phase}");
    }
}

/// A clock that stands at 0 when it is looked at first, and at 1 ever after.
#[derive(Default)]
struct Ending(AtomicU32);

impl Clock for Ending {
    fn now(&self) -> Millis {
        u64::from(self.0.fetch_add(1, Ordering::SeqCst) > 0)
    }

    async fn sleep(&self, _: Millis) {}
}

#[test]
fn after_a_lost_answer_a_lease_that_ends_does_not_start_the_transaction_again() {
    let (world, clock) = (World::new(), Ending::default());
    let count = with_token(vec![add("k", 1)], Earlier::Impossible);
    let faulty = Faulty::new(world.source.clone(), |_| Fault::LoseAnswer);
    let source = Fenced::new(&faulty, &clock, 1);
    let result = block_on(transact(Pair { source: &source, target: &source }, &state(Phase::Copy), &count));
    assert!(matches!(result, Err(Error::Ambiguous(_))), "{result:?}");
    assert_eq!(world.source.peek(&key("k")), Some(item("k", 1)));
}
