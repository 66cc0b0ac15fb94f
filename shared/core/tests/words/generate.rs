//! Arbitrary attribute values.

use std::collections::HashMap;

use proptest::collection::{btree_set, hash_map, vec};
use proptest::prelude::*;
use serde_dynamo::AttributeValue;

/// A number as its digits and power of ten, and one of the ways to spell it.
pub(crate) fn number() -> impl Strategy<Value = String> {
    ("-?", "[1-9][0-9]{0,10}", -9i32..9).prop_map(|(sign, digits, power)| format!("{sign}{digits}e{power}"))
}

/// Another spelling of a number made by [`number`].
pub(crate) fn respelt(number: &str, zeros: usize) -> String {
    let (mantissa, power) = number.split_once('e').unwrap();
    let power: i32 = power.parse().unwrap();
    let (sign, digits) = mantissa.strip_prefix('-').map_or(("", mantissa), |digits| ("-", digits));
    let more = "0".repeat(zeros);
    format!("{sign}{more}{digits}.{more}E{power}")
}

/// A value of any type, up to three levels deep.
pub(crate) fn value() -> impl Strategy<Value = AttributeValue> {
    let leaf = prop_oneof![
        number().prop_map(AttributeValue::N),
        ".{0,8}".prop_map(AttributeValue::S),
        vec(any::<u8>(), 0..8).prop_map(AttributeValue::B),
        any::<bool>().prop_map(AttributeValue::Bool),
        Just(AttributeValue::Null(true)),
        btree_set(".{0,4}", 1..4).prop_map(|set| AttributeValue::Ss(set.into_iter().collect())),
        btree_set(vec(any::<u8>(), 0..4), 1..4).prop_map(|set| AttributeValue::Bs(set.into_iter().collect())),
        btree_set(-99i32..99, 1..4).prop_map(|set| AttributeValue::Ns(set.iter().map(i32::to_string).collect())),
    ];
    leaf.prop_recursive(3, 20, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(AttributeValue::L),
            hash_map(".{0,4}", inner, 0..4).prop_map(AttributeValue::M),
        ]
    })
}

/// The same value written differently: numbers respelt, sets turned round, maps built anew.
pub(crate) fn rewritten(value: &AttributeValue) -> AttributeValue {
    match value {
        AttributeValue::N(number) if number.contains('e') => AttributeValue::N(respelt(number, 2)),
        AttributeValue::Ss(set) => AttributeValue::Ss(set.iter().rev().cloned().collect()),
        AttributeValue::Bs(set) => AttributeValue::Bs(set.iter().rev().cloned().collect()),
        AttributeValue::Ns(set) => AttributeValue::Ns(set.iter().rev().map(|number| format!("{number}.0")).collect()),
        AttributeValue::L(list) => AttributeValue::L(list.iter().map(rewritten).collect()),
        AttributeValue::M(map) => {
            let entries: Vec<_> = map.iter().map(|(name, value)| (name.clone(), rewritten(value))).collect();
            AttributeValue::M(entries.into_iter().rev().collect::<HashMap<_, _>>())
        }
        other => other.clone(),
    }
}
