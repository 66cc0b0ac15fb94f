//! The sweeper.

use livemove_core::checkpoint::Counts;
use livemove_core::mark::{Marks, Position};
use livemove_core::ports::Table;
use livemove_core::segment::Segment;
use livemove_core::sweep::sweep;
use livemove_core::testing::block_on;

use crate::world::{RUN, World, at, gone, item, key, marked, own};

fn pass(world: &World) -> Counts {
    let page = block_on(world.target.scan(Segment::WHOLE, None, 100)).expect("a page");
    block_on(sweep(&world.target, page.items)).expect("swept")
}

#[test]
fn marks_and_what_the_application_cannot_see_go_and_a_second_pass_finds_nothing() {
    let world = World::new();
    world.target.put_raw(item("plain", "1"));
    world.target.put_raw(marked(item("native", "2"), own(RUN)));
    world.target.put_raw(marked(item("replica", "3"), at(Position::new(RUN, "5"))));
    world.target.put_raw(gone("deleted", own(RUN)));
    let canary = Marks { canary: Some("n".to_owned()), ..Marks::default() };
    world.target.put_raw(canary.onto(key("canary").to_item()));
    let first = pass(&world);
    assert_eq!((first.read, first.written, first.kept), (5, 4, 1));
    let expected = [item("plain", "1"), item("native", "2"), item("replica", "3")];
    assert_eq!(world.target.len(), expected.len());
    for item in expected {
        assert!(world.target.items().contains(&item), "{item:?}");
    }
    let second = pass(&world);
    assert_eq!((second.read, second.written, second.kept), (3, 0, 3));
}

#[test]
fn a_key_written_again_after_the_scan_is_not_removed() {
    let world = World::new();
    world.target.put_raw(gone("a", own(RUN)));
    let page = block_on(world.target.scan(Segment::WHOLE, None, 100)).expect("a page");
    world.target.put_raw(item("a", "born again"));
    assert_eq!(block_on(sweep(&world.target, page.items)).expect("swept").written, 0);
    assert_eq!(world.target.items(), [item("a", "born again")]);
}

#[test]
fn a_key_removed_after_the_scan_is_not_brought_back_by_removing_its_marks() {
    let world = World::new();
    world.target.put_raw(marked(item("a", "1"), own(RUN)));
    let page = block_on(world.target.scan(Segment::WHOLE, None, 100)).expect("a page");
    world.target.delete_raw(&key("a"));
    assert_eq!(block_on(sweep(&world.target, page.items)).expect("swept").written, 0);
    assert!(world.target.is_empty());
}
