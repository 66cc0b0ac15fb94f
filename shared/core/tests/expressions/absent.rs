//! What a condition says of an item that is not there.

use livemove_core::expression::bindings::Bindings;
use livemove_core::expression::condition::{Condition, holds_when_absent};
use livemove_core::expression::evaluate::holds;
use livemove_core::item::Item;
use proptest::prelude::*;
use serde_dynamo::AttributeValue;

use crate::generate::{condition, item};
use crate::{n, names, s, values};

#[test]
fn missing_operands_compare_as_in_dynamodb() {
    let names = names(&[("#n", "status")]);
    let values = values(&[(":v", n("1")), (":w", n("2")), (":s", s("x")), (":t", s("S"))]);
    for (text, expected) in [
        ("a = :v", false),
        ("a <> :v", true),
        (":v <> a.b[3].#n", true),
        ("a < :v", false),
        ("a <= :v", false),
        ("a > :v", false),
        ("a >= :v", false),
        ("a = b", false),
        ("a <> b", true),
        ("a BETWEEN :v AND :w", false),
        (":v between a and b", false),
        ("a IN (:v, :w)", false),
        (":v IN (a, b)", false),
        ("attribute_exists(a)", false),
        ("attribute_exists(pk)", false),
        ("attribute_not_exists(a.b[0])", true),
        ("attribute_type(a, :t)", false),
        ("begins_with(a, :s)", false),
        ("contains(a, :s)", false),
        ("size(a) = :v", false),
        ("size(a) < :v", false),
        ("size(a) <> :v", true),
        ("NOT a = :v", true),
        ("NOT attribute_not_exists(a)", false),
        ("NOT NOT NOT a = :v", true),
    ] {
        assert_eq!(holds_when_absent(text, &names, &values).unwrap(), expected, "{text}");
    }
}

#[test]
fn and_binds_tighter_than_or_and_not_tightest() {
    let (no, yes) = ("a = :v", "a <> :v");
    for (text, expected) in [
        (format!("{yes} OR {no} AND {no}"), true),
        (format!("({yes} OR {no}) AND {no}"), false),
        (format!("{no} AND {no} OR {yes}"), true),
        (format!("NOT {no} AND {no}"), false),
        (format!("NOT ({no} AND {no})"), true),
        (format!("NOT {yes} OR {yes}"), true),
        (format!("{no} or {no} oR {yes}"), true),
        (format!("{yes} and {yes} AnD {no}"), false),
        ("b BETWEEN :v AND :v OR a <> :v AND NOT b IN (:v)".to_owned(), true),
        ("(((a))) <> (:v)".to_owned(), true),
    ] {
        assert_eq!(holds_when_absent(&text, &names(&[]), &values(&[(":v", n("1"))])).unwrap(), expected, "{text}");
    }
}

#[test]
fn what_does_not_look_at_the_item_counts_as_it_is() {
    let values = values(&[
        (":one", n("1.0")),
        (":uno", n("10e-1")),
        (":ten", n("10")),
        (":big", n("99999999999999999999999999999999999998")),
        (":bigger", n("99999999999999999999999999999999999999")),
        (":neg", n("-10")),
        (":a", s("abc")),
        (":b", s("b")),
        (":set", AttributeValue::Ns(vec!["7".to_owned(), "1".to_owned()])),
        (":bin", AttributeValue::B(vec![127])),
        (":high", AttributeValue::B(vec![128])),
        (":S", s("S")),
        (":three", n("3")),
        (":null", AttributeValue::Null(true)),
    ]);
    for (text, expected) in [
        (":one = :uno", true),
        (":one < :ten", true),
        (":ten < :one", false),
        (":big < :bigger", true),
        (":bigger <= :big", false),
        (":neg < :one", true),
        (":neg > :ten", false),
        (":one = :a", false),
        (":one <> :a", true),
        (":one < :a", false),
        (":a < :b", true),
        (":bin < :high", true),
        (":null = :null", true),
        (":null < :null", false),
        ("begins_with(:a, :b)", false),
        ("contains(:a, :b)", true),
        ("contains(:set, :uno)", true),
        ("contains(:set, :ten)", false),
        ("attribute_type(:a, :S)", true),
        ("attribute_type(:one, :S)", false),
        ("size(:a) = :three", true),
        ("size(:one) = :one", false),
        (":uno BETWEEN :neg AND :one", true),
        (":ten IN (:a, :neg, :ten)", true),
    ] {
        assert_eq!(holds_when_absent(text, &names(&[]), &values).unwrap(), expected, "{text}");
    }
}

proptest! {
    #[test]
    fn the_evaluator_says_the_same_of_an_absent_item(condition in condition()) {
        let (names, values) = condition.bindings();
        let parsed = Condition::parse(&condition.text).unwrap();
        let bindings = Bindings { names: &names, values: &values };
        let absent = holds_when_absent(&condition.text, &names, &values).unwrap();
        prop_assert_eq!(absent, holds(&parsed, None, bindings), "{}", &condition.text);
        // An item without any of the condition's attributes: all paths are missing, as in a tombstone.
        prop_assert_eq!(absent, holds(&parsed, Some(&Item::default()), bindings), "{}", &condition.text);
    }

    #[test]
    fn a_condition_means_what_it_was_made_from(condition in condition(), item in item()) {
        let (names, values) = condition.bindings();
        let parsed = Condition::parse(&condition.text).unwrap();
        let actual = holds(&parsed, Some(&item), Bindings { names: &names, values: &values });
        prop_assert_eq!(actual, condition.holds(&item), "{}", &condition.text);
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "\\PC{0,80}") {
        let _ = holds_when_absent(&text, &names(&[]), &values(&[]));
    }

    #[test]
    fn no_sequence_of_tokens_makes_the_parser_panic(tokens in proptest::collection::vec(prop::sample::select(TOKENS.to_vec()), 0..25)) {
        let _ = holds_when_absent(&tokens.join(" "), &names(&[("#n", "n")]), &values(&[(":v", n("1"))]));
        let _ = livemove_core::expression::update::Clauses::parse(&tokens.join(" "));
    }
}

const TOKENS: [&str; 32] = [
    "a",
    "#n",
    ":v",
    "(",
    ")",
    "[",
    "]",
    ".",
    ",",
    "=",
    "<>",
    "<",
    "<=",
    ">",
    ">=",
    "+",
    "-",
    "0",
    "AND",
    "OR",
    "NOT",
    "BETWEEN",
    "IN",
    "size",
    "contains",
    "attribute_exists",
    "if_not_exists",
    "list_append",
    "SET",
    "REMOVE",
    "ADD",
    "DELETE",
];
