//! Objects that cannot be carried: held one by one, stopped by nothing, free again with the first success.

use livemove_core::checkpoint::Job;
use livemove_core::error::Error;
use livemove_core::hold::{HOLDS_MAX, Hold, Holds, Seen};
use livemove_core::item::Key;
use livemove_core::mark::Run;
use livemove_core::object::holding::{NOT_A_COPY, TRIED_BEFORE, is_poison};
use livemove_core::object::ledger::Sequencer;
use livemove_core::phase::{Phase, Side};
use livemove_core::testing::block_on;
use livemove_core::testing::bucket::Tagging;
use livemove_core::testing::faults::Fault;

use crate::world::{SUBJECT, World};

/// An object in an archive, which an event has told of, and another one.
fn archived() -> World {
    let world = World::new(Tagging::Content);
    world.source.put("cold", b"one", &[], &[]);
    world.source.put("warm", b"one", &[], &[]);
    world.source.archive("cold");
    world
}

#[test]
fn an_object_that_cannot_be_carried_is_held_and_the_others_go_on() {
    let world = archived();
    let followed = block_on(world.drain(Side::Source));
    assert_eq!((followed.held, followed.written, followed.failed.len()), (1, 1, 0));
    assert_eq!(world.target.content("cold"), None);
    let [hold] = world.held(Side::Source).try_into().unwrap();
    assert_eq!((hold.key.object(), hold.error.as_str(), hold.run), (Some("cold"), "InvalidObjectState", Run(1)));
    assert!(hold.object.unwrap().etag.is_some(), "what it was then");
    // Another event of it: the same hold, tried once more.
    block_on(world.follow(Side::Source, &[("cold", None)]));
    let [again] = world.held(Side::Source).try_into().unwrap();
    assert_eq!((again.records, again.version), (2, 2));
}

#[test]
fn a_later_event_that_succeeds_frees_the_object() {
    let world = archived();
    block_on(world.drain(Side::Source));
    world.source.restore("cold");
    world.source.put("cold", b"two", &[], &[]);
    block_on(world.drain(Side::Source));
    assert!(world.held(Side::Source).is_empty());
    world.assert_equal();
}

#[test]
fn a_held_object_that_is_deleted_is_free_once_the_delete_is_carried() {
    let world = World::new(Tagging::Content);
    world.source.put("k", b"one", &[], &[]);
    block_on(world.drain(Side::Source));
    world.source.put("k", b"two", &[], &[]);
    world.source.archive("k");
    block_on(world.drain(Side::Source));
    assert_eq!((world.held(Side::Source).len(), world.target.content("k").unwrap()), (1, b"one".to_vec()));
    world.source.delete("k");
    block_on(world.drain(Side::Source));
    assert!(world.held(Side::Source).is_empty());
    assert_eq!(world.target.content("k"), None);
}

#[test]
fn an_event_that_had_its_effect_does_not_free_an_object_that_is_held_for_a_later_one() {
    let world = World::new(Tagging::Content);
    world.source.put("k", b"one", &[], &[]);
    block_on(world.drain(Side::Source));
    let first = world.source.events()[0].sequencer.clone();
    world.source.put("k", b"two", &[], &[]);
    world.source.archive("k");
    block_on(world.drain(Side::Source));
    block_on(world.follow(Side::Source, &[("k", Some(first))]));
    assert_eq!(world.held(Side::Source).len(), 1);
}

#[test]
fn what_is_held_while_an_object_is_carried_keeps_it_held() {
    let world = archived();
    block_on(world.drain(Side::Source));
    let [before] = world.held(Side::Source).try_into().unwrap();
    // Somebody carried what it was; then it changed, and another copier could not carry that.
    block_on(world.follow(Side::Source, &[("cold", None)]));
    assert!(!block_on(world.register.release(SUBJECT, &before)).unwrap());
    assert_eq!(world.held(Side::Source).len(), 1);
}

#[test]
fn a_message_that_comes_again_holds_its_object_until_it_is_carried() {
    let world = World::new(Tagging::Content);
    world.source.put("k", b"one", &[], &[]);
    // As of an invocation that is ended from outside: nothing comes after the throttling.
    world.target.inject([Fault::Reject]);
    let followed = block_on(world.deliver(Side::Source, &[("k", None)], 3));
    assert_eq!(followed.failed.len(), 1, "it comes again");
    let [hold] = world.held(Side::Source).try_into().unwrap();
    assert_eq!((hold.error.as_str(), hold.object), (TRIED_BEFORE, Some(Seen::default())));
    assert_eq!(block_on(world.deliver(Side::Source, &[("k", None)], 4)).written, 1);
    assert!(world.held(Side::Source).is_empty());
    // One that succeeds at once leaves none behind.
    world.source.put("other", b"one", &[], &[]);
    block_on(world.deliver(Side::Source, &[("other", None)], 3));
    assert!(world.held(Side::Source).is_empty());
}

#[test]
fn throttling_holds_nothing_and_comes_again() {
    let world = World::new(Tagging::Content);
    world.source.put("k", b"one", &[], &[]);
    world.target.inject([Fault::Reject]);
    assert_eq!(block_on(world.drain(Side::Source)).failed.len(), 1);
    assert!(world.held(Side::Source).is_empty());
}

#[test]
fn what_is_not_known_to_be_a_copy_is_left_and_the_object_held() {
    let world = World::new(Tagging::Content);
    world.target.put("k", b"theirs", &[], &[]);
    world.source.put("k", b"ours", &[], &[]);
    assert_eq!(block_on(world.drain(Side::Source)).held, 1);
    assert_eq!(world.target.content("k").unwrap(), b"theirs");
    assert_eq!(world.held(Side::Source)[0].error, NOT_A_COPY);
    world.target.delete("k");
    block_on(world.follow(Side::Source, &[("k", None)]));
    assert!(world.held(Side::Source).is_empty());
    world.assert_equal();
}

#[test]
fn copy_and_repair_hold_what_they_cannot_carry_and_go_on() {
    let world = archived();
    assert_eq!(world.job(1, Job::Copy).written, 1);
    assert_eq!((world.held(Side::Source).len(), world.job(1, Job::Verify).differing), (1, 1));
    assert_eq!(world.job(1, Job::Repair).written, 0);
    assert_eq!(world.held(Side::Source)[0].records, 2);
    world.source.restore("cold");
    assert_eq!(world.job(1, Job::Repair).written, 1);
    assert!(world.held(Side::Source).is_empty());
    world.assert_equal();
}

#[test]
fn a_comparison_that_finds_a_held_object_the_same_frees_it() {
    let world = archived();
    block_on(world.drain(Side::Source));
    // Not yet: it differs.
    world.job(1, Job::Verify);
    assert_eq!(world.held(Side::Source).len(), 1);
    // Somebody puts it there by hand.
    world.target.put("cold", b"one", &[], &[]);
    world.job(1, Job::Verify);
    assert!(world.held(Side::Source).is_empty());
}

#[test]
fn a_frozen_bucket_is_not_finished_past_what_cannot_be_carried() {
    let world = archived();
    world.phase(1, Phase::Guarded);
    world.seal();
    let task = livemove_core::checkpoint::Task {
        subject: SUBJECT.to_owned(),
        run: Run(1),
        job: Job::Finish,
        segment: livemove_core::segment::Segment { index: 0, total: 1 },
    };
    assert_eq!(block_on(world.work(&task)).unwrap_err().name(), "InvalidObjectState");
}

#[test]
fn with_too_many_held_the_messages_come_again() {
    let world = archived();
    for n in 0..HOLDS_MAX {
        let hold = Hold {
            run: Run(1),
            side: Side::Source,
            key: Key::of_object(&n.to_string()),
            first: n.to_string(),
            last: n.to_string(),
            records: 1,
            error: "AccessDenied".to_owned(),
            message: String::new(),
            since: 0,
            at: 0,
            version: 1,
            object: Some(Seen::default()),
        };
        block_on(world.register.hold(SUBJECT, &hold)).unwrap();
    }
    let followed = block_on(world.drain(Side::Source));
    assert_eq!((followed.held, followed.written, followed.failed.len()), (0, 1, 1));
    // Those that are held already go on being tried.
    world.source.put("7", b"seven", &[], &[]);
    assert_eq!(block_on(world.follow(Side::Source, &[("7", None)])).written, 1);
    let next = block_on(world.desk(Side::Source).find(&Key::of_object("7"))).unwrap();
    assert_eq!(next, None);
}

#[test]
fn a_hold_of_a_later_run_is_not_freed_by_an_earlier_one() {
    let world = World::new(Tagging::Content);
    world.phase(1, Phase::New);
    world.target.put("k", b"one", &[], &[]);
    world.target.archive("k");
    block_on(world.drain(Side::Target));
    assert_eq!(world.held(Side::Target)[0].run, Run(2));
    assert!(world.held(Side::Source).is_empty());
    let sequencer = Sequencer::new("FF").unwrap();
    block_on(world.follow(Side::Source, &[("k", Some(sequencer))]));
    assert_eq!(world.held(Side::Target).len(), 1, "the other side's events are late writes now");
}

#[test]
fn what_concerns_every_object_is_not_an_objects_own() {
    let rejected = |name: &str| Error::Rejected { name: name.to_owned(), message: String::new() };
    assert!(is_poison(&rejected("InvalidObjectState")) && is_poison(&rejected("KMS.DisabledException")));
    assert!(is_poison(&Error::Denied("one object's key, perhaps".to_owned())));
    for error in [rejected("NoSuchBucket"), Error::Throttled(String::new()), Error::Unavailable(String::new())] {
        assert!(!is_poison(&error), "{error}");
    }
}
