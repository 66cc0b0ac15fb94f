//! Generated entries as requests.

use std::collections::BTreeMap;

use livemove_core::item::Key;
use livemove_core::ports::Returning;
use livemove_core::transact::Part;
use livemove_core::write::{Change, WriteRequest};
use serde_dynamo::AttributeValue;

use super::generate::{CONDITIONS, Entry, Kind, UPDATES};
use super::world::{item, key, number};

/// Name and key of an index.
pub(crate) fn key_of(index: usize) -> (String, Key) {
    let name = format!("k{index}");
    let key = key(&name);
    (name, key)
}

pub(crate) fn condition(entry: &Entry) -> Option<String> {
    Some(CONDITIONS[entry.condition]).filter(|text| !text.is_empty()).map(str::to_owned)
}

/// The values that the expressions use, and no other.
pub(crate) fn values(entry: &Entry) -> BTreeMap<String, AttributeValue> {
    let update = if let Kind::Update(index) = entry.change { UPDATES[index] } else { "" };
    let text = format!("{update} {}", CONDITIONS[entry.condition]);
    let set = AttributeValue::Ns(vec![entry.value.to_string()]);
    [(":v", number(entry.value)), (":s", set), (":c", number(1))]
        .into_iter()
        .filter(|(name, _)| text.contains(name))
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

/// A write; `None` for a check.
pub(crate) fn write_request(entry: &Entry, returning: Returning) -> Option<WriteRequest> {
    let (name, key) = key_of(entry.key);
    let change = match entry.change {
        Kind::Put => Change::Put(item(&name, entry.value)),
        Kind::Delete => Change::Delete,
        Kind::Update(index) => Change::Update(Some(UPDATES[index].to_owned())),
        Kind::Check => return None,
    };
    let (condition, values) = (condition(entry), values(entry));
    Some(WriteRequest { key, change, condition, names: BTreeMap::new(), values, returning, operation: None })
}

pub(crate) fn part(entry: &Entry) -> Part {
    match write_request(entry, Returning::Nothing) {
        Some(request) => Part::Write(request),
        None => Part::Check {
            key: key_of(entry.key).1,
            condition: condition(entry).unwrap_or_default(),
            names: BTreeMap::new(),
            values: values(entry),
        },
    }
}
