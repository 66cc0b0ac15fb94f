//! What a condition says of an item that is not there.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_dynamo::AttributeValue;

use super::condition::{Condition, Operand};
use super::value;

impl Condition {
    pub(super) fn holds_when_absent(&self, values: &BTreeMap<String, AttributeValue>) -> bool {
        let constant = |operand: &_| constant(operand, values);
        match self {
            Condition::Any(conditions) => conditions.iter().any(|condition| condition.holds_when_absent(values)),
            Condition::All(conditions) => conditions.iter().all(|condition| condition.holds_when_absent(values)),
            Condition::Not(condition) => !condition.holds_when_absent(values),
            Condition::Exists(_) => false,
            Condition::NotExists(_) => true,
            Condition::Compare(comparator, a, b) => {
                value::compare(*comparator, constant(a).as_deref(), constant(b).as_deref())
            }
            Condition::Between(a, low, high) => {
                value::between(constant(a).as_deref(), constant(low).as_deref(), constant(high).as_deref())
            }
            Condition::In(a, list) => {
                let a = constant(a);
                list.iter().any(|b| value::equal(a.as_deref(), constant(b).as_deref()))
            }
            Condition::Type(a, kind) => value::is_type(constant(a).as_deref(), constant(kind).as_deref()),
            Condition::BeginsWith(a, prefix) => value::begins_with(constant(a).as_deref(), constant(prefix).as_deref()),
            Condition::Contains(a, part) => value::contains(constant(a).as_deref(), constant(part).as_deref()),
        }
    }
}

/// The operand's value where no item is: paths are missing.
fn constant<'a>(operand: &Operand, values: &'a BTreeMap<String, AttributeValue>) -> Option<Cow<'a, AttributeValue>> {
    match operand {
        Operand::Path(_) => None,
        Operand::Value(placeholder) => values.get(placeholder).map(Cow::Borrowed),
        Operand::Size(of) => value::size(constant(of, values)?.as_ref()).map(Cow::Owned),
    }
}
