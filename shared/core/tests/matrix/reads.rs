//! Reads of one item, and of page after page.

use std::fmt::Debug;

use livemove_core::item::{Item, Key};
use livemove_core::pages::{PageAnswer, PageRead, page};
use livemove_core::ports::Consistency;
use livemove_core::ports::pages::Walk;
use livemove_core::read::GetRequest;
use livemove_core::testing::block_on;
use livemove_core::testing::memory::Memory;

use crate::answers::same;
use crate::plain;
use crate::scene::Scene;
use crate::variety::bindings;

/// A strong read of all of an item.
pub(crate) fn whole(key: Key) -> GetRequest {
    GetRequest { key, consistency: Consistency::Strong, projection: None, names: Default::default() }
}

/// The same read in the other direction, where it has one.
pub(crate) fn backward(read: &PageRead) -> PageRead {
    let walk = match read.walk.clone() {
        Walk::Query { key_condition, .. } => Walk::Query { key_condition, forward: false },
        scan @ Walk::Scan { .. } => scan,
    };
    PageRead { walk, ..read.clone() }
}

/// Demands that both refuse the read, by the same name.
pub(crate) fn refused_alike(scene: &Scene, read: &PageRead) {
    let answer = scene.ask(|state| block_on(page(scene.pair(), state, &&scene.journey.world, read)));
    assert!(same(scene, read, answer, plain::page(&scene.journey.plain, read)), "{}: {read:?}", scene.name);
}

/// Projections of reads of one item; the last two are none.
pub(crate) const PROJECTIONS: [Option<&str>; 8] = [
    None,
    Some("v"),
    Some("#v, m.a"),
    Some("sk, g, changes"),
    Some("nothere"),
    Some("tags, m"),
    Some("v,"),
    Some("#nothere"),
];

/// The same read of other attributes.
pub(crate) fn projected(request: GetRequest, projection: Option<&str>) -> GetRequest {
    let (names, _) = bindings(&[projection.unwrap_or_default()]);
    GetRequest { projection: projection.map(str::to_owned), names, ..request }
}

/// All pages of a read, to the end.
#[derive(Debug, PartialEq)]
pub(crate) struct Pages(pub(crate) Vec<PageAnswer>);

impl Pages {
    /// As the application of a scene gets them.
    pub(crate) fn of(scene: &Scene, read: &PageRead) -> Pages {
        Pages::turned(read, |read| {
            let phases = &scene.journey.world;
            scene.ask(|state| block_on(page(scene.pair(), state, &phases, read))).unwrap()
        })
    }

    /// As one table answers them.
    pub(crate) fn of_plain(table: &Memory, read: &PageRead) -> Pages {
        Pages::turned(read, |read| plain::page(table, read).unwrap())
    }

    fn turned(read: &PageRead, next: impl Fn(&PageRead) -> PageAnswer) -> Pages {
        let mut pages: Vec<PageAnswer> = Vec::new();
        loop {
            let start = pages.last().and_then(|page| page.next.clone());
            let answer = next(&PageRead { start, ..read.clone() });
            let is_last = answer.next.is_none();
            pages.push(answer);
            assert!(pages.len() < 500, "pages without end: {read:?}");
            if is_last {
                return Pages(pages);
            }
        }
    }

    /// All items, in order.
    pub(crate) fn items(&self) -> Vec<Item> {
        self.0.iter().flat_map(|page| page.items.clone()).collect()
    }

    /// How many matched, and how many were looked at.
    fn counts(&self) -> (u32, u32) {
        (self.0.iter().map(|page| page.count).sum(), self.0.iter().map(|page| page.scanned).sum())
    }

    /// Demands the same items and figures, in whatever order and pages.
    pub(crate) fn same_items(&self, scene: &Scene, what: &impl Debug, expected: &Pages) {
        let sorted = |pages: &Pages| {
            let mut items = pages.items();
            items.sort_by_cached_key(Item::canonical);
            items
        };
        assert_eq!(sorted(self), sorted(expected), "{}: {what:?}", scene.name);
        assert_eq!(self.counts(), expected.counts(), "{}: {what:?}", scene.name);
    }

    /// Demands that no page looks at more than it may, and that each but the last looks at as many.
    pub(crate) fn keep_the_limit(&self, scene: &Scene, read: &PageRead) {
        let Some(limit) = read.limit else { return };
        let (last, others) = self.0.split_last().unwrap();
        assert!(last.scanned <= limit, "{}: {read:?}", scene.name);
        assert!(others.iter().all(|page| page.scanned == limit), "{}: {read:?}", scene.name);
    }
}
