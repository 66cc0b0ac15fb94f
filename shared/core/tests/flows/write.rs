//! Reads and writes of an application while keys move.

use std::collections::BTreeMap;

use livemove_core::error::Error;
use livemove_core::item::Item;
use livemove_core::mark::Run;
use livemove_core::phase::{Phase, State, Step};
use livemove_core::ports::{Consistency, Returning};
use livemove_core::read::{GetRequest, get};
use livemove_core::testing::block_on;
use livemove_core::write::{Change, WriteRequest, write};
use serde_dynamo::AttributeValue;

use super::world::{RUN, World, gone, item, key, marked, moved, own, state};

fn read(world: &World, state: &State, name: &str) -> Result<Option<Item>, Error> {
    let request =
        GetRequest { key: key(name), consistency: Consistency::Eventual, projection: None, names: BTreeMap::new() };
    block_on(get(world.pair(), state, &request))
}

fn request(name: &str, change: Change) -> WriteRequest {
    WriteRequest {
        key: key(name),
        change,
        condition: None,
        names: BTreeMap::new(),
        values: BTreeMap::new(),
        returning: Returning::Nothing,
        operation: None,
    }
}

fn update(name: &str, expression: &str) -> WriteRequest {
    request(name, Change::Update(Some(expression.to_owned())))
}

fn send(world: &World, state: &State, request: &WriteRequest) -> Result<Option<Item>, Error> {
    block_on(write(world.pair(), state, request))
}

#[test]
fn an_update_that_only_removes_creates_no_item_in_handoff_new_and_final() {
    for phase in [Phase::Handoff, Phase::New, Phase::Final] {
        let world = World::new();
        world.target.put_raw(gone("deleted", own(RUN)));
        for name in ["deleted", "never"] {
            send(&world, &state(phase), &update(name, "REMOVE v")).expect("as in DynamoDB");
            assert_eq!(read(&world, &state(phase), name).expect("read"), None, "{phase}: {name}");
        }
        let mut demanding = update("deleted", "REMOVE v");
        demanding.condition = Some("attribute_exists(pk)".to_owned());
        let refused = send(&world, &state(phase), &demanding);
        assert!(matches!(refused, Err(Error::ConditionFailed { item: None })), "{phase}: {refused:?}");
    }
}

#[test]
fn an_update_without_an_expression_makes_an_item_in_every_phase() {
    for phase in [Phase::Old, Phase::Guarded, Phase::Handoff, Phase::New, Phase::Final] {
        let world = World::new();
        if phase > Phase::Guarded {
            world.target.put_raw(gone("deleted", own(RUN)));
            world.target.put_raw(marked(item("there", "same"), own(RUN)));
        }
        for name in ["deleted", "never"] {
            send(&world, &state(phase), &request(name, Change::Update(None))).expect("as in DynamoDB");
            assert_eq!(read(&world, &state(phase), name).expect("read"), Some(key(name).to_item()), "{phase}: {name}");
        }
        if phase > Phase::Guarded {
            send(&world, &state(phase), &request("there", Change::Update(None))).expect("nothing to change");
            assert_eq!(read(&world, &state(phase), "there").expect("read"), Some(item("there", "same")), "{phase}");
        }
    }
}

#[test]
fn a_condition_takes_a_tombstone_for_an_absent_item() {
    let world = World::new();
    world.target.put_raw(gone("k", own(RUN)));
    let mut insert = request("k", Change::Put(item("k", "new")));
    insert.condition = Some("attribute_not_exists(pk)".to_owned());
    send(&world, &state(Phase::New), &insert).expect("it is absent");
    let again = send(&world, &state(Phase::New), &insert);
    let Err(Error::ConditionFailed { item: Some(seen) }) = again else { panic!("{again:?}") };
    assert_eq!(seen, item("k", "new"), "what the application may see, without marks");
}

#[test]
fn a_write_in_handoff_moves_the_key_first_and_sees_what_was_there() {
    let world = World::new();
    world.source.put_raw(item("k", "before"));
    let mut count = update("k", "ADD n :one");
    count.values.insert(":one".to_owned(), AttributeValue::N("1".to_owned()));
    count.returning = Returning::AllNew;
    let after = send(&world, &state(Phase::Handoff), &count).expect("written").expect("attributes");
    assert_eq!(after.0.get("v"), Some(&AttributeValue::S("before".to_owned())), "no partial item");
    assert_eq!(world.source.peek(&key("k")), Some(marked(item("k", "before"), moved(RUN))), "frozen");
}

#[test]
fn a_stub_cannot_be_taken_for_an_item_of_key_attributes_alone() {
    let world = World::new();
    let bare = key("bare").to_item();
    world.source.put_raw(bare.clone());
    send(&world, &state(Phase::Handoff), &update("absent", "REMOVE v")).expect("nothing to remove");
    let refused = send(&world, &state(Phase::Handoff), &{
        let mut demanding = update("bare", "REMOVE v");
        demanding.condition = Some("attribute_not_exists(pk)".to_owned());
        demanding
    });
    assert!(matches!(refused, Err(Error::ConditionFailed { .. })), "{refused:?}");
    assert_eq!(read(&world, &state(Phase::Handoff), "absent").expect("read"), None);
    assert_eq!(read(&world, &state(Phase::Handoff), "bare").expect("read"), Some(bare));
}

#[test]
fn a_guarded_write_finds_the_key_moved_and_follows_it() {
    let world = World::new();
    world.source.put_raw(marked(item("k", "frozen"), moved(RUN)));
    send(&world, &state(Phase::Guarded), &request("k", Change::Put(item("k", "after")))).expect("written");
    assert_eq!(world.source.peek(&key("k")), Some(marked(item("k", "frozen"), moved(RUN))));
    assert_eq!(world.target.peek(&key("k")), Some(marked(item("k", "after"), own(RUN))));
    assert_eq!(read(&world, &state(Phase::Guarded), "k").expect("read"), Some(item("k", "after")));
}

#[test]
fn whoever_sees_a_mark_of_a_later_run_looks_at_the_phase_again() {
    let world = World::new();
    let later = Run(2);
    world.source.put_raw(marked(item("k", "native again"), own(later)));
    world.target.put_raw(marked(item("k", "given back"), moved(later)));
    let put = request("k", Change::Put(item("k", "late")));
    let on_condition = WriteRequest { condition: Some("attribute_exists(pk)".to_owned()), ..put.clone() };
    for (phase, put) in [(Phase::Guarded, &put), (Phase::Handoff, &put), (Phase::New, &on_condition)] {
        assert!(matches!(send(&world, &state(phase), put), Err(Error::StalePhase)), "{phase}");
    }
    assert_eq!(world.source.peek(&key("k")), Some(marked(item("k", "native again"), own(later))));
    assert_eq!(world.target.peek(&key("k")), Some(marked(item("k", "given back"), moved(later))));
}

#[test]
fn in_new_a_write_without_a_condition_gets_none() {
    // Nobody moves keys while anybody may act on `new`, so that no such mark is there; put here, it is not looked at.
    let world = World::new();
    world.target.put_raw(marked(item("k", "given back"), moved(Run(2))));
    send(&world, &state(Phase::New), &request("k", Change::Put(item("k", "late")))).expect("written");
    assert_eq!(world.target.peek(&key("k")), Some(marked(item("k", "late"), own(RUN))));
}

#[test]
fn a_delete_leaves_a_tombstone_until_final() {
    let world = World::new();
    world.target.put_raw(marked(item("k", "there"), own(RUN)));
    let mut delete = request("k", Change::Delete);
    delete.returning = Returning::AllOld;
    let new = state(Phase::New);
    assert_eq!(send(&world, &new, &delete).expect("deleted"), Some(item("k", "there")));
    assert_eq!(send(&world, &new, &delete).expect("deleted"), None, "a tombstone is nothing to answer with");
    assert_eq!(world.target.peek(&key("k")), Some(gone("k", own(RUN))));
    let last = new.after(livemove_core::phase::Kind::Table, Step::Advance(Phase::Final), 2).expect("a step");
    send(&world, &last, &delete).expect("deleted");
    assert_eq!(world.target.peek(&key("k")), None);
}
