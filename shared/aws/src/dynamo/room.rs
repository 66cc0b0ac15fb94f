//! How much livemove adds to an application's expressions, measured: every write that the core makes, in every phase
//! and over every state of a key, is rendered as it would be sent.

use std::collections::BTreeMap;
use std::sync::Mutex;

use livemove_core::error::Error;
use livemove_core::expression::Kind;
use livemove_core::expression::room::{Added, TO_CONDITION, TO_UPDATE, operators};
use livemove_core::item::{Item, Key, KeySchema};
use livemove_core::mark::{Marks, OperationId, Position, Run};
use livemove_core::phase::{Phase, State};
use livemove_core::ports::transact::{Entry, ReadEntry, Replacement, Snapshot, Transacted, Transaction, Transactions};
use livemove_core::ports::{Action, Get, Inserted, Page, Returning, Table, Write, Written};
use livemove_core::route::Pair;
use livemove_core::segment::Segment;
use livemove_core::testing::block_on;
use livemove_core::testing::memory::Memory;
use livemove_core::transact::{Earlier, Part, TransactRequest, transact};
use livemove_core::write::{Asked, Change, Operation, WriteRequest, write};
use serde_dynamo::AttributeValue;

use super::expressions::Expressions;
use super::guard;
use super::request::Request;

const CONDITIONS: [&str; 2] = ["attribute_not_exists(z) OR a = :v", "attribute_exists(z) OR a = :v"];
const UPDATES: [&str; 4] = ["SET a = :v", "ADD n :v", "REMOVE z", "DELETE s :v"];

/// A table that remembers what was asked of it.
struct Recording {
    table: Memory,
    most: Mutex<[Added; 2]>,
    asked: Option<&'static str>,
    sent: Mutex<Vec<String>>,
}

impl Recording {
    fn of(item: Option<&Item>, asked: Option<&'static str>) -> Recording {
        let table = Memory::new(KeySchema { partition: "pk".to_owned(), sort: None });
        item.into_iter().for_each(|item| table.put_raw(item.clone()));
        Recording { table, most: Mutex::new([Added { bytes: 0, operators: 0 }; 2]), asked, sent: Mutex::default() }
    }

    fn note(&self, which: usize, kind: Kind, asked: &str, sent: &str) {
        let added = Added {
            bytes: sent.len().saturating_sub(asked.len()),
            operators: operators(kind, sent).saturating_sub(operators(kind, asked)),
        };
        let most = &mut self.most.lock().unwrap()[which];
        *most = larger(*most, added);
    }

    fn note_condition(&self, sent: Option<&String>) {
        if let (Some(asked), Some(sent)) = (self.asked, sent)
            && sent.contains(asked)
        {
            self.note(0, Kind::Condition, asked, sent);
        }
    }

    fn note_write(&self, write: &Write) {
        let sent = Request::of(write, "pk").unwrap();
        self.sent.lock().unwrap().extend([&sent.condition, &sent.update].into_iter().flatten().cloned());
        self.note_condition(sent.condition.as_ref());
        if let (Action::Update { expression: Some(asked), .. }, Some(sent)) = (&write.action, &sent.update) {
            self.note(1, Kind::Update, asked, sent);
        }
    }
}

fn larger(one: Added, other: Added) -> Added {
    Added { bytes: one.bytes.max(other.bytes), operators: one.operators.max(other.operators) }
}

impl Table for Recording {
    fn schema(&self) -> &KeySchema {
        self.table.schema()
    }

    async fn get(&self, get: &Get) -> Result<Option<Item>, Error> {
        self.table.get(get).await
    }

    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Item>>, Error> {
        self.table.get_many(keys).await
    }

    async fn write(&self, write: &Write) -> Result<Written, Error> {
        self.note_write(write);
        self.table.write(write).await
    }

    async fn insert(&self, items: &[Item]) -> Vec<Inserted> {
        self.table.insert(items).await
    }

    async fn scan(&self, segment: Segment, after: Option<&Key>, limit: u32) -> Result<Page, Error> {
        self.table.scan(segment, after, limit).await
    }
}

impl Transactions for Recording {
    async fn transact(&self, transaction: &Transaction) -> Result<Transacted, Error> {
        for entry in &transaction.entries {
            match entry {
                Entry::Write(write) => self.note_write(write),
                Entry::Check(check) => {
                    let mut to = Expressions::default();
                    let sent = guard::condition(&check.guard, None, Some(&check.condition), "pk", &mut to).unwrap();
                    self.note_condition(sent.as_ref());
                }
                Entry::Foreign(_) => {}
            }
        }
        self.table.transact(transaction).await
    }

    async fn snapshot(&self, entries: &[ReadEntry]) -> Result<Snapshot, Error> {
        self.table.snapshot(entries).await
    }

    async fn replace(&self, items: &[Replacement]) -> Result<Vec<usize>, Error> {
        self.table.replace(items).await
    }
}

fn item() -> Item {
    Item([("pk".to_owned(), AttributeValue::S("k".to_owned()))].into())
}

/// What a table may hold of a key.
fn stored() -> Vec<Option<Item>> {
    let marks = |own: u32, moved: u32, tombstone, position: Option<Position>| {
        Some(Marks { own: Run(own), moved: Run(moved), tombstone, position, ..Marks::default() }.onto(item()))
    };
    let replica = Some(Position::new(Run(1), "7"));
    vec![
        None,
        Some(item()),
        marks(1, 0, false, None),
        marks(1, 0, true, None),
        marks(2, 0, false, None),
        marks(0, 1, false, None),
        marks(0, 1, true, None),
        marks(0, 2, false, None),
        marks(0, 0, false, replica.clone()),
        marks(0, 1, true, replica),
    ]
}

fn states() -> Vec<State> {
    let phases = [Phase::Old, Phase::Copy, Phase::Guarded, Phase::Handoff, Phase::New, Phase::Final];
    let of = |run: u32| move |phase| State { run: Run(run), phase, marked: run > 1, ..State::first(1) };
    phases.into_iter().map(of(1)).chain(phases.into_iter().map(of(2))).collect()
}

fn requests(condition: Option<&str>) -> Vec<WriteRequest> {
    let updates = UPDATES.map(|text| Change::Update(Some(text.to_owned())));
    let changes = [Change::Put(item()), Change::Delete].into_iter().chain(updates);
    let of = |change: Change| {
        let uses = condition.is_some() || matches!(&change, Change::Update(Some(text)) if text.contains(":v"));
        let value = AttributeValue::Ns(vec!["1".to_owned()]);
        WriteRequest {
            key: KeySchema { partition: "pk".to_owned(), sort: None }.key_of(&item()).unwrap(),
            change,
            condition: condition.map(str::to_owned),
            names: BTreeMap::new(),
            values: if uses { BTreeMap::from([(":v".to_owned(), value)]) } else { BTreeMap::new() },
            returning: Returning::Nothing,
            operation: OperationId::new("id").map(|id| Operation { id, asked: Asked::First }),
        }
    };
    changes.map(of).collect()
}

/// Does the request as a write and in a transaction, and answers what was added.
fn added(state: &State, source: Option<&Item>, target: Option<&Item>, request: &WriteRequest) -> [Added; 2] {
    let asked = CONDITIONS.into_iter().find(|text| request.condition.as_deref() == Some(text));
    let (source, target) = (Recording::of(source, asked), Recording::of(target, asked));
    let pair = Pair { source: &source, target: &target };
    // Whatever comes of it: what counts is what was sent.
    let _ = block_on(write(pair, state, request));
    let mut parts = vec![Part::Write(request.clone())];
    if let Some(condition) = &request.condition {
        let mut other = item();
        other.0.insert("pk".to_owned(), AttributeValue::S("other".to_owned()));
        let key = source.schema().key_of(&other).unwrap();
        let (condition, values) = (condition.clone(), request.values.clone());
        parts.push(Part::Check { key, condition, names: BTreeMap::new(), values });
    }
    let parts = TransactRequest { parts, token: Some("t".to_owned()), earlier: Earlier::Possible };
    let _ = block_on(transact(pair, state, &parts));
    let (one, other) = (*source.most.lock().unwrap(), *target.most.lock().unwrap());
    [larger(one[0], other[0]), larger(one[1], other[1])]
}

#[test]
fn what_is_added_to_conditions_and_updates_in_any_phase_is_what_is_kept_free_in_all() {
    let mut most = [Added { bytes: 0, operators: 0 }; 2];
    let all = [None, Some(CONDITIONS[0]), Some(CONDITIONS[1])].map(requests).concat();
    for state in states() {
        for (source, target) in stored().iter().flat_map(|one| stored().into_iter().map(move |other| (one, other))) {
            for request in &all {
                let found = added(&state, source.as_ref(), target.as_ref(), request);
                most = [larger(most[0], found[0]), larger(most[1], found[1])];
            }
        }
    }
    assert_eq!(most, [TO_CONDITION, TO_UPDATE], "no more and no less");
}

#[test]
fn the_bench_adds_to_direct_writes_what_is_added_to_them_here() {
    let bench = include_str!("../../../../functions/gateway/benches/overhead/writes.rs");
    let update = |text: &str| Change::Update(Some(text.to_owned()));
    let stamp = OperationId::new("id").map(|id| Operation { id, asked: Asked::Never });
    for (phase, change, operation) in [
        (Phase::Guarded, Change::Put(item()), None),
        (Phase::New, update("SET n = :n"), None),
        (Phase::New, update("ADD n :n"), stamp),
    ] {
        let (source, target) = (Recording::of(Some(&item()), None), Recording::of(Some(&item()), None));
        let state = State { run: Run(1), phase, ..State::first(1) };
        let value = AttributeValue::N("1".to_owned());
        let values = if phase == Phase::New { BTreeMap::from([(":n".to_owned(), value)]) } else { BTreeMap::new() };
        let request = WriteRequest { change, values, operation, ..requests(None).remove(0) };
        block_on(write(Pair { source: &source, target: &target }, &state, &request)).unwrap();
        let sent = [source.sent.into_inner().unwrap(), target.sent.into_inner().unwrap()].concat();
        assert_eq!(sent.len(), 1, "{sent:?}");
        assert!(bench.contains(&format!("\"{}\"", sent[0])), "{}", sent[0]);
    }
}
