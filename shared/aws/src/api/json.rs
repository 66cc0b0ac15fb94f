//! Items on their way into an answer: what they hold is moved, not copied as by serde.

use livemove_core::item::Item;
use serde_dynamo::AttributeValue;
use serde_json::{Map, Value, json};

/// An item as DynamoDB's JSON.
pub(super) fn of_item(item: Item) -> Value {
    of_members(item.0)
}

fn of_members(members: impl IntoIterator<Item = (String, AttributeValue)>) -> Value {
    Value::Object(members.into_iter().map(|(name, value)| (name, of_value(value))).collect())
}

fn of_value(value: AttributeValue) -> Value {
    let (kind, value) = match value {
        AttributeValue::S(text) => ("S", Value::String(text)),
        AttributeValue::N(number) => ("N", Value::String(number)),
        AttributeValue::M(members) => ("M", of_members(members)),
        AttributeValue::L(elements) => ("L", Value::Array(elements.into_iter().map(of_value).collect())),
        AttributeValue::Ss(texts) => ("SS", texts.into()),
        AttributeValue::Ns(numbers) => ("NS", numbers.into()),
        // There is nothing to move: these are flags, or bytes that are spelled in base64.
        other @ (AttributeValue::Bool(_) | AttributeValue::Null(_) | AttributeValue::B(_) | AttributeValue::Bs(_)) => {
            return json!(other);
        }
    };
    Value::Object(Map::from_iter([(kind.to_owned(), value)]))
}

#[cfg(test)]
mod tests {
    use livemove_core::testing::fuzz::{cases, item};
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(cases(200))]

        #[test]
        fn an_item_is_what_serde_makes_of_it(item in item()) {
            prop_assert_eq!(of_item(item.clone()), json!(item));
        }
    }
}
