//! Events in any order, more than once, and while applications keep writing.

use livemove_core::object::CANARY_KEY;
use livemove_core::object::sync::{Cause, Outcome};
use livemove_core::phase::{Phase, Side};
use livemove_core::testing::block_on;
use livemove_core::testing::bucket::Tagging;
use livemove_core::testing::faults::Fault;
use shuttle::future;

use crate::world::World;

const BOTH: [Tagging; 2] = [Tagging::Content, Tagging::Opaque];

fn permutations(n: usize) -> Vec<Vec<usize>> {
    if n == 0 {
        return vec![Vec::new()];
    }
    let shorter = permutations(n - 1);
    shorter
        .iter()
        .flat_map(|rest| {
            (0..n).map(|at| {
                let mut all = rest.clone();
                all.insert(at, n - 1);
                all
            })
        })
        .collect()
}

#[test]
fn every_order_and_repetition_of_events_ends_in_the_same() {
    for tagging in BOTH {
        for order in permutations(5) {
            let world = World::new(tagging);
            let writes: [&dyn Fn(); 5] = [
                &|| world.source.put("k", b"one", &[], &[("t", "1")]),
                &|| world.source.put("k", b"two", &[("m", "2")], &[]),
                &|| world.source.delete("k"),
                &|| world.source.put("k", b"three", &[("m", "3")], &[("t", "3")]),
                &|| world.source.put("k", b"one", &[], &[]),
            ];
            let mut waiting: Vec<usize> = order.clone();
            for write in writes {
                write();
                let events = world.source.events();
                // The events that the order puts first arrive as soon as they exist; all of them twice at the end.
                while let Some(at) = waiting.first().copied().filter(|at| *at < events.len()) {
                    waiting.remove(0);
                    block_on(world.follow(Side::Source, &[("k", Some(events[at].sequencer.clone()))]));
                }
            }
            for at in order.iter().chain(&order) {
                let sequencer = world.source.events()[*at].sequencer.clone();
                let followed = block_on(world.follow(Side::Source, &[("k", Some(sequencer))]));
                assert!(followed.failed.is_empty() && followed.foreign == 0, "{order:?} {followed:?}");
            }
            world.assert_equal();
        }
    }
}

#[test]
fn an_event_is_only_a_cause_to_look() {
    let world = World::new(Tagging::Content);
    world.source.put("k", b"one", &[], &[]);
    let first = world.source.events()[0].sequencer.clone();
    world.source.put("k", b"two", &[], &[]);
    block_on(world.follow(Side::Source, &[("k", Some(first.clone()))]));
    assert_eq!(world.target.content("k").unwrap(), b"two");
    assert_eq!(block_on(world.sync(1, "k", Cause::Event(Some(&first)))).unwrap(), Outcome::Duplicate);
}

#[test]
fn concurrent_overwrites_and_copiers_end_equal() {
    for tagging in BOTH {
        shuttle::check_random(
            move || {
                let world = std::sync::Arc::new(World::new(tagging));
                world.source.put("k", b"zero", &[], &[]);
                let application = {
                    let world = world.clone();
                    future::spawn(async move {
                        for write in 0..4u8 {
                            match write {
                                2 => world.source.delete("k"),
                                // The same content comes back: entity tags are no versions.
                                _ => world.source.put("k", &[write % 2], &[], &[("t", &write.to_string())]),
                            }
                            future::yield_now().await;
                        }
                    })
                };
                let copiers: Vec<_> = (0..3)
                    .map(|_| {
                        let world = world.clone();
                        future::spawn(async move {
                            for _ in 0..3 {
                                world.drain(Side::Source).await;
                            }
                        })
                    })
                    .collect();
                future::block_on(async {
                    application.await.unwrap();
                    for copier in copiers {
                        copier.await.unwrap();
                    }
                    let last = world.drain(Side::Source).await;
                    assert!(last.failed.is_empty() && last.foreign == 0, "{last:?}");
                });
                world.assert_equal();
            },
            300,
        );
    }
}

#[test]
fn what_we_did_not_write_is_never_overwritten_nor_removed() {
    let world = World::new(Tagging::Content);
    world.target.put("k", b"theirs", &[], &[]);
    world.source.put("k", b"ours", &[], &[]);
    assert_eq!(block_on(world.sync(1, "k", Cause::Job)).unwrap(), Outcome::Foreign);
    world.source.delete("k");
    assert_eq!(block_on(world.sync(1, "k", Cause::Job)).unwrap(), Outcome::Foreign);
    assert_eq!(world.target.content("k").unwrap(), b"theirs");
}

#[test]
fn equal_content_that_was_there_before_is_adopted() {
    let world = World::new(Tagging::Content);
    world.target.put("k", b"same", &[("m", "old")], &[]);
    world.source.put("k", b"same", &[("m", "new")], &[("t", "new")]);
    assert_eq!(block_on(world.sync(1, "k", Cause::Job)).unwrap(), Outcome::Written);
    world.assert_equal();
    world.source.delete("k");
    assert_eq!(block_on(world.sync(1, "k", Cause::Job)).unwrap(), Outcome::Removed);
}

#[test]
fn only_tags_changed_moves_no_content() {
    let world = World::new(Tagging::Content);
    world.source.put("k", b"same", &[], &[]);
    block_on(world.sync(1, "k", Cause::Job)).unwrap();
    let copies = world.target.events().len();
    world.source.put("k", b"same", &[], &[("t", "1")]);
    assert_eq!(block_on(world.sync(1, "k", Cause::Event(None))).unwrap(), Outcome::Written);
    world.assert_equal();
    assert_eq!(world.target.events().len(), copies);
}

#[test]
fn a_vanished_source_bucket_deletes_nothing() {
    let world = World::new(Tagging::Content);
    world.source.put("k", b"one", &[], &[]);
    block_on(world.sync(1, "k", Cause::Job)).unwrap();
    world.source.vanish();
    let error = block_on(world.sync(1, "k", Cause::Event(None))).unwrap_err();
    assert_eq!(error.name(), "Unavailable");
    assert_eq!(world.target.content("k").unwrap(), b"one");
}

#[test]
fn a_lost_answer_is_found_out_even_when_the_source_moved_on() {
    for tagging in BOTH {
        let world = World::new(tagging);
        world.source.put("k", b"one", &[], &[]);
        world.target.inject([Fault::LoseAnswer]);
        assert!(block_on(world.sync(1, "k", Cause::Job)).is_err());
        assert_eq!(world.target.content("k").unwrap(), b"one");
        world.source.put("k", b"second", &[], &[]);
        block_on(async {
            while let Err(error) = world.sync(1, "k", Cause::Job).await {
                assert_eq!(error.name(), "Conflict", "{error}");
            }
        });
        world.assert_equal();
    }
}

#[test]
fn the_phase_decides_and_the_canary_is_reported_not_copied() {
    let world = World::new(Tagging::Content);
    world.phase(1, Phase::Old);
    world.source.put("k", b"one", &[], &[]);
    assert_eq!(block_on(world.drain(Side::Source)).kept, 1);
    assert!(world.target.objects().is_empty());
    world.phase(1, Phase::Copy);
    world.source.put(CANARY_KEY, b"", &[("livemove-nonce", "n1")], &[]);
    let followed = block_on(world.drain(Side::Source));
    assert_eq!((followed.written, followed.canaries.len()), (1, 1));
    assert_eq!(followed.canaries[0].0, "n1");
    assert_eq!(world.target.objects().len(), 1);
}

#[test]
fn a_failed_key_hands_back_its_messages_only() {
    let world = World::new(Tagging::Content);
    world.source.put("a", b"a", &[], &[]);
    world.source.put("b", b"b", &[], &[]);
    world.target.inject([Fault::Reject]);
    let followed = block_on(world.follow(Side::Source, &[("a", None), ("b", None), ("a", None), ("b", None)]));
    let mut failed: Vec<_> = followed.failed.iter().map(|(message, _)| message.as_str()).collect();
    failed.sort_unstable();
    assert!(failed == ["m0", "m2"] || failed == ["m1", "m3"], "{failed:?}");
    assert_eq!(followed.written, 1);
    block_on(world.drain(Side::Source));
    world.assert_equal();
}

#[test]
fn a_change_of_tags_beside_an_old_event_is_looked_at() {
    let world = World::new(Tagging::Content);
    world.source.put("k", b"one", &[], &[]);
    block_on(world.drain(Side::Source));
    let old = world.source.events()[0].sequencer.clone();
    block_on(livemove_core::object::bucket::Bucket::set_tags(&world.source, "k", &[("t".into(), "1".into())].into()))
        .unwrap();
    assert_eq!(block_on(world.follow(Side::Source, &[("k", None), ("k", Some(old))])).written, 1);
    world.assert_equal();
}

#[test]
fn sequencers_of_another_run_count_for_nothing() {
    let world = World::new(Tagging::Content);
    world.source.put("k", b"one", &[], &[]);
    let high = livemove_core::object::ledger::Sequencer::new("FF").unwrap();
    block_on(world.sync(1, "k", Cause::Event(Some(&high)))).unwrap();
    world.target.put("k", b"two", &[], &[]);
    let low = livemove_core::object::ledger::Sequencer::new("01").unwrap();
    assert_eq!(block_on(world.sync(2, "k", Cause::Event(Some(&low)))).unwrap(), Outcome::Written);
    world.assert_equal();
}
