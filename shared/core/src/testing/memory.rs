//! A table in memory with a stream, as DynamoDB's.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::apply::{apply, check_size};
use super::projection::Projection;
use super::transactions::Tokens;
use crate::canonical::{canonical_map, canonical_value};
use crate::change::Change;
use crate::error::Error;
use crate::expression::validation;
use crate::item::{Item, Key, KeySchema};
use crate::ports::pages::Index;
use crate::ports::{GET_MAX, Get, INSERT_MAX, Inserted, Millis, Page, Table, Write, Written};
use crate::segment::Segment;

/// Called before and after each atomic step, so that a schedule explorer can let others run there.
pub trait Hook: Send + Sync {
    /// Lets others run.
    fn pause(&self) -> impl Future<Output = ()> + Send;
}

/// Lets nobody else run.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoHook;

impl Hook for NoHook {
    async fn pause(&self) {}
}

/// A table in memory. Clones are the same table.
///
/// One step of a port call (the whole call; one item of `insert` and `get_many`) is atomic. Reads are always
/// strongly consistent. A stream record is written for each step that changes the item, and for no other.
#[derive(Clone, Debug)]
pub struct Memory<H = NoHook> {
    pub(super) schema: Arc<KeySchema>,
    pub(super) indexes: Arc<BTreeMap<String, Index>>,
    /// Makes the order of scans this table's own.
    pub(super) salt: u64,
    /// How many items a page of a query or scan holds, in the place of 1 MB.
    pub(super) page_items: usize,
    state: Arc<Mutex<State>>,
    pub(super) tokens: Arc<Mutex<Tokens>>,
    hook: H,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) items: BTreeMap<Place, Item>,
    stream: Vec<Change>,
    pub(super) now: Millis,
}

/// Where an item stands in the order of scans: by a hash of its partition key, as in DynamoDB.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    hash: u64,
    id: String,
}

/// The first sequence number has 21 digits, the third one 22: text order is not number order.
const FIRST_SEQUENCE: u128 = 999_999_999_999_999_999_998;

impl Memory {
    /// An empty table.
    pub fn new(schema: KeySchema) -> Memory {
        Memory::with_hook(schema, NoHook)
    }
}

impl<H> Memory<H> {
    /// An empty table that calls `hook` around each atomic step.
    pub fn with_hook(schema: KeySchema, hook: H) -> Memory<H> {
        Memory {
            schema: Arc::new(schema),
            indexes: Arc::default(),
            salt: 0,
            page_items: usize::MAX,
            state: Arc::default(),
            tokens: Arc::default(),
            hook,
        }
    }

    /// The same table with these secondary indexes.
    #[must_use]
    pub fn with_indexes<const N: usize>(self, indexes: [(&str, Index); N]) -> Memory<H> {
        let indexes = indexes.map(|(name, index)| (name.to_owned(), index));
        Memory { indexes: Arc::new(indexes.into()), ..self }
    }

    /// The same table, empty as yet, with another order of scans: tables of different salts differ in it.
    #[must_use]
    pub fn with_salt(self, salt: u64) -> Memory<H> {
        Memory { salt, ..self }
    }

    /// The same table; the pages of its queries and scans end after so many items at the latest.
    #[must_use]
    pub fn with_page_items(self, page_items: usize) -> Memory<H> {
        Memory { page_items, ..self }
    }

    /// The same table in the account and Region of `other`: they remember the tokens of transactions together.
    #[must_use]
    pub fn beside(self, other: &Memory<H>) -> Memory<H> {
        Memory { tokens: other.tokens.clone(), ..self }
    }

    /// What tells this table from every other one.
    pub(super) fn identity(&self) -> usize {
        Arc::as_ptr(&self.state).addr()
    }

    // A test that failed while it held the lock is failing already.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn place(&self, key: &Key) -> Place {
        let partition = key.attributes().get(&self.schema.partition).map(canonical_value).unwrap_or_default();
        Place { hash: self.spread(&partition), id: key.id() }
    }

    /// Spreads keys evenly over 64 bits, the high ones included: FNV-1a, then a multiplicative mix.
    pub(super) fn spread(&self, bytes: &[u8]) -> u64 {
        let start = 0xcbf2_9ce4_8422_2325_u64 ^ self.salt.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        let hash = bytes.iter().fold(start, step);
        (hash ^ (hash >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9)
    }

    /// Sets the time: that of the stream records to come, and by which tokens of transactions are forgotten.
    pub fn set_now(&self, now: Millis) {
        self.state().now = now;
    }

    /// All stream records, oldest first.
    pub fn records(&self) -> Vec<Change> {
        self.state().stream.clone()
    }

    /// The stream record of that index, 0 being the oldest.
    pub fn record(&self, index: usize) -> Option<Change> {
        self.state().stream.get(index).cloned()
    }

    /// How many stream records there are.
    pub fn records_len(&self) -> usize {
        self.state().stream.len()
    }

    /// All items as stored, in scan order.
    pub fn items(&self) -> Vec<Item> {
        self.state().items.values().cloned().collect()
    }

    /// How many items there are, tombstones included.
    pub fn len(&self) -> usize {
        self.state().items.len()
    }

    /// Whether there is no item.
    pub fn is_empty(&self) -> bool {
        self.state().items.is_empty()
    }

    /// The item as stored.
    pub fn peek(&self, key: &Key) -> Option<Item> {
        self.state().items.get(&self.place(key)).cloned()
    }

    /// Writes an item past the ports, as an application that does not know livemove does. Streamed.
    ///
    /// # Panics
    /// When the item has no key of this table.
    pub fn put_raw(&self, item: Item) {
        let key = self.schema.key_of(&item).unwrap_or_else(|error| panic!("{error}"));
        self.state().replace(self.place(&key), key, Some(item));
    }

    /// Removes an item past the ports, as DynamoDB's TTL does. Streamed if there was one.
    pub fn delete_raw(&self, key: &Key) {
        self.state().replace(self.place(key), key.clone(), None);
    }
}

impl State {
    /// Stores `item` at `place` and, if that changes anything, appends to the stream.
    pub(super) fn replace(&mut self, place: Place, key: Key, item: Option<Item>) {
        let old = match &item {
            Some(item) => self.items.insert(place, item.clone()),
            None => self.items.remove(&place),
        };
        let form = |item: &Option<Item>| item.as_ref().map(|item| canonical_map(&item.0));
        if form(&old) != form(&item) {
            let sequence = (FIRST_SEQUENCE + self.stream.len() as u128).to_string();
            self.stream.push(Change { key, old, new: item, sequence, at: self.now });
        }
    }
}

pub(super) fn segment_of(hash: u64, total: u32) -> u32 {
    u32::try_from((u128::from(hash) * u128::from(total)) >> 64).unwrap_or(0)
}

impl<H: Hook> Memory<H> {
    /// Runs one atomic step with the hook before and after.
    pub(super) async fn step<T>(&self, act: impl FnOnce(&mut State) -> T + Send) -> T
    where
        T: Send,
    {
        self.hook.pause().await;
        let answer = act(&mut self.state());
        self.hook.pause().await;
        answer
    }
}

impl<H: Hook> Table for Memory<H> {
    fn schema(&self) -> &KeySchema {
        &self.schema
    }

    async fn get(&self, get: &Get) -> Result<Option<Item>, Error> {
        let projection = Projection::of(get)?;
        let place = self.place(&get.key);
        let stored = self.step(|state| state.items.get(&place).cloned()).await;
        Ok(stored.map(|item| projection.of_item(item)))
    }

    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Item>>, Error> {
        let places: Vec<Place> = keys.iter().map(|key| self.place(key)).collect();
        if places.len() > GET_MAX {
            return Err(validation("Too many items requested for the BatchGetItem call"));
        }
        if places.iter().collect::<BTreeSet<_>>().len() < places.len() {
            return Err(validation("Provided list of item keys contains duplicates"));
        }
        let mut items = Vec::new();
        for place in &places {
            items.push(self.step(|state| state.items.get(place).cloned()).await);
        }
        Ok(items)
    }

    async fn write(&self, write: &Write) -> Result<Written, Error> {
        let place = self.place(&write.key);
        self.step(|state| {
            let outcome = apply(&self.schema, state.items.get(&place), write)?;
            if matches!(outcome.written, Written::Applied(_)) {
                state.replace(place, write.key.clone(), outcome.item);
            }
            Ok(outcome.written)
        })
        .await
    }

    async fn insert(&self, items: &[Item]) -> Vec<Inserted> {
        assert!(items.len() <= INSERT_MAX, "insert takes at most {INSERT_MAX} items, not {}", items.len());
        let mut answers = Vec::new();
        for item in items {
            let key = self.schema.key_of(item).map_err(|error| validation(error.to_string()));
            answers.push(match check_size(item).and(key) {
                Err(error) => Inserted::Failed(error),
                Ok(key) => {
                    let place = self.place(&key);
                    self.step(|state| {
                        if state.items.contains_key(&place) {
                            return Inserted::Exists;
                        }
                        state.replace(place, key, Some(item.clone()));
                        Inserted::Inserted
                    })
                    .await
                }
            });
        }
        answers
    }

    async fn scan(&self, segment: Segment, after: Option<&Key>, limit: u32) -> Result<Page, Error> {
        if segment.index >= segment.total || limit == 0 {
            return Err(validation(format!(
                "no segment {} of {}, or a limit of {limit}",
                segment.index, segment.total
            )));
        }
        let after = after.map(|key| self.place(key));
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let items = self
            .step(|state| {
                let in_segment = |place: &Place| segment_of(place.hash, segment.total) == segment.index;
                let is_next = |place: &Place| after.as_ref().is_none_or(|after| place > after);
                let rest = state.items.iter().filter(|(place, _)| in_segment(place) && is_next(place));
                rest.take(limit).map(|(_, item)| item.clone()).collect::<Vec<_>>()
            })
            .await;
        // As DynamoDB, a full page has a cursor even if nothing comes after it.
        let last = items.last().filter(|_| items.len() == limit);
        let next = last.and_then(|item| self.schema.key_of(item).ok());
        Ok(Page { items, next })
    }
}
