//! Taking update expressions apart and putting them together with livemove's own clauses.

use std::collections::BTreeMap;

use livemove_core::expression::update::{Clauses, Update};
use livemove_core::item::{Item, KeySchema};
use livemove_core::ports::{Action, Guard, Returning, Table as _, Write};
use livemove_core::testing::block_on;
use livemove_core::testing::memory::Memory;
use proptest::prelude::*;
use serde_dynamo::AttributeValue;

fn clauses(set: Option<&str>, remove: Option<&str>, add: Option<&str>, delete: Option<&str>) -> Clauses {
    let text = |text: Option<&str>| text.map(str::to_owned);
    Clauses { set: text(set), remove: text(remove), add: text(add), delete: text(delete) }
}

#[test]
fn each_clause_is_what_stands_after_its_keyword() {
    for (text, expected) in [
        ("SET a = :v", clauses(Some("a = :v"), None, None, None)),
        ("  set  a=:v ,b = a+:v ", clauses(Some("a=:v ,b = a+:v"), None, None, None)),
        ("REMOVE a[0],#b.c", clauses(None, Some("a[0],#b.c"), None, None)),
        (
            "DELETE d :d ADD c :c Remove b\nSET a = list_append(if_not_exists(a, :e), :a)",
            clauses(Some("a = list_append(if_not_exists(a, :e), :a)"), Some("b"), Some("c :c"), Some("d :d")),
        ),
        // Keywords within names and placeholders are none.
        (
            "SET settings = :SET, #REMOVE = :ADD, a.#SET = :DELETE",
            clauses(Some("settings = :SET, #REMOVE = :ADD, a.#SET = :DELETE"), None, None, None),
        ),
        ("SET a = (b + :c)", clauses(Some("a = (b + :c)"), None, None, None)),
    ] {
        assert_eq!(Clauses::parse(text).unwrap(), expected, "{text}");
    }
}

#[test]
fn own_clauses_join_the_application_s() {
    let own = (&["#_lm_own = :_lm_own"][..], &["#_lm_t", "#_lm_s"][..]);
    for (text, expected) in [
        ("SET a = :v", "SET a = :v, #_lm_own = :_lm_own REMOVE #_lm_t, #_lm_s"),
        ("remove a", "SET #_lm_own = :_lm_own REMOVE a, #_lm_t, #_lm_s"),
        ("ADD c :v DELETE d :w", "SET #_lm_own = :_lm_own REMOVE #_lm_t, #_lm_s ADD c :v DELETE d :w"),
    ] {
        assert_eq!(Clauses::parse(text).unwrap().with(own.0, own.1), expected);
    }
    assert_eq!(Clauses::default().with(own.0, &[]), "SET #_lm_own = :_lm_own");
    assert_eq!(Clauses::default().with(&[], &[]), "");
}

/// Assignments and removals; among them those that may do something else the second time.
const SET: [&str; 8] =
    ["a = :v", "m.x = :v", "b = (:v)", "l[1] = :v", "l[9] = :v", "a = b", "n = n + :one", "l = list_append(l, l)"];
const REMOVE: [&str; 4] = ["a", "m.x", "l[0]", "l[1]"];

#[test]
fn repeatable_is_what_only_assigns_values_and_removes_by_name() {
    let is_repeatable = |text: &str| Update::parse(text).unwrap().is_repeatable();
    for text in ["SET a = :v, m.x = (:v)", "REMOVE a, m.x", "SET a = :v REMOVE #b"] {
        assert!(is_repeatable(text), "{text}");
    }
    for text in [
        "SET a = :v, b = a",
        "SET n = n + :one",
        "SET a = if_not_exists(a, :v)",
        "SET l[9] = :v",
        "SET a = :v REMOVE l[0]",
        "SET a = :v ADD n :one",
        "DELETE s :s",
    ] {
        assert!(!is_repeatable(text), "{text}");
    }
}

fn keyed() -> Item {
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let list = AttributeValue::L(vec![text("0"), text("1"), text("2")]);
    let map = AttributeValue::M([("x".to_owned(), text("x"))].into());
    let item = [("pk", text("k")), ("a", text("a")), ("b", text("b")), ("l", list), ("m", map)];
    let number = ("n", AttributeValue::N("1".to_owned()));
    Item(item.into_iter().chain([number]).map(|(name, value)| (name.to_owned(), value)).collect())
}

/// What `text` leaves of [`keyed`] when it is done so often; `None` when it is refused.
fn done(text: &str, times: usize) -> Option<Option<Item>> {
    let schema = KeySchema { partition: "pk".to_owned(), sort: None };
    let (table, key) = (Memory::new(schema.clone()), schema.key_of(&keyed()).unwrap());
    table.put_raw(keyed());
    let values = [(":v", AttributeValue::S("v".to_owned())), (":one", AttributeValue::N("1".to_owned()))];
    let used = values.into_iter().filter(|(name, _)| text.contains(name));
    let write = Write {
        key: key.clone(),
        action: Action::Update { expression: Some(text.to_owned()), set: BTreeMap::new(), remove: vec![] },
        condition: None,
        guard: Guard::Always,
        names: BTreeMap::new(),
        values: used.map(|(name, value)| (name.to_owned(), value)).collect(),
        returning: Returning::Nothing,
        once: None,
    };
    for _ in 0..times {
        block_on(table.write(&write)).ok()?;
    }
    Some(table.peek(&key))
}

proptest! {
    #[test]
    fn what_is_repeatable_leaves_the_same_when_it_is_done_again(
        set in prop::sample::subsequence(SET.to_vec(), 1..=3),
        remove in prop::sample::subsequence(REMOVE.to_vec(), 0..=2),
    ) {
        let clause = |keyword, entries: &[&str]| (!entries.is_empty()).then(|| format!("{keyword} {}", entries.join(", ")));
        let text: Vec<String> = clause("SET", &set).into_iter().chain(clause("REMOVE", &remove)).collect();
        let text = text.join(" ");
        if Update::parse(&text).unwrap().is_repeatable() {
            prop_assert_eq!(done(&text, 1), done(&text, 2), "{}", text);
        }
    }

    #[test]
    fn putting_clauses_together_changes_nothing(
        order in Just(vec![0, 1, 2, 3]).prop_shuffle(),
        count in 1usize..=4,
        counts in prop::collection::vec(1usize..4, 4),
        spaces in "[ \t\n]{1,3}",
    ) {
        let clause = |kind: usize| {
            let entries = (0..counts[kind]).map(|entry| match kind {
                0 => format!("s{entry}{spaces}= if_not_exists(s{entry}.x[{entry}], :v) - :w"),
                1 => format!("r{entry}[0]"),
                2 => format!("a{entry}{spaces}:v"),
                _ => format!("#d{entry}.e :w"),
            });
            let keyword = ["SET", "remove", "Add", "DELETE"][kind];
            format!("{keyword}{spaces}{}", entries.collect::<Vec<_>>().join(&format!(",{spaces}")))
        };
        let text = order[..count].iter().map(|kind| clause(*kind)).collect::<Vec<_>>().join(&spaces);
        let parsed = Update::parse(&text).unwrap();
        let clauses = Clauses::parse(&text).unwrap();
        prop_assert_eq!(&Update::parse(&clauses.with(&[], &[])).unwrap(), &parsed);
        let more = Update::parse(&clauses.with(&["#_lm_own = :_lm_own"], &["#_lm_t"])).unwrap();
        prop_assert_eq!(&more.set[..parsed.set.len()], &parsed.set[..]);
        prop_assert_eq!(&more.remove[..parsed.remove.len()], &parsed.remove[..]);
        prop_assert_eq!((&more.add, &more.delete), (&parsed.add, &parsed.delete));
        prop_assert_eq!((more.set.len(), more.remove.len()), (parsed.set.len() + 1, parsed.remove.len() + 1));
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "(SET|REMOVE|ADD|DELETE)? ?\\PC{0,60}") {
        let _ = Clauses::parse(&text);
    }
}
