//! Comparing what a migrating pair answers with what one table does.

use std::fmt::Debug;

use livemove_core::error::Error;
use livemove_core::item::Item;
use livemove_core::mark::visible;
use livemove_core::phase::{Phase, source_of};
use livemove_core::read::{GetRequest, get};
use livemove_core::testing::block_on;
use livemove_core::testing::memory::Memory;

use crate::fates::keys;
use crate::plain;
use crate::reads::{Pages, whole};
use crate::scene::Scene;
use crate::world::{of, scan};

/// An error, as far as an application can tell it from others. Texts are the backend's own.
#[derive(Debug, PartialEq)]
pub(crate) enum Refusal {
    ConditionFailed(Option<Item>),
    Cancelled(Vec<(String, Option<Item>)>),
    Named(String),
}

fn refusal(error: Error) -> Refusal {
    match error {
        Error::ConditionFailed { item } => Refusal::ConditionFailed(item),
        Error::Cancelled { reasons } => {
            Refusal::Cancelled(reasons.into_iter().map(|reason| (reason.code, reason.item)).collect())
        }
        other => Refusal::Named(other.name().to_owned()),
    }
}

/// Demands that both answers are the same, down to every attribute: so a mark that leaks is found as well.
///
/// Answers whether it is a refusal.
pub(crate) fn same<A: Debug + PartialEq>(
    scene: &Scene,
    what: &impl Debug,
    answer: Result<A, Error>,
    expected: Result<A, Error>,
) -> bool {
    let (answer, expected) = (answer.map_err(refusal), expected.map_err(refusal));
    assert_eq!(answer, expected, "{}: {what:?}", scene.name);
    expected.is_err()
}

/// Demands that the pair holds what the table beside it holds, by every kind of read; also after the rest of the
/// run, and on the follower whenever it has had every record. What is written in `final` must have no new marks.
pub(crate) fn holds_the_same(mut scene: Scene, what: &impl Debug) {
    for key in keys() {
        let request: GetRequest = whole(key);
        let found = scene.ask(|state| block_on(get(scene.pair(), state, &request)));
        same(&scene, &(what, &request), found, plain::get(&scene.journey.plain, &request));
    }
    for read in [scan(), of("whole", scan()), of("mirror", scan())] {
        Pages::of(&scene, &read).same_items(&scene, &(what, &read), &Pages::of_plain(&scene.journey.plain, &read));
    }
    scene.check_marks();
    if scene.has_mirror() {
        scene.journey.deliver(source_of(scene.journey.state().run));
        let mirror = items(scene.pair().gaining(scene.journey.state().run));
        assert_eq!(mirror, items(&scene.journey.plain), "the mirror, {}: {what:?}", scene.name);
    }
    scene.go_on();
    let (run, phase) = (scene.journey.state().run, scene.journey.state().phase);
    let held = items(&scene.journey.plain);
    assert_eq!(items(scene.pair().gaining(run)), held, "the winner, after {}: {what:?}", scene.name);
    if phase == Phase::New {
        assert_eq!(items(scene.pair().losing(run)), held, "the follower, after {}: {what:?}", scene.name);
    }
}

/// What applications can see of a table, in an order that all tables share.
fn items(table: &Memory) -> Vec<Item> {
    let mut items: Vec<Item> = table.items().into_iter().filter_map(|item| visible(Some(item))).collect();
    items.sort_by_cached_key(Item::canonical);
    items
}
