//! One form for what means the same, different forms for what does not.

use std::collections::BTreeMap;

use livemove_core::canonical::{Digest, canonical_number};
use livemove_core::item::Item;
use proptest::prelude::*;
use serde_dynamo::AttributeValue;

use crate::generate::{number, respelt, rewritten, value};

fn item(value: AttributeValue) -> Item {
    Item(BTreeMap::from([("a".to_owned(), value)]))
}

fn s(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

#[test]
fn a_number_has_one_form_however_it_is_spelt() {
    for spellings in [
        &["0", "-0", "0.0", "000", "0e5", "+0"][..],
        &["1", "1.0", "01", "+1", "10e-1", "0.1E1", "1.000"],
        &["-12.5", "-125e-1", "-0012.50", "-1.25e1"],
        &["12345678901234567890123456789012345678", "12345678901234567890123456789012345678.0"],
        &["1e100", "10e99", &format!("1{}", "0".repeat(100))],
    ] {
        for spelling in spellings {
            assert_eq!(canonical_number(spelling), canonical_number(spellings[0]), "{spelling}");
        }
    }
}

#[test]
fn numbers_that_differ_in_the_38th_digit_differ() {
    let (a, b) = ("1234567890123456789012345678901234567.8", "1234567890123456789012345678901234567.9");
    assert_ne!(canonical_number(a), canonical_number(b));
    assert_ne!(canonical_number("1"), canonical_number("-1"));
    assert_ne!(canonical_number("1"), canonical_number("10"));
}

#[test]
fn what_is_no_number_stays_as_it_is() {
    for text in ["", "-", ".", "e5", "1e", "NaN", "1.2.3", "1 2", "--1"] {
        assert_eq!(canonical_number(text), text);
    }
}

#[test]
fn values_that_look_alike_are_not_the_same() {
    let values = [
        s("1"),
        AttributeValue::N("1".to_owned()),
        AttributeValue::B(b"1".to_vec()),
        AttributeValue::Ss(vec!["1".to_owned()]),
        AttributeValue::Ns(vec!["1".to_owned()]),
        AttributeValue::Bs(vec![b"1".to_vec()]),
        AttributeValue::L(vec![s("1")]),
        AttributeValue::L(vec![]),
        AttributeValue::M([].into()),
        AttributeValue::M([("1".to_owned(), AttributeValue::Null(true))].into()),
        AttributeValue::Null(true),
        AttributeValue::Bool(true),
        AttributeValue::Bool(false),
        s(""),
        AttributeValue::B(vec![]),
        // What one value's text could look like two of another.
        AttributeValue::Ss(vec!["a".to_owned(), "b".to_owned()]),
        AttributeValue::Ss(vec!["a1:b".to_owned()]),
        AttributeValue::L(vec![s("a"), s("b")]),
        AttributeValue::L(vec![s("aS1:b")]),
    ];
    for (i, a) in values.iter().enumerate() {
        for b in &values[..i] {
            assert!(!item(a.clone()).same_data(&item(b.clone())), "{a:?} and {b:?}");
        }
    }
    assert!(!item(s("")).same_data(&Item::default()), "an empty string is not a missing attribute");
}

#[test]
fn the_order_of_a_list_counts() {
    let list = |a, b| item(AttributeValue::L(vec![s(a), s(b)]));
    assert!(!list("x", "y").same_data(&list("y", "x")));
}

#[test]
fn marks_do_not_count() {
    let plain = item(s("v"));
    let mut marked = plain.clone();
    marked.0.insert("_lm_own".to_owned(), AttributeValue::N("3".to_owned()));
    assert!(plain.same_data(&marked));
    assert_eq!(plain.digest(), marked.digest());
    // Within a map such a name is the application's own.
    let nested = |n: &str| item(AttributeValue::M([("_lm_own".to_owned(), AttributeValue::N(n.to_owned()))].into()));
    assert!(!nested("1").same_data(&nested("2")));
}

#[test]
fn a_digest_is_64_hexadecimal_digits_and_comes_back() {
    // SHA-256 of nothing.
    let digest = Digest::of(b"");
    assert_eq!(digest.to_string(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    let json = serde_json::to_string(&digest).unwrap();
    assert_eq!(serde_json::from_str::<Digest>(&json).unwrap(), digest);
    for bad in ["\"\"", "\"e3\"", &format!("\"{}\"", "g".repeat(64)), &format!("\"{}\"", "é".repeat(32)), "7"] {
        assert!(serde_json::from_str::<Digest>(bad).is_err(), "{bad}");
    }
}

#[test]
fn sums_carry_into_the_next_byte_and_wrap_round() {
    let parse = |text: String| serde_json::from_str::<Digest>(&format!("\"{text}\"")).unwrap();
    let one = || parse(format!("{:064x}", 1));
    let mut sum = parse(format!("{:064x}", 0xffff));
    sum.add(&one());
    assert_eq!(sum, parse(format!("{:064x}", 0x1_0000)));
    let mut sum = parse("f".repeat(64));
    sum.add(&one());
    assert_eq!(sum, Digest::default());
}

proptest! {
    #[test]
    fn rewriting_a_value_does_not_change_its_form(value in value()) {
        prop_assert_eq!(item(value.clone()).canonical(), item(rewritten(&value)).canonical());
    }

    #[test]
    fn respelling_a_number_does_not_change_its_form(number in number(), zeros in 0usize..5) {
        prop_assert_eq!(canonical_number(&number), canonical_number(&respelt(&number, zeros)));
    }

    #[test]
    fn only_equal_numbers_share_a_form(a in number(), b in number()) {
        // Exact: 11 digits and a power of at most nine fit.
        let exact = |number: &str| {
            let (mantissa, power) = number.split_once('e').unwrap();
            mantissa.parse::<i128>().unwrap() * 10i128.pow((power.parse::<i32>().unwrap() + 9) as u32)
        };
        prop_assert_eq!(canonical_number(&a) == canonical_number(&b), exact(&a) == exact(&b));
    }

    #[test]
    fn a_sum_of_digests_does_not_depend_on_order_or_grouping(parts in proptest::collection::vec(any::<[u8; 4]>(), 0..8), split in 0usize..8) {
        let sum = |parts: &mut dyn Iterator<Item = &[u8; 4]>| {
            let mut sum = Digest::default();
            parts.for_each(|part| sum.add(&Digest::of(part)));
            sum
        };
        let all = sum(&mut parts.iter());
        prop_assert_eq!(all, sum(&mut parts.iter().rev()));
        let (left, right) = parts.split_at(split.min(parts.len()));
        let mut grouped = sum(&mut right.iter());
        grouped.add(&sum(&mut left.iter()));
        prop_assert_eq!(all, grouped);
    }
}
