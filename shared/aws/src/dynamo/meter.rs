//! What the calls of one operation cost: `ReturnConsumedCapacity` and `ReturnItemCollectionMetrics`.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

use aws_sdk_dynamodb::types::{
    Capacity, ConsumedCapacity, ItemCollectionMetrics, ReturnConsumedCapacity, ReturnItemCollectionMetrics,
};
use livemove_core::item::Item;
use serde::Deserialize;

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
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Collection {
    /// The partition key.
    #[serde(rename = "ItemCollectionKey")]
    pub key: Item,
    /// The lower and upper estimate in GB.
    #[serde(rename = "SizeEstimateRangeGB", default)]
    pub gigabytes: Vec<f64>,
}

/// What a call is to tell of its cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Asks {
    /// `ReturnConsumedCapacity`.
    pub(super) capacity: Option<&'static str>,
    /// `ReturnItemCollectionMetrics`.
    pub(super) collections: Option<&'static str>,
}

/// What a call consumed: `ConsumedCapacity`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub(super) struct Consumed {
    #[serde(flatten)]
    all: Used,
    table: Option<Used>,
    local_secondary_indexes: BTreeMap<String, Used>,
    global_secondary_indexes: BTreeMap<String, Used>,
}

/// A part of it.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Used {
    capacity_units: Option<f64>,
    read_capacity_units: Option<f64>,
    write_capacity_units: Option<f64>,
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

    /// Both, as the protocol has them.
    pub(super) fn asks(&self) -> Asks {
        let capacity = self.detail.map(|detail| match detail {
            Detail::Total => "TOTAL",
            Detail::Indexes => "INDEXES",
        });
        Asks { capacity, collections: self.collections.then_some("SIZE") }
    }

    /// Adds what a call consumed.
    pub(super) fn add(&self, consumed: impl IntoIterator<Item = Consumed>) {
        let mut totals = self.totals.lock().unwrap_or_else(PoisonError::into_inner);
        for consumed in consumed {
            totals.all.add(&consumed.all);
            totals.table.add(&consumed.table.unwrap_or_default());
            add_parts(&mut totals.local, &consumed.local_secondary_indexes);
            add_parts(&mut totals.global, &consumed.global_secondary_indexes);
        }
    }

    /// Adds what a write told of an item collection.
    pub(super) fn add_collection(&self, collection: Collection) {
        let mut totals = self.totals.lock().unwrap_or_else(PoisonError::into_inner);
        totals.collections.retain(|known| known.key != collection.key);
        totals.collections.push(collection);
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

fn add_parts(to: &mut BTreeMap<String, Units>, parts: &BTreeMap<String, Used>) {
    for (index, part) in parts {
        to.entry(index.clone()).or_default().add(part);
    }
}

impl Units {
    fn add(&mut self, used: &Used) {
        let sum = |so_far: &mut Option<f64>, more: Option<f64>| {
            if let Some(more) = more {
                *so_far = Some(so_far.unwrap_or(0.0) + more);
            }
        };
        self.all += used.capacity_units.unwrap_or(0.0);
        sum(&mut self.read, used.read_capacity_units);
        sum(&mut self.write, used.write_capacity_units);
    }
}

impl Collection {
    /// That of the SDK, unless it is one that nobody could understand.
    pub(super) fn of_sdk(metrics: ItemCollectionMetrics) -> Option<Collection> {
        let key = item_from_sdk(metrics.item_collection_key.unwrap_or_default()).ok()?;
        Some(Collection { key, gigabytes: metrics.size_estimate_range_gb.unwrap_or_default() })
    }
}

impl From<&ConsumedCapacity> for Consumed {
    fn from(sdk: &ConsumedCapacity) -> Consumed {
        let parts = |parts: Option<&HashMap<String, Capacity>>| {
            parts.into_iter().flatten().map(|(index, part)| (index.clone(), Used::from(part))).collect()
        };
        Consumed {
            all: Used {
                capacity_units: sdk.capacity_units,
                read_capacity_units: sdk.read_capacity_units,
                write_capacity_units: sdk.write_capacity_units,
            },
            table: sdk.table.as_ref().map(Used::from),
            local_secondary_indexes: parts(sdk.local_secondary_indexes.as_ref()),
            global_secondary_indexes: parts(sdk.global_secondary_indexes.as_ref()),
        }
    }
}

impl From<&Capacity> for Used {
    fn from(sdk: &Capacity) -> Used {
        Used {
            capacity_units: sdk.capacity_units,
            read_capacity_units: sdk.read_capacity_units,
            write_capacity_units: sdk.write_capacity_units,
        }
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
        meter.add([Consumed::from(&call), Consumed::from(&call)]);
        meter.add(None);
        let totals = meter.totals();
        assert_eq!(totals.all, Units { all: 3.0, read: None, write: Some(3.0) });
        assert!(totals.table.all == 2.0 && totals.global["by-day"].all == 1.0);
        let told = serde_json::json!({
            "TableName": "orders-new", "CapacityUnits": 1.5, "WriteCapacityUnits": 1.5,
            "Table": {"CapacityUnits": 1.0}, "GlobalSecondaryIndexes": {"by-day": {"CapacityUnits": 0.5}},
        });
        assert_eq!(serde_json::from_value::<Consumed>(told).unwrap(), Consumed::from(&call));
    }

    #[test]
    fn nothing_is_asked_for_that_the_application_did_not_ask_for() {
        let meter = Meter::new(None, false);
        assert_eq!((meter.capacity(), meter.asks()), (None, Asks::default()));
        let meter = Meter::new(Some(Detail::Total), true);
        assert_eq!(meter.capacity(), Some(ReturnConsumedCapacity::Total));
        assert_eq!(meter.asks(), Asks { capacity: Some("TOTAL"), collections: Some("SIZE") });
    }
}
