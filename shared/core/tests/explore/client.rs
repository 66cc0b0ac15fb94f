//! An application: random operations through the shipped read and write flows, with a record of the answers.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use livemove_core::batch::{BatchWrite, batch};
use livemove_core::error::Error;
use livemove_core::item::Item;
use livemove_core::lease::{Cache, Fenced, View};
use livemove_core::mark::{RESERVED, visible};
use livemove_core::ports::{Consistency, Get, Millis, Returning, Table};
use livemove_core::read::{self, GetRequest};
use livemove_core::route::{Pair, Route};
use livemove_core::write::{self, Change, Operation, WriteRequest};
use serde_dynamo::AttributeValue;
use shuttle::future::yield_now;
use shuttle::rand::{Rng, thread_rng};

use crate::bug::Bug;
use crate::check::{Answer, Event, Op, Value};
use crate::pair;
use crate::repeat;
use crate::site::Site;
use crate::walks::walk;
use crate::world::{KEYS, LEASE, World, item, key};

/// What all clients were told, and the clock that orders it.
#[derive(Clone, Default)]
pub(crate) struct History(Arc<Mutex<(u64, Vec<Event>)>>);

impl History {
    pub(crate) fn moment(&self) -> u64 {
        let mut inner = self.0.lock().unwrap();
        inner.0 += 1;
        inner.0
    }

    /// Enters what the client was told of an operation.
    pub(crate) fn told(&self, key: usize, op: Op, begun: u64, result: Result<Answer, Error>) {
        let (answer, answered) = match result {
            Ok(answer) => (answer, self.moment()),
            Err(Error::ConditionFailed { .. }) => (Answer::Refused, self.moment()),
            Err(Error::OldValuesLost(_)) => (Answer::Unseen, self.moment()),
            Err(Error::Ambiguous(_)) if matches!(op, Op::Read | Op::ReadFrom(_) | Op::Check) => return,
            Err(Error::Ambiguous(_)) => (Answer::Unknown, u64::MAX),
            // Said to have done nothing.
            Err(Error::Throttled(_) | Error::Unavailable(_) | Error::Conflict(_)) => return,
            Err(error) => panic!("client: {error}"),
        };
        self.0.lock().unwrap().1.push(Event { key, op, answer, begun, answered });
    }

    pub(crate) fn of(&self, key: usize) -> Vec<Event> {
        self.0.lock().unwrap().1.iter().filter(|event| event.key == key).copied().collect()
    }
}

/// Does `operations` random operations, at random distances of up to `spread` scheduling points, each through one
/// of two instances of reader or writer.
pub(crate) async fn client(world: World, history: History, id: i64, operations: i64, spread: u32) {
    let instances = [world.cache(), world.cache()];
    for n in 0..operations {
        for _ in 0..thread_rng().gen_range(0..=spread) {
            yield_now().await;
        }
        if thread_rng().gen_bool(0.1) {
            world.tick(LEASE / 2);
        }
        let value = 100 * id + n;
        match thread_rng().gen_range(0..12) {
            0..=2 => one(&world, &history, &instances[n as usize % 2], value).await,
            3 => repeat::anywhere(&world, &history, &instances, value, spread).await,
            10..=11 => repeat::on_own_key(&world, &history, &instances, id, value, spread).await,
            4 => several(&world, &history, &instances[n as usize % 2], value).await,
            5..=6 => walk(&world, &history, &instances, spread).await,
            _ => both(&world, &history, &instances, value, spread).await,
        }
    }
}

/// One operation on one key.
async fn one(world: &World, history: &History, instance: &Cache<World, World>, value: i64) {
    let (key, op) = any(world.bug(), value);
    let begun = history.moment();
    let result = instance
        .run(|view| async move {
            let (source, target) = fenced(world, view.until);
            let pair = Pair { source: &source, target: &target };
            match (world.bug(), op, view.state.route()) {
                (Bug::ReadOldFirst, Op::Read, Route::Handoff { run }) => {
                    let old = pair.losing(run).get(&Get::whole(crate::world::key(KEYS[key]))).await?;
                    if let Some(old) = visible(old) {
                        return Ok(Answer::Saw(Some(number(&old))));
                    }
                }
                (Bug::LeakedMark, Op::Read, Route::Guarded { run, .. }) => {
                    let item = pair.losing(run).get(&Get::whole(crate::world::key(KEYS[key]))).await?;
                    return Ok(Answer::Saw(seen(item)));
                }
                _ => {}
            }
            perform(pair, &view.state, KEYS[key], op, None).await
        })
        .await;
    history.told(key, op, begun, result);
}

/// A batch of two keys.
async fn several(world: &World, history: &History, instance: &Cache<World, World>, value: i64) {
    let first = thread_rng().gen_range(0..KEYS.len());
    let ops: Vec<(usize, Op)> = [first, (first + 1) % KEYS.len()]
        .map(|key| (key, if thread_rng().gen_bool(0.7) { Op::Put(Some(value)) } else { Op::Remove }))
        .to_vec();
    let writes: Vec<BatchWrite> = ops
        .iter()
        .map(|(index, op)| match op {
            Op::Put(value) => BatchWrite::Put { key: key(KEYS[*index]), item: item(KEYS[*index], *value) },
            _ => BatchWrite::Delete(key(KEYS[*index])),
        })
        .collect();
    let begun = history.moment();
    let result = instance
        .run(|view| {
            let writes = &writes;
            async move {
                let (source, target) = fenced(world, view.until);
                batch(Pair { source: &source, target: &target }, &view.state, writes).await
            }
        })
        .await;
    for (index, (key, op)) in ops.into_iter().enumerate() {
        let told = match &result {
            Ok(left) if left.contains(&index) => continue,
            Ok(_) => Ok(Answer::Done),
            Err(Error::Ambiguous(text)) => Err(Error::Ambiguous(text.clone())),
            Err(Error::Throttled(_) | Error::Unavailable(_) | Error::Conflict(_)) => continue,
            Err(error) => panic!("client: {error}"),
        };
        history.told(key, op, begun, told);
    }
}

/// A transaction on the pair.
async fn both(world: &World, history: &History, instances: &[Cache<World, World>; 2], value: i64, spread: u32) {
    let op = pair::random_op(value);
    let begun = history.moment();
    let result = if op == Op::Read {
        let read = |view: View| async move {
            let (source, target) = fenced(world, view.until);
            pair::read(Pair { source: &source, target: &target }, &view.state).await
        };
        instances[0].run(read).await
    } else {
        let token = thread_rng().gen_bool(0.5).then(|| format!("token-{value}"));
        pair::write(world, instances, op, token, spread).await
    };
    history.told(KEYS.len(), op, begun, result);
}

/// Both tables as a process sees them whose lease ends at `until`.
pub(crate) fn fenced(world: &World, until: Millis) -> (Fenced<'_, Site, World>, Fenced<'_, Site, World>) {
    let pair = world.pair();
    (Fenced::new(pair.source, world, until), Fenced::new(pair.target, world, until))
}

/// A key that all write, and an operation on it.
pub(crate) fn any(bug: Bug, value: i64) -> (usize, Op) {
    if bug.needs_updates() && thread_rng().gen_bool(0.7) {
        return (0, Op::Count);
    }
    (thread_rng().gen_range(0..KEYS.len()), random_op(value))
}

fn random_op(value: i64) -> Op {
    match thread_rng().gen_range(0..10) {
        0..=2 => Op::Read,
        3 => Op::Put(Some(value)),
        4 => Op::Put(None),
        5 => Op::Insert(value),
        6 => Op::Delete,
        7 => Op::Count,
        8 => Op::Clear,
        _ => Op::SetExisting(value),
    }
}

pub(crate) async fn perform<T: Table>(
    pair: Pair<'_, T>,
    state: &livemove_core::phase::State,
    name: &str,
    op: Op,
    operation: Option<Operation>,
) -> Result<Answer, Error> {
    let number = |n: i64| AttributeValue::N(n.to_string());
    let (change, condition, value, returning) = match op {
        Op::Read => {
            let request = GetRequest {
                key: key(name),
                consistency: Consistency::Strong,
                projection: None,
                names: BTreeMap::new(),
            };
            return Ok(Answer::Saw(seen(read::get(pair, state, &request).await?)));
        }
        Op::Put(value) => (Change::Put(item(name, value)), None, None, Returning::Nothing),
        Op::Insert(value) => {
            (Change::Put(item(name, Some(value))), Some("attribute_not_exists(pk)"), None, Returning::Nothing)
        }
        Op::Delete => (Change::Delete, None, None, Returning::AllOld),
        Op::Count => (Change::Update(Some("ADD v :v".into())), None, Some(1), Returning::AllNew),
        Op::Clear => (Change::Update(Some("REMOVE v".into())), None, None, Returning::Nothing),
        Op::SetExisting(value) => {
            (Change::Update(Some("SET v = :v".into())), Some("attribute_exists(pk)"), Some(value), Returning::Nothing)
        }
        Op::ReadFrom(_) | Op::Remove | Op::Add | Op::Check => unreachable!("not for one key alone"),
    };
    let request = WriteRequest {
        key: key(name),
        change,
        condition: condition.map(str::to_owned),
        names: BTreeMap::new(),
        values: value.map(|value| (":v".to_owned(), number(value))).into_iter().collect(),
        returning,
        operation,
    };
    let attributes = write::write(pair, state, &request).await?;
    Ok(if returning == Returning::Nothing { Answer::Done } else { Answer::Saw(seen(attributes)) })
}

pub(crate) fn seen(found: Option<Item>) -> Value {
    let found = found?;
    assert!(found.0.keys().all(|name| !name.starts_with(RESERVED)), "a reserved attribute leaks: {found:?}");
    Some(number(&found))
}

/// The value of an item, where it has one.
pub(crate) fn number(item: &Item) -> Option<i64> {
    match item.0.get("v") {
        Some(AttributeValue::N(n)) => Some(n.parse().unwrap()),
        _ => None,
    }
}
