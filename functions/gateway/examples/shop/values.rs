//! Keys and values.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use aws_smithy_types::base64;
use serde_json::{Value, json};

use crate::Failure;

pub(crate) type Item = HashMap<String, AttributeValue>;
pub(crate) type Key = (String, u32);

/// What was seen must be what was promised.
pub(crate) fn check<T: PartialEq + std::fmt::Debug>(what: &str, seen: &T, expected: &T) -> Result<(), Failure> {
    if seen == expected { Ok(()) } else { Err(format!("{what} is {seen:?}, expected was {expected:?}").into()) }
}

pub(crate) fn s(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

pub(crate) fn n(number: i64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

pub(crate) fn number(item: &Item, name: &str) -> i64 {
    item.get(name).and_then(|value| value.as_n().ok()).and_then(|text| text.parse().ok()).unwrap_or_default()
}

pub(crate) fn key_of(key: &Key) -> Item {
    HashMap::from([("pk".to_owned(), s(&key.0)), ("sk".to_owned(), n(i64::from(key.1)))])
}

pub(crate) fn key_in(item: &Item) -> Result<Key, Failure> {
    let partition = item.get("pk").and_then(|value| value.as_s().ok()).ok_or("an item without a key")?;
    Ok((partition.clone(), u32::try_from(number(item, "sk"))?))
}

pub(crate) fn wire_item(item: &Item) -> Value {
    item.iter().map(|(name, value)| (name.clone(), wire(value))).collect()
}

/// A value as DynamoDB's JSON has it.
#[allow(clippy::wildcard_enum_match_arm, reason = "the SDK may know more types one day; the shop uses none")]
fn wire(value: &AttributeValue) -> Value {
    match value {
        AttributeValue::S(text) => json!({"S": text}),
        AttributeValue::N(text) => json!({"N": text}),
        AttributeValue::B(bytes) => json!({"B": base64::encode(bytes)}),
        AttributeValue::L(values) => json!({"L": values.iter().map(wire).collect::<Vec<_>>()}),
        AttributeValue::M(values) => json!({"M": wire_item(values)}),
        AttributeValue::Bool(is_so) => json!({"BOOL": is_so}),
        AttributeValue::Null(is_so) => json!({"NULL": is_so}),
        AttributeValue::Ss(texts) => json!({"SS": texts}),
        AttributeValue::Ns(numbers) => json!({"NS": numbers}),
        AttributeValue::Bs(bytes) => json!({"BS": bytes.iter().map(base64::encode).collect::<Vec<_>>()}),
        _ => Value::Null,
    }
}
