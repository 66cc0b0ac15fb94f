//! What one table answers that takes no part in any migration: its port is asked directly, with nothing of the
//! flows in between.

use livemove_core::batch::BatchWrite;
use livemove_core::error::Error;
use livemove_core::item::Item;
use livemove_core::pages::{PageAnswer, PageRead};
use livemove_core::ports::pages::{Besides, PageRequest, Pages, Shown};
use livemove_core::ports::transact::{
    Check, Entry, REPLACE_MAX, ReadEntry, Replacement, Snapshot, Transacted, Transaction, Transactions,
};
use livemove_core::ports::{Action, Condition, Get, Guard, Table, Write, Written};
use livemove_core::read::GetRequest;
use livemove_core::snapshot::SnapshotPart;
use livemove_core::testing::block_on;
use livemove_core::testing::memory::Memory;
use livemove_core::transact::{Part, TransactRequest};
use livemove_core::write::{Change, WriteRequest};

pub(crate) fn get(table: &Memory, request: &GetRequest) -> Result<Option<Item>, Error> {
    block_on(table.get(&as_get(request)))
}

pub(crate) fn snapshot(table: &Memory, parts: &[SnapshotPart]) -> Result<Vec<Option<Item>>, Error> {
    let entry = |part: &SnapshotPart| match part {
        SnapshotPart::Get(request) => ReadEntry::Get(as_get(request)),
        SnapshotPart::Foreign(entry) => ReadEntry::Foreign(entry.clone()),
    };
    match block_on(table.snapshot(&parts.iter().map(entry).collect::<Vec<_>>()))? {
        Snapshot::Read(items) => Ok(items),
        Snapshot::Cancelled(reasons) => Err(Error::Cancelled { reasons }),
    }
}

fn as_get(request: &GetRequest) -> Get {
    Get {
        key: request.key.clone(),
        consistency: request.consistency,
        projection: request.projection.clone(),
        names: request.names.clone(),
    }
}

pub(crate) fn write(table: &Memory, request: &WriteRequest) -> Result<Option<Item>, Error> {
    match block_on(table.write(&as_write(request)))? {
        Written::Applied(attributes) => Ok(attributes),
        Written::Refused(item) => Err(Error::ConditionFailed { item }),
    }
}

fn as_write(request: &WriteRequest) -> Write {
    let action = match &request.change {
        Change::Put(item) => Action::Put(item.clone()),
        Change::Update(expression) => {
            Action::Update { expression: expression.clone(), set: Default::default(), remove: vec![] }
        }
        Change::Delete => Action::Delete,
    };
    Write {
        key: request.key.clone(),
        action,
        guard: Guard::Always,
        condition: request.condition.as_deref().map(as_condition),
        names: request.names.clone(),
        values: request.values.clone(),
        returning: request.returning,
        once: None,
    }
}

fn as_condition(text: &str) -> Condition {
    Condition { text: text.to_owned(), when_tombstone: None }
}

pub(crate) fn transact(table: &Memory, request: &TransactRequest) -> Result<(), Error> {
    let entry = |part: &Part| match part {
        Part::Write(request) => Entry::Write(as_write(request)),
        Part::Check { key, condition, names, values } => Entry::Check(Check {
            key: key.clone(),
            guard: Guard::Always,
            condition: as_condition(condition),
            names: names.clone(),
            values: values.clone(),
        }),
        Part::Foreign(entry) => Entry::Foreign(entry.clone()),
    };
    let entries = request.parts.iter().map(entry).collect();
    match block_on(table.transact(&Transaction { entries, token: request.token.clone() }))? {
        Transacted::Applied => Ok(()),
        Transacted::Cancelled(reasons) => Err(Error::Cancelled { reasons }),
    }
}

pub(crate) fn batch(table: &Memory, writes: &[BatchWrite]) -> Result<Vec<usize>, Error> {
    let replacement = |write: &BatchWrite| match write {
        BatchWrite::Put { item, .. } => Replacement::Put(item.clone()),
        BatchWrite::Delete(key) => Replacement::Delete(key.clone()),
    };
    for writes in writes.chunks(REPLACE_MAX) {
        let left = block_on(table.replace(&writes.iter().map(replacement).collect::<Vec<_>>()))?;
        assert!(left.is_empty());
    }
    Ok(Vec::new())
}

pub(crate) fn page(table: &Memory, read: &PageRead) -> Result<PageAnswer, Error> {
    let found = block_on(table.page(&PageRequest {
        index: read.index.clone(),
        walk: read.walk.clone(),
        consistency: read.consistency,
        filter: read.filter.clone(),
        besides: Besides::Nothing,
        shown: read.shown.clone(),
        names: read.names.clone(),
        values: read.values.clone(),
        limit: read.limit,
        after: read.start.clone(),
    }))?;
    let items = found.items.into_iter().map(|item| asked_for(read, item)).collect();
    Ok(PageAnswer { items, count: found.count, scanned: found.scanned, next: found.next })
}

/// The port brings keys with every projection.
fn asked_for(read: &PageRead, mut item: Item) -> Item {
    if let Shown::Expression(text) = &read.shown {
        let tops = text.split(',').map(|path| path.trim().split(['.', '[']).next().unwrap_or_default());
        let tops: Vec<&str> = tops.map(|top| read.names.get(top).map_or(top, String::as_str)).collect();
        item.0.retain(|name, _| tops.contains(&name.as_str()));
    }
    item
}
