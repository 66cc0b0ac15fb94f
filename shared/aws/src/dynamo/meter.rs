//! What the calls of one operation cost: `ReturnConsumedCapacity` and `ReturnItemCollectionMetrics`.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

use aws_sdk_dynamodb::types::{
    AttributeValue as Sdk, Capacity, ConsumedCapacity, ItemCollectionMetrics, ReturnConsumedCapacity,
    ReturnItemCollectionMetrics,
};
use livemove_core::item::Item;

use super::value::item_from_sdk;

/// How much of the consumed capacity an application wants to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// The sum.
    Total,
    /// The sum, and what table and indexes have of it.
    Indexes,
}

/// Adds up what the calls of one operation consumed, whichever table they went to: to the application there is
/// one. Calls of the protocol's own are counted with the rest, for they are paid like the rest.
#[derive(Debug)]
pub struct Meter {
    detail: Option<Detail>,
    collections: bool,
    totals: Mutex<Totals>,
}

/// What has been added up.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Totals {
    /// All together.
    pub all: Units,
    /// The table's own.
    pub table: Units,
    /// Those of local indexes by name.
    pub local: BTreeMap<String, Units>,
    /// Those of global indexes by name.
    pub global: BTreeMap<String, Units>,
    /// The size estimates of the item collections that were written to, in GB.
    pub collections: Vec<Collection>,
}

/// Capacity units.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Units {
    /// Of either kind.
    pub all: f64,
    /// Of reads, where the backend tells.
    pub read: Option<f64>,
    /// Of writes, where the backend tells.
    pub write: Option<f64>,
}

/// An item collection and its size.
#[derive(Clone, Debug, PartialEq)]
pub struct Collection {
    /// The partition key.
    pub key: Item,
    /// The lower and upper estimate in GB.
    pub gigabytes: Vec<f64>,
}

impl Meter {
    /// A meter at zero; `detail: None` asks for no capacity, `collections` for sizes of item collections.
    pub fn new(detail: Option<Detail>, collections: bool) -> Meter {
        Meter { detail, collections, totals: Mutex::default() }
    }

    /// What to ask the backend for.
    pub(super) fn capacity(&self) -> Option<ReturnConsumedCapacity> {
        self.detail.map(|detail| match detail {
            Detail::Total => ReturnConsumedCapacity::Total,
            Detail::Indexes => ReturnConsumedCapacity::Indexes,
        })
    }

    /// What to ask the backend for.
    pub(super) fn metrics(&self) -> Option<ReturnItemCollectionMetrics> {
        self.collections.then_some(ReturnItemCollectionMetrics::Size)
    }

    /// Adds what a call consumed.
    pub(super) fn add<'a>(&self, consumed: impl IntoIterator<Item = &'a ConsumedCapacity>) {
        let mut totals = self.totals.lock().unwrap_or_else(PoisonError::into_inner);
        for consumed in consumed {
            totals.all.add(consumed.capacity_units, consumed.read_capacity_units, consumed.write_capacity_units);
            totals.table.add_part(consumed.table.as_ref());
            add_parts(&mut totals.local, consumed.local_secondary_indexes.as_ref());
            add_parts(&mut totals.global, consumed.global_secondary_indexes.as_ref());
        }
    }

    /// Adds what a write told of an item collection.
    pub(super) fn add_collection(&self, metrics: Option<ItemCollectionMetrics>) {
        let Some(metrics) = metrics else { return };
        let key: HashMap<String, Sdk> = metrics.item_collection_key.unwrap_or_default();
        if let Ok(key) = item_from_sdk(key) {
            let gigabytes = metrics.size_estimate_range_gb.unwrap_or_default();
            let mut totals = self.totals.lock().unwrap_or_else(PoisonError::into_inner);
            totals.collections.retain(|known| known.key != key);
            totals.collections.push(Collection { key, gigabytes });
        }
    }

    /// What has been added up so far.
    pub fn totals(&self) -> Totals {
        self.totals.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What the application asked for, if it did.
    pub fn detail(&self) -> Option<Detail> {
        self.detail
    }
}

fn add_parts(to: &mut BTreeMap<String, Units>, parts: Option<&HashMap<String, Capacity>>) {
    for (index, part) in parts.into_iter().flatten() {
        to.entry(index.clone()).or_default().add_part(Some(part));
    }
}

impl Units {
    fn add_part(&mut self, part: Option<&Capacity>) {
        if let Some(part) = part {
            self.add(part.capacity_units, part.read_capacity_units, part.write_capacity_units);
        }
    }

    fn add(&mut self, all: Option<f64>, read: Option<f64>, write: Option<f64>) {
        let sum = |so_far: &mut Option<f64>, more: Option<f64>| {
            if let Some(more) = more {
                *so_far = Some(so_far.unwrap_or(0.0) + more);
            }
        };
        self.all += all.unwrap_or(0.0);
        sum(&mut self.read, read);
        sum(&mut self.write, write);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capacity_of_all_calls_is_added_up_by_part() {
        let meter = Meter::new(Some(Detail::Indexes), false);
        let part = |units| Capacity::builder().capacity_units(units).build();
        let call = ConsumedCapacity::builder()
            .table_name("orders-new")
            .capacity_units(1.5)
            .write_capacity_units(1.5)
            .table(part(1.0))
            .global_secondary_indexes("by-day", part(0.5))
            .build();
        meter.add([&call, &call]);
        meter.add(None);
        let totals = meter.totals();
        assert_eq!(totals.all, Units { all: 3.0, read: None, write: Some(3.0) });
        assert!(totals.table.all == 2.0 && totals.global["by-day"].all == 1.0);
    }

    #[test]
    fn nothing_is_asked_for_that_the_application_did_not_ask_for() {
        let meter = Meter::new(None, false);
        assert!(meter.capacity().is_none() && meter.metrics().is_none());
        let meter = Meter::new(Some(Detail::Total), true);
        assert_eq!(meter.capacity(), Some(ReturnConsumedCapacity::Total));
        assert_eq!(meter.metrics(), Some(ReturnItemCollectionMetrics::Size));
    }
}
