//! Secondary indexes in every phase.

use livemove_core::error::Error;
use livemove_core::item::Item;
use livemove_core::mark::{Marks, Run};
use livemove_core::pages::PageRead;
use livemove_core::phase::Phase;
use livemove_core::ports::pages::{Shown, Walk};
use livemove_core::testing::memory::Memory;

use crate::world::{World, gone, item, moved, n, of, own, query, s, scan, texts};

fn in_g() -> Vec<PageRead> {
    let g = || query("g = :g", &[(":g", s("g"))]);
    vec![of("whole", g()), of("some", g()), of("whole", scan()), of("some", scan())]
}

/// The states in which keys move.
fn moving() -> Vec<World> {
    let states =
        [(Run(1), Phase::Guarded), (Run(1), Phase::Handoff), (Run(2), Phase::Guarded), (Run(2), Phase::Handoff)];
    states.into_iter().map(|(run, phase)| World::new(run, phase)).collect()
}

fn run_of(world: &World) -> Run {
    world.state.lock().unwrap().run
}

/// What the pages of a read show, sorted.
fn shown(world: &World, read: &PageRead) -> Vec<String> {
    let items: Vec<Item> = world.all(read).into_iter().flat_map(|page| page.items).collect();
    let mut shown = texts(&items, "sk");
    shown.sort();
    shown
}

fn in_index(sk: &str, at: i64) -> Item {
    item("p", sk, &[("g", s("g")), ("nr", n(at)), ("v", n(at))])
}

#[test]
fn a_key_is_found_where_its_owner_has_it() {
    for world in moving() {
        let run = run_of(&world);
        let given = Marks { own: run.previous(), ..moved(run) };
        // Unmoved; moved out of the index; moved into it; moved and deleted; made after the handoff; half done.
        world.losing().put_raw(in_index("1 unmoved", 1));
        world.losing().put_raw(given.onto(in_index("2 left", 2)));
        world.gaining().put_raw(own(run).onto(item("p", "2 left", &[("g", s("h")), ("nr", n(2))])));
        world.losing().put_raw(given.onto(item("p", "3 came", &[("g", s("h")), ("nr", n(3))])));
        world.gaining().put_raw(own(run).onto(in_index("3 came", 3)));
        world.losing().put_raw(given.onto(in_index("4 deleted", 4)));
        world.gaining().put_raw(gone("p", "4 deleted", own(run)));
        world.losing().put_raw(gone("p", "5 made", moved(run)));
        world.gaining().put_raw(own(run).onto(in_index("5 made", 5)));
        world.losing().put_raw(given.onto(in_index("6 half", 6)));
        // A copy that lags behind the unmoved key's value.
        world.losing().put_raw(in_index("7 lags", 7));
        world.gaining().put_raw(in_index("7 lags", 0));
        // A copy of a key that is no more.
        world.gaining().put_raw(in_index("8 late", 8));
        let expected = ["1 unmoved", "3 came", "5 made", "6 half", "7 lags"];
        for read in in_g() {
            for limit in [None, Some(1), Some(2), Some(3)] {
                let read = PageRead { limit, ..read.clone() };
                let mut found = shown(&world, &read);
                if matches!(read.walk, Walk::Scan { .. }) {
                    found.retain(|sk| sk != "2 left");
                }
                assert_eq!(found, expected, "{:?} in pages of {limit:?}", read.index);
            }
        }
    }
}

#[test]
fn the_order_is_that_of_the_index_over_both_tables() {
    for world in moving() {
        let run = run_of(&world);
        for at in 0..9 {
            let name = format!("{at}");
            if at % 3 == 0 {
                world.losing().put_raw(in_index(&name, at));
            } else {
                world.losing().put_raw(gone("p", &name, moved(run)));
                world.gaining().put_raw(own(run).onto(in_index(&name, at)));
            }
        }
        for (index, condition) in [("whole", "g = :g"), ("local", "pk = :g")] {
            for forward in [true, false] {
                for limit in [None, Some(1), Some(4)] {
                    let value = if index == "local" { "p" } else { "g" };
                    let mut read = PageRead { limit, ..of(index, query(condition, &[(":g", s(value))])) };
                    read.walk = Walk::Query { key_condition: condition.to_owned(), forward };
                    let pages = world.all(&read);
                    let mut found: Vec<String> = pages.iter().flat_map(|page| texts(&page.items, "sk")).collect();
                    if !forward {
                        found.reverse();
                    }
                    let expected: Vec<String> = (0..9).map(|at| at.to_string()).collect();
                    assert_eq!(found, expected, "{index} in pages of {limit:?}");
                    assert!(pages.iter().all(|page| limit.is_none_or(|limit| page.scanned <= limit)));
                    assert_eq!(pages.iter().map(|page| page.scanned).sum::<u32>(), 9);
                }
            }
        }
    }
}

#[test]
fn an_index_shows_what_it_holds_of_the_owner_s_value() {
    for world in moving() {
        let run = run_of(&world);
        let new = item("p", "a", &[("g", s("g")), ("nr", n(1)), ("v", n(2)), ("w", n(3))]);
        world.losing().put_raw(moved(run).onto(item("p", "a", &[("g", s("g")), ("nr", n(1)), ("v", n(1))])));
        world.gaining().put_raw(own(run).onto(new.clone()));
        let of_g = |index| of(index, query("g = :g", &[(":g", s("g"))]));
        assert_eq!(world.page(&of_g("whole")).unwrap().items, std::slice::from_ref(&new));
        let held = item("p", "a", &[("g", s("g")), ("v", n(2))]);
        assert_eq!(world.page(&of_g("some")).unwrap().items, [held]);
        let expression = PageRead { shown: Shown::Expression("v".to_owned()), ..of_g("some") };
        assert_eq!(world.page(&expression).unwrap().items, [Item([("v".to_owned(), n(2))].into())]);
        let local = of("local", query("pk = :p", &[(":p", s("p"))]));
        assert_eq!(world.page(&PageRead { shown: Shown::Whole, ..local.clone() }).unwrap().items, [new]);
        let held = item("p", "a", &[("nr", n(1)), ("v", n(2))]);
        assert_eq!(world.page(&local).unwrap().items, [held]);
    }
}

#[test]
fn a_filter_on_an_index_judges_the_owner_s_value() {
    for world in moving() {
        let run = run_of(&world);
        world.losing().put_raw(moved(run).onto(in_index("a", 1)));
        world.gaining().put_raw(own(run).onto(item("p", "a", &[("g", s("g")), ("nr", n(1)), ("v", n(9))])));
        world.losing().put_raw(in_index("b", 2));
        for (value, expected) in [(9, vec!["a"]), (2, vec!["b"]), (1, vec![])] {
            for mut read in in_g() {
                read.filter = Some("v = :v".to_owned());
                read.values.insert(":v".to_owned(), n(value));
                let page = world.page(&read).unwrap();
                assert_eq!(
                    (texts(&page.items, "sk"), page.scanned as usize),
                    (expected.iter().map(|sk| (*sk).to_owned()).collect(), 2)
                );
            }
        }
    }
}

#[test]
fn tombstones_in_an_index_of_table_keys_are_nobody_s() {
    for (run, phase) in [(Run(1), Phase::New), (Run(2), Phase::Copy), (Run(1), Phase::Final), (Run(1), Phase::Handoff)]
    {
        let world = World::new(run, phase);
        let home: &Memory = if phase == Phase::Handoff { world.losing() } else { &world.target };
        home.put_raw(gone("p", "s", own(Run(0))));
        home.put_raw(Marks { canary: Some("c".to_owned()), ..Marks::default() }.onto(item("q", "s", &[])));
        home.put_raw(item("r", "s", &[("v", n(1))]));
        for index in ["inverted", "mirror"] {
            let read = of(index, query("sk = :s", &[(":s", s("s"))]));
            for filter in [None, Some("v = :v".to_owned())] {
                let mut read = PageRead { filter: filter.clone(), ..read.clone() };
                read.values.extend(filter.map(|_| (":v".to_owned(), n(1))));
                let page = world.page(&read).unwrap();
                assert_eq!(texts(&page.items, "pk"), ["r"], "{index} in {phase}");
                assert_eq!((page.count, page.scanned, page.next), (1, 1, None));
                let page = world.page(&PageRead { limit: Some(1), ..read }).unwrap();
                assert_eq!((page.count, page.scanned), (1, 1));
            }
        }
    }
}

#[test]
fn a_strong_read_of_a_local_index_sees_what_was_moved_a_moment_ago() {
    for world in moving() {
        let run = run_of(&world);
        world.losing().put_raw(in_index("a", 5));
        world.losing().put_raw(moved(run).onto(in_index("b", 5)));
        world.gaining().put_raw(own(run).onto(in_index("b", 1)));
        let read = of("local", query("pk = :p", &[(":p", s("p"))]));
        assert_eq!(texts(&world.page(&read).unwrap().items, "sk"), ["b", "a"]);
    }
}

#[test]
fn what_comes_behind_the_place_of_a_walk_is_not_shown_out_of_order() {
    let world = World::new(Run(1), Phase::Handoff);
    world.source.put_raw(in_index("a", 3));
    world.source.put_raw(in_index("b", 5));
    let read = PageRead { limit: Some(1), ..of("whole", query("g = :g", &[(":g", s("g"))])) };
    let first = world.page(&read).unwrap();
    assert_eq!(texts(&first.items, "sk"), ["a"]);
    world.source.put_raw(gone("p", "c", moved(Run(1))));
    world.target.put_raw(own(Run(1)).onto(in_index("c", 1)));
    let second = world.page(&PageRead { start: first.next, ..read }).unwrap();
    assert_eq!(texts(&second.items, "sk"), ["b"]);
}

#[test]
fn a_copy_that_arrives_between_two_pages_is_not_shown_again() {
    let world = World::new(Run(1), Phase::Handoff);
    let read = PageRead { limit: Some(1), ..of("some", query("g = :g", &[(":g", s("g"))])) };
    world.source.put_raw(in_index("a", 1));
    world.source.put_raw(gone("p", "b", moved(Run(1))));
    world.target.put_raw(own(Run(1)).onto(in_index("b", 1)));
    world.source.put_raw(gone("p", "c", moved(Run(1))));
    world.target.put_raw(own(Run(1)).onto(in_index("c", 1)));
    let first = world.page(&read).unwrap();
    let second = world.page(&PageRead { start: first.next, ..read.clone() }).unwrap();
    let shown = texts(&second.items, "sk").remove(0);
    world.source.put_raw(moved(Run(1)).onto(in_index(&shown, 1)));
    let third = world.page(&PageRead { start: second.next, ..read }).unwrap();
    assert_eq!(third.items.len(), 1);
    assert_ne!(texts(&third.items, "sk"), [shown]);
}

#[test]
fn an_index_that_one_table_does_not_have_is_named() {
    let mut world = World::new(Run(1), Phase::Guarded);
    let read = of("whole", scan());
    world.target = Memory::new(crate::world::schema());
    match world.page(&read) {
        Err(Error::Refused { name: "IndexDiffers", reason, .. }) => assert!(reason.contains("whole")),
        other => panic!("{other:?}"),
    }
    let unknown = world.page(&of("nothere", scan()));
    assert!(matches!(unknown, Err(Error::Rejected { .. })), "{unknown:?}");
}

#[test]
fn strong_reads_of_a_global_index_are_refused_in_every_phase() {
    for phase in [Phase::Copy, Phase::Guarded, Phase::Handoff, Phase::New] {
        let world = World::new(Run(1), phase);
        let consistency = livemove_core::ports::Consistency::Strong;
        let refused = world.page(&PageRead { consistency, ..of("whole", scan()) });
        assert!(matches!(refused, Err(Error::Rejected { .. })), "{refused:?}");
    }
}
