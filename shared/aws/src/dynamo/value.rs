//! Attribute values between the core's type and the SDK's: nothing is normalised, nothing is lost.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue as Sdk;
use livemove_core::error::Error;
use livemove_core::item::Item;
use serde_dynamo::AttributeValue;

/// The SDK's form of a value.
pub fn to_sdk(value: &AttributeValue) -> Sdk {
    match value {
        AttributeValue::N(n) => Sdk::N(n.clone()),
        AttributeValue::S(s) => Sdk::S(s.clone()),
        AttributeValue::Bool(b) => Sdk::Bool(*b),
        AttributeValue::B(b) => Sdk::B(Blob::new(b.clone())),
        AttributeValue::Null(b) => Sdk::Null(*b),
        AttributeValue::M(map) => Sdk::M(map.iter().map(|(name, value)| (name.clone(), to_sdk(value))).collect()),
        AttributeValue::L(list) => Sdk::L(list.iter().map(to_sdk).collect()),
        AttributeValue::Ss(set) => Sdk::Ss(set.clone()),
        AttributeValue::Ns(set) => Sdk::Ns(set.clone()),
        AttributeValue::Bs(set) => Sdk::Bs(set.iter().map(|bytes| Blob::new(bytes.clone())).collect()),
    }
}

/// The core's form of a value.
///
/// # Errors
/// [`Error::Rejected`] for a type that DynamoDB has learnt and this build does not know: better refused than
/// copied wrongly.
#[allow(clippy::wildcard_enum_match_arm, reason = "the SDK may learn of a new type at any time")]
pub fn from_sdk(value: Sdk) -> Result<AttributeValue, Error> {
    Ok(match value {
        Sdk::N(n) => AttributeValue::N(n),
        Sdk::S(s) => AttributeValue::S(s),
        Sdk::Bool(b) => AttributeValue::Bool(b),
        Sdk::B(b) => AttributeValue::B(b.into_inner()),
        Sdk::Null(b) => AttributeValue::Null(b),
        Sdk::M(map) => AttributeValue::M(
            map.into_iter().map(|(name, value)| Ok((name, from_sdk(value)?))).collect::<Result<_, Error>>()?,
        ),
        Sdk::L(list) => AttributeValue::L(list.into_iter().map(from_sdk).collect::<Result<_, Error>>()?),
        Sdk::Ss(set) => AttributeValue::Ss(set),
        Sdk::Ns(set) => AttributeValue::Ns(set),
        Sdk::Bs(set) => AttributeValue::Bs(set.into_iter().map(Blob::into_inner).collect()),
        _ => {
            return Err(Error::Rejected {
                name: "UnknownAttributeType".to_owned(),
                message: "an attribute has a type that this version of livemove does not know".to_owned(),
            });
        }
    })
}

/// The SDK's form of an item, a key or the values of an expression.
pub fn item_to_sdk(attributes: &BTreeMap<String, AttributeValue>) -> HashMap<String, Sdk> {
    attributes.iter().map(|(name, value)| (name.clone(), to_sdk(value))).collect()
}

/// The core's form of an item.
///
/// # Errors
/// As [`from_sdk`].
pub fn item_from_sdk(attributes: HashMap<String, Sdk>) -> Result<Item, Error> {
    attributes.into_iter().map(|(name, value)| Ok((name, from_sdk(value)?))).collect::<Result<_, Error>>().map(Item)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_survives_the_round_trip_unchanged() {
        let text = |s: &str| AttributeValue::S(s.to_owned());
        let values = vec![
            AttributeValue::N("-1.2345678901234567890123456789012345678e-100".to_owned()),
            AttributeValue::N("007.10".to_owned()),
            text(""),
            text("ß\u{0}\u{1F600}"),
            AttributeValue::Bool(false),
            AttributeValue::Null(true),
            AttributeValue::B(vec![]),
            AttributeValue::B(vec![0, 255, 128]),
            AttributeValue::Ss(vec!["b".to_owned(), "a".to_owned()]),
            AttributeValue::Ns(vec!["2.0".to_owned(), "1".to_owned()]),
            AttributeValue::Bs(vec![vec![2], vec![1, 0]]),
            AttributeValue::L(vec![]),
            AttributeValue::M([("".to_owned(), AttributeValue::L(vec![text("x"), AttributeValue::Null(true)]))].into()),
        ];
        for value in values {
            assert_eq!(from_sdk(to_sdk(&value)).unwrap(), value);
        }
    }
}
