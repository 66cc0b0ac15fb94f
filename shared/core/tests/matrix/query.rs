//! Query.

use livemove_core::pages::PageRead;
use livemove_core::ports::Consistency;
use livemove_core::ports::pages::Shown;

use crate::fates::PARTITIONS;
use crate::reads::{Pages, backward, refused_alike};
use crate::scene::Cell;
use crate::variety::bindings;
use crate::world::{query, s};

const RANGES: [&str; 6] = [
    "pk = :p",
    "pk = :p AND begins_with(sk, :half)",
    "pk = :p AND sk < :made",
    "pk = :p AND sk >= :made",
    "pk = :p AND sk BETWEEN :made AND :still",
    ":p = pk AND sk = :made",
];

const FILTERS: [&str; 5] = [
    "nr < :two",
    "attribute_not_exists(#w)",
    "NOT contains(tags, :tag) AND g = :x",
    "m.a > #v",
    "attribute_exists(changes)",
];

const SHOWN: [Option<&str>; 5] = [None, Some("v"), Some("sk, #v, m.a"), Some("nothere"), Some("pk, tags")];

/// A query with the names and values that it uses.
fn of(range: &str, partition: &str, filter: Option<&str>, shown: Shown) -> PageRead {
    let mut read = query(range, &[(":p", s(partition))]);
    read.values.extend(
        [(":made", s("made")), (":still", s("still"))]
            .into_iter()
            .filter(|(name, _)| range.contains(name))
            .map(|(name, value)| (name.to_owned(), value)),
    );
    let projection = if let Shown::Expression(text) = &shown { text.as_str() } else { "" };
    let (names, values) = bindings(&[range, filter.unwrap_or_default(), projection]);
    read.names.extend(names);
    read.values.extend(values);
    PageRead { filter: filter.map(str::to_owned), shown, ..read }
}

/// Ranges with each filter and each projection, and the partition of the canary, which nobody sees.
fn reads() -> Vec<PageRead> {
    let whole = || Shown::Whole;
    let ranges = RANGES.iter().flat_map(|range| PARTITIONS.map(|pk| of(range, pk, None, whole())));
    let filters = FILTERS.iter().flat_map(|filter| {
        let shown = [Shown::Whole, Shown::Count, Shown::Expression("v, sk".to_owned())];
        shown.into_iter().flat_map(|shown| PARTITIONS.map(|pk| of("pk = :p", pk, Some(filter), shown.clone())))
    });
    let shown = SHOWN.into_iter().map(|text| text.map_or(Shown::Count, |text| Shown::Expression(text.to_owned())));
    let shown = shown.flat_map(|shown| PARTITIONS.map(|pk| of("pk = :p", pk, None, shown.clone())));
    let canary = [of("pk = :p", "_lm_canary", None, whole()), of("pk = :p", "nowhere", None, whole())];
    ranges.chain(filters).chain(shown).chain(canary).collect()
}

/// Forward and backward, whole and in small pages.
fn in_pages(read: PageRead) -> [PageRead; 5] {
    [
        PageRead { consistency: Consistency::Strong, ..read.clone() },
        PageRead { limit: Some(1), consistency: Consistency::Eventual, ..backward(&read) },
        PageRead { limit: Some(5), consistency: Consistency::Strong, ..read.clone() },
        PageRead { limit: Some(100), consistency: Consistency::Eventual, ..read.clone() },
        PageRead { consistency: Consistency::Eventual, ..backward(&read) },
    ]
}

fn every_way(cell: Cell) {
    for scene in cell.scenes() {
        let records = scene.records();
        for read in reads().into_iter().flat_map(in_pages) {
            let expected = Pages::of_plain(&scene.journey.plain, &read);
            assert_eq!(Pages::of(&scene, &read), expected, "{}: {read:?}", scene.name);
        }
        for wrong in [
            of("pk = :p", "p", Some("sk = :made"), Shown::Whole),
            of("pk = :p", "p", Some("nr <"), Shown::Whole),
            of("pk = :p", "p", Some("nr < :nothere"), Shown::Whole),
            of("pk > :p", "p", None, Shown::Whole),
            of("pk = :p AND v = :two", "p", None, Shown::Whole),
            of("pk = :p", "p", None, Shown::Expression("v,".to_owned())),
            PageRead { limit: Some(0), ..of("pk = :p", "p", None, Shown::Whole) },
            PageRead { index: Some("nothere".to_owned()), ..of("pk = :p", "p", None, Shown::Whole) },
        ] {
            refused_alike(&scene, &wrong);
        }
        assert_eq!(scene.records(), records, "{}: a query writes", scene.name);
    }
    // Where a page ends is another matter where tombstones fill it.
    for scene in cell.scenes_of_pages(3) {
        for read in reads() {
            for limit in [None, Some(5)] {
                let read = PageRead { limit, ..read.clone() };
                let (pages, expected) = (Pages::of(&scene, &read), Pages::of_plain(&scene.journey.plain, &read));
                pages.same_items(&scene, &read, &expected);
                assert_eq!(pages.items(), expected.items(), "{}: {read:?}", scene.name);
            }
        }
    }
}

cells! { every_way;
    query_in_old: Old of 1,
    query_in_copy: Copy of 1,
    query_in_guarded: Guarded of 1,
    query_in_handoff: Handoff of 1,
    query_in_new: New of 1,
    query_in_final: Final of 1,
    query_in_old_of_run_2: Old of 2,
    query_in_copy_of_run_2: Copy of 2,
    query_in_guarded_of_run_2: Guarded of 2,
    query_in_handoff_of_run_2: Handoff of 2,
    query_in_new_of_run_2: New of 2,
    query_in_final_of_run_2: Final of 2,
}
