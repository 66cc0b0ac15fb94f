//! Scan.

use livemove_core::item::Item;
use livemove_core::pages::PageRead;
use livemove_core::ports::Consistency;
use livemove_core::ports::pages::{Shown, Walk};
use livemove_core::segment::Segment;

use crate::reads::{Pages, refused_alike};
use crate::scene::{Cell, Scene};
use crate::variety::bindings;
use crate::world::{s, scan};

const FILTERS: [Option<&str>; 6] = [
    None,
    Some("nr < :two"),
    Some("attribute_not_exists(#w)"),
    Some("begins_with(sk, :half)"),
    Some("NOT contains(tags, :tag) AND g = :x"),
    Some("m.a <> #v"),
];

const SHOWN: [&str; 4] = ["v", "sk, #v, m.a", "nothere", "pk, tags"];

fn of(filter: Option<&str>, shown: Shown) -> PageRead {
    let projection = if let Shown::Expression(text) = &shown { text.as_str() } else { "" };
    let (names, values) = bindings(&[filter.unwrap_or_default(), projection]);
    PageRead { filter: filter.map(str::to_owned), shown, names, values, ..scan() }
}

fn reads() -> Vec<PageRead> {
    let filters = FILTERS.iter().flat_map(|filter| [of(*filter, Shown::Whole), of(*filter, Shown::Count)]);
    let shown = SHOWN.iter().map(|text| of(None, Shown::Expression((*text).to_owned())));
    filters.chain(shown).chain([of(FILTERS[1], Shown::Expression("v".to_owned()))]).collect()
}

/// The pages as the table that is walked over would show them, if it were the only one: its order is its own.
fn expected(scene: &Scene, read: &PageRead) -> Pages {
    let mut pages = Pages::of_plain(&scene.plain_in_home_order(), read);
    if scene.is_at_target() {
        let next = pages.0.iter_mut().filter_map(|page| page.next.as_mut());
        next.for_each(|next| drop(next.0.insert("_lm_w".to_owned(), s("target"))));
    }
    pages
}

fn every_way(cell: Cell) {
    for scene in cell.scenes() {
        let records = scene.records();
        for read in reads() {
            for (limit, consistency) in [
                (None, Consistency::Strong),
                (None, Consistency::Eventual),
                (Some(1), Consistency::Eventual),
                (Some(7), Consistency::Strong),
                (Some(100), Consistency::Strong),
            ] {
                let read = PageRead { limit, consistency, ..read.clone() };
                assert_eq!(Pages::of(&scene, &read), expected(&scene, &read), "{}: {read:?}", scene.name);
            }
            in_segments(&scene, &read);
        }
        for wrong in [
            of(Some("nr <"), Shown::Whole),
            of(Some("nr < :nothere"), Shown::Whole),
            of(None, Shown::Expression("v,".to_owned())),
            of(None, Shown::Projected),
            PageRead { limit: Some(0), ..scan() },
            PageRead { walk: Walk::Scan { segment: Segment { index: 2, total: 2 } }, ..scan() },
            PageRead { start: Some(Item([("pk".to_owned(), s("p"))].into())), ..scan() },
        ] {
            refused_alike(&scene, &wrong);
        }
        assert_eq!(scene.records(), records, "{}: a scan writes", scene.name);
    }
    for scene in cell.scenes_of_pages(3) {
        for read in reads() {
            let read = PageRead { limit: Some(5), ..read };
            Pages::of(&scene, &read).same_items(&scene, &read, &expected(&scene, &read));
        }
    }
}

/// Segments cut the table where the table that is walked over does.
fn in_segments(scene: &Scene, read: &PageRead) {
    for index in 0..3 {
        let walk = Walk::Scan { segment: Segment { index, total: 3 } };
        let read = PageRead { walk, limit: Some(4), ..read.clone() };
        assert_eq!(Pages::of(scene, &read), expected(scene, &read), "{}: {read:?}", scene.name);
    }
}

cells! { every_way;
    scan_in_old: Old of 1,
    scan_in_copy: Copy of 1,
    scan_in_guarded: Guarded of 1,
    scan_in_handoff: Handoff of 1,
    scan_in_new: New of 1,
    scan_in_final: Final of 1,
    scan_in_old_of_run_2: Old of 2,
    scan_in_copy_of_run_2: Copy of 2,
    scan_in_guarded_of_run_2: Guarded of 2,
    scan_in_handoff_of_run_2: Handoff of 2,
    scan_in_new_of_run_2: New of 2,
    scan_in_final_of_run_2: Final of 2,
}
