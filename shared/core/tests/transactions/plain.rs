//! Operations on one plain table, through its ports alone.

use livemove_core::error::Error;
use livemove_core::item::Item;
use livemove_core::ports::transact::{
    Check, Entry as PortEntry, ReadEntry, Reason, Replacement, Snapshot, Transacted, Transaction, Transactions,
};
use livemove_core::ports::{Action, Condition, Get, Guard, Returning, Table, Write, Written};
use livemove_core::testing::block_on;
use livemove_core::testing::memory::Memory;
use livemove_core::write::Change;

use super::generate::{Entry, Operation};
use super::request::{condition, key_of, values, write_request};
use super::world::item;

/// What an application is told: texts that are equal where the answers are.
pub(crate) type Told = Vec<String>;

pub(crate) fn perform(table: &Memory, operation: &Operation) -> Told {
    match operation {
        Operation::Transact(entries, _) => transact(table, entries, None),
        Operation::Again => unreachable!("a transaction like any other"),
        Operation::Snapshot(gets) => {
            let entries: Vec<_> = gets.iter().map(|(key, whole)| ReadEntry::Get(get(*key, *whole))).collect();
            let Ok(Snapshot::Read(items)) = block_on(table.snapshot(&entries)) else { panic!("not read") };
            items.iter().map(|item| text(item.as_ref())).collect()
        }
        Operation::Batch(writes) => {
            let replacement = |(key, value): &(usize, Option<i64>)| match value {
                Some(value) => Replacement::Put(item(&key_of(*key).0, *value)),
                None => Replacement::Delete(key_of(*key).1),
            };
            let replacements: Vec<_> = writes.iter().map(replacement).collect();
            assert!(block_on(table.replace(&replacements)).unwrap().is_empty());
            vec![]
        }
        Operation::Write(entry, returning) => match write(entry, *returning) {
            None => perform(table, &Operation::Read(entry.key)),
            Some(write) => match block_on(table.write(&write)) {
                Ok(Written::Applied(attributes)) => vec!["done".to_owned(), text(attributes.as_ref())],
                Ok(Written::Refused(item)) => vec!["refused".to_owned(), text(item.as_ref())],
                Err(error) => vec![error.name().to_owned()],
            },
        },
        Operation::Read(key) => vec![text(block_on(table.get(&get(*key, true))).unwrap().as_ref())],
    }
}

pub(crate) fn transact(table: &Memory, entries: &[Entry], token: Option<&String>) -> Told {
    let entries = entries.iter().map(port_entry).collect();
    match block_on(table.transact(&Transaction { entries, token: token.cloned() })) {
        Ok(Transacted::Applied) => vec![],
        Ok(Transacted::Cancelled(reasons)) => told(&reasons),
        Err(error) => rejected(&error),
    }
}

/// The reasons of a cancellation.
pub(crate) fn told(reasons: &[Reason]) -> Told {
    reasons.iter().map(|reason| format!("{} {}", reason.code, text(reason.item.as_ref()))).collect()
}

/// Any other refusal.
pub(crate) fn rejected(error: &Error) -> Told {
    vec![error.name().to_owned()]
}

pub(crate) fn text(item: Option<&Item>) -> String {
    let Some(item) = item else { return "nothing".to_owned() };
    String::from_utf8_lossy(&item.canonical()).into_owned()
}

fn get(key: usize, whole: bool) -> Get {
    Get { projection: (!whole).then(|| "v".to_owned()), ..Get::whole(key_of(key).1) }
}

fn port_entry(entry: &Entry) -> PortEntry {
    match write(entry, Returning::Nothing) {
        Some(write) => PortEntry::Write(write),
        None => PortEntry::Check(Check {
            key: key_of(entry.key).1,
            guard: Guard::Always,
            condition: Condition { text: condition(entry).unwrap_or_default(), when_tombstone: None },
            names: Default::default(),
            values: values(entry),
        }),
    }
}

fn write(entry: &Entry, returning: Returning) -> Option<Write> {
    let request = write_request(entry, returning)?;
    let action = match request.change {
        Change::Put(item) => Action::Put(item),
        Change::Delete => Action::Delete,
        Change::Update(expression) => Action::Update { expression, set: Default::default(), remove: vec![] },
    };
    Some(Write {
        condition: request.condition.map(|text| Condition { text, when_tombstone: None }),
        values: request.values,
        returning,
        ..Write::new(request.key, action, Guard::Always)
    })
}
