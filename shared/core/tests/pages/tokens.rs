//! Where a read stands, carried across phases, and what is no such thing.

use livemove_core::error::Error;
use livemove_core::item::Item;
use livemove_core::mark::{Marks, Run};
use livemove_core::pages::PageRead;
use livemove_core::phase::Phase;
use serde_dynamo::AttributeValue;

use crate::world::{World, item, key, moved, n, of, own, query, s, scan, state, texts};

const WALK: &str = "_lm_w";

fn keys() -> Vec<String> {
    (0..12).map(|number| format!("{number:02}")).collect()
}

/// Twelve partitions on both tables, as they are in `new` of run 1 where all have moved.
fn moved_all() -> World {
    let world = World::new(Run(1), Phase::New);
    for pk in keys() {
        world.source.put_raw(moved(Run(1)).onto(item(&pk, "a", &[("v", n(1))])));
        world.target.put_raw(own(Run(1)).onto(item(&pk, "a", &[("v", n(2))])));
    }
    world
}

fn walk(token: &Option<Item>) -> Option<String> {
    match token.as_ref().and_then(|token| token.0.get(WALK)) {
        Some(AttributeValue::S(text)) => Some(text.clone()),
        _ => None,
    }
}

#[test]
fn the_two_tables_scan_in_different_orders() {
    let world = moved_all();
    let order = |table: &livemove_core::testing::memory::Memory| texts(&table.items(), "pk");
    assert_ne!(order(&world.source), order(&world.target));
}

#[test]
fn a_scan_goes_on_walking_the_table_it_began_on_through_every_phase() {
    let phases = [
        (Run(1), Phase::Copy),
        (Run(1), Phase::Guarded),
        (Run(1), Phase::Handoff),
        (Run(1), Phase::New),
        (Run(2), Phase::Guarded),
        (Run(2), Phase::Handoff),
        (Run(2), Phase::New),
        (Run(3), Phase::Handoff),
    ];
    for (first, begun) in phases.into_iter().enumerate() {
        let world = World::new(begun.0, begun.1);
        for pk in keys() {
            // Unmoved in every run: as plain as on the first day, on both.
            world.source.put_raw(item(&pk, "a", &[("v", n(1))]));
            world.target.put_raw(item(&pk, "a", &[("v", n(1))]));
        }
        let mut read = PageRead { limit: Some(1), ..scan() };
        let mut found = Vec::new();
        for step in 0.. {
            let (run, phase) = phases[(first + step).min(phases.len() - 1)];
            *world.state.lock().unwrap() = state(run, phase);
            let page = world.page(&read).unwrap();
            found.extend(texts(&page.items, "pk"));
            let expected = page.next.is_some() && begun.0 != Run(3) && world_is_target(begun);
            assert_eq!(walk(&page.next).as_deref() == Some("target"), expected);
            read.start = page.next;
            if read.start.is_none() {
                break;
            }
        }
        found.sort();
        assert_eq!(found, keys(), "begun in {begun:?}");
    }
}

/// Whether a read begins on the plan's target in this phase.
fn world_is_target((run, phase): (Run, Phase)) -> bool {
    (run == Run(1) && phase == Phase::New) || (run == Run(2) && phase < Phase::New)
}

#[test]
fn a_scan_of_the_table_that_lost_its_keys_shows_their_new_values() {
    let world = moved_all();
    // Begun before anything moved: its token names no table.
    let first = key("05", "a").to_item();
    let read = PageRead { start: Some(first), filter: Some("v = :v".to_owned()), ..scan() };
    let read = PageRead { values: [(":v".to_owned(), n(2))].into(), ..read };
    let order = texts(&world.source.items(), "pk");
    let rest = order.iter().skip_while(|pk| *pk != "05").skip(1);
    let page = world.page(&read).unwrap();
    assert_eq!(texts(&page.items, "pk"), rest.cloned().collect::<Vec<_>>());
    assert!(page.items.iter().all(|item| item.0.get("v") == Some(&n(2))));
}

#[test]
fn a_parallel_scan_that_begins_on_both_sides_of_a_cutover_must_begin_anew() {
    // What is promised is one segment: it goes on where it began. Segments of the two tables do not fit together.
    let world = moved_all();
    let segment = |index| livemove_core::ports::pages::Walk::Scan {
        segment: livemove_core::segment::Segment { index, total: 2 },
    };
    let of = |phase, index| {
        *world.state.lock().unwrap() = state(Run(1), phase);
        texts(&world.page(&PageRead { walk: segment(index), ..scan() }).unwrap().items, "pk")
    };
    for phase in [Phase::Handoff, Phase::New] {
        let mut all = [of(phase, 0), of(phase, 1)].concat();
        all.sort();
        assert_eq!(all, keys());
    }
    let mut mixed = [of(Phase::Handoff, 0), of(Phase::New, 1)].concat();
    mixed.sort();
    assert_ne!(mixed, keys());
}

#[test]
fn a_query_goes_on_after_plain_keys_in_every_phase() {
    let phases = [(Run(1), Phase::Copy), (Run(1), Phase::Guarded), (Run(1), Phase::Handoff), (Run(1), Phase::New)];
    let world = World::new(Run(1), Phase::Old);
    for sk in ["a", "b", "c", "d", "e"] {
        world.source.put_raw(item("p", sk, &[]));
        world.target.put_raw(item("p", sk, &[]));
    }
    let mut read = PageRead { limit: Some(1), ..query("pk = :p", &[(":p", s("p"))]) };
    let mut found = Vec::new();
    for (run, phase) in phases.into_iter().chain([(Run(2), Phase::Guarded)]) {
        *world.state.lock().unwrap() = state(run, phase);
        let page = world.page(&read).unwrap();
        found.extend(texts(&page.items, "sk"));
        assert_eq!(walk(&page.next), None);
        read.start = page.next;
    }
    assert_eq!(found, ["a", "b", "c", "d", "e"]);
}

#[test]
fn an_index_read_begun_on_one_table_is_carried_on_over_both_and_back() {
    for begun in [Phase::Copy, Phase::Guarded, Phase::Handoff] {
        for index in ["some", "whole", "inverted"] {
            let world = World::new(Run(1), begun);
            for pk in keys() {
                let item = item(&pk, "a", &[("g", s("g")), ("nr", n(7))]);
                world.source.put_raw(item.clone());
                world.target.put_raw(item);
            }
            let condition = if index == "inverted" { "sk = :g" } else { "g = :g" };
            let value = if index == "inverted" { "a" } else { "g" };
            let mut read = PageRead { limit: Some(1), ..of(index, query(condition, &[(":g", s(value))])) };
            let mut found = Vec::new();
            let phases = [Phase::Copy, Phase::Guarded, Phase::Handoff, Phase::New];
            let mut left = phases.into_iter().skip_while(|phase| *phase != begun);
            loop {
                if let Some(phase) = left.next() {
                    *world.state.lock().unwrap() = state(Run(1), phase);
                }
                let page = world.page(&read).unwrap();
                found.extend(texts(&page.items, "pk"));
                read.start = page.next;
                if read.start.is_none() {
                    break;
                }
            }
            found.sort();
            assert_eq!(found, keys(), "{index} from {begun}");
        }
    }
}

#[test]
fn start_keys_that_no_answer_gave_are_refused() {
    let world = moved_all();
    let text = |text: &str| item("05", "a", &[(WALK, s(text))]);
    let forged = [
        item("05", "a", &[("_lm_own", n(1))]),
        item("05", "a", &[("_lm_x", s("target"))]),
        item("05", "a", &[(WALK, n(1))]),
        item("05", "a", &[("v", n(1))]),
        text(""),
        text("source"),
        text("elsewhere"),
        text("target."),
        text("target.e30"),
        text("target.!!"),
        Item([("pk".to_owned(), s("05"))].into()),
        Item([(WALK.to_owned(), s("target"))].into()),
    ];
    for phase in [Phase::Copy, Phase::Handoff, Phase::New] {
        *world.state.lock().unwrap() = state(Run(1), phase);
        for start in &forged {
            let reads = [
                PageRead { start: Some(start.clone()), ..scan() },
                PageRead { start: Some(start.clone()), ..of("some", query("g = :g", &[(":g", s("g"))])) },
            ];
            for read in reads {
                match world.page(&read) {
                    Err(Error::Rejected { name, .. }) => assert_eq!(name, "ValidationException"),
                    other => panic!("{start:?} in {phase}: {other:?}"),
                }
            }
        }
    }
}

#[test]
fn the_token_of_another_kind_of_read_is_refused() {
    let world = World::new(Run(1), Phase::Handoff);
    let marks = Marks::default();
    for pk in ["a", "b", "c"] {
        world.source.put_raw(marks.onto(item(pk, "a", &[("g", s("g"))])));
    }
    let read = PageRead { limit: Some(1), ..of("some", query("g = :g", &[(":g", s("g"))])) };
    let next = world.page(&read).unwrap().next.unwrap();
    let table_keys = |mut token: Item| {
        token.0.remove("g");
        Some(token)
    };
    for read in [scan(), query("pk = :p", &[(":p", s("a"))])] {
        let refused = world.page(&PageRead { start: table_keys(next.clone()), ..read });
        assert!(matches!(refused, Err(Error::Rejected { .. })), "{refused:?}");
    }
    let target = item("a", "a", &[(WALK, s("target"))]);
    let refused = world.page(&PageRead { start: Some(target), ..query("pk = :p", &[(":p", s("a"))]) });
    assert!(matches!(refused, Err(Error::Rejected { .. })), "{refused:?}");
}
