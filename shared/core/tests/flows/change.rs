//! What a single record means.

use livemove_core::change::{Change, Meaning};
use livemove_core::item::Item;
use livemove_core::mark::{Marks, Position, Run};

use crate::world::{RUN, at, gone, item, key, marked, moved, own};

fn change(old: Option<Item>, new: Option<Item>) -> Change {
    Change { key: key("a"), old, new, sequence: "1".to_owned(), at: 0 }
}

fn replica(value: &str, position: &str) -> Item {
    marked(item("a", value), at(Position::new(Run(2), position)))
}

#[test]
fn an_applications_item_is_a_value_for_the_first_run_and_no_news_for_the_second() {
    let record = change(None, Some(item("a", "1")));
    assert_eq!(record.meaning(RUN), Meaning::Value(Some(item("a", "1"))));
    assert_eq!(record.meaning(Run(2)), Meaning::Nothing);
}

#[test]
fn a_native_item_is_a_value_for_the_next_run_without_its_marks() {
    let record = change(None, Some(marked(item("a", "1"), own(RUN))));
    assert_eq!(record.meaning(Run(2)), Meaning::Value(Some(item("a", "1"))));
    let deleted = change(Some(marked(item("a", "1"), own(RUN))), Some(gone("a", own(RUN))));
    assert_eq!(deleted.meaning(Run(2)), Meaning::Value(None));
}

#[test]
fn a_physical_removal_asks_for_a_look() {
    assert_eq!(change(Some(item("a", "1")), None).meaning(RUN), Meaning::Removed);
}

#[test]
fn removing_what_had_moved_is_past_the_protocol_but_a_stub_may_go() {
    let removed = change(Some(marked(item("a", "1"), moved(RUN))), None);
    assert_eq!(removed.meaning(RUN), Meaning::Straggler);
    assert_eq!(change(Some(gone("a", moved(RUN))), None).meaning(RUN), Meaning::Nothing);
}

#[test]
fn an_update_that_keeps_the_mark_is_a_straggler_and_a_replica_of_it_is_none() {
    let before = marked(item("a", "1"), moved(RUN));
    let updated = change(Some(before.clone()), Some(marked(item("a", "2"), moved(RUN))));
    assert_eq!(updated.meaning(RUN), Meaning::Straggler);
    let followed = Marks { moved: RUN, ..Marks::of(&replica("2", "7")) };
    assert_eq!(change(Some(before), Some(marked(item("a", "2"), followed))).meaning(RUN), Meaning::Nothing);
}

#[test]
fn a_put_over_a_moved_item_is_a_straggler_though_it_takes_the_mark_away() {
    let put = |after: Marks| change(Some(marked(item("a", "1"), moved(Run(2)))), Some(marked(item("a", "2"), after)));
    // Of a client that goes past livemove, and of one that still believes in `new` of the run before.
    for after in [Marks::default(), own(RUN)] {
        assert_eq!(put(after).meaning(Run(2)), Meaning::Straggler);
    }
    assert_eq!(put(own(Run(2))).meaning(Run(3)), Meaning::Value(Some(item("a", "2"))), "the next run's own news");
}

#[test]
fn a_canary_is_told_when_it_comes_and_is_silent_when_it_goes() {
    let canary = Marks { canary: Some("n".to_owned()), ..Marks::default() }.onto(key("a").to_item());
    assert_eq!(change(None, Some(canary.clone())).meaning(RUN), Meaning::Canary("n".to_owned()));
    assert_eq!(change(Some(canary), None).meaning(RUN), Meaning::Nothing);
}
