//! Numbers and digests.

use livemove_core::canonical::{Digest, canonical_number};
use livemove_core::expression::decimal::Decimal;
use livemove_core::testing::fuzz::{any_number, cases, text};
use proptest::prelude::*;

/// What begins as a number does, with exponents of any size.
fn nearly_a_number() -> impl Strategy<Value = String> {
    let exponent = prop_oneof!["[0-9]{0,4}", "[0-9]{17,21}", Just(i64::MIN.to_string()), Just(i64::MAX.to_string())];
    ("[+-]{0,2}[0-9]{0,40}\\.?[0-9]{0,40}", "[eE]?[+-]?", exponent).prop_map(|(a, b, c)| format!("{a}{b}{c}"))
}

#[test]
fn an_exponent_at_the_end_of_its_range_does_not_overflow() {
    for number in ["1.5e-9223372036854775808", "10e9223372036854775807", "-0.01E-9223372036854775807"] {
        assert_eq!(canonical_number(number), number);
    }
}

#[test]
fn signs_and_capitals_are_no_digits_of_a_digest() {
    for digits in ["+0".repeat(32), "-1".repeat(32), "AB".repeat(32)] {
        assert!(serde_json::from_value::<Digest>(digits.into()).is_err());
    }
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn a_form_is_its_own_form(number in nearly_a_number()) {
        let form = canonical_number(&number);
        prop_assert_eq!(canonical_number(&form), form);
        let _ = Decimal::parse(&number);
    }

    #[test]
    fn both_readers_of_numbers_agree(a in any_number(), b in any_number().prop_flat_map(text)) {
        if let (Some(left), Some(right)) = (Decimal::parse(&a), Decimal::parse(&b)) {
            prop_assert_eq!(left == right, canonical_number(&a) == canonical_number(&b), "{} {}", a, b);
            prop_assert_eq!(left == right, left.cmp(&right).is_eq());
        }
    }

    #[test]
    fn a_digest_is_the_text_it_was_read_from(digits in "[0-9a-f]{60}[0-9a-fA-F+ -]{4}") {
        if let Ok(digest) = serde_json::from_value::<Digest>(digits.clone().into()) {
            prop_assert_eq!(digest.to_string(), digits);
        }
    }
}
