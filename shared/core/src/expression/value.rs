//! How DynamoDB compares values. `None` is a missing attribute: equal to nothing, not even to another one.

use std::cmp::Ordering;

use serde_dynamo::AttributeValue;

use super::condition::Comparator;
use super::decimal::Decimal;
use crate::canonical::canonical_value;

/// Whether `a <comparator> b` holds. Values of different types are not equal and have no order.
pub fn compare(comparator: Comparator, a: Option<&AttributeValue>, b: Option<&AttributeValue>) -> bool {
    let order = || Some((a?, b?)).and_then(|(a, b)| order(a, b));
    match comparator {
        Comparator::Equal => equal(a, b),
        Comparator::NotEqual => !equal(a, b),
        Comparator::Less => order().is_some_and(Ordering::is_lt),
        Comparator::LessOrEqual => order().is_some_and(Ordering::is_le),
        Comparator::Greater => order().is_some_and(Ordering::is_gt),
        Comparator::GreaterOrEqual => order().is_some_and(Ordering::is_ge),
    }
}

/// Whether both are there and mean the same: numbers by value, sets whatever their order.
pub fn equal(a: Option<&AttributeValue>, b: Option<&AttributeValue>) -> bool {
    matches!((a, b), (Some(a), Some(b)) if canonical_value(a) == canonical_value(b))
}

/// Whether `low <= a <= high`.
pub fn between(a: Option<&AttributeValue>, low: Option<&AttributeValue>, high: Option<&AttributeValue>) -> bool {
    compare(Comparator::GreaterOrEqual, a, low) && compare(Comparator::LessOrEqual, a, high)
}

/// The order of two numbers, two strings (by UTF-8 bytes) or two binaries (by unsigned bytes).
pub fn order(a: &AttributeValue, b: &AttributeValue) -> Option<Ordering> {
    match (a, b) {
        (AttributeValue::N(a), AttributeValue::N(b)) => Some(Decimal::parse(a)?.cmp(&Decimal::parse(b)?)),
        (AttributeValue::S(a), AttributeValue::S(b)) => Some(a.as_bytes().cmp(b.as_bytes())),
        (AttributeValue::B(a), AttributeValue::B(b)) => Some(a.cmp(b)),
        _ => None,
    }
}

/// DynamoDB's `size`: bytes of a string or binary, members of a set, list or map; other types have none.
pub fn size(value: &AttributeValue) -> Option<AttributeValue> {
    let size = match value {
        AttributeValue::S(s) => s.len(),
        AttributeValue::B(b) => b.len(),
        AttributeValue::Ss(set) | AttributeValue::Ns(set) => set.len(),
        AttributeValue::Bs(set) => set.len(),
        AttributeValue::L(list) => list.len(),
        AttributeValue::M(map) => map.len(),
        AttributeValue::N(_) | AttributeValue::Bool(_) | AttributeValue::Null(_) => return None,
    };
    Some(AttributeValue::N(size.to_string()))
}

/// The name of the value's type, as in `attribute_type` and DynamoDB JSON.
pub fn type_name(value: &AttributeValue) -> &'static str {
    match value {
        AttributeValue::N(_) => "N",
        AttributeValue::S(_) => "S",
        AttributeValue::Bool(_) => "BOOL",
        AttributeValue::B(_) => "B",
        AttributeValue::Null(_) => "NULL",
        AttributeValue::M(_) => "M",
        AttributeValue::L(_) => "L",
        AttributeValue::Ss(_) => "SS",
        AttributeValue::Ns(_) => "NS",
        AttributeValue::Bs(_) => "BS",
    }
}

/// Whether the value has the type of that name.
pub fn is_type(value: Option<&AttributeValue>, name: Option<&AttributeValue>) -> bool {
    matches!((value, name), (Some(value), Some(AttributeValue::S(name))) if type_name(value) == name)
}

/// Whether a string or binary starts with that prefix of its own type.
pub fn begins_with(value: Option<&AttributeValue>, prefix: Option<&AttributeValue>) -> bool {
    match (value, prefix) {
        (Some(AttributeValue::S(value)), Some(AttributeValue::S(prefix))) => value.starts_with(prefix),
        (Some(AttributeValue::B(value)), Some(AttributeValue::B(prefix))) => value.starts_with(prefix),
        _ => false,
    }
}

/// Whether a string or binary has that part, or a set or list that member.
pub fn contains(value: Option<&AttributeValue>, part: Option<&AttributeValue>) -> bool {
    match (value, part) {
        (Some(AttributeValue::S(value)), Some(AttributeValue::S(part))) => value.contains(part),
        (Some(AttributeValue::B(value)), Some(AttributeValue::B(part))) => {
            part.is_empty() || value.windows(part.len()).any(|window| window == part)
        }
        (Some(AttributeValue::Ss(set)), Some(AttributeValue::S(part))) => set.contains(part),
        (Some(AttributeValue::Bs(set)), Some(AttributeValue::B(part))) => set.contains(part),
        (Some(AttributeValue::Ns(set)), Some(AttributeValue::N(part))) => {
            let part = Decimal::parse(part);
            part.is_some() && set.iter().any(|member| Decimal::parse(member) == part)
        }
        (Some(AttributeValue::L(list)), part) => list.iter().any(|member| equal(Some(member), part)),
        _ => false,
    }
}
