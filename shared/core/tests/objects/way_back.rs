//! After the switch the old bucket follows the new one, and the move can be turned round.

use livemove_core::checkpoint::Job;
use livemove_core::lease::Cache;
use livemove_core::object::follow::{Follower, Late, Notice, follow};
use livemove_core::object::sync::{Cause, Outcome};
use livemove_core::phase::{Phase, Side};
use livemove_core::ports::Clock;
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
            let (primary, side) =
                if run % 2 == 1 { (&world.target, Side::Target) } else { (&world.source, Side::Source) };
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

/// Found by the end-to-end run: the other follower took the run's own writes for changes to carry back, the ledger
/// spoke of the next run, and `finish` could not touch those keys any more.
#[test]
fn events_of_the_gaining_bucket_before_new_do_not_stop_the_run() {
    let world = World::new(Tagging::Content);
    for run in 1..4u32 {
        let (primary, gaining) =
            if run % 2 == 1 { (&world.source, Side::Target) } else { (&world.target, Side::Source) };
        primary.put("k", run.to_string().as_bytes(), &[], &[]);
        world.phase(run, Phase::Copy);
        world.job(run, Job::Copy);
        world.phase(run, Phase::Guarded);
        let followed = block_on(world.drain(gaining));
        assert!(
            followed.written == 0 && followed.failed.is_empty() && followed.late.is_empty(),
            "run {run}: {followed:?}"
        );
        primary.put("k", b"just before the freeze", &[], &[]);
        world.seal();
        world.job(run, Job::Finish);
        world.assert_equal();
        world.phase(run, Phase::New);
    }
}

#[test]
fn a_follower_that_still_believes_in_the_freeze_looks_again() {
    let world = World::new(Tagging::Content);
    world.phase(1, Phase::Guarded);
    let cache = Cache::new(&world, world.clock.clone(), 5_000);
    block_on(cache.view()).unwrap();
    world.phase(1, Phase::New);
    world.target.put("k", b"written by an application", &[], &[]);
    let notice = Notice { message: "m".to_owned(), key: "k".to_owned(), sequencer: None, tries: 1 };
    let follower = Follower { holder: "h", deadline: world.clock.now() + 60_000, call: 3_000, in_flight: 1 };
    let followed = block_on(follow(world.desk(Side::Target), &cache, world.pair(), follower, &[notice]));
    assert_eq!(followed.written, 1, "{followed:?}");
    world.assert_equal();
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
    let keys: Vec<(&str, bool)> =
        late.iter().map(|Late { key, content, .. }| (key.as_str(), content.is_some())).collect();
    assert!(keys.contains(&("k", true)) && keys.contains(&("gone", false)) && keys.len() == 2, "{late:?}");
    world.target.put("k", b"two", &[], &[]);
    assert_eq!(block_on(world.drain(Side::Target)).held, 1);
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
