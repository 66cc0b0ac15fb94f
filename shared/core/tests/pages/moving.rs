//! Guarded and handoff: keys move one by one. Runs 1 and 2, there and back.

use livemove_core::error::Error;
use livemove_core::handoff::handoff;
use livemove_core::item::Item;
use livemove_core::mark::{Marks, Run};
use livemove_core::pages::PageRead;
use livemove_core::phase::{Phase, State};
use livemove_core::ports::pages::Shown;
use livemove_core::size;
use livemove_core::testing::block_on;

use crate::world::{World, gone, item, key, moved, n, of, own, query, s, scan, state, texts};

/// Every state in which keys may have moved, with five keys: one unmoved, one moved and changed, one moved and
/// deleted, one made after the handoff of its absence, one half handed over; and a tombstone from before.
fn moving() -> Vec<World> {
    let states =
        [(Run(1), Phase::Guarded), (Run(1), Phase::Handoff), (Run(2), Phase::Guarded), (Run(2), Phase::Handoff)];
    states
        .into_iter()
        .map(|(run, phase)| {
            let world = World::new(run, phase);
            let before = own(run.previous());
            let given = Marks { own: run.previous(), ..moved(run) };
            world.losing().put_raw(before.onto(item("p", "1 unmoved", &[("v", n(1))])));
            world.gaining().put_raw(item("p", "1 unmoved", &[("v", n(-1))]));
            world.losing().put_raw(given.onto(item("p", "2 changed", &[("v", n(1))])));
            world.gaining().put_raw(own(run).onto(item("p", "2 changed", &[("v", n(7))])));
            world.losing().put_raw(given.onto(item("p", "3 deleted", &[("v", n(1))])));
            world.gaining().put_raw(gone("p", "3 deleted", own(run)));
            world.losing().put_raw(gone("p", "4 made", moved(run)));
            world.gaining().put_raw(own(run).onto(item("p", "4 made", &[("v", n(3))])));
            world.losing().put_raw(given.onto(item("p", "5 half", &[("v", n(5))])));
            world.gaining().put_raw(item("p", "5 half", &[("v", n(-5))]));
            world.losing().put_raw(gone("p", "6 stub", moved(run)));
            if run > Run(1) {
                world.losing().put_raw(gone("p", "7 dead", before));
            }
            world
        })
        .collect()
}

fn both() -> [PageRead; 2] {
    [query("pk = :p", &[(":p", s("p"))]), scan()]
}

fn filtered(read: PageRead, filter: &str, value: i64) -> PageRead {
    let mut read = PageRead { filter: Some(filter.to_owned()), ..read };
    read.values.insert(":v".to_owned(), n(value));
    read
}

#[test]
fn every_key_is_what_its_owner_says() {
    for world in moving() {
        for read in both() {
            let page = world.page(&read).unwrap();
            assert_eq!(texts(&page.items, "sk"), ["1 unmoved", "2 changed", "4 made", "5 half"]);
            assert_eq!(texts(&page.items, "v"), ["1", "7", "3", "5"]);
            assert_eq!((page.count, page.scanned, page.next), (4, 4, None));
            assert!(page.items.iter().all(|item| item.0.len() == 3), "no marks");
        }
    }
}

#[test]
fn a_filter_judges_the_value_of_the_owner() {
    for world in moving() {
        for read in both() {
            let page = world.page(&filtered(read.clone(), "v > :v", 4)).unwrap();
            assert_eq!((texts(&page.items, "v"), page.count, page.scanned), (vec!["7".into(), "5".into()], 2, 4));
            // The frozen copies of what has changed still match this one.
            let page = world.page(&filtered(read.clone(), "v = :v", 1)).unwrap();
            assert_eq!((texts(&page.items, "sk"), page.scanned), (vec!["1 unmoved".into()], 4));
            let page = world.page(&filtered(PageRead { shown: Shown::Count, ..read }, "v >= :v", 3)).unwrap();
            assert_eq!((page.items.len(), page.count, page.scanned), (0, 3, 4));
        }
    }
}

#[test]
fn query_in_handoff_shows_the_new_value_of_a_moved_key() {
    for world in moving() {
        let read = query("pk = :p AND sk = :s", &[(":p", s("p")), (":s", s("2 changed"))]);
        assert_eq!(world.page(&read).unwrap().items, [item("p", "2 changed", &[("v", n(7))])]);
    }
}

#[test]
fn pages_of_every_size_and_direction_show_the_same() {
    for world in moving() {
        for forward in [true, false] {
            let mut read = query("pk = :p", &[(":p", s("p"))]);
            read.walk = livemove_core::ports::pages::Walk::Query { key_condition: "pk = :p".to_owned(), forward };
            let mut whole = texts(&world.page(&read).unwrap().items, "v");
            assert_eq!(whole.len(), 4);
            for limit in 1..=5 {
                for read in [
                    PageRead { limit: Some(limit), ..read.clone() },
                    filtered(PageRead { limit: Some(limit), ..read.clone() }, "v > :v", 0),
                ] {
                    let pages = world.all(&read);
                    let items: Vec<_> = pages.iter().flat_map(|page| page.items.clone()).collect();
                    assert_eq!(texts(&items, "v"), whole, "pages of {limit}");
                    assert!(pages.iter().all(|page| page.scanned <= limit));
                    assert_eq!(pages.iter().map(|page| page.scanned).sum::<u32>(), 4);
                }
            }
            whole.reverse();
        }
    }
}

#[test]
fn a_page_of_one_is_one_visible_item_or_the_end() {
    for world in moving() {
        for read in both() {
            for page in world.all(&PageRead { limit: Some(1), ..read }) {
                assert!(page.items.len() == 1 || page.next.is_none());
            }
        }
    }
}

#[test]
fn projections_are_those_of_one_table() {
    for world in moving() {
        for (text, width) in [("v", 1), ("sk, v", 2), ("nothere", 0)] {
            let page = world.page(&PageRead { shown: Shown::Expression(text.to_owned()), ..scan() }).unwrap();
            assert_eq!((page.count, page.items.len()), (4, 4), "{text}");
            assert!(page.items.iter().all(|item| item.0.len() == width), "{text}: {:?}", page.items);
        }
    }
}

#[test]
fn a_half_done_handoff_is_read_and_left_as_it_is() {
    for world in moving() {
        let before = (world.source.records_len(), world.target.records_len());
        let read = query("pk = :p AND sk = :s", &[(":p", s("p")), (":s", s("5 half"))]);
        assert_eq!(world.page(&read).unwrap().items, [item("p", "5 half", &[("v", n(5))])]);
        assert_eq!((world.source.records_len(), world.target.records_len()), before);
        let run = world.state.lock().unwrap().run;
        block_on(handoff(world.pair(), run, &key("p", "5 half"))).unwrap();
        assert_eq!(world.page(&read).unwrap().items, [item("p", "5 half", &[("v", n(5))])]);
    }
}

#[test]
fn a_mark_of_a_later_run_says_that_the_phase_is_out_of_date() {
    for world in moving() {
        let run = world.state.lock().unwrap().run;
        world.gaining().put_raw(own(run.next().next()).onto(item("p", "2 changed", &[])));
        assert!(both().iter().all(|read| matches!(world.page(read), Err(Error::StalePhase))));
    }
}

#[test]
fn expressions_that_dynamodb_refuses_are_refused_while_keys_move() {
    for world in moving() {
        let query = || query("pk = :p", &[(":p", s("p"))]);
        let refused = |read: PageRead| match world.page(&read) {
            Err(Error::Rejected { name, .. }) => assert_eq!(name, "ValidationException"),
            other => panic!("{other:?}"),
        };
        refused(PageRead { filter: Some("v = :nothere".to_owned()), ..query() });
        refused(PageRead { filter: Some("sk = :p".to_owned()), ..query() });
        refused(PageRead { filter: Some("v = ".to_owned()), ..query() });
        refused(filtered(query(), "attribute_exists(v)", 1));
    }
}

#[test]
fn what_is_read_under_a_sealed_handoff_counts_only_if_nobody_is_in_new_by_then() {
    for run in [Run(1), Run(2)] {
        let world = World::new(run, Phase::New);
        // Made by somebody who is in `new`: the losing table does not know of it.
        world.gaining().put_raw(own(run).onto(item("p", "a", &[])));
        let sealed = State { sealed: true, ..state(run, Phase::Handoff) };
        for read in both() {
            assert!(matches!(world.page_in(&sealed, &read), Err(Error::StalePhase)));
        }
        *world.state.lock().unwrap() = sealed.clone();
        assert_eq!(world.page_in(&sealed, &scan()).unwrap().scanned, 0);
    }
}

#[test]
fn guarded_without_moved_keys_asks_the_losing_table_alone() {
    // Whoever looked at the gaining table would take this for a later run.
    let world = World::new(Run(1), Phase::Guarded);
    world.source.put_raw(item("p", "a", &[("v", n(1))]));
    world.target.put_raw(own(Run(9)).onto(item("p", "a", &[("v", n(2))])));
    for read in both() {
        assert_eq!(texts(&world.page(&read).unwrap().items, "v"), ["1"]);
    }
}

#[test]
fn full_pages_of_a_megabyte_on_both_tables_show_each_item_once() {
    let run = Run(1);
    let world = World::new(run, Phase::Handoff);
    let large = "x".repeat(100_000);
    for number in 0..40 {
        let name = format!("{number:02}");
        let whole = |v: i64| item("p", &name, &[("v", n(v)), ("large", s(&large)), ("g", s("g")), ("nr", n(number))]);
        let copy = moved(run).onto(whole(0));
        if number % 2 == 0 {
            world.source.put_raw(copy);
            world.target.put_raw(own(run).onto(whole(1)));
        } else {
            world.source.put_raw(whole(1));
            world.target.put_raw(whole(1));
        }
    }
    let of_index = of("whole", query("g = :g", &[(":g", s("g"))]));
    for read in both().into_iter().chain([of_index]) {
        let pages = world.all(&read);
        assert!(pages.len() > 3, "{} pages", pages.len());
        let items: Vec<Item> = pages.iter().flat_map(|page| page.items.clone()).collect();
        let mut seen = texts(&items, "sk");
        seen.sort();
        assert_eq!(seen, (0..40).map(|number| format!("{number:02}")).collect::<Vec<_>>());
        assert!(texts(&items, "v").iter().all(|v| v == "1"), "the owner's value");
        assert!(pages.iter().all(|page| page.items.iter().map(size::of).sum::<usize>() <= 2 << 20));
    }
}
