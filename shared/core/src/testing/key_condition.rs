//! Key conditions: which partition, and which part of it.

use serde_dynamo::AttributeValue;

use crate::error::Error;
use crate::expression::condition::{Comparator, Condition, Operand};
use crate::expression::evaluate::holds;
use crate::expression::{Kind, bindings::Bindings, validation};
use crate::item::{Item, KeySchema};

/// A key condition, checked against the key it is for.
pub(super) struct KeyCondition {
    /// The value of the partition key.
    pub(super) partition: AttributeValue,
    condition: Condition,
}

impl KeyCondition {
    /// Reads `text`: the partition key equals a value, and at most one condition on the sort key, in either
    /// order.
    ///
    /// # Errors
    /// A `ValidationException` for anything else.
    pub(super) fn parse(text: &str, keys: &KeySchema, bindings: Bindings<'_>) -> Result<KeyCondition, Error> {
        let condition = Condition::parse_as(Kind::KeyCondition, text)?;
        let parts =
            if let Condition::All(parts) = &condition { parts.as_slice() } else { std::slice::from_ref(&condition) };
        let partition = parts.iter().find_map(|part| equals(part, &keys.partition, bindings));
        let partition = partition
            .ok_or_else(|| validation(format!("Query condition missed key schema element: {}", keys.partition)))?;
        let rest: Vec<&Condition> =
            parts.iter().filter(|part| equals(part, &keys.partition, bindings).is_none()).collect();
        match (rest.as_slice(), &keys.sort) {
            ([], _) if parts.len() == 1 => {}
            ([one], Some(sort)) if is_on(one, sort, bindings) => {}
            _ => return Err(validation("Query key condition not supported")),
        }
        Ok(KeyCondition { partition, condition })
    }

    /// Whether the item is in the part asked for.
    pub(super) fn holds(&self, item: &Item, bindings: Bindings<'_>) -> bool {
        holds(&self.condition, Some(item), bindings)
    }
}

/// The value that `part` demands of the attribute, if that is what it does.
fn equals(part: &Condition, attribute: &str, bindings: Bindings<'_>) -> Option<AttributeValue> {
    let (Condition::Compare(Comparator::Equal, Operand::Path(path), Operand::Value(value))
    | Condition::Compare(Comparator::Equal, Operand::Value(value), Operand::Path(path))) = part
    else {
        return None;
    };
    let path = path.resolved(bindings.names);
    (path.top == attribute && path.rest.is_empty()).then(|| bindings.values.get(value).cloned()).flatten()
}

/// Whether `part` is a condition that a query may have on the sort key.
fn is_on(part: &Condition, sort: &str, bindings: Bindings<'_>) -> bool {
    let allowed = matches!(
        part,
        Condition::Between(Operand::Path(_), Operand::Value(_), Operand::Value(_))
            | Condition::BeginsWith(Operand::Path(_), Operand::Value(_))
    ) || matches!(part, Condition::Compare(comparator, _, _) if *comparator != Comparator::NotEqual);
    allowed && part.paths().iter().all(|path| path.resolved(bindings.names).top == sort)
}
