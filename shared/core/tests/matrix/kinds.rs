//! That every phase is found with keys of every kind: without them the table of tests would prove nothing.

use std::collections::BTreeSet;

use livemove_core::item::{Item, Key};
use livemove_core::mark::{Marks, Run, visible};
use livemove_core::phase::Phase;
use livemove_core::route::Pair;
use livemove_core::testing::memory::Memory;

use crate::fates::keys;
use crate::journey::{Journey, Point};
use crate::world::World;

fn journey(run: Run, point: Point) -> Journey {
    let mut journey = Journey::new(World::new(Run(1), Phase::Old));
    journey.travel(run, point, |_| ());
    journey
}

/// What the two tables say of a key, in words.
fn kind(pair: Pair<'_, Memory>, run: Run, key: &Key) -> String {
    let (old, new) = (pair.losing(run).peek(key), pair.gaining(run).peek(key));
    let is_there = |item: &Option<Item>| visible(item.clone()).is_some();
    let of = |item: &Option<Item>| match (item, is_there(item)) {
        (None, _) => "nothing",
        (Some(_), false) => "tombstone",
        (Some(_), true) => "item",
    };
    let same = match (visible(old.clone()), visible(new.clone())) {
        (Some(old), Some(new)) => old.same_data(&new),
        (old, new) => old.is_none() && new.is_none(),
    };
    let owner = match (Marks::of_option(old.as_ref()).moved == run, Marks::of_option(new.as_ref()).own == run) {
        (false, false) => "unmoved",
        (true, false) => "half moved",
        (true, true) => "moved",
        (false, true) => "native",
    };
    format!("{owner}: {}, {}{}", of(&old), of(&new), if same { "" } else { ", differ" })
}

fn kinds(run: Run, point: Point) -> BTreeSet<String> {
    let journey = journey(run, point);
    keys().iter().map(|key| kind(journey.world.pair(), run, key)).collect()
}

fn demand(run: Run, point: Point, wanted: &[&str]) {
    let kinds = kinds(run, point);
    let missing: Vec<_> = wanted.iter().filter(|kind| !kinds.contains(**kind)).collect();
    assert!(missing.is_empty(), "{point:?} of run {run} has no key that is {missing:?}, only {kinds:?}");
}

#[test]
fn keys_of_every_kind_are_found_while_keys_move() {
    for run in [Run(1), Run(2)] {
        demand(
            run,
            Point::Moving,
            &[
                "unmoved: item, item",
                "unmoved: item, item, differ",
                "half moved: item, item",
                "half moved: tombstone, item, differ",
                "moved: item, item",
                "moved: item, item, differ",
                "moved: item, tombstone, differ",
                "moved: tombstone, item, differ",
                "moved: tombstone, tombstone",
            ],
        );
    }
    demand(
        Run(1),
        Point::Moving,
        &["unmoved: nothing, nothing", "unmoved: nothing, item, differ", "unmoved: item, nothing, differ"],
    );
    demand(
        Run(2),
        Point::Moving,
        &["unmoved: tombstone, tombstone", "unmoved: tombstone, item, differ", "unmoved: item, tombstone, differ"],
    );
}

#[test]
fn copies_lag_before_keys_move() {
    for run in [Run(1), Run(2)] {
        for point in [Point::Copied, Point::Guarded, Point::Begun] {
            demand(run, point, &["unmoved: item, item", "unmoved: item, item, differ"]);
        }
    }
}

#[test]
fn what_has_never_moved_is_found_after_the_switch_and_tombstones_until_they_are_swept() {
    for run in [Run(1), Run(2)] {
        demand(
            run,
            Point::Switched,
            &[
                "unmoved: item, item",
                "moved: item, item",
                "native: item, item, differ",
                "native: item, tombstone, differ",
            ],
        );
        let swept = journey(run, Point::Swept);
        let marks = |item: &Item| (Marks::of(item) != Marks::default(), visible(Some(item.clone())).is_some());
        let found: BTreeSet<_> = swept.world.pair().gaining(run).items().iter().map(marks).collect();
        assert_eq!(found, [(false, true), (true, false), (true, true)].into());
    }
}
