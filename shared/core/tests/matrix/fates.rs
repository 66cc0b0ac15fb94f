//! What becomes of each key in each run, so that every phase finds keys of every kind.

use std::collections::BTreeMap;

use livemove_core::item::{Item, Key};
use livemove_core::mark::Run;
use serde_dynamo::AttributeValue;

use crate::world::{item, key, n, s};

/// What is done with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Deed {
    /// An application puts an item.
    Put,
    /// An application updates it.
    Change,
    /// An application deletes it.
    Delete,
    /// It is handed over, as a transaction does with keys that it merely looks at.
    Move,
    /// It is handed over by somebody who dies in the middle.
    Half,
}

/// When it is done. Who goes first is done before the streams are delivered, who goes last after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Time {
    /// After the backfill.
    Copy,
    /// Before the first key moves; of the last, no record arrives before the seal.
    Guarded,
    /// While keys move.
    Handoff,
    /// After the switch.
    New,
}

/// What becomes of a key in a run.
#[derive(Debug)]
struct Fate {
    name: &'static str,
    /// Whether it is there before the first run.
    at_first: bool,
    copy: &'static [Deed],
    guarded: &'static [Deed],
    handoff: &'static [Deed],
    new: &'static [Deed],
}

const fn fate(
    name: &'static str,
    at_first: bool,
    copy: &'static [Deed],
    guarded: &'static [Deed],
    handoff: &'static [Deed],
    new: &'static [Deed],
) -> Fate {
    Fate { name, at_first, copy, guarded, handoff, new }
}

use Deed::{Change, Delete, Half, Move, Put};

const FATES: [Fate; 19] = [
    fate("changed", true, &[], &[], &[Change], &[Delete]),
    fate("deleted", true, &[], &[], &[Delete], &[]),
    fate("half", true, &[], &[], &[Half], &[]),
    fate("half absent", false, &[], &[], &[Half], &[]),
    fate("half changed", true, &[Change], &[Change], &[Half], &[Change]),
    fate("half deleted", true, &[], &[Delete], &[Half], &[]),
    fate("made", false, &[], &[], &[Put], &[]),
    fate("made and gone", false, &[], &[], &[Put, Delete], &[Put]),
    fate("moved", true, &[], &[], &[Move], &[Delete, Put]),
    fate("moved absent", false, &[], &[], &[Move], &[Put]),
    fate("never", false, &[], &[], &[], &[]),
    fate("made again", true, &[], &[], &[Delete, Put], &[]),
    fate("replaced", true, &[], &[], &[Put], &[Change]),
    fate("still", true, &[], &[], &[], &[]),
    fate("still changed", true, &[Change], &[Change], &[], &[Delete]),
    fate("still deleted", true, &[Delete], &[], &[], &[Put]),
    fate("still deleted late", true, &[], &[Delete], &[], &[]),
    fate("still made", false, &[], &[Put], &[], &[Change]),
    fate("still made again", true, &[Delete], &[Put], &[], &[]),
];

/// The keys of the first partition go first, those of the second last.
pub(crate) const PARTITIONS: [&str; 2] = ["p", "q"];

/// All keys, each named after its fate in the first run.
pub(crate) fn keys() -> Vec<Key> {
    PARTITIONS.iter().flat_map(|pk| FATES.iter().map(|fate| key(pk, fate.name))).collect()
}

/// All keys, in an order that brings together what has moved, what has not, and what has half.
pub(crate) fn mixed() -> Vec<Key> {
    let keys = keys();
    (0..keys.len()).map(|index| keys[index * 7 % keys.len()].clone()).collect()
}

/// The sort keys.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    FATES.iter().map(|fate| fate.name)
}

/// The items before the first run.
pub(crate) fn at_first() -> Vec<Item> {
    let keys = keys().into_iter().zip(FATES.iter().cycle());
    let there = keys.filter(|(_, fate)| fate.at_first);
    there.zip(1..).map(|((key, _), number)| item_of(&key, number)).collect()
}

/// What is done in `run` at that time with the keys of the partition of that number, in order.
pub(crate) fn deeds(run: Run, time: Time, partition: usize) -> Vec<(Key, Deed)> {
    let mut deeds = Vec::new();
    for (index, name) in names().enumerate() {
        let fate = &FATES[index_of(run, partition, index)];
        let of_time = match time {
            Time::Copy => fate.copy,
            Time::Guarded => fate.guarded,
            Time::Handoff => fate.handoff,
            Time::New => fate.new,
        };
        deeds.extend(of_time.iter().map(|deed| (key(PARTITIONS[partition], name), *deed)));
    }
    deeds
}

/// In the run back keys have other fates, and the two partitions different ones: so each fate comes after others.
fn index_of(run: Run, partition: usize, index: usize) -> usize {
    match (run.0, partition) {
        (1, _) => index,
        (_, 0) => (index + 7) % FATES.len(),
        (_, _) => (index * 5 + 2) % FATES.len(),
    }
}

/// An item of every kind of attribute that the operations look at; no two numbers make the same.
pub(crate) fn item_of(key: &Key, number: i64) -> Item {
    let mut item = key.to_item();
    item.0.extend(attributes(number));
    item
}

fn attributes(number: i64) -> BTreeMap<String, AttributeValue> {
    let tags = AttributeValue::Ss(vec!["a".to_owned(), format!("t{}", number % 3)]);
    let map = BTreeMap::from([("a".to_owned(), n(number)), ("b".to_owned(), s("b"))]);
    let mut attributes = item("", "", &[("v", n(number)), ("tags", tags), ("nr", n(number % 4))]).0;
    attributes.retain(|name, _| !["pk", "sk"].contains(&name.as_str()));
    attributes.insert("m".to_owned(), AttributeValue::M(map.into_iter().collect()));
    // Not every item is in the indexes by `g`.
    if number % 5 > 0 {
        attributes.insert("g".to_owned(), s(if number % 2 == 0 { "x" } else { "y" }));
    }
    if number % 3 > 0 {
        attributes.insert("w".to_owned(), s(&format!("w{number}")));
    }
    attributes
}
