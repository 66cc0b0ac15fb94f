//! The backfill of a page.

use std::sync::atomic::{AtomicU32, Ordering};

use livemove_core::copy::copy_page;
use livemove_core::mark::{Marks, Position, Run, visible};
use livemove_core::route::Pair;
use livemove_core::segment::Segment;
use livemove_core::testing::block_on;
use livemove_core::testing::faults::{Call, Fault, Faulty};

use crate::world::{RUN, World, at, gone, item, key, marked, moved, own, schema};

#[test]
fn every_item_arrives_page_by_page_and_segment_by_segment() {
    let world = World::new();
    for number in 0..100 {
        world.source.put_raw(item(&format!("k{number}"), "v"));
    }
    let mut read = 0;
    for index in 0..3 {
        let (segment, mut after) = (Segment { index, total: 3 }, None);
        loop {
            let copied = block_on(copy_page(
                world.pair(),
                &livemove_core::testing::Timeless,
                RUN,
                segment,
                after.as_ref(),
                7,
                2,
            ))
            .expect("copied");
            read += copied.0.read;
            after = copied.1;
            if after.is_none() {
                break;
            }
        }
    }
    assert_eq!((read, world.target.len()), (100, 100));
    for item in world.source.items() {
        assert_eq!(world.target.peek(&schema().key_of(&item).expect("a key")), Some(item));
    }
}

#[test]
fn what_the_target_has_is_kept_native_newer_or_deleted() {
    let world = World::new();
    let newer = Marks { ..at(Position::new(RUN, "5")) };
    let there = [
        marked(item("native", "theirs"), own(RUN)),
        marked(item("newer", "theirs"), newer.clone()),
        gone("deleted", newer),
    ];
    for name in ["native", "newer", "deleted", "absent"] {
        world.source.put_raw(item(name, "stale"));
    }
    there.iter().for_each(|item| world.target.put_raw(item.clone()));
    let (counts, next) =
        block_on(copy_page(world.pair(), &livemove_core::testing::Timeless, RUN, Segment::WHOLE, None, 10, 2))
            .expect("copied");
    assert_eq!((counts.read, counts.written, counts.kept, next), (4, 1, 3, None));
    for item in there {
        assert!(world.target.items().contains(&item), "{item:?}");
    }
    assert_eq!(visible(world.target.peek(&key("absent"))), Some(item("absent", "stale")));
}

#[test]
fn what_has_moved_is_not_copied_nor_is_what_is_not_there() {
    let world = World::new();
    world.source.put_raw(marked(item("moved", "1"), moved(RUN)));
    world.source.put_raw(gone("stub", moved(RUN)));
    world.source.put_raw(gone("deleted", own(Run(0))));
    let canary = Marks { canary: Some("n".to_owned()), ..Marks::default() };
    world.source.put_raw(canary.onto(key("canary").to_item()));
    let (counts, _) =
        block_on(copy_page(world.pair(), &livemove_core::testing::Timeless, RUN, Segment::WHOLE, None, 10, 2))
            .expect("copied");
    assert_eq!((counts.read, counts.written), (4, 0));
    assert!(world.target.is_empty());
}

#[test]
fn a_copy_on_the_way_back_says_that_its_key_had_moved() {
    let world = World::new();
    world.target.put_raw(marked(item("a", "1"), own(RUN)));
    block_on(copy_page(world.pair(), &livemove_core::testing::Timeless, Run(2), Segment::WHOLE, None, 10, 2))
        .expect("copied");
    let stored = world.source.peek(&key("a")).expect("a copy");
    assert_eq!(Marks::of(&stored), moved(RUN));
}

#[test]
fn unprocessed_items_and_lost_answers_are_tried_again() {
    let world = World::new();
    for number in 0..30 {
        world.source.put_raw(item(&format!("k{number}"), "v"));
    }
    let calls = AtomicU32::new(0);
    // All items of the first round and some of the second.
    let faults = |call| match calls.fetch_add(u32::from(call == Call::Insert), Ordering::SeqCst) {
        count if call != Call::Insert || count >= 40 => Fault::None,
        count if count % 2 == 0 => Fault::Reject,
        _ => Fault::LoseAnswer,
    };
    let (source, target) = (Faulty::new(world.source.clone(), &faults), Faulty::new(world.target.clone(), &faults));
    let pair = Pair { source: &source, target: &target };
    let (counts, next) =
        block_on(copy_page(pair, &livemove_core::testing::Timeless, RUN, Segment::WHOLE, None, 50, 2)).expect("copied");
    assert!(calls.load(Ordering::SeqCst) > 40);
    assert_eq!((counts.written + counts.kept, next), (30, None));
    assert_eq!(world.target.len(), 30);
}

#[test]
fn a_page_that_is_not_durable_is_no_page() {
    let world = World::new();
    world.source.put_raw(item("a", "1"));
    let faults = |call| {
        if call == Call::Insert { Fault::Reject } else { Fault::None }
    };
    let (source, target) = (Faulty::new(world.source.clone(), &faults), Faulty::new(world.target.clone(), &faults));
    let pair = Pair { source: &source, target: &target };
    let error = block_on(copy_page(pair, &livemove_core::testing::Timeless, RUN, Segment::WHOLE, None, 50, 2))
        .expect_err("throttled");
    assert_eq!(error.name(), "Throttled");
}
