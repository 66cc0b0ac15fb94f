//! Scans page by page and filtered queries: what they show of each key is a read of it, somewhere between the
//! beginning and the end of the page that showed it; that they did not show it is one between their own.

use std::collections::BTreeMap;

use livemove_core::error::Error;
use livemove_core::item::Item;
use livemove_core::lease::Cache;
use livemove_core::pages::{PageAnswer, PageRead, page};
use livemove_core::phase::State;
use livemove_core::ports::Consistency;
use livemove_core::ports::pages::{Besides, Found, Index, PageRequest, Pages, Shown, Walk};
use livemove_core::route::Pair;
use livemove_core::segment::Segment;
use serde_dynamo::AttributeValue;
use shuttle::future::yield_now;
use shuttle::rand::{Rng, thread_rng};

use crate::bug::Bug;
use crate::check::{Answer, Op};
use crate::client::{History, fenced, seen};
use crate::site::Site;
use crate::world::{KEYS, OWN, PAIR, World, key};

/// How often a page is asked for until the walk is given up.
const ATTEMPTS: u32 = 3;

/// A scan in small pages, or a query of one key, each page through either of two instances of the reader; filtered
/// or not.
pub(crate) async fn walk(world: &World, history: &History, instances: &[Cache<World, World>; 2], spread: u32) {
    let least = thread_rng().gen_bool(0.5).then(|| [11, 100, 200][thread_rng().gen_range(0..3)]);
    let only = thread_rng().gen_bool(0.2).then(|| thread_rng().gen_range(0..KEYS.len()));
    let mut read = asked(only, least);
    let begun = history.moment();
    let mut left: Vec<&str> = KEYS.into_iter().chain(PAIR).chain(OWN).collect();
    left.retain(|name| only.is_none_or(|only| KEYS[only] == *name));
    let op = least.map_or(Op::Read, Op::ReadFrom);
    loop {
        let at = history.moment();
        let Some(answer) = one_page(world, instances, &read).await else { return };
        let is_whole = least.is_some() || answer.scanned == answer.count;
        assert!(is_whole, "not linearizable: an item that is not there is counted: {answer:?}");
        for item in answer.items {
            let name = left.iter().position(|name| key(name).attributes().get("pk") == item.0.get("pk"));
            let name = name.unwrap_or_else(|| panic!("not linearizable: twice in one walk: {item:?}"));
            history.told(register(left.remove(name)), op, at, Ok(Answer::Saw(seen(Some(item)))));
        }
        let Some(next) = answer.next else { break };
        read.start = Some(carried(world.bug(), next));
        for _ in 0..thread_rng().gen_range(0..=spread) {
            yield_now().await;
        }
    }
    for name in left {
        history.told(register(name), op, begun, Ok(Answer::Saw(None)));
    }
}

/// The pair is one register.
fn register(name: &str) -> usize {
    let own = OWN.iter().position(|key| *key == name).map(|index| KEYS.len() + 1 + index);
    KEYS.iter().position(|key| *key == name).or(own).unwrap_or(KEYS.len())
}

fn asked(only: Option<usize>, least: Option<i64>) -> PageRead {
    let number = |n: i64| AttributeValue::N(n.to_string());
    let mut values: BTreeMap<String, AttributeValue> = BTreeMap::new();
    values.extend(least.map(|least| (":v".to_owned(), number(least))));
    values.extend(only.map(|only| (":k".to_owned(), AttributeValue::S(KEYS[only].to_owned()))));
    PageRead {
        index: None,
        walk: match only {
            Some(_) => Walk::Query { key_condition: "pk = :k".to_owned(), forward: true },
            None => Walk::Scan { segment: Segment::WHOLE },
        },
        consistency: Consistency::Strong,
        filter: least.map(|_| "v >= :v".to_owned()),
        shown: Shown::Whole,
        names: BTreeMap::new(),
        values,
        limit: [Some(1), Some(1), Some(2), None][thread_rng().gen_range(0..4)],
        start: None,
    }
}

/// The next page; `None` when it cannot be had.
async fn one_page(world: &World, instances: &[Cache<World, World>; 2], read: &PageRead) -> Option<PageAnswer> {
    for _ in 0..ATTEMPTS {
        let answer = instances[thread_rng().gen_range(0..2)]
            .run(|view| async move {
                let (source, target) = fenced(world, view.until);
                let pair = Pair { source: &source, target: &target };
                if world.bug() == Bug::PhaseNotReadAgain {
                    return page(pair, &view.state, &Believed(&view.state), read).await;
                }
                page(pair, &view.state, world, read).await
            })
            .await;
        match answer {
            Ok(answer) => return Some(answer),
            Err(Error::Throttled(_) | Error::Unavailable(_) | Error::Ambiguous(_)) => {}
            Err(error) => panic!("client: {error}"),
        }
    }
    None
}

/// What a client carries to the next page.
fn carried(bug: Bug, mut next: Item) -> Item {
    if bug == Bug::RawTokenReused {
        next.0.retain(|name, _| name == "pk");
    }
    next
}

/// A phase that is not read again.
struct Believed<'a>(&'a State);

impl livemove_core::lease::Phases for Believed<'_> {
    async fn state(&self) -> Result<State, Error> {
        Ok(self.0.clone())
    }
}

impl Pages for Site {
    fn indexes(&self) -> &BTreeMap<String, Index> {
        self.memory.indexes()
    }

    /// Item by item: together they are not atomic.
    async fn page(&self, request: &PageRequest) -> Result<Found, Error> {
        let _call = self.begin();
        self.before().await?;
        let most = request.limit.unwrap_or(u32::MAX);
        let mut found = Found::default();
        let mut one = PageRequest { limit: Some(1), ..request.clone() };
        if self.bug == Bug::FilterPushedToBothSides {
            one.besides = Besides::Hidden;
        }
        while found.scanned < most {
            let next = self.memory.page(&one).await?;
            found.items.extend(next.items);
            found.scanned += next.scanned;
            (one.after, found.next) = (next.next.clone(), next.next);
            if found.next.is_none() {
                break;
            }
            yield_now().await;
        }
        if self.bug == Bug::TombstoneCounted {
            found.items.retain(|item| livemove_core::mark::visible(Some(item.clone())).is_some());
        }
        found.count = u32::try_from(found.items.len()).unwrap();
        self.after().await.map_err(|_| Error::Unavailable("fault".into()))?;
        Ok(found)
    }
}
