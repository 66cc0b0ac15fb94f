//! The variety of writes: conditions that hold of some items and not of others, and what comes back.

use std::collections::BTreeMap;

use livemove_core::item::Key;
use livemove_core::ports::Returning;
use livemove_core::write::{Change, WriteRequest};
use serde_dynamo::AttributeValue;

use crate::world::{n, s};

/// Conditions that hold of some items in every phase, and not of others.
pub(crate) const CONDITIONS: [&str; 9] = [
    "attribute_exists(pk)",
    "attribute_not_exists(pk)",
    "nr < :two",
    "NOT nr < :two",
    "attribute_not_exists(#w) OR contains(tags, :tag)",
    "attribute_exists(pk) AND begins_with(sk, :half)",
    "attribute_type(m, :map) AND m.b = :text",
    "attribute_not_exists(changes) AND attribute_not_exists(g)",
    "size(tags) = :two",
];

/// A condition that cannot be read, and one of a value that is not given.
pub(crate) const NO_CONDITIONS: [&str; 2] = ["nr <", "nr < :nothere"];

/// A write with the names and values that its expressions use.
pub(crate) fn request(key: Key, change: Change, condition: Option<&str>, returning: Returning) -> WriteRequest {
    let update = match &change {
        Change::Update(expression) => expression.clone().unwrap_or_default(),
        Change::Put(_) | Change::Delete => String::new(),
    };
    let (names, values) = bindings(&[&update, condition.unwrap_or_default()]);
    WriteRequest { key, change, condition: condition.map(str::to_owned), names, values, returning, operation: None }
}

type Bindings = (BTreeMap<String, String>, BTreeMap<String, AttributeValue>);

/// The placeholders that the expressions use: more would be refused.
pub(crate) fn bindings(texts: &[&str]) -> Bindings {
    let names = [("#v", "v"), ("#w", "w")].map(|(name, stands_for)| (name.to_owned(), stands_for.to_owned()));
    let values = [
        (":five", n(5_000)),
        (":half", s("half")),
        (":many", n(120)),
        (":map", s("M")),
        (":one", n(1)),
        (":set", AttributeValue::Ss(vec!["a".to_owned(), "z".to_owned()])),
        (":tag", s("t1")),
        (":text", s("b")),
        (":two", n(2)),
        (":x", s("x")),
        (":zero", n(0)),
    ]
    .map(|(name, value)| (name.to_owned(), value));
    let is_used = |name: &str| texts.iter().any(|text| text.contains(name));
    (
        names.into_iter().filter(|(name, _)| is_used(name)).collect(),
        values.into_iter().filter(|(name, _)| is_used(name)).collect(),
    )
}
