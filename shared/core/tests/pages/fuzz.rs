//! Page tokens that were changed on their way: refused, or what they say is what was asked for.

use livemove_core::error::Error;
use livemove_core::item::Item;
use livemove_core::mark::Run;
use livemove_core::pages::PageRead;
use livemove_core::phase::Phase;
use livemove_core::testing::fuzz::{cases, json, text};
use proptest::prelude::*;
use serde_dynamo::AttributeValue;
use serde_json::to_value;

use crate::world::{World, item, of, query, s, scan};

const WALK: &str = "_lm_w";

/// Partitions that were moved and that were not, in one index.
fn world(phase: Phase) -> World {
    let world = World::new(Run(1), phase);
    for (number, pk) in ["a", "b", "c", "d", "e", "f"].into_iter().enumerate() {
        let table = if number % 2 == 0 { &world.source } else { &world.target };
        table.put_raw(item(pk, "a", &[("g", s("g"))]));
    }
    world
}

fn read() -> PageRead {
    PageRead { limit: Some(2), ..of("some", query("g = :g", &[(":g", s("g"))])) }
}

/// The token of the first page.
fn token() -> Item {
    world(Phase::Handoff).page(&read()).unwrap().next.unwrap()
}

fn refused(answer: Result<livemove_core::pages::PageAnswer, Error>) -> bool {
    matches!(answer, Err(Error::Rejected { name, .. }) if name == "ValidationException")
}

#[test]
fn a_token_whose_place_was_changed_is_refused_and_passes_over_nothing() {
    let token = token();
    let Some(AttributeValue::S(walk)) = token.0.get(WALK) else { panic!("no walk: {token:?}") };
    for (name, value) in [("pk", "z"), ("g", "h"), ("sk", "")] {
        let mut changed = token.clone();
        changed.0.insert(name.to_owned(), s(value));
        assert!(refused(world(Phase::Handoff).page(&PageRead { start: Some(changed), ..read() })), "{name}");
    }
    let other_walk = walk.replacen("source", "target", 1);
    assert_ne!(&other_walk, walk);
    for text in [other_walk, walk.rsplit_once('.').unwrap().0.to_owned(), format!("{walk}="), format!("{walk}.")] {
        let mut changed = token.clone();
        changed.0.insert(WALK.to_owned(), s(&text));
        assert!(refused(world(Phase::Handoff).page(&PageRead { start: Some(changed), ..read() })), "{text}");
    }
}

fn damaged_walk() -> impl Strategy<Value = Item> {
    let Some(AttributeValue::S(walk)) = token().0.get(WALK).cloned() else { panic!("no walk") };
    text(walk).prop_map(|walk| {
        let mut changed = token();
        changed.0.insert(WALK.to_owned(), s(&walk));
        changed
    })
}

fn damaged() -> impl Strategy<Value = Item> {
    json(to_value(token()).unwrap()).prop_filter_map("no item", |value| serde_json::from_value(value).ok())
}

proptest! {
    #![proptest_config(cases(100))]

    #[test]
    fn a_changed_walk_is_refused_in_every_phase(start in damaged_walk()) {
        prop_assume!(start != token());
        for phase in [Phase::Old, Phase::Guarded, Phase::Handoff, Phase::New, Phase::Final] {
            for read in [read(), scan()] {
                prop_assert!(refused(world(phase).page(&PageRead { start: Some(start.clone()), ..read })), "{:?}", start);
            }
        }
    }

    #[test]
    fn a_changed_token_is_refused_or_a_plain_key(start in damaged()) {
        prop_assume!(start != token());
        let plain = !start.0.contains_key(WALK);
        for phase in [Phase::Guarded, Phase::Handoff, Phase::New] {
            let answer = world(phase).page(&PageRead { start: Some(start.clone()), ..read() });
            // Without the walk it is the start key of a plain table; DynamoDB's own have no more safeguard.
            prop_assert!(plain || refused(answer), "{:?}", start);
        }
    }
}
