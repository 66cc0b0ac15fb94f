//! Read transactions.

use livemove_core::error::Error;
use livemove_core::item::Item;
use livemove_core::mark::{Marks, Run};
use livemove_core::phase::{Phase, State};
use livemove_core::snapshot::{SnapshotPart, snapshot};
use livemove_core::testing::block_on;
use serde_json::json;

use super::world::{RUN, World, get_request, gone, item, key, moved, native, state};

fn look(world: &World, state: &State, names: &[&str]) -> Result<Vec<Option<Item>>, Error> {
    let parts: Vec<_> = names.iter().map(|name| SnapshotPart::Get(get_request(name))).collect();
    block_on(snapshot(world.pair(), state, &parts))
}

#[test]
fn a_snapshot_of_keys_that_have_not_moved_moves_none() {
    for phase in [Phase::Old, Phase::Copy, Phase::Guarded, Phase::Handoff] {
        let world = World::new();
        world.source.put_raw(item("a", 1));
        world.source.put_raw(item("b", 2));
        let records = world.records();
        let seen = look(&world, &state(phase), &["b", "absent", "a"]).unwrap();
        assert_eq!(seen, [Some(item("b", 2)), None, Some(item("a", 1))], "{phase}");
        assert_eq!(world.records(), records, "{phase}: nothing is written");
    }
}

#[test]
fn a_snapshot_of_native_keys_is_the_gaining_tables() {
    for phase in [Phase::Guarded, Phase::Handoff, Phase::New, Phase::Final] {
        let world = World::new();
        world.target.put_raw(native("a", 1, RUN));
        world.target.put_raw(gone("b", RUN));
        for name in ["a", "b"] {
            world.source.put_raw(moved(name, 0, RUN));
        }
        let records = world.records();
        let seen = look(&world, &state(phase), &["a", "b"]).unwrap();
        assert_eq!(seen, [Some(item("a", 1)), None], "{phase}: neither marks nor tombstones");
        assert_eq!(world.records(), records, "{phase}: nothing is written");
    }
}

#[test]
fn a_snapshot_over_keys_of_mixed_ownership_is_of_one_table_and_one_moment() {
    for phase in [Phase::Guarded, Phase::Handoff] {
        let world = World::new();
        world.source.put_raw(moved("moved", 0, RUN));
        world.target.put_raw(native("moved", 1, RUN));
        world.source.put_raw(moved("half", 2, RUN));
        world.source.put_raw(item("still", 3));
        let seen = look(&world, &state(phase), &["moved", "half", "still", "absent"]).unwrap();
        let expected = [Some(item("moved", 1)), Some(item("half", 2)), Some(item("still", 3)), None];
        assert_eq!(seen, expected, "{phase}");
        for name in ["moved", "half", "still", "absent"] {
            assert_eq!(Marks::of_option(world.target.peek(&key(name)).as_ref()).own, RUN, "{phase}: {name}");
        }
    }
}

#[test]
fn a_snapshot_that_meets_a_later_run_looks_at_the_phase_again() {
    let world = World::new();
    world.source.put_raw(native("k", 1, Run(2)));
    world.target.put_raw(moved("k", 1, Run(2)));
    for phase in [Phase::Guarded, Phase::Handoff, Phase::New] {
        assert!(matches!(look(&world, &state(phase), &["k"]), Err(Error::StalePhase)), "{phase}");
    }
}

#[test]
fn entries_of_other_tables_stand_where_they_were_asked_for() {
    for phase in [Phase::Copy, Phase::Guarded, Phase::Handoff, Phase::New, Phase::Final] {
        let world = World::new();
        world.source.put_raw(item("k", 1));
        world.target.put_raw(native("k", 1, RUN));
        let foreign = SnapshotPart::Foreign(json!({"Get": {"TableName": "other", "Key": {}}}));
        let parts = [foreign.clone(), SnapshotPart::Get(get_request("k")), foreign];
        let seen = block_on(snapshot(world.pair(), &state(phase), &parts)).unwrap();
        assert_eq!(seen, [None, Some(item("k", 1)), None], "{phase}");
    }
}
