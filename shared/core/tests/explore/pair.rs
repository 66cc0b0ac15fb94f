//! Transactions on the pair: two items that always hold the same.

use std::collections::BTreeMap;
use std::sync::Mutex;

use livemove_core::error::Error;
use livemove_core::item::Item;
use livemove_core::lease::Cache;
use livemove_core::phase::State;
use livemove_core::ports::transact::Transactions;
use livemove_core::ports::{Consistency, Returning};
use livemove_core::read::GetRequest;
use livemove_core::route::Pair;
use livemove_core::snapshot::{SnapshotPart, snapshot};
use livemove_core::transact::{Earlier, Part, TransactRequest, transact};
use livemove_core::write::{Change, WriteRequest};
use serde_dynamo::AttributeValue;
use shuttle::future::yield_now;
use shuttle::rand::{Rng, thread_rng};

use crate::bug::Bug;
use crate::check::{Answer, Op};
use crate::client::{fenced, seen};
use crate::promise::is_promised;
use crate::world::{PAIR, World, item, key};

/// How often a transaction with a token is asked for until an answer arrives.
const ATTEMPTS: u32 = 4;

pub(crate) fn random_op(value: i64) -> Op {
    match thread_rng().gen_range(0..12) {
        0..=2 => Op::Read,
        3 => Op::Put(Some(value)),
        4 => Op::Put(None),
        5 => Op::Insert(value),
        6 => Op::Remove,
        7..=8 => Op::Add,
        9 => Op::Clear,
        10 => Op::Check,
        _ => Op::SetExisting(value),
    }
}

/// Reads both at one moment.
pub(crate) async fn read<T: Transactions>(pair: Pair<'_, T>, state: &State) -> Result<Answer, Error> {
    let get = |name| GetRequest {
        key: key(name),
        consistency: Consistency::Eventual,
        projection: None,
        names: BTreeMap::new(),
    };
    let parts = PAIR.map(|name| SnapshotPart::Get(get(name)));
    let values: Vec<_> = snapshot(pair, state, &parts).await.map_err(undone)?.into_iter().map(seen).collect();
    assert_eq!(values[0], values[1], "not linearizable: a snapshot of the pair sees half a transaction");
    Ok(Answer::Saw(values[0]))
}

/// Writes both, through either of two instances of the writer. With a token it is asked for again after a lost
/// answer, as long as the token is promised to be known.
pub(crate) async fn write(
    world: &World,
    instances: &[Cache<World, World>; 2],
    op: Op,
    token: Option<String>,
    spread: u32,
) -> Result<Answer, Error> {
    let parts = parts(op);
    // The states in which it may have been done, for the answer was lost.
    let lost: Mutex<Vec<State>> = Mutex::default();
    let attempts = if token.is_some() { ATTEMPTS } else { 1 };
    for _ in 0..attempts {
        let latest = Mutex::new(None);
        let result = instances[thread_rng().gen_range(0..2)]
            .run(|view| {
                let before = lost.lock().unwrap().clone();
                *latest.lock().unwrap() = Some(view.state.clone());
                let earlier = match (world.bug(), before.is_empty()) {
                    (Bug::TokenForgotten, _) => Earlier::Impossible,
                    (_, true) if thread_rng().gen_bool(0.5) => Earlier::Impossible,
                    (_, _) => Earlier::Possible,
                };
                let request = TransactRequest { parts: parts.clone(), token: token.clone(), earlier };
                async move {
                    if !before.iter().all(|then| is_promised(then, &view.state)) {
                        return Err(Error::Ambiguous("the token may be forgotten".into()));
                    }
                    let (source, target) = fenced(world, view.until);
                    transact(Pair { source: &source, target: &target }, &view.state, &request).await
                }
            })
            .await;
        let is_lost = !lost.lock().unwrap().is_empty();
        match result.map_err(undone) {
            Ok(()) => return Ok(Answer::Done),
            Err(Error::Ambiguous(_)) => lost.lock().unwrap().extend(latest.into_inner().unwrap()),
            Err(Error::Throttled(_) | Error::Unavailable(_)) if is_lost => {}
            Err(error) => return Err(error),
        }
        // Now and then until the phase may have changed.
        for _ in 0..thread_rng().gen_range(0..=[1, 4][thread_rng().gen_range(0..2)] * spread) {
            yield_now().await;
        }
    }
    Err(Error::Ambiguous("no answer".into()))
}

/// What was not done this time, whatever came of other times.
fn undone(error: Error) -> Error {
    match error {
        Error::Cancelled { reasons } if reasons.iter().any(|reason| reason.code == "TransactionConflict") => {
            Error::Unavailable("conflict".into())
        }
        Error::Cancelled { reasons } => {
            assert!(reasons.iter().any(|reason| reason.code == "ConditionalCheckFailed"), "cancelled: {reasons:?}");
            reasons.into_iter().for_each(|reason| _ = seen(reason.item));
            Error::ConditionFailed { item: None }
        }
        Error::Rejected { name, .. } if name == "IdempotentParameterMismatchException" => {
            panic!("not linearizable: a request that is asked for again is taken for another one")
        }
        error => error,
    }
}

fn parts(op: Op) -> Vec<Part> {
    let update = |text: &str| Change::Update(Some(text.to_owned()));
    let (changes, condition, value) = match op {
        Op::Put(value) => (PAIR.map(|name| Change::Put(item(name, value))), None, None),
        Op::Insert(value) => {
            (PAIR.map(|name| Change::Put(item(name, Some(value)))), Some("attribute_not_exists(pk)"), None)
        }
        Op::Remove | Op::Delete => (PAIR.map(|_| Change::Delete), None, None),
        Op::Add | Op::Count => (PAIR.map(|_| update("ADD v :v")), None, Some(1)),
        Op::Clear => (PAIR.map(|_| update("REMOVE v")), None, None),
        Op::SetExisting(value) => (PAIR.map(|_| update("SET v = :v")), Some("attribute_exists(pk)"), Some(value)),
        Op::Check | Op::Read | Op::ReadFrom(_) => return PAIR.map(check).to_vec(),
    };
    // A condition stands at one of the two, which says the same as at both.
    let at = thread_rng().gen_range(0..2);
    let part = |(index, (name, change)): (usize, (&str, Change))| {
        Part::Write(WriteRequest {
            key: key(name),
            change,
            condition: condition.filter(|_| index == at).map(str::to_owned),
            names: BTreeMap::new(),
            values: value.map(|n: i64| (":v".to_owned(), AttributeValue::N(n.to_string()))).into_iter().collect(),
            returning: Returning::Nothing,
            operation: None,
        })
    };
    PAIR.into_iter().zip(changes).enumerate().map(part).collect()
}

fn check(name: &str) -> Part {
    let condition = "attribute_exists(pk)".to_owned();
    Part::Check { key: key(name), condition, names: BTreeMap::new(), values: BTreeMap::new() }
}

/// The pair's value on one table.
pub(crate) fn both_of(values: [Option<Item>; 2]) -> Option<Item> {
    let [x, y] = values;
    let value = |item: &Option<Item>| item.as_ref().map(crate::client::number);
    assert_eq!(value(&x), value(&y), "not linearizable: the pair's items differ");
    x
}
