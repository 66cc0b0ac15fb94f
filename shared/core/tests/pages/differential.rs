//! Random operations on a pair that goes there and back and there again, page by page against one table that never
//! moves.

use std::collections::{BTreeMap, BTreeSet};

use livemove_core::error::Error;
use livemove_core::item::{Item, Key};
use livemove_core::mark::RESERVED;
use livemove_core::pages::{PageAnswer, PageRead};
use livemove_core::phase::{Phase, Side};
use livemove_core::ports::Consistency;
use livemove_core::ports::pages::{Besides, PageRequest, Pages, Shown, Walk};
use livemove_core::testing::block_on;
use livemove_core::write::Change;
use serde_dynamo::AttributeValue;

use crate::chance::Chance;
use crate::drive::Drive;
use crate::world::{item, key, n, of, query, s, scan, schema, texts};

const PARTITIONS: [&str; 3] = ["p", "q", "r"];
const SORTS: [&str; 5] = ["a", "b", "c", "d", "e"];

fn some_key(chance: &mut Chance) -> Key {
    key(chance.one_of(&PARTITIONS), chance.one_of(&SORTS))
}

/// A walk of an application, page by page.
struct Reader {
    read: PageRead,
    next: Option<Item>,
    shown: Vec<Item>,
    counted: u32,
    scanned: u32,
    /// Keys written since it began.
    touched: BTreeSet<String>,
    /// Keys whose copies arrived since it began: an index may show them late.
    late: BTreeSet<String>,
}

fn some_read(chance: &mut Chance) -> PageRead {
    let (p, g) = ((":p", s(chance.one_of(&PARTITIONS))), (":g", s(chance.one_of(&["x", "y"]))));
    let sk = (":s", s(chance.one_of(&SORTS)));
    let mut read = match chance.below(9) {
        0 => query("pk = :p", &[p]),
        1 => query("pk = :p AND sk >= :s", &[p, sk]),
        2 | 3 => scan(),
        4 => of("local", query("pk = :p", &[p])),
        5 => of("whole", query("g = :g", &[g])),
        6 => of("some", query("g = :g", &[g])),
        7 => of(chance.one_of(&["inverted", "mirror"]), query("sk = :s", &[sk])),
        _ => of(chance.one_of(&["local", "whole", "some", "inverted", "mirror"]), scan()),
    };
    if let Walk::Query { forward, .. } = &mut read.walk {
        *forward = !chance.once_in(2);
    }
    if chance.once_in(2) {
        read.filter = Some("v >= :v".to_owned());
        read.values.insert(":v".to_owned(), n(1));
    }
    if chance.once_in(3) {
        read.shown = match chance.below(3) {
            0 => Shown::Count,
            1 if read.index.as_deref().is_none_or(|index| ["local", "whole", "mirror"].contains(&index)) => {
                Shown::Whole
            }
            _ => Shown::Expression("pk, sk, v".to_owned()),
        };
    }
    let is_global = read.index.as_deref().is_some_and(|index| index != "local");
    read.consistency = if is_global || chance.once_in(3) { Consistency::Eventual } else { Consistency::Strong };
    read.limit = chance.one_of(&[None, Some(1), Some(1), Some(2), Some(3)]);
    read
}

/// The read as the table beside answers it, from the beginning to the end.
fn expected(
    drive: &Drive,
    read: &PageRead,
    after: Option<Item>,
    limit: Option<u32>,
) -> livemove_core::ports::pages::Found {
    let request = PageRequest {
        index: read.index.clone(),
        walk: read.walk.clone(),
        consistency: read.consistency,
        filter: read.filter.clone(),
        besides: Besides::Nothing,
        shown: read.shown.clone(),
        names: read.names.clone(),
        values: read.values.clone(),
        limit,
        after,
    };
    let mut found = block_on(drive.model.page(&request)).unwrap();
    // The port brings keys with every projection.
    if matches!(read.shown, Shown::Expression(_)) {
        found.items.iter_mut().for_each(|item| item.0.retain(|name, _| ["pk", "sk", "v"].contains(&name.as_str())));
    }
    found
}

fn id(item: &Item) -> String {
    schema().key_of(item).unwrap().id()
}

impl Reader {
    fn new(read: PageRead) -> Reader {
        let (touched, late) = Default::default();
        Reader { read, next: None, shown: Vec::new(), counted: 0, scanned: 0, touched, late }
    }

    /// Reads the next page; answers whether it was the last.
    fn advance(&mut self, drive: &Drive, chance: &mut Chance, unbounded: bool) -> bool {
        let read = PageRead { start: self.next.clone(), ..self.read.clone() };
        let answer = match drive.world.page_in(&drive.view(chance), &read) {
            Err(Error::StalePhase) => drive.world.page(&read).unwrap(),
            answer => answer.unwrap(),
        };
        self.check(drive, &answer, unbounded);
        self.counted += answer.count;
        self.scanned += answer.scanned;
        self.next = answer.next;
        if self.next.is_none() {
            self.check_whole(drive);
        }
        self.next.is_none()
    }

    /// Every item of a page is what it is now, once, and in order.
    fn check(&mut self, drive: &Drive, answer: &PageAnswer, unbounded: bool) {
        let whole = expected(drive, &self.read, None, None);
        let there: BTreeMap<String, &Item> = whole.items.iter().map(|item| (id(item), item)).collect();
        for item in &answer.items {
            assert!(item.0.keys().all(|name| !name.starts_with(RESERVED)), "a mark leaks: {item:?}");
            assert_eq!(there.get(&id(item)), Some(&item), "another item than there is");
            let again = self.shown.iter().any(|shown| id(shown) == id(item));
            let may_come_again = self.read.index.is_some() && self.touched.contains(&id(item));
            assert!(!again || may_come_again, "twice: {item:?}");
            self.shown.push(item.clone());
        }
        if let Some(limit) = self.read.limit {
            assert!(answer.scanned <= limit, "{} looked at of {limit}", answer.scanned);
            assert!(!unbounded || answer.next.is_none() || answer.scanned == limit, "{} of {limit}", answer.scanned);
        }
        if self.read.shown != Shown::Count {
            assert_eq!(answer.count as usize, answer.items.len());
        }
        match &self.read.walk {
            Walk::Query { .. } if self.read.index.is_none() => self.check_exactly(drive, answer, unbounded),
            Walk::Query { forward, .. } => self.check_order(*forward),
            Walk::Scan { .. } => {}
        }
    }

    /// A query of the table has one order only: page for page the same.
    fn check_exactly(&self, drive: &Drive, answer: &PageAnswer, unbounded: bool) {
        let limit = answer.next.is_some().then_some(answer.scanned);
        if limit == Some(0) {
            return;
        }
        let page = expected(drive, &self.read, self.next.clone(), limit);
        assert_eq!((&answer.items, answer.count, answer.scanned), (&page.items, page.count, page.scanned));
        // A page that ends by its size may end on a tombstone.
        assert!(!unbounded || answer.next == page.next);
    }

    fn check_order(&self, forward: bool) {
        let sort = match self.read.index.as_deref() {
            Some("local" | "whole") => "nr",
            Some("inverted" | "mirror") => "pk",
            _ => return,
        };
        let mut order = texts(&self.shown, sort);
        if !forward {
            order.reverse();
        }
        assert!(order.is_sorted(), "not in order: {order:?} {:?} {:?}", self.read, self.shown);
    }

    /// What was not touched was shown, whatever the phases were.
    fn check_whole(&self, drive: &Drive) {
        let whole = expected(drive, &self.read, None, None);
        if self.read.shown != Shown::Count {
            for item in &whole.items {
                let was_shown = self.shown.iter().any(|shown| id(shown) == id(item));
                let may_be_late = self.read.index.is_some() && self.late.contains(&id(item));
                assert!(was_shown || may_be_late || self.touched.contains(&id(item)), "missing: {item:?}");
            }
        }
        if self.touched.is_empty() && (self.read.index.is_none() || self.late.is_empty()) {
            assert_eq!((self.counted, self.scanned), (whole.count, whole.scanned));
        }
    }
}

fn write(drive: &mut Drive, readers: &mut [Reader], chance: &mut Chance) {
    let key = some_key(chance);
    readers.iter_mut().for_each(|reader| {
        reader.touched.insert(key.id());
    });
    let mut values: Vec<(&str, AttributeValue)> = vec![("v", n(chance.below(3) as i64))];
    if !chance.once_in(4) {
        values.push(("g", s(chance.one_of(&["x", "y"]))));
    }
    if !chance.once_in(4) {
        values.push(("nr", n(chance.below(2) as i64)));
    }
    let text = |name: &str| match key.attributes().get(name) {
        Some(AttributeValue::S(text)) => text.clone(),
        _ => String::new(),
    };
    let (change, values) = match chance.below(6) {
        0 | 1 => (Change::Put(item(&text("pk"), &text("sk"), &values)), vec![]),
        2 => (Change::Delete, vec![]),
        3 => (Change::Update(Some("SET v = :v".to_owned())), vec![(":v", n(chance.below(3) as i64))]),
        4 => (Change::Update(Some("SET nr = :v".to_owned())), vec![(":v", n(chance.below(2) as i64))]),
        _ => (Change::Update(Some("REMOVE v, g".to_owned())), vec![]),
    };
    drive.write(key, change, &values, chance);
}

/// One list of operations, from `old` to wherever it gets.
fn run_list(seed: u64) {
    let mut chance = Chance::new(seed);
    let page_items = chance.one_of(&[usize::MAX, usize::MAX, 1, 2, 4]);
    let mut drive = Drive::new(page_items);
    let mut readers: Vec<Reader> = Vec::new();
    let pace = chance.one_of(&[6, 12, 25]);
    for _ in 0..240 {
        if chance.once_in(pace) {
            drive.step(&mut chance);
        }
        for key in drive.arrived() {
            readers.iter_mut().for_each(|reader| {
                reader.late.insert(key.id());
            });
        }
        match chance.below(12) {
            0..=2 => write(&mut drive, &mut readers, &mut chance),
            3 => {
                let side = chance.one_of(&[Side::Source, Side::Target]);
                drive.replicate(side, chance.below(4));
            }
            4 => {
                let (key, whole) = (some_key(&mut chance), chance.once_in(2));
                drive.hand_over(&key, whole);
            }
            5 if drive.state().phase == Phase::Final => drive.sweep(&mut chance),
            5 => drive.copy(),
            6 if readers.len() < 3 => readers.push(Reader::new(some_read(&mut chance))),
            _ if readers.is_empty() => readers.push(Reader::new(some_read(&mut chance))),
            _ => {
                let index = chance.below(readers.len());
                if readers[index].advance(&drive, &mut chance, page_items == usize::MAX) {
                    readers.swap_remove(index);
                }
            }
        }
    }
    for mut reader in readers {
        while !reader.advance(&drive, &mut chance, page_items == usize::MAX) {}
    }
}

#[test]
fn random_walks_on_a_migrating_pair_see_what_one_table_shows() {
    for seed in 1..=600 {
        let result = std::panic::catch_unwind(|| run_list(seed));
        assert!(result.is_ok(), "list {seed}");
    }
}
