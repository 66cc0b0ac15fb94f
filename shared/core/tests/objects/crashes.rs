//! Workers that die between any two steps.

use livemove_core::object::sync::Cause;
use livemove_core::ports::Clock;
use livemove_core::testing::block_on;
use livemove_core::testing::bucket::{Tagging, run_steps};

use crate::world::World;

fn settle(world: &World, context: &str) {
    // A dead worker's key is free again when its lease is over; nobody may touch it before.
    block_on(world.clock.sleep(60_000));
    block_on(world.sync(1, "k", Cause::Job)).unwrap_or_else(|error| panic!("{context}: {error}"));
    world.assert_equal();
}

#[test]
fn a_worker_may_die_at_any_step() {
    for tagging in [Tagging::Content, Tagging::Opaque] {
        for first in 0..20 {
            for second in 0..20 {
                let context = format!("{tagging:?} {first} {second}");
                let world = World::new(tagging);
                world.source.put("k", b"first", &[], &[]);
                let _ = run_steps(world.sync(1, "k", Cause::Job), first);
                world.source.put("k", b"second one", &[("m", "2")], &[]);
                block_on(world.clock.sleep(60_000));
                let _ = run_steps(world.sync(1, "k", Cause::Job), second);
                world.source.delete("k");
                settle(&world, &context);
                assert!(world.target.objects().is_empty(), "{context}");
                world.source.put("k", b"third", &[], &[]);
                settle(&world, &context);
            }
        }
    }
}

#[test]
fn a_held_key_is_left_to_its_holder_until_the_lease_ends() {
    let world = World::new(Tagging::Content);
    world.source.put("k", b"one", &[], &[]);
    // Far enough to have announced the write, not far enough to have done it.
    let held = (1..20).find(|steps| {
        let _ = run_steps(world.sync(1, "k", Cause::Job), *steps);
        world.ledger.rows().get("k").is_some_and(|row| row.busy_until > 0)
    });
    assert!(held.is_some() && world.target.objects().is_empty());
    assert_eq!(block_on(world.sync(1, "k", Cause::Job)).unwrap_err().name(), "Conflict");
    assert!(world.target.objects().is_empty());
    settle(&world, "held");
}
