//! Queries and scans of indexes: local and global, of all attributes and of some, by attributes of the application's
//! and by those of the key alone.

use livemove_core::pages::PageRead;
use livemove_core::ports::Consistency;
use livemove_core::ports::pages::{Shown, Walk};
use serde_dynamo::AttributeValue;

use crate::fates::names;
use crate::reads::{Pages, backward, refused_alike};
use crate::scene::{Cell, Scene};
use crate::variety::bindings;
use crate::world::{n, of, query, s, scan, texts};

const INDEXES: [&str; 5] = ["local", "whole", "some", "inverted", "mirror"];

/// Every index by its key, alone and with a range, and as a whole.
fn walks() -> Vec<PageRead> {
    let local = |range: &str, more: &[(&str, AttributeValue)]| of("local", keyed(range, "q", more));
    let whole = |range: &str, more: &[(&str, AttributeValue)]| of("whole", keyed(range, "x", more));
    let some = ["x", "y"].map(|g| of("some", keyed("g = :k", g, &[])));
    let ranges = [
        local("pk = :k", &[]),
        local("pk = :k AND nr >= :from", &[(":from", n(2))]),
        whole("g = :k", &[]),
        whole("g = :k AND nr BETWEEN :from AND :to", &[(":from", n(1)), (":to", n(2))]),
        of("mirror", keyed("sk = :k AND begins_with(pk, :from)", "made again", &[(":from", s("q"))])),
        of("mirror", keyed("sk = :k", "_lm_canary", &[])),
    ];
    let scans = INDEXES.map(|index| of(index, scan()));
    ranges.into_iter().chain(some).chain(scans).collect()
}

/// Every key by the indexes of nothing but the table's own keys.
fn by_name() -> impl Iterator<Item = PageRead> {
    names().flat_map(|name| ["inverted", "mirror"].map(|index| of(index, keyed("sk = :k", name, &[]))))
}

fn keyed(range: &str, key: &str, more: &[(&str, AttributeValue)]) -> PageRead {
    let read = query(range, &[(":k", s(key))]);
    let more = more.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
    PageRead { values: read.values.clone().into_iter().chain(more).collect(), ..read }
}

/// The same read with another filter and other attributes, as far as the index has them.
fn variants(read: &PageRead) -> Vec<PageRead> {
    let holds_all = matches!(read.index.as_deref(), Some("local" | "whole" | "mirror"));
    let expression = |text: &str| Shown::Expression(text.to_owned());
    let mut variants = vec![
        (None, Shown::Projected),
        (None, Shown::Count),
        (None, expression("v")),
        (Some("v > :many"), Shown::Projected),
        (Some("NOT #v > :many"), Shown::Count),
        (Some("attribute_exists(v)"), expression("sk, v")),
    ];
    if holds_all {
        variants.extend([
            (None, Shown::Whole),
            (Some("attribute_not_exists(#w)"), Shown::Whole),
            (Some("contains(tags, :tag)"), expression("m.a, #v, pk")),
        ]);
    }
    variants.into_iter().map(|(filter, shown)| with(read, filter, shown)).collect()
}

fn with(read: &PageRead, filter: Option<&str>, shown: Shown) -> PageRead {
    let projection = if let Shown::Expression(text) = &shown { text.as_str() } else { "" };
    let (names, values) = bindings(&[filter.unwrap_or_default(), projection]);
    let values = read.values.clone().into_iter().chain(values).collect();
    PageRead { filter: filter.map(str::to_owned), shown, names, values, ..read.clone() }
}

/// The same items and figures. Equal keys of an index have no order that two tables share.
fn compare(scene: &Scene, read: &PageRead) -> Pages {
    let (pages, expected) = (Pages::of(scene, read), Pages::of_plain(&scene.journey.plain, read));
    pages.same_items(scene, read, &expected);
    if matches!(read.walk, Walk::Query { .. }) {
        let sort = if matches!(read.index.as_deref(), Some("inverted" | "mirror")) { "pk" } else { "nr" };
        let order = |pages: &Pages| texts(&pages.items(), sort);
        assert_eq!(order(&pages), order(&expected), "{}: {read:?}", scene.name);
    }
    pages
}

fn every_way(cell: Cell) {
    for scene in cell.scenes() {
        let records = scene.records();
        for index in INDEXES {
            let held = Pages::of_plain(&scene.journey.plain, &of(index, scan())).items();
            assert!(held.len() > 5, "{index} has {} items", held.len());
        }
        for read in walks().iter().flat_map(variants).chain(by_name()) {
            compare(&scene, &read);
            for read in [PageRead { limit: Some(1), ..backward(&read) }, PageRead { limit: Some(3), ..read }] {
                compare(&scene, &read).keep_the_limit(&scene, &read);
            }
        }
        let whole = || of("whole", keyed("g = :k", "x", &[]));
        let some = || of("some", keyed("g = :k", "x", &[]));
        for wrong in [
            of("nothere", keyed("g = :k", "x", &[])),
            of("whole", keyed("pk = :k", "p", &[])),
            PageRead { consistency: Consistency::Strong, ..whole() },
            PageRead { limit: Some(0), ..whole() },
            with(&whole(), Some("nr > :two"), Shown::Projected),
            with(&some(), Some("attribute_exists(#w)"), Shown::Projected),
            with(&some(), None, Shown::Expression("m".to_owned())),
            with(&some(), None, Shown::Whole),
        ] {
            refused_alike(&scene, &wrong);
        }
        assert_eq!(scene.records(), records, "{}: a read writes", scene.name);
    }
    for scene in cell.scenes_of_pages(3) {
        for read in walks().into_iter().chain(by_name()) {
            compare(&scene, &with(&read, Some("v > :many"), Shown::Projected));
            compare(&scene, &PageRead { limit: Some(5), ..read });
        }
    }
}

cells! { every_way;
    index_query_in_old: Old of 1,
    index_query_in_copy: Copy of 1,
    index_query_in_guarded: Guarded of 1,
    index_query_in_handoff: Handoff of 1,
    index_query_in_new: New of 1,
    index_query_in_final: Final of 1,
    index_query_in_old_of_run_2: Old of 2,
    index_query_in_copy_of_run_2: Copy of 2,
    index_query_in_guarded_of_run_2: Guarded of 2,
    index_query_in_handoff_of_run_2: Handoff of 2,
    index_query_in_new_of_run_2: New of 2,
    index_query_in_final_of_run_2: Final of 2,
}
