//! After the switch the old bucket follows the new one, and the move can be turned round.

use livemove_core::checkpoint::Job;
use livemove_core::object::follow::Late;
use livemove_core::object::sync::{Cause, Outcome};
use livemove_core::phase::{Phase, Side};
use livemove_core::testing::block_on;
use livemove_core::testing::bucket::Tagging;

use crate::world::World;

/// Moves everything to the new side of `run` and switches over.
fn switch_over(world: &World, run: u32) {
    world.phase(run, Phase::Copy);
    world.job(run, Job::Copy);
    world.phase(run, Phase::Guarded);
    world.seal();
    world.job(run, Job::Finish);
    let certificate = world.job(run, Job::Certify);
    assert_eq!((certificate.differing, certificate.source_digest), (0, certificate.target_digest));
    world.phase(run, Phase::New);
}

#[test]
fn there_and_back_and_there_again_under_writes() {
    for tagging in [Tagging::Content, Tagging::Opaque] {
        let world = World::new(tagging);
        for key in ["changed", "deleted", "kept", "deleted and made again"] {
            world.source.put(key, b"at first", &[], &[]);
        }
        for run in 1..6u32 {
            let context = format!("{tagging:?} run {run}");
            switch_over(&world, run);
            world.assert_equal();
            let (primary, side) = if run % 2 == 1 { (&world.target, Side::Target) } else { (&world.source, Side::Source) };
            let text = run.to_string();
            primary.put("changed", text.as_bytes(), &[("run", &text)], &[("run", &text)]);
            primary.put(&format!("created {run}"), b"new", &[], &[]);
            primary.delete("deleted and made again");
            if run == 1 {
                primary.delete("deleted");
            }
            let followed = block_on(world.drain(side));
            assert!(followed.foreign == 0 && followed.failed.is_empty(), "{context}: {followed:?}");
            world.assert_equal();
            primary.put("deleted and made again", text.as_bytes(), &[], &[]);
            // The phase turns round with events still under way.
            world.phase(run + 1, Phase::Old);
            let followed = block_on(world.drain(side));
            assert!(followed.foreign == 0 && followed.failed.is_empty(), "{context}: {followed:?}");
            world.assert_equal();
        }
        assert_eq!(world.source.content("deleted"), None);
    }
}

#[test]
fn the_followers_own_writes_are_no_stragglers_and_go_round_in_no_circle() {
    let world = World::new(Tagging::Opaque);
    world.source.put("k", b"one", &[], &[]);
    switch_over(&world, 1);
    world.target.put("k", b"two", &[], &[]);
    let mut writes = (0, 0);
    for _ in 0..3 {
        let (there, back) = (block_on(world.drain(Side::Target)), block_on(world.drain(Side::Source)));
        assert!(there.late.is_empty() && back.late.is_empty(), "{there:?} {back:?}");
        assert_eq!(back.written, 0);
        let now = (world.source.events().len(), world.target.events().len());
        assert!(writes == (0, 0) || writes == now, "followers write without a cause");
        writes = now;
    }
    world.assert_equal();
}

#[test]
fn a_late_write_to_the_old_bucket_is_entered_and_kept() {
    let world = World::new(Tagging::Content);
    world.source.put("k", b"one", &[], &[]);
    world.source.put("gone", b"one", &[], &[]);
    switch_over(&world, 1);
    world.source.put("k", b"late", &[], &[]);
    world.source.delete("gone");
    let late = block_on(world.drain(Side::Source)).late;
    let keys: Vec<(&str, bool)> = late.iter().map(|Late { key, content, .. }| (key.as_str(), content.is_some())).collect();
    assert!(keys.contains(&("k", true)) && keys.contains(&("gone", false)) && keys.len() == 2, "{late:?}");
    world.target.put("k", b"two", &[], &[]);
    assert_eq!(block_on(world.drain(Side::Target)).foreign, 1);
    assert_eq!(world.source.content("k").unwrap(), b"late");
    assert_eq!(world.target.content("k").unwrap(), b"two");
}

#[test]
fn an_event_does_not_carry_back_what_the_other_follower_wrote() {
    let world = World::new(Tagging::Content);
    world.source.put("k", b"one", &[], &[]);
    switch_over(&world, 1);
    world.source.delete("k");
    assert_eq!(block_on(world.sync(2, "k", Cause::Event(None))).unwrap(), Outcome::Ours);
    assert_eq!(world.source.content("k"), None);
    assert_eq!(block_on(world.sync(2, "k", Cause::Job)).unwrap(), Outcome::Written);
    world.assert_equal();
}

#[test]
fn a_worker_of_an_older_run_does_nothing() {
    let world = World::new(Tagging::Content);
    world.source.put("k", b"one", &[], &[]);
    switch_over(&world, 1);
    world.target.delete("k");
    block_on(world.drain(Side::Target));
    world.source.put("k", b"late", &[], &[]);
    assert_eq!(block_on(world.sync(1, "k", Cause::Job)).unwrap_err().name(), "StalePhase");
    assert_eq!(world.target.content("k"), None);
}
