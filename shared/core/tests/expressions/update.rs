//! Taking update expressions apart and putting them together with livemove's own clauses.

use livemove_core::expression::update::{Clauses, Update};
use proptest::prelude::*;

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

proptest! {
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
