//! Writes that come again, and writes whose answer was lost: known by their stamps.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};

use livemove_core::error::Error;
use livemove_core::item::{Item, Key};
use livemove_core::mark::{Marks, OperationId, Position, Run};
use livemove_core::phase::{Kind, Phase, Side, State, Step};
use livemove_core::plan::Timing;
use livemove_core::ports::Returning;
use livemove_core::route::Pair;
use livemove_core::scan::{Half, both};
use livemove_core::segment::Segment;
use livemove_core::testing::block_on;
use livemove_core::testing::faults::{Call, Fault, Faulty};
use livemove_core::write::{Asked, Change, Operation, WriteRequest, may_stamp, write};
use livemove_core::{copy, finish};
use serde_dynamo::AttributeValue;

use super::world::{RUN, World, at, gone, key, marked, moved, own, state};

const STAMPED: [Phase; 3] = [Phase::Guarded, Phase::Handoff, Phase::New];

fn id(text: &str) -> OperationId {
    OperationId::new(text).expect("an id")
}

fn stamp(text: &str) -> Marks {
    Marks { stamp: Some(id(text)), ..Marks::default() }
}

fn number(n: i64) -> AttributeValue {
    AttributeValue::N(n.to_string())
}

fn counter(n: i64) -> Item {
    let mut counter = key("k").to_item();
    counter.0.insert("n".to_owned(), number(n));
    counter
}

fn request(operation: &str, asked: Asked, change: Change) -> WriteRequest {
    WriteRequest {
        key: key("k"),
        change,
        condition: None,
        names: BTreeMap::new(),
        values: BTreeMap::new(),
        returning: Returning::Nothing,
        operation: Some(Operation { id: id(operation), asked }),
    }
}

fn count(operation: &str, asked: Asked) -> WriteRequest {
    WriteRequest {
        values: [(":one".to_owned(), number(1))].into(),
        returning: Returning::AllNew,
        ..request(operation, asked, Change::Update(Some("ADD n :one".to_owned())))
    }
}

fn insert(operation: &str, asked: Asked) -> WriteRequest {
    WriteRequest {
        condition: Some("attribute_not_exists(pk)".to_owned()),
        ..request(operation, asked, Change::Put(counter(7)))
    }
}

fn send(world: &World, state: &State, request: &WriteRequest) -> Result<Option<Item>, Error> {
    block_on(write(world.pair(), state, request))
}

/// As [`send`]; the answer of the `lost`th write of a table, counted from 1, is lost, and reads fail if they `blind`.
fn send_losing(
    world: &World,
    state: &State,
    request: &WriteRequest,
    lost: u32,
    blind: bool,
) -> Result<Option<Item>, Error> {
    let writes = AtomicU32::new(0);
    let faults = |call: Call| {
        if call == Call::Write && writes.fetch_add(1, Ordering::SeqCst) + 1 == lost {
            return Fault::LoseAnswer;
        }
        if call == Call::Get && blind { Fault::Reject } else { Fault::None }
    };
    let (source, target) = (Faulty::new(world.source.clone(), &faults), Faulty::new(world.target.clone(), &faults));
    block_on(write(Pair { source: &source, target: &target }, state, request))
}

/// A counter that stands at 1, served in that phase.
fn counting(phase: Phase) -> World {
    let world = World::new();
    if phase >= Phase::New {
        world.target.put_raw(marked(counter(1), own(RUN)));
    } else {
        world.source.put_raw(counter(1));
        world.target.put_raw(marked(counter(1), at(Position::new(RUN, "7"))));
    }
    world
}

/// The item that applications see, marks included, and where the key is native or not.
fn stored(world: &World, phase: Phase) -> Item {
    let key: Key = key("k");
    let stored = if phase == Phase::Guarded { world.source.peek(&key) } else { world.target.peek(&key) };
    stored.expect("an item")
}

fn counts(item: &Item) -> Option<&AttributeValue> {
    item.0.get("n")
}

#[test]
fn who_says_so_when_he_asks_again_is_asked_for_nothing_the_first_time_and_known_the_second() {
    let world = World::new();
    world.target.put_raw(marked(counter(0), Marks { own: RUN, ..stamp("never") }));
    // The very stamp does not stop it: nobody has asked before.
    let after = send(&world, &state(Phase::New), &count("never", Asked::Never)).expect("written");
    assert_eq!(after, Some(counter(1)));
    let again = send(&world, &state(Phase::New), &count("never", Asked::Again)).expect("known");
    assert_eq!(again, Some(counter(1)));
}

#[test]
fn a_counter_that_is_asked_for_again_counts_once() {
    for phase in STAMPED {
        for asked in [Asked::First, Asked::Again] {
            let world = counting(phase);
            let first = send(&world, &state(phase), &count("a", Asked::First)).expect("counted");
            let again = send(&world, &state(phase), &count("a", asked)).expect("known");
            assert_eq!((first, again), (Some(counter(2)), Some(counter(2))), "{phase}");
            assert_eq!(counts(&stored(&world, phase)), Some(&number(2)), "{phase}");
        }
    }
}

#[test]
fn a_conditional_write_that_succeeded_answers_success_when_it_is_asked_for_again() {
    for phase in STAMPED {
        let world = World::new();
        for asked in [Asked::First, Asked::First, Asked::Again] {
            send(&world, &state(phase), &insert("a", asked)).expect("inserted, once");
        }
        let other = send(&world, &state(phase), &insert("b", Asked::First));
        let Err(Error::ConditionFailed { item: Some(seen) }) = other else { panic!("{phase}: {other:?}") };
        assert_eq!(seen, counter(7), "without marks");
    }
}

#[test]
fn a_write_whose_answer_was_lost_is_found_done() {
    for phase in STAMPED {
        // On the first touch in `handoff`, the write is the third call.
        let last = if phase == Phase::Handoff { 3 } else { 1 };
        for lost in 1..=last {
            let world = counting(phase);
            let answer = send_losing(&world, &state(phase), &count("a", Asked::First), lost, false);
            // Of an attempt that was refused the outcome is as open as of one that was done.
            if phase == Phase::Handoff && lost == 1 {
                assert!(matches!(answer, Err(Error::Ambiguous(_))), "{phase}: {answer:?}");
                continue;
            }
            assert_eq!(answer.expect("found"), Some(counter(2)), "{phase}, {lost}");
            assert_eq!(counts(&stored(&world, phase)), Some(&number(2)), "{phase}, {lost}");
        }
    }
}

#[test]
fn where_the_look_fails_the_outcome_stays_open_and_nothing_is_sent_again() {
    for phase in [Phase::Guarded, Phase::New] {
        let world = counting(phase);
        let answer = send_losing(&world, &state(phase), &count("a", Asked::First), 1, true);
        assert!(matches!(answer, Err(Error::Ambiguous(_))), "{phase}: {answer:?}");
        assert_eq!(counts(&stored(&world, phase)), Some(&number(2)), "{phase}");
    }
}

#[test]
fn what_somebody_wrote_over_is_not_done_again() {
    for phase in STAMPED {
        let world = counting(phase);
        for operation in ["a", "b"] {
            send(&world, &state(phase), &count(operation, Asked::First)).expect("counted");
        }
        let again = send(&world, &state(phase), &count("a", Asked::Again));
        assert!(matches!(again, Err(Error::Ambiguous(_))), "{phase}: {again:?}");
        assert_eq!(counts(&stored(&world, phase)), Some(&number(3)), "{phase}");
    }
}

#[test]
fn what_never_arrived_is_not_done_when_it_is_asked_for_again() {
    for phase in STAMPED {
        let world = counting(phase);
        let again = send(&world, &state(phase), &count("a", Asked::Again));
        assert!(matches!(again, Err(Error::Ambiguous(_))), "{phase}: {again:?}");
        assert_eq!(counts(&stored(&world, phase)), Some(&number(1)), "{phase}");
    }
}

#[test]
fn return_values_are_told_as_far_as_the_item_has_them() {
    for phase in STAMPED {
        let again = |returning| {
            let world = counting(phase);
            let request = |asked| WriteRequest { returning, ..count("a", asked) };
            send(&world, &state(phase), &request(Asked::First)).expect("counted");
            send(&world, &state(phase), &request(Asked::Again))
        };
        let updated = Item([("n".to_owned(), number(2))].into());
        assert_eq!(again(Returning::Nothing).expect("known"), None, "{phase}");
        assert_eq!(again(Returning::AllNew).expect("known"), Some(counter(2)), "{phase}");
        assert_eq!(again(Returning::UpdatedNew).expect("known"), Some(updated), "{phase}");
        for old in [Returning::AllOld, Returning::UpdatedOld] {
            let lost = again(old);
            assert!(matches!(lost, Err(Error::OldValuesLost(_))), "{phase}: {lost:?}");
        }
    }
}

#[test]
fn a_delete_is_known_by_its_tombstone() {
    for phase in [Phase::Handoff, Phase::New] {
        let world = counting(phase);
        let delete = |asked| request("a", asked, Change::Delete);
        send(&world, &state(phase), &delete(Asked::First)).expect("deleted");
        assert_eq!(world.target.peek(&key("k")), Some(gone("k", Marks { stamp: Some(id("a")), ..own(RUN) })));
        assert_eq!(send(&world, &state(phase), &delete(Asked::Again)).expect("known"), None, "{phase}");
    }
}

#[test]
fn a_delete_in_the_first_guarded_leaves_nothing_to_know_it_by() {
    let (world, guarded) = (counting(Phase::Guarded), state(Phase::Guarded));
    send(&world, &guarded, &request("a", Asked::First, Change::Delete)).expect("deleted");
    assert_eq!(world.source.peek(&key("k")), None);
    let again = send(&world, &guarded, &request("a", Asked::Again, Change::Delete));
    assert!(matches!(again, Err(Error::Ambiguous(_))), "{again:?}");
}

#[test]
fn stamps_are_left_neither_before_the_first_guarded_nor_in_final() {
    for phase in [Phase::Old, Phase::Copy, Phase::Final] {
        let world = counting(phase);
        send(&world, &state(phase), &count("a", Asked::First)).expect("counted");
        let home = if phase == Phase::Final { &world.target } else { &world.source };
        assert_eq!(home.peek(&key("k")), Some(counter(2)), "{phase}");
    }
}

#[test]
fn in_final_what_was_done_in_new_is_known_until_the_sweeper_comes() {
    let world = counting(Phase::New);
    for phase in [Phase::New, Phase::Final] {
        assert_eq!(send(&world, &state(phase), &count("a", Asked::First)).expect("once"), Some(counter(2)), "{phase}");
    }
}

#[test]
fn an_update_without_an_id_takes_the_stamp_of_another_away() {
    for phase in STAMPED {
        for change in ["ADD n :one", "REMOVE n"] {
            let world = counting(phase);
            send(&world, &state(phase), &count("a", Asked::First)).expect("counted");
            let mut other = WriteRequest { operation: None, ..count("b", Asked::First) };
            other.change = Change::Update(Some(change.to_owned()));
            other.values.retain(|_, _| change.starts_with("ADD"));
            send(&world, &state(phase), &other).expect("written");
            assert_eq!(Marks::of(&stored(&world, phase)).stamp, None, "{phase}: {change}");
        }
    }
}

#[test]
fn an_update_that_only_removes_creates_no_item_for_its_stamp() {
    for phase in STAMPED {
        let world = World::new();
        let remove = request("a", Asked::First, Change::Update(Some("REMOVE n".to_owned())));
        assert_eq!(send(&world, &state(phase), &remove).expect("as in DynamoDB"), None);
        assert_eq!(world.source.peek(&key("k")).filter(|item| !Marks::of(item).tombstone), None, "{phase}");
        assert_eq!(world.target.peek(&key("k")).filter(|item| !Marks::of(item).tombstone), None, "{phase}");
    }
}

#[test]
fn what_was_done_in_guarded_is_known_in_handoff_wherever_the_key_is() {
    let (guarded, handoff) = (state(Phase::Guarded), state(Phase::Handoff));
    for asked in [Asked::First, Asked::Again] {
        // Not moved yet; half moved; moved.
        for step in 0..3 {
            let world = counting(Phase::Guarded);
            send(&world, &guarded, &count("a", Asked::First)).expect("counted");
            match step {
                0 => {}
                1 => world.source.put_raw(marked(counter(2), Marks { stamp: Some(id("a")), ..moved(RUN) })),
                _ => block_on(livemove_core::handoff::handoff(world.pair(), RUN, &key("k"))).expect("handed over"),
            }
            for _ in 0..2 {
                let again = send(&world, &handoff, &count("a", asked)).expect("known");
                assert_eq!(again, Some(counter(2)), "{asked:?}, step {step}");
            }
        }
    }
}

#[test]
fn a_handoff_takes_the_stamp_along() {
    let world = World::new();
    world.source.put_raw(marked(counter(2), stamp("a")));
    block_on(livemove_core::handoff::handoff(world.pair(), RUN, &key("k"))).expect("handed over");
    assert_eq!(world.target.peek(&key("k")), Some(marked(counter(2), Marks { stamp: Some(id("a")), ..own(RUN) })));
    // So does that of a tombstone, in a later run.
    let world = World::new();
    world.target.put_raw(gone("k", Marks { stamp: Some(id("a")), ..own(RUN) }));
    block_on(livemove_core::handoff::handoff(world.pair(), Run(2), &key("k"))).expect("handed back");
    assert_eq!(world.source.peek(&key("k")), Some(gone("k", Marks { stamp: Some(id("a")), ..own(Run(2)) })));
}

#[test]
fn the_replicator_takes_the_stamp_along() {
    let world = World::new();
    world.source.put_raw(marked(counter(2), stamp("a")));
    world.replicate(&state(Phase::Guarded), Side::Source, &[0]);
    assert_eq!(Marks::of_option(world.target.peek(&key("k")).as_ref()).stamp, Some(id("a")));
    let back = World::new();
    back.target.put_raw(gone("k", Marks { stamp: Some(id("b")), ..own(RUN) }));
    back.replicate(&state(Phase::New), Side::Target, &[0]);
    assert_eq!(Marks::of_option(back.source.peek(&key("k")).as_ref()).stamp, Some(id("b")), "of a tombstone, too");
}

#[test]
fn the_backfill_takes_the_stamp_along() {
    let world = World::new();
    world.source.put_raw(marked(counter(2), stamp("a")));
    block_on(copy::copy_page(world.pair(), &livemove_core::testing::Timeless, RUN, Segment::WHOLE, None, 10, 1))
        .expect("copied");
    assert_eq!(world.target.peek(&key("k")), Some(marked(counter(2), stamp("a"))));
}

#[test]
fn the_finisher_brings_a_stamp_even_where_the_data_are_the_same() {
    let world = World::new();
    world.source.put_raw(marked(counter(2), stamp("a")));
    world.target.put_raw(marked(counter(2), at(Position::new(RUN, "7"))));
    let page = || block_on(both(world.pair(), RUN, Half::Losing, Segment::WHOLE, None, 10)).expect("read").0;
    assert_eq!(block_on(finish::finish(world.pair(), RUN, page())).expect("finished").written, 1);
    assert_eq!(Marks::of_option(world.target.peek(&key("k")).as_ref()).stamp, Some(id("a")));
    assert_eq!(block_on(finish::finish(world.pair(), RUN, page())).expect("finished").written, 0);
}

#[test]
fn a_run_that_was_in_guarded_and_is_given_up_knows_its_writes() {
    let world = counting(Phase::Guarded);
    let step = |state: &State, step| state.after(Kind::Table, step, 9).expect("a step");
    let guarded = step(&state(Phase::Copy), Step::Advance(Phase::Guarded));
    send(&world, &guarded, &count("a", Asked::First)).expect("counted");
    let copy = step(&guarded, Step::Retreat(Phase::Copy));
    for back in [copy.clone(), step(&copy, Step::Retreat(Phase::Old))] {
        assert_eq!(send(&world, &back, &count("a", Asked::Again)).expect("known"), Some(counter(2)), "{}", back.phase);
    }
    send(&world, &copy, &WriteRequest { operation: None, ..count("b", Asked::First) }).expect("counted");
    assert_eq!(world.source.peek(&key("k")), Some(counter(3)), "no stamp stands on the value of another");
}

#[test]
fn the_first_stamp_waits_until_nobody_is_in_copy_any_more() {
    let timing = Timing { lease_ms: 5, call_ms: 3, skew_ms: 1 };
    let at = |run: u32, phase| State { run: Run(run), since: 100, ..state(phase) };
    assert!(!may_stamp(&at(1, Phase::Guarded), &timing, 108));
    assert!(may_stamp(&at(1, Phase::Guarded), &timing, 109));
    assert!(may_stamp(&at(1, Phase::Handoff), &timing, 100));
    assert!(may_stamp(&at(2, Phase::Guarded), &timing, 100), "who is in `copy` of a later run leaves stamps as well");
}
