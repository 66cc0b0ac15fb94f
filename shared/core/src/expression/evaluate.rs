//! What a condition says of an item, and what a projection shows of it.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use serde_dynamo::AttributeValue;

use super::bindings::Bindings;
use super::condition::{Condition, Operand};
use super::path::{Path, Step};
use super::value;
use crate::item::Item;

/// Whether `condition` holds for `item`; `None` is an item that is not there.
pub fn holds(condition: &Condition, item: Option<&Item>, bindings: Bindings<'_>) -> bool {
    let operand = |operand| resolve(operand, item, bindings);
    let at = |path: &Path| item.and_then(|item| lookup(item, &path.resolved(bindings.names)));
    match condition {
        Condition::Any(conditions) => conditions.iter().any(|condition| holds(condition, item, bindings)),
        Condition::All(conditions) => conditions.iter().all(|condition| holds(condition, item, bindings)),
        Condition::Not(condition) => !holds(condition, item, bindings),
        Condition::Exists(path) => at(path).is_some(),
        Condition::NotExists(path) => at(path).is_none(),
        Condition::Compare(comparator, a, b) => {
            value::compare(*comparator, operand(a).as_deref(), operand(b).as_deref())
        }
        Condition::Between(a, low, high) => {
            value::between(operand(a).as_deref(), operand(low).as_deref(), operand(high).as_deref())
        }
        Condition::In(a, list) => {
            let a = operand(a);
            list.iter().any(|b| value::equal(a.as_deref(), operand(b).as_deref()))
        }
        Condition::Type(a, kind) => value::is_type(operand(a).as_deref(), operand(kind).as_deref()),
        Condition::BeginsWith(a, prefix) => value::begins_with(operand(a).as_deref(), operand(prefix).as_deref()),
        Condition::Contains(a, part) => value::contains(operand(a).as_deref(), operand(part).as_deref()),
    }
}

fn resolve<'a>(operand: &Operand, item: Option<&'a Item>, bindings: Bindings<'a>) -> Option<Cow<'a, AttributeValue>> {
    match operand {
        Operand::Path(path) => item.and_then(|item| lookup(item, &path.resolved(bindings.names))).map(Cow::Borrowed),
        Operand::Value(placeholder) => bindings.values.get(placeholder).map(Cow::Borrowed),
        Operand::Size(of) => value::size(resolve(of, item, bindings)?.as_ref()).map(Cow::Owned),
    }
}

/// What `item` holds at `path`, whose placeholders are resolved.
pub fn lookup<'a>(item: &'a Item, path: &Path) -> Option<&'a AttributeValue> {
    path.rest.iter().try_fold(item.0.get(&path.top)?, |value, step| match (value, step) {
        (AttributeValue::M(map), Step::Attribute(name)) => map.get(name),
        (AttributeValue::L(list), Step::Index(index)) => list.get(*index),
        _ => None,
    })
}

/// The part of `item` at `paths`, whose placeholders are resolved. Of a list only the elements asked for
/// are shown, in their order and without gaps, as DynamoDB does.
pub fn project<'a>(item: &Item, paths: impl IntoIterator<Item = &'a Path>) -> Item {
    let mut wanted: BTreeMap<&str, Vec<&[Step]>> = BTreeMap::new();
    for path in paths {
        wanted.entry(&path.top).or_default().push(&path.rest);
    }
    let shown = wanted
        .into_iter()
        .filter_map(|(name, rests)| Some((name.to_owned(), project_value(item.0.get(name)?, &rests)?)));
    Item(shown.collect())
}

fn project_value(value: &AttributeValue, rests: &[&[Step]]) -> Option<AttributeValue> {
    if rests.iter().any(|rest| rest.is_empty()) {
        return Some(value.clone());
    }
    let steps = rests.iter().filter_map(|rest| rest.split_first());
    if let AttributeValue::M(map) = value {
        let mut wanted: BTreeMap<&str, Vec<&[Step]>> = BTreeMap::new();
        for (step, rest) in steps {
            if let Step::Attribute(name) = step {
                wanted.entry(name).or_default().push(rest);
            }
        }
        let part =
            |(name, rests): (&str, Vec<&[Step]>)| Some((name.to_owned(), project_value(map.get(name)?, &rests)?));
        let shown: HashMap<_, _> = wanted.into_iter().filter_map(part).collect();
        return (!shown.is_empty()).then_some(AttributeValue::M(shown));
    }
    let AttributeValue::L(list) = value else { return None };
    let mut wanted: BTreeMap<usize, Vec<&[Step]>> = BTreeMap::new();
    for (step, rest) in steps {
        if let Step::Index(index) = step {
            wanted.entry(*index).or_default().push(rest);
        }
    }
    let part = |(index, rests): (usize, Vec<&[Step]>)| project_value(list.get(index)?, &rests);
    let shown: Vec<_> = wanted.into_iter().filter_map(part).collect();
    (!shown.is_empty()).then_some(AttributeValue::L(shown))
}
