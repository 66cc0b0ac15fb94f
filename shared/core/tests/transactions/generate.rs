//! Random steps.

use livemove_core::phase::Side;
use livemove_core::ports::Returning;
use proptest::prelude::*;

/// One step of a random walk.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// The run goes on by a phase.
    Advance,
    /// So many records of one side are replicated.
    Deliver(Side, usize),
    /// An application's operation; by a process that lags behind, if it can.
    Do(Operation, Lag),
}

/// Whether a process has the phase in hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lag {
    UpToDate,
    Behind,
}

#[derive(Clone, Debug)]
pub(crate) enum Operation {
    /// A transaction with or without a token.
    Transact(Vec<Entry>, bool),
    /// The last transaction that had a token, asked for again.
    Again,
    Snapshot(Vec<(usize, bool)>),
    Batch(Vec<(usize, Option<i64>)>),
    Write(Entry, Returning),
    Read(usize),
}

/// A write or a check of the key of that index.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: usize,
    pub(crate) change: Kind,
    pub(crate) condition: usize,
    pub(crate) value: i64,
}

#[derive(Clone, Debug)]
pub(crate) enum Kind {
    Put,
    Delete,
    /// The update expression of that index.
    Update(usize),
    Check,
}

pub(crate) const KEYS: usize = 4;

/// Update expressions; `:v` is a number, `:s` a set of numbers.
pub(crate) const UPDATES: [&str; 7] =
    ["SET v = :v", "ADD v :v", "SET v = v + :v", "REMOVE v", "ADD s :s", "DELETE s :s", "REMOVE v DELETE s :s"];

/// Conditions; the first stands for none. `:c` is a number.
pub(crate) const CONDITIONS: [&str; 6] = [
    "",
    "attribute_exists(pk)",
    "attribute_not_exists(pk)",
    "v = :c",
    "NOT v = :c",
    "attribute_not_exists(v) OR v < :c",
];

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![
        2 => Just(Kind::Put),
        2 => Just(Kind::Delete),
        4 => (0..UPDATES.len()).prop_map(Kind::Update),
        1 => Just(Kind::Check),
    ]
}

fn entry() -> impl Strategy<Value = Entry> {
    let condition = prop_oneof![3 => Just(0), 2 => 0..CONDITIONS.len()];
    (0..KEYS, kind(), condition, 0..4i64).prop_map(|(key, change, condition, value)| {
        // A check has a condition.
        let condition = if matches!(change, Kind::Check) { condition.max(1) } else { condition };
        Entry { key, change, condition, value }
    })
}

/// Entries of different keys.
fn entries() -> impl Strategy<Value = Vec<Entry>> {
    prop::collection::vec(entry(), 1..4).prop_map(|mut entries| {
        let mut seen = [false; KEYS];
        entries.retain(|entry| !std::mem::replace(&mut seen[entry.key], true));
        entries
    })
}

fn keyed<T: std::fmt::Debug + Clone>(of: impl Strategy<Value = T>) -> impl Strategy<Value = Vec<(usize, T)>> {
    prop::collection::btree_map(0..KEYS, of, 1..KEYS).prop_map(|map| map.into_iter().collect())
}

fn operation() -> impl Strategy<Value = Operation> {
    let returning = prop_oneof![Just(Returning::Nothing), Just(Returning::AllOld)];
    prop_oneof![
        5 => (entries(), any::<bool>()).prop_map(|(entries, token)| Operation::Transact(entries, token)),
        2 => Just(Operation::Again),
        2 => keyed(any::<bool>()).prop_map(Operation::Snapshot),
        2 => keyed(prop::option::of(0..9i64)).prop_map(Operation::Batch),
        2 => (entry(), returning).prop_map(|(entry, returning)| Operation::Write(entry, returning)),
        1 => (0..KEYS).prop_map(Operation::Read),
    ]
}

pub(crate) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let side = prop_oneof![Just(Side::Source), Just(Side::Target)];
    let lag = prop_oneof![2 => Just(Lag::UpToDate), 1 => Just(Lag::Behind)];
    let step = prop_oneof![
        2 => Just(Step::Advance),
        2 => (side, 1..6usize).prop_map(|(side, most)| Step::Deliver(side, most)),
        8 => (operation(), lag).prop_map(|(operation, lag)| Step::Do(operation, lag)),
    ];
    prop::collection::vec(step, 1..80)
}
