//! Expressions: what is printed is read as it was, and what is read says all of the text.

use std::collections::BTreeMap;

use livemove_core::expression::condition::{Comparator, Condition, Operand, holds_when_absent};
use livemove_core::expression::path::{Path, Step, projection};
use livemove_core::expression::update::{Clauses, Expression, Update};
use livemove_core::expression::{Kind, reserved};
use livemove_core::testing::fuzz::{cases, text};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::print;

fn path() -> impl Strategy<Value = Path> {
    let name = || prop_oneof!["[a-z][a-zA-Z0-9_]{0,5}", "#[a-zA-Z0-9_]{1,5}"];
    let step = prop_oneof![name().prop_map(Step::Attribute), (0..1000usize).prop_map(Step::Index)];
    (name(), vec(step, 0..3)).prop_map(|(top, rest)| Path { top, rest }).prop_filter("no keyword", |path| {
        let words = ["set", "remove", "add", "delete", "and", "or", "not", "in", "between"];
        !words.contains(&path.top.to_lowercase().as_str())
    })
}

fn bound() -> impl Strategy<Value = String> {
    ":[a-zA-Z0-9_]{1,5}"
}

fn operand() -> impl Strategy<Value = Operand> {
    let leaf = prop_oneof![path().prop_map(Operand::Path), bound().prop_map(Operand::Value)];
    leaf.prop_recursive(2, 3, 1, |inner| inner.prop_map(|of| Operand::Size(Box::new(of))))
}

fn comparator() -> impl Strategy<Value = Comparator> {
    use Comparator::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual};
    prop::sample::select(vec![Equal, NotEqual, Less, LessOrEqual, Greater, GreaterOrEqual])
}

fn condition() -> impl Strategy<Value = Condition> {
    let two = || (operand(), operand());
    let leaf = prop_oneof![
        3 => (comparator(), two()).prop_map(|(comparator, (a, b))| Condition::Compare(comparator, a, b)),
        1 => (operand(), two()).prop_map(|(a, (low, high))| Condition::Between(a, low, high)),
        1 => (operand(), vec(operand(), 1..4)).prop_map(|(a, list)| Condition::In(a, list)),
        1 => path().prop_map(Condition::Exists),
        1 => path().prop_map(Condition::NotExists),
        1 => two().prop_map(|(a, b)| Condition::Type(a, b)),
        1 => two().prop_map(|(a, b)| Condition::BeginsWith(a, b)),
        1 => two().prop_map(|(a, b)| Condition::Contains(a, b)),
    ];
    leaf.prop_recursive(4, 12, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|part| Condition::Not(Box::new(part))),
            vec(inner.clone(), 2..4).prop_map(Condition::All),
            vec(inner, 2..4).prop_map(Condition::Any),
        ]
    })
}

fn expression() -> impl Strategy<Value = Expression> {
    let leaf = prop_oneof![path().prop_map(Expression::Path), bound().prop_map(Expression::Value)];
    leaf.prop_recursive(3, 8, 2, |inner| {
        let two = || (inner.clone().prop_map(Box::new), inner.clone().prop_map(Box::new));
        prop_oneof![
            two().prop_map(|(a, b)| Expression::Plus(a, b)),
            two().prop_map(|(a, b)| Expression::Minus(a, b)),
            two().prop_map(|(a, b)| Expression::ListAppend(a, b)),
            (path(), two()).prop_map(|(path, (_, otherwise))| Expression::IfNotExists(path, otherwise)),
        ]
    })
}

fn update() -> impl Strategy<Value = Update> {
    let pairs = || vec((path(), bound()), 0..3);
    (vec((path(), expression()), 0..3), vec(path(), 0..3), pairs(), pairs())
        .prop_map(|(set, remove, add, delete)| Update { set, remove, add, delete })
        .prop_filter("something to do", |update| *update != Update::default())
}

/// The text without what may be written in several ways: spaces, parentheses, case, zeros before an index.
fn bare(text: &str) -> String {
    let mut bare = String::new();
    for c in text.chars().filter(|c| !c.is_whitespace() && !"()".contains(*c)) {
        if bare.ends_with("[0") && c.is_ascii_digit() {
            bare.pop();
        }
        bare.extend(c.to_lowercase());
    }
    bare
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn a_condition_that_is_printed_is_read_as_it_was(condition in condition()) {
        let text = print::condition(&condition);
        prop_assume!(text.len() <= 4096);
        prop_assert_eq!(Condition::parse(&text).unwrap(), condition, "{}", text);
    }

    #[test]
    fn a_condition_that_is_read_is_the_text_that_was_given(text in condition().prop_flat_map(|c| text(print::condition(&c)))) {
        if let Ok(condition) = Condition::parse(&text) {
            prop_assert_eq!(bare(&print::condition(&condition)), bare(&text), "{}", text);
            let _ = holds_when_absent(&text, &BTreeMap::new(), &BTreeMap::new());
        }
    }

    #[test]
    fn an_update_that_is_printed_is_read_as_it_was(update in update()) {
        let text = print::update(&update);
        prop_assume!(text.len() <= 4096);
        prop_assert_eq!(&Update::parse(&text).unwrap(), &update, "{}", text);
        let joined = Clauses::parse(&text).unwrap().with(&[], &[]);
        prop_assert_eq!(Update::parse(&joined).unwrap(), update);
    }

    #[test]
    fn an_update_that_is_read_is_the_text_that_was_given(text in update().prop_flat_map(|u| text(print::update(&u)))) {
        if let Ok(update) = Update::parse(&text) {
            let again = Update::parse(&print::update(&update)).unwrap();
            prop_assert_eq!(&again, &update, "{}", text);
            let (mut told, mut given): (Vec<_>, Vec<_>) = (bare(&print::update(&update)).chars().collect(), bare(&text).chars().collect());
            // Clauses come in any order, each once.
            told.sort_unstable();
            given.sort_unstable();
            prop_assert_eq!(told, given, "{}", text);
        }
    }

    #[test]
    fn a_projection_that_is_read_is_the_text_that_was_given(paths in vec(path(), 1..4).prop_flat_map(|paths| text(paths.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")))) {
        if let Ok(read) = projection(&paths) {
            let told = read.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
            prop_assert_eq!(bare(&told), bare(&paths));
        }
    }

    #[test]
    fn a_reserved_name_does_not_get_through_damaged_text(text in condition().prop_flat_map(|c| text(format!("_lm_own = :a AND {}", print::condition(&c))))) {
        let checked = reserved::check(None, &[(Kind::Condition, &text)], &BTreeMap::new(), &BTreeMap::new());
        if let (Ok(condition), Ok(())) = (Condition::parse(&text), checked) {
            prop_assert!(condition.paths().iter().all(|path| !path.top.starts_with("_lm_")), "{}", text);
        }
    }
}
