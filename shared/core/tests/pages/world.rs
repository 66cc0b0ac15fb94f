//! Two tables with indexes, whose scans and equal index keys are in different orders; items, and reads of them.

use std::collections::BTreeMap;
use std::sync::Mutex;

use livemove_core::error::Error;
use livemove_core::item::{Item, Key, KeySchema};
use livemove_core::lease::Phases;
use livemove_core::mark::{Marks, Run};
use livemove_core::pages::{PageAnswer, PageRead, page};
use livemove_core::phase::{Phase, State};
use livemove_core::ports::Consistency;
use livemove_core::ports::pages::{Index, Projected, Shown, Walk};
use livemove_core::route::Pair;
use livemove_core::segment::Segment;
use livemove_core::testing::block_on;
use livemove_core::testing::memory::Memory;
use serde_dynamo::AttributeValue;

pub(crate) fn schema() -> KeySchema {
    KeySchema { partition: "pk".to_owned(), sort: Some("sk".to_owned()) }
}

/// One for each way that reads of indexes go.
pub(crate) fn indexes() -> [(&'static str, Index); 5] {
    let keys = |partition: &str, sort: Option<&str>| KeySchema {
        partition: partition.to_owned(),
        sort: sort.map(str::to_owned),
    };
    let only = |names: &[&str]| Projected::Only(names.iter().map(|name| (*name).to_owned()).collect());
    [
        ("local", Index { keys: keys("pk", Some("nr")), local: true, projected: only(&["v"]) }),
        ("whole", Index { keys: keys("g", Some("nr")), local: false, projected: Projected::All }),
        ("some", Index { keys: keys("g", None), local: false, projected: only(&["v"]) }),
        ("inverted", Index { keys: keys("sk", Some("pk")), local: false, projected: only(&["v"]) }),
        ("mirror", Index { keys: keys("sk", Some("pk")), local: false, projected: Projected::All }),
    ]
}

/// A table of this order of scans, whose pages end after so many items.
pub(crate) fn table(salt: u64, page_items: usize) -> Memory {
    Memory::new(schema()).with_indexes(indexes()).with_salt(salt).with_page_items(page_items)
}

pub(crate) struct World {
    pub(crate) source: Memory,
    pub(crate) target: Memory,
    /// The phase, for whoever asks.
    pub(crate) state: Mutex<State>,
}

impl Phases for &World {
    async fn state(&self) -> Result<State, Error> {
        Ok(self.state.lock().unwrap().clone())
    }
}

impl World {
    pub(crate) fn new(run: Run, phase: Phase) -> World {
        World::with_pages(run, phase, usize::MAX)
    }

    pub(crate) fn with_pages(run: Run, phase: Phase, page_items: usize) -> World {
        let state = Mutex::new(state(run, phase));
        World { source: table(1, page_items), target: table(2, page_items), state }
    }

    pub(crate) fn pair(&self) -> Pair<'_, Memory> {
        Pair { source: &self.source, target: &self.target }
    }

    pub(crate) fn losing(&self) -> &Memory {
        self.pair().losing(self.state.lock().unwrap().run)
    }

    pub(crate) fn gaining(&self) -> &Memory {
        self.pair().gaining(self.state.lock().unwrap().run)
    }

    /// A page in the phase at hand.
    pub(crate) fn page(&self, read: &PageRead) -> Result<PageAnswer, Error> {
        let state = self.state.lock().unwrap().clone();
        self.page_in(&state, read)
    }

    /// A page by somebody who believes in that state.
    pub(crate) fn page_in(&self, state: &State, read: &PageRead) -> Result<PageAnswer, Error> {
        block_on(page(self.pair(), state, &self, read))
    }

    /// All pages of a read.
    pub(crate) fn all(&self, read: &PageRead) -> Vec<PageAnswer> {
        let mut pages: Vec<PageAnswer> = Vec::new();
        loop {
            let start = pages.last().map_or(read.start.clone(), |page| page.next.clone());
            pages.push(self.page(&PageRead { start, ..read.clone() }).unwrap());
            assert!(pages.len() < 500, "pages without end");
            if pages.last().is_some_and(|page| page.next.is_none()) {
                return pages;
            }
        }
    }
}

pub(crate) fn state(run: Run, phase: Phase) -> State {
    State { run, phase, ..State::first(1) }
}

pub(crate) fn s(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

pub(crate) fn n(number: i64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

pub(crate) fn key(pk: &str, sk: &str) -> Key {
    schema().key_of(&item(pk, sk, &[])).unwrap()
}

pub(crate) fn item(pk: &str, sk: &str, more: &[(&str, AttributeValue)]) -> Item {
    let keys = [("pk".to_owned(), s(pk)), ("sk".to_owned(), s(sk))];
    Item(keys.into_iter().chain(more.iter().map(|(name, value)| ((*name).to_owned(), value.clone()))).collect())
}

/// A tombstone or stub: nothing but key and marks.
pub(crate) fn gone(pk: &str, sk: &str, marks: Marks) -> Item {
    Marks { tombstone: true, ..marks }.onto(item(pk, sk, &[]))
}

pub(crate) fn own(run: Run) -> Marks {
    Marks { own: run, ..Marks::default() }
}

pub(crate) fn moved(run: Run) -> Marks {
    Marks { moved: run, ..Marks::default() }
}

/// A strong query of everything there.
pub(crate) fn query(key_condition: &str, values: &[(&str, AttributeValue)]) -> PageRead {
    PageRead {
        index: None,
        walk: Walk::Query { key_condition: key_condition.to_owned(), forward: true },
        consistency: Consistency::Strong,
        filter: None,
        shown: Shown::Whole,
        names: BTreeMap::new(),
        values: values.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
        limit: None,
        start: None,
    }
}

/// A scan of everything.
pub(crate) fn scan() -> PageRead {
    PageRead { walk: Walk::Scan { segment: Segment::WHOLE }, ..query("", &[]) }
}

/// The same read of an index, of what it holds.
pub(crate) fn of(index: &str, read: PageRead) -> PageRead {
    let consistency = if index == "local" { Consistency::Strong } else { Consistency::Eventual };
    PageRead { index: Some(index.to_owned()), shown: Shown::Projected, consistency, ..read }
}

/// The texts of one attribute.
pub(crate) fn texts(items: &[Item], attribute: &str) -> Vec<String> {
    let text = |item: &Item| match item.0.get(attribute) {
        Some(AttributeValue::S(text) | AttributeValue::N(text)) => text.clone(),
        _ => "-".to_owned(),
    };
    items.iter().map(text).collect()
}
