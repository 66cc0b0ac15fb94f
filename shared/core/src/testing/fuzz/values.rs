//! Attribute values and JSON of every kind.

use std::collections::BTreeMap;

use proptest::collection::{btree_map, hash_map, vec};
use proptest::prelude::*;
use serde_dynamo::AttributeValue;
use serde_json::Value;

use crate::item::Item;

/// Texts that readers stumble over: empty, with controls, beyond the basic plane, reserved, long.
fn odd_text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => ".{0,12}",
        1 => Just(String::new()),
        1 => Just("\u{0}\u{7f}\u{feff}\u{2028}".to_owned()),
        1 => Just("\u{1F600}\u{10FFFF}".to_owned()),
        1 => Just("_lm_own".to_owned()),
        1 => Just("%2B+%zz%".to_owned()),
        1 => "[0-9]{21,41}",
    ]
}

/// A number in one of the spellings that DynamoDB takes, up to 38 digits long.
pub fn any_number() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "-?[0-9]{1,20}(\\.[0-9]{1,18})?",
        2 => "[+-]?[0-9]{1,19}(\\.[0-9]{1,19})?[eE][+-]?[0-9]{1,2}",
        1 => "-?[1-9][0-9]{37}",
    ]
}

/// A value of any type, up to four levels deep.
pub fn value() -> impl Strategy<Value = AttributeValue> {
    let leaf = prop_oneof![
        3 => any_number().prop_map(AttributeValue::N),
        3 => odd_text().prop_map(AttributeValue::S),
        1 => vec(any::<u8>(), 0..12).prop_map(AttributeValue::B),
        1 => any::<bool>().prop_map(AttributeValue::Bool),
        1 => Just(AttributeValue::Null(true)),
        1 => vec(odd_text(), 1..4).prop_map(AttributeValue::Ss),
        1 => vec(any_number(), 1..4).prop_map(AttributeValue::Ns),
        1 => vec(vec(any::<u8>(), 0..5), 1..4).prop_map(AttributeValue::Bs),
    ];
    leaf.prop_recursive(4, 16, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(AttributeValue::L),
            hash_map(odd_text(), inner, 0..4).prop_map(AttributeValue::M),
        ]
    })
}

/// The attributes of an item, none of them reserved.
pub fn item() -> impl Strategy<Value = Item> {
    btree_map("[a-zA-Z .é#:]{1,8}", value(), 0..5).prop_map(|map: BTreeMap<_, _>| Item(map))
}

/// Any JSON, whose members are often named by `names`.
pub fn any_json(names: &'static [&'static str]) -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        odd_text().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 4, move |inner| {
        let name = prop_oneof![3 => prop::sample::select(names).prop_map(str::to_owned), 1 => odd_text()];
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            btree_map(name, inner, 0..5).prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}
