//! Two tables in memory, and requests that say in a line what they do.

use std::collections::BTreeMap;

use livemove_core::error::Error;
use livemove_core::item::{Item, Key, KeySchema};
use livemove_core::mark::{Marks, Run};
use livemove_core::phase::{Phase, State};
use livemove_core::ports::transact::Reason;
use livemove_core::ports::{Consistency, Returning};
use livemove_core::read::{GetRequest, get};
use livemove_core::route::Pair;
use livemove_core::testing::block_on;
use livemove_core::testing::memory::Memory;
use livemove_core::transact::{Earlier, Part, TransactRequest, transact};
use livemove_core::write::{Change, WriteRequest};
use serde_dynamo::AttributeValue;

pub(crate) const RUN: Run = Run(1);

pub(crate) struct World {
    pub(crate) source: Memory,
    pub(crate) target: Memory,
}

impl World {
    /// Two accounts.
    pub(crate) fn new() -> World {
        World { source: Memory::new(schema()), target: Memory::new(schema()) }
    }

    /// One account and Region.
    pub(crate) fn in_one_account() -> World {
        let source = Memory::new(schema());
        let target = Memory::new(schema()).beside(&source);
        World { source, target }
    }

    pub(crate) fn pair(&self) -> Pair<'_, Memory> {
        Pair { source: &self.source, target: &self.target }
    }

    pub(crate) fn transact(&self, state: &State, request: &TransactRequest) -> Result<(), Error> {
        block_on(transact(self.pair(), state, request))
    }

    pub(crate) fn read(&self, state: &State, name: &str) -> Option<Item> {
        block_on(get(self.pair(), state, &get_request(name))).expect("read")
    }

    /// How many stream records both tables have: whether anything was written.
    pub(crate) fn records(&self) -> usize {
        self.source.records_len() + self.target.records_len()
    }
}

pub(crate) fn schema() -> KeySchema {
    KeySchema { partition: "pk".to_owned(), sort: None }
}

pub(crate) fn state(phase: Phase) -> State {
    state_of(RUN, phase)
}

pub(crate) fn state_of(run: Run, phase: Phase) -> State {
    State { phase, run, ..State::first(1) }
}

pub(crate) fn key(name: &str) -> Key {
    schema().key_of(&item(name, 0)).expect("a key")
}

pub(crate) fn item(name: &str, value: i64) -> Item {
    Item([("pk".to_owned(), AttributeValue::S(name.to_owned())), ("v".to_owned(), number(value))].into())
}

pub(crate) fn number(value: i64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

pub(crate) fn native(name: &str, value: i64, run: Run) -> Item {
    Marks { own: run, ..Marks::default() }.onto(item(name, value))
}

pub(crate) fn moved(name: &str, value: i64, run: Run) -> Item {
    Marks { moved: run, ..Marks::default() }.onto(item(name, value))
}

/// A native tombstone.
pub(crate) fn gone(name: &str, run: Run) -> Item {
    Marks { own: run, tombstone: true, ..Marks::default() }.onto(key(name).to_item())
}

pub(crate) fn get_request(name: &str) -> GetRequest {
    GetRequest { key: key(name), consistency: Consistency::Strong, projection: None, names: BTreeMap::new() }
}

pub(crate) fn request(parts: Vec<Part>) -> TransactRequest {
    TransactRequest { parts, token: None, earlier: Earlier::Impossible }
}

pub(crate) fn with_token(parts: Vec<Part>, earlier: Earlier) -> TransactRequest {
    TransactRequest { parts, token: Some("token".to_owned()), earlier }
}

pub(crate) fn write(name: &str, change: Change, condition: Option<&str>, values: &[(&str, i64)]) -> WriteRequest {
    WriteRequest {
        key: key(name),
        change,
        condition: condition.map(str::to_owned),
        names: BTreeMap::new(),
        values: values.iter().map(|(name, value)| ((*name).to_owned(), number(*value))).collect(),
        returning: Returning::Nothing,
        operation: None,
    }
}

pub(crate) fn put(name: &str, value: i64) -> Part {
    Part::Write(write(name, Change::Put(item(name, value)), None, &[]))
}

/// `ADD v :v`
pub(crate) fn add(name: &str, value: i64) -> Part {
    Part::Write(write(name, Change::Update(Some("ADD v :v".to_owned())), None, &[(":v", value)]))
}

/// `REMOVE v`
pub(crate) fn clear(name: &str, condition: Option<&str>) -> Part {
    Part::Write(write(name, Change::Update(Some("REMOVE v".to_owned())), condition, &[]))
}

pub(crate) fn delete(name: &str) -> Part {
    Part::Write(write(name, Change::Delete, None, &[]))
}

pub(crate) fn check(name: &str, condition: &str) -> Part {
    Part::Check { key: key(name), condition: condition.to_owned(), names: BTreeMap::new(), values: BTreeMap::new() }
}

/// The reasons of a cancellation.
pub(crate) fn cancelled(result: Result<(), Error>) -> Vec<Reason> {
    match result {
        Err(Error::Cancelled { reasons }) => reasons,
        other => panic!("should be cancelled, but: {other:?}"),
    }
}

pub(crate) fn codes(reasons: &[Reason]) -> Vec<&str> {
    reasons.iter().map(|reason| reason.code.as_str()).collect()
}
