//! An application: random operations through the shipped read and write flows, with a record of the answers.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use livemove_core::error::Error;
use livemove_core::item::Item;
use livemove_core::lease::Fenced;
use livemove_core::mark::RESERVED;
use livemove_core::ports::{Consistency, Returning};
use livemove_core::read::{self, GetRequest};
use livemove_core::route::{Pair, Route};
use livemove_core::write::{self, Change, WriteRequest};
use serde_dynamo::AttributeValue;
use shuttle::future::yield_now;
use shuttle::rand::{Rng, thread_rng};

use crate::bug::Bug;
use crate::check::{Answer, Event, Op, Value};
use crate::world::{KEYS, LEASE, World, item, key};

/// What all clients were told, and the clock that orders it.
#[derive(Clone, Default)]
pub(crate) struct History(Arc<Mutex<(u64, Vec<Event>)>>);

impl History {
    fn moment(&self) -> u64 {
        let mut inner = self.0.lock().unwrap();
        inner.0 += 1;
        inner.0
    }

    fn enter(&self, event: Event) {
        self.0.lock().unwrap().1.push(event);
    }

    pub(crate) fn of(&self, key: usize) -> Vec<Event> {
        self.0.lock().unwrap().1.iter().filter(|event| event.key == key).copied().collect()
    }
}

/// Does `operations` random operations, at random distances of up to `spread` scheduling points.
pub(crate) async fn client(world: World, history: History, id: i64, operations: i64, spread: u32) {
    let cache = world.cache();
    for n in 0..operations {
        for _ in 0..thread_rng().gen_range(0..=spread) {
            yield_now().await;
        }
        if thread_rng().gen_bool(0.1) {
            world.tick(LEASE / 2);
        }
        let key = thread_rng().gen_range(0..KEYS.len());
        let op = random_op(100 * id + n);
        let begun = history.moment();
        let result = cache
            .run(|view| {
                let world = world.clone();
                async move {
                    let pair = world.pair();
                    let source = Fenced::new(pair.source, &world, view.until);
                    let target = Fenced::new(pair.target, &world, view.until);
                    let fenced = Pair { source: &source, target: &target };
                    if let (Bug::ReadOldFirst, Op::Read, Route::Handoff { run }) = (world.bug(), op, view.state.route())
                    {
                        let get = livemove_core::ports::Get::whole(crate::world::key(KEYS[key]));
                        let old = livemove_core::ports::Table::get(fenced.losing(run), &get).await?;
                        if let Some(old) = livemove_core::mark::visible(old) {
                            return Ok(Answer::Saw(Some(number(&old))));
                        }
                    }
                    perform(fenced, &view.state, KEYS[key], op).await
                }
            })
            .await;
        let answered = history.moment();
        match result {
            Ok(answer) => history.enter(Event { key, op, answer, begun, answered }),
            Err(Error::Ambiguous(_)) if op == Op::Read => {}
            Err(Error::Ambiguous(_)) => {
                history.enter(Event { key, op, answer: Answer::Unknown, begun, answered: u64::MAX })
            }
            Err(Error::ConditionFailed { .. }) => {
                history.enter(Event { key, op, answer: Answer::Refused, begun, answered })
            }
            // Said to have done nothing.
            Err(Error::Throttled(_) | Error::Unavailable(_)) => {}
            Err(error) => panic!("client: {error}"),
        }
    }
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

async fn perform<T: livemove_core::ports::Table>(
    pair: Pair<'_, T>,
    state: &livemove_core::phase::State,
    name: &str,
    op: Op,
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
    };
    let request = WriteRequest {
        key: key(name),
        change,
        condition: condition.map(str::to_owned),
        names: BTreeMap::new(),
        values: value.map(|value| (":v".to_owned(), number(value))).into_iter().collect(),
        returning,
    };
    let attributes = write::write(pair, state, &request).await?;
    Ok(if returning == Returning::Nothing { Answer::Done } else { Answer::Saw(seen(attributes)) })
}

fn seen(found: Option<Item>) -> Value {
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
