//! Jobs on key ranges.

use livemove_core::checkpoint::{Job, Task};
use livemove_core::mark::Run;
use livemove_core::object::CANARY_KEY;
use livemove_core::object::range::plan_ranges;
use livemove_core::phase::Phase;
use livemove_core::segment::Segment;
use livemove_core::testing::block_on;
use livemove_core::testing::bucket::{MemoryBucket, Tagging, run_steps};
use livemove_core::testing::faults::Fault;

use crate::world::World;

fn filled(tagging: Tagging, keys: usize) -> World {
    let world = World::new(tagging);
    for key in 0..keys {
        world.source.put(&format!("key/{key:03}"), format!("content {key}").as_bytes(), &[("n", "x")], &[("t", "y")]);
    }
    world.source.put(CANARY_KEY, b"", &[], &[]);
    world
}

#[test]
fn copy_verify_repair_finish_certify_sweep() {
    for tagging in [Tagging::Content, Tagging::Opaque] {
        let world = filled(tagging, 25);
        assert_eq!(world.job(1, Job::Verify).differing, 25);
        assert_eq!(world.job(1, Job::Copy).written, 25);
        assert_eq!(world.job(1, Job::Copy).kept, 25);
        assert_eq!(world.job(1, Job::Verify).differing, 0);
        // Events get lost: a change, a removal, a new object, a change of tags alone.
        world.source.put("key/003", b"changed", &[], &[]);
        world.source.delete("key/004");
        world.source.put("new", b"new", &[], &[]);
        world.source.put("key/005", b"content 5", &[("n", "x")], &[("t", "z")]);
        assert_eq!(world.job(1, Job::Verify).differing, 4);
        assert_eq!(world.job(1, Job::Repair).written, 4);
        assert_eq!(world.job(1, Job::Verify).differing, 0);
        world.source.delete("key/006");
        world.source.put("key/007", b"late", &[], &[]);
        world.phase(1, Phase::Guarded);
        world.seal();
        assert_ne!(certificate(&world).0, certificate(&world).1);
        assert_eq!(world.job(1, Job::Finish).written, 2);
        let (losing, gaining, counts) = certificate(&world);
        assert_eq!((losing, counts), (gaining, (24, 0)));
        world.phase(1, Phase::Final);
        assert!(world.job(1, Job::Sweep).written > 24);
        assert_eq!(world.job(1, Job::Sweep).written, 0);
        assert!(world.ledger.rows().is_empty() && !world.source.objects().contains_key(CANARY_KEY));
        world.assert_equal();
    }
}

fn certificate(world: &World) -> (String, String, (u64, u64)) {
    let counts = world.job(1, Job::Certify);
    (counts.source_digest.to_string(), counts.target_digest.to_string(), (counts.read, counts.differing))
}

#[test]
fn certify_tells_a_foreign_object_and_finish_leaves_it() {
    let world = filled(Tagging::Content, 3);
    world.target.put("foreign", b"theirs", &[], &[]);
    world.phase(1, Phase::Guarded);
    world.seal();
    assert_eq!(world.job(1, Job::Finish).native, 1);
    let (losing, gaining, counts) = certificate(&world);
    assert_ne!(losing, gaining);
    assert_eq!(counts, (4, 1));
    assert_eq!(world.target.content("foreign").unwrap(), b"theirs");
}

#[test]
fn a_job_goes_on_where_it_failed_or_died() {
    for steps in (0..400).step_by(7) {
        let world = filled(Tagging::Content, 9);
        let task = Task {
            subject: "bucket#b".to_owned(),
            run: Run(1),
            job: Job::Copy,
            segment: Segment { index: 0, total: 1 },
        };
        world.target.inject([Fault::None, Fault::Reject, Fault::None, Fault::LoseAnswer]);
        let _ = run_steps(world.work(&task), steps);
        let mut tries = 0;
        block_on(async {
            while !world.work(&task).await.is_ok_and(|progress| progress.done) {
                livemove_core::ports::Clock::sleep(&world.clock, 10_000).await;
                tries += 1;
                assert!(tries < 30, "{steps}");
            }
        });
        world.source.delete(CANARY_KEY);
        world.assert_equal();
    }
}

#[test]
fn a_job_in_the_wrong_phase_is_refused() {
    let world = filled(Tagging::Content, 1);
    let task =
        Task { subject: "bucket#b".to_owned(), run: Run(1), job: Job::Finish, segment: Segment { index: 0, total: 1 } };
    assert_eq!(block_on(world.work(&task)).unwrap_err().name(), "WrongPhase");
}

#[test]
fn ranges_cover_every_key_once_and_evenly() {
    for keys in [0usize, 1, 2, 5, 3000] {
        for segments in [1u32, 4, 7] {
            let bucket = MemoryBucket::new(Tagging::Content);
            (0..keys).for_each(|key| bucket.put(&format!("{key:05}"), b"", &[], &[]));
            let ranges = block_on(plan_ranges(&bucket, segments)).unwrap();
            assert!(ranges.len() <= segments as usize && !ranges.is_empty());
            assert!(ranges[0].after.is_none() && ranges[ranges.len() - 1].until.is_none());
            assert!(ranges.windows(2).all(|two| two[0].until == two[1].after && two[0].until.is_some()));
            if keys == 3000 {
                let within = |range: &livemove_core::object::range::Range| {
                    let objects = bucket.objects();
                    objects
                        .keys()
                        .filter(|key| range.reaches(key) && range.after.as_ref().is_none_or(|after| *key > after))
                        .count()
                };
                let sizes: Vec<usize> = ranges.iter().map(within).collect();
                assert_eq!(sizes.iter().sum::<usize>(), keys);
                assert!(sizes.iter().all(|size| size.abs_diff(keys / segments as usize) < 100), "{sizes:?}");
            }
        }
    }
}
