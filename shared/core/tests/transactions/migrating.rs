//! The same operations through the flows, by a process that may lag behind and then starts again.

use livemove_core::batch::{BatchWrite, batch};
use livemove_core::error::Error;
use livemove_core::item::Item;
use livemove_core::mark::RESERVED;
use livemove_core::phase::State;
use livemove_core::read::{GetRequest, get};
use livemove_core::snapshot::{SnapshotPart, snapshot};
use livemove_core::testing::block_on;
use livemove_core::transact::{Earlier, TransactRequest};
use livemove_core::write::write;

use super::generate::{Entry, Lag, Operation};
use super::plain::{Told, rejected, text, told};
use super::random::Moving;
use super::request::{key_of, part, write_request};
use super::world::{get_request, item};

/// The token of a transaction.
pub(crate) struct Token {
    pub(crate) text: String,
    pub(crate) may_be_known: bool,
}

pub(crate) fn perform(moving: &Moving, operation: &Operation, lag: Lag) -> Told {
    let pair = moving.world.pair();
    match operation {
        Operation::Transact(entries, _) => transact(moving, entries, None, lag),
        Operation::Again => unreachable!("a transaction like any other"),
        Operation::Snapshot(gets) => {
            let part = |(key, whole): &(usize, bool)| {
                let projection = (!whole).then(|| "v".to_owned());
                SnapshotPart::Get(GetRequest { projection, ..get_request(&key_of(*key).0) })
            };
            let parts: Vec<_> = gets.iter().map(part).collect();
            let items = with_fresh_phase(moving, lag, |state| block_on(snapshot(pair, state, &parts))).unwrap();
            items.iter().map(|item| seen(item.as_ref())).collect()
        }
        Operation::Batch(writes) => {
            let mut writes: Vec<_> = writes.iter().map(|(key, value)| batch_write(*key, *value)).collect();
            while !writes.is_empty() {
                let left = with_fresh_phase(moving, lag, |state| block_on(batch(pair, state, &writes))).unwrap();
                writes = left.into_iter().map(|index| writes[index].clone()).collect();
            }
            vec![]
        }
        Operation::Write(entry, returning) => match write_request(entry, *returning) {
            None => perform(moving, &Operation::Read(entry.key), lag),
            Some(request) => match with_fresh_phase(moving, lag, |state| block_on(write(pair, state, &request))) {
                Ok(attributes) => vec!["done".to_owned(), seen(attributes.as_ref())],
                Err(Error::ConditionFailed { item }) => vec!["refused".to_owned(), seen(item.as_ref())],
                Err(error) => rejected(&error),
            },
        },
        Operation::Read(key) => {
            let request = get_request(&key_of(*key).0);
            let item = with_fresh_phase(moving, lag, |state| block_on(get(pair, state, &request))).unwrap();
            vec![seen(item.as_ref())]
        }
    }
}

pub(crate) fn transact(moving: &Moving, entries: &[Entry], token: Option<&Token>, lag: Lag) -> Told {
    let may_be_known = token.is_some_and(|token| token.may_be_known);
    let request = TransactRequest {
        parts: entries.iter().map(part).collect(),
        token: token.map(|token| token.text.clone()),
        // To look for what was never done does no harm.
        earlier: if may_be_known || entries.len() > 1 { Earlier::Possible } else { Earlier::Impossible },
    };
    match with_fresh_phase(moving, lag, |state| moving.world.transact(state, &request)) {
        Ok(()) => vec![],
        Err(Error::Cancelled { reasons }) => {
            reasons.iter().for_each(|reason| _ = seen(reason.item.as_ref()));
            told(&reasons)
        }
        Err(error) => rejected(&error),
    }
}

fn batch_write(key: usize, value: Option<i64>) -> BatchWrite {
    let (name, key) = key_of(key);
    match value {
        Some(value) => BatchWrite::Put { key, item: item(&name, value) },
        None => BatchWrite::Delete(key),
    }
}

/// By the phase in hand, and where that is out of date by a fresh one.
fn with_fresh_phase<R>(moving: &Moving, lag: Lag, run: impl Fn(&State) -> Result<R, Error>) -> Result<R, Error> {
    match run(&moving.state(lag)) {
        Err(Error::StalePhase) => run(&moving.state(Lag::UpToDate)),
        result => result,
    }
}

/// What the application sees has no marks.
fn seen(item: Option<&Item>) -> String {
    let names = item.into_iter().flat_map(|item| item.0.keys());
    names.for_each(|name| assert!(!name.starts_with(RESERVED), "a reserved attribute leaks: {name}"));
    text(item)
}
