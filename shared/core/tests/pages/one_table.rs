//! Phases in which one table answers alone.

use livemove_core::error::Error;
use livemove_core::item::Item;
use livemove_core::mark::{Marks, Run};
use livemove_core::pages::PageRead;
use livemove_core::phase::Phase;
use livemove_core::ports::pages::Shown;

use crate::world::{World, gone, item, moved, n, own, query, s, scan, texts};

/// The states in which one table answers alone, and what is lying about there.
fn alone() -> Vec<(World, Marks)> {
    vec![
        (World::new(Run(1), Phase::New), own(Run(1))),
        (World::new(Run(2), Phase::Old), own(Run(1))),
        (World::new(Run(2), Phase::Copy), own(Run(1))),
        (World::new(Run(2), Phase::New), own(Run(2))),
        (World::new(Run(3), Phase::Copy), own(Run(2))),
        (World::new(Run(1), Phase::Final), own(Run(1))),
        (World::new(Run(2), Phase::Final), own(Run(2))),
    ]
}

/// The table that answers.
fn home(world: &World) -> &livemove_core::testing::memory::Memory {
    let state = world.state.lock().unwrap().clone();
    world.pair().side(state.serving())
}

#[test]
fn tombstones_and_canaries_are_neither_shown_nor_counted() {
    for (world, native) in alone() {
        let canary = Marks { canary: Some("c".to_owned()), ..Marks::default() };
        home(&world).put_raw(gone("p", "a", native.clone()));
        home(&world).put_raw(native.onto(item("p", "b", &[("v", n(1))])));
        home(&world).put_raw(canary.onto(item("p", "c", &[])));
        home(&world).put_raw(item("p", "d", &[("v", n(2))]));
        home(&world).put_raw(gone("p", "e", native));
        for read in [query("pk = :p", &[(":p", s("p"))]), scan()] {
            let page = world.page(&read).unwrap();
            assert_eq!(page.items, [item("p", "b", &[("v", n(1))]), item("p", "d", &[("v", n(2))])]);
            assert_eq!((page.count, page.scanned, page.next), (2, 2, None));
            let filter = Some("v > :v".to_owned());
            let mut filtered = PageRead { filter, ..read };
            filtered.values.insert(":v".to_owned(), n(1));
            let page = world.page(&filtered).unwrap();
            assert_eq!((texts(&page.items, "sk"), page.count, page.scanned), (vec!["d".to_owned()], 1, 2));
            let counted = world.page(&PageRead { shown: Shown::Count, ..filtered }).unwrap();
            assert_eq!((counted.items.len(), counted.count, counted.scanned), (0, 1, 2));
        }
    }
}

#[test]
fn a_canary_of_a_table_that_has_not_begun_to_move_is_not_seen() {
    for phase in [Phase::Old, Phase::Copy] {
        let world = World::new(Run(1), phase);
        let canary = Marks { canary: Some("c".to_owned()), ..Marks::default() };
        world.source.put_raw(canary.onto(item("p", "a", &[])));
        world.source.put_raw(item("p", "b", &[]));
        let read = PageRead { shown: Shown::Count, ..scan() };
        let page = world.page(&read).unwrap();
        assert_eq!((page.count, page.scanned), (1, 1));
    }
}

#[test]
fn a_page_of_one_finds_the_one_item_behind_a_hundred_tombstones() {
    for (world, native) in alone() {
        for number in 0..100 {
            home(&world).put_raw(gone("p", &format!("a{number:02}"), native.clone()));
        }
        home(&world).put_raw(native.onto(item("p", "b", &[("v", n(1))])));
        home(&world).put_raw(gone("p", "c", native));
        let read = PageRead { limit: Some(1), ..query("pk = :p", &[(":p", s("p"))]) };
        let page = world.page(&read).unwrap();
        assert_eq!(texts(&page.items, "sk"), ["b"]);
        assert_eq!((page.scanned, page.next.clone()), (1, Some(item("p", "b", &[]))));
        let page = world.page(&PageRead { start: page.next, ..read }).unwrap();
        assert_eq!((page.items.len(), page.scanned, page.next), (0, 0, None));
    }
}

#[test]
fn pages_of_tombstones_alone_are_passed_over_and_in_the_end_handed_on() {
    let world = World::with_pages(Run(1), Phase::New, 2);
    for number in 0..200 {
        world.target.put_raw(gone("p", &format!("{number:03}"), own(Run(1))));
    }
    world.target.put_raw(own(Run(1)).onto(item("p", "b", &[])));
    let pages = world.all(&query("pk = :p", &[(":p", s("p"))]));
    assert!(pages.len() > 1, "bounded work for one page");
    assert!(pages.iter().take(pages.len() - 1).all(|page| page.scanned == 0 || !page.items.is_empty()));
    let items: Vec<_> = pages.into_iter().flat_map(|page| page.items).collect();
    assert_eq!(texts(&items, "sk"), ["b"]);
}

#[test]
fn a_projection_without_keys_shows_no_keys() {
    for (world, native) in alone() {
        home(&world).put_raw(native.onto(item("p", "a", &[("v", n(1)), ("w", n(2))])));
        let shown = |text: &str| PageRead { shown: Shown::Expression(text.to_owned()), ..scan() };
        let page = world.page(&shown("v")).unwrap();
        assert_eq!(page.items, [Item([("v".to_owned(), n(1))].into())]);
        let page = world.page(&shown("sk, w")).unwrap();
        let expected = [("sk".to_owned(), s("a")), ("w".to_owned(), n(2))].into();
        assert_eq!(page.items, [Item(expected)]);
    }
}

#[test]
fn a_key_that_has_moved_says_that_the_phase_is_out_of_date() {
    let world = World::new(Run(2), Phase::Copy);
    world.target.put_raw(Marks { own: Run(1), ..moved(Run(2)) }.onto(item("p", "a", &[])));
    for read in [query("pk = :p", &[(":p", s("p"))]), scan()] {
        assert!(matches!(world.page(&read), Err(Error::StalePhase)));
    }
}

#[test]
fn queries_and_scans_write_nothing() {
    for (world, native) in alone() {
        home(&world).put_raw(native.onto(item("p", "a", &[])));
        world.all(&scan());
        assert_eq!(world.source.records_len() + world.target.records_len(), 1);
    }
}
