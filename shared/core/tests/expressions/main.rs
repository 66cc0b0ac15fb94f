//! Condition and update expressions: what is read out of them, what is refused, and that the product's
//! answer for an absent item is that of the evaluator the table in memory uses.

// Tests fail by panicking.
#![allow(clippy::unwrap_used, clippy::panic, clippy::wildcard_enum_match_arm)]

mod absent;
mod generate;
mod refusal;
mod reserved;
mod update;

use std::collections::BTreeMap;

use livemove_core::error::Error;
use serde_dynamo::AttributeValue;

fn n(number: &str) -> AttributeValue {
    AttributeValue::N(number.to_owned())
}

fn s(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

fn names(entries: &[(&str, &str)]) -> BTreeMap<String, String> {
    entries.iter().map(|(placeholder, name)| ((*placeholder).to_owned(), (*name).to_owned())).collect()
}

fn values(entries: &[(&str, AttributeValue)]) -> BTreeMap<String, AttributeValue> {
    entries.iter().map(|(placeholder, value)| ((*placeholder).to_owned(), value.clone())).collect()
}

/// The message of a `ValidationException`.
fn message<T: std::fmt::Debug>(answer: Result<T, Error>) -> String {
    match answer {
        Err(Error::Rejected { name, message }) if name == "ValidationException" => message,
        other => panic!("no ValidationException: {other:?}"),
    }
}
