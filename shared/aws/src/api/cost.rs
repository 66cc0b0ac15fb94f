//! `ReturnConsumedCapacity` and `ReturnItemCollectionMetrics`: what an operation cost, as DynamoDB tells it.

use std::sync::Arc;

use livemove_core::error::Error;
use serde_json::{Map, Value, json};

use super::parameters::Parameters;
use crate::dynamo::{Detail, Meter, Totals, Units};

/// What the application wants to know of the cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Cost {
    detail: Option<Detail>,
    collections: bool,
}

impl Cost {
    /// Takes the parameter of reads.
    pub(super) fn of_read(input: &mut Parameters<'_>) -> Result<Cost, Error> {
        let choices = [("NONE", None), ("TOTAL", Some(Detail::Total)), ("INDEXES", Some(Detail::Indexes))];
        Ok(Cost { detail: input.one_of("ReturnConsumedCapacity", &choices)?, collections: false })
    }

    /// Takes the parameters of writes.
    pub(super) fn of_write(input: &mut Parameters<'_>) -> Result<Cost, Error> {
        let collections = input.one_of("ReturnItemCollectionMetrics", &[("NONE", false), ("SIZE", true)])?;
        Ok(Cost { collections, ..Cost::of_read(input)? })
    }

    /// `input` with the parameters as they were asked for.
    pub(super) fn asked(self, mut input: Map<String, Value>) -> Map<String, Value> {
        let detail = self.detail.map(|detail| match detail {
            Detail::Total => "TOTAL",
            Detail::Indexes => "INDEXES",
        });
        input.extend(detail.map(|detail| ("ReturnConsumedCapacity".to_owned(), json!(detail))));
        if self.collections {
            input.insert("ReturnItemCollectionMetrics".to_owned(), json!("SIZE"));
        }
        input
    }

    /// A meter for one table, where anything is to be measured.
    pub(super) fn meter(self) -> Option<Arc<Meter>> {
        let wanted = self.detail.is_some() || self.collections;
        wanted.then(|| Arc::new(Meter::new(self.detail, self.collections)))
    }

    /// Adds what the meter says to the answer of an operation on one table.
    pub(super) fn tell(self, table: &str, meter: Option<&Arc<Meter>>, answer: &mut Map<String, Value>) {
        let Some(totals) = meter.map(|meter| meter.totals()) else { return };
        answer.extend(self.consumed(table, &totals).map(|told| ("ConsumedCapacity".to_owned(), told)));
        let metrics = self.sizes(&totals).into_iter().next();
        answer.extend(metrics.map(|metrics| ("ItemCollectionMetrics".to_owned(), metrics)));
    }

    /// Adds what the meters say, by table, to the answer of an operation on many.
    pub(super) fn tell_all<'a>(
        self,
        meters: impl IntoIterator<Item = (&'a str, Option<&'a Arc<Meter>>)>,
        answer: &mut Map<String, Value>,
    ) {
        let (mut consumed, mut collections) = (Vec::new(), Map::new());
        for (table, meter) in meters {
            let Some(totals) = meter.map(|meter| meter.totals()) else { continue };
            consumed.extend(self.consumed(table, &totals));
            let sizes = self.sizes(&totals);
            if !sizes.is_empty() {
                collections.insert(table.to_owned(), Value::Array(sizes));
            }
        }
        if self.detail.is_some() {
            answer.insert("ConsumedCapacity".to_owned(), Value::Array(consumed));
        }
        if !collections.is_empty() {
            answer.insert("ItemCollectionMetrics".to_owned(), Value::Object(collections));
        }
    }

    fn consumed(self, table: &str, totals: &Totals) -> Option<Value> {
        let detail = self.detail?;
        let mut told = units(&totals.all);
        told.insert("TableName".to_owned(), json!(table));
        if detail == Detail::Indexes {
            told.insert("Table".to_owned(), Value::Object(units(&totals.table)));
            for (name, parts) in [("LocalSecondaryIndexes", &totals.local), ("GlobalSecondaryIndexes", &totals.global)]
            {
                let parts: Map<_, _> =
                    parts.iter().map(|(index, part)| (index.clone(), Value::Object(units(part)))).collect();
                if !parts.is_empty() {
                    told.insert(name.to_owned(), Value::Object(parts));
                }
            }
        }
        Some(Value::Object(told))
    }

    fn sizes(self, totals: &Totals) -> Vec<Value> {
        let told = totals.collections.iter().map(
            |collection| json!({"ItemCollectionKey": collection.key, "SizeEstimateRangeGB": collection.gigabytes}),
        );
        told.filter(|_| self.collections).collect()
    }
}

fn units(units: &Units) -> Map<String, Value> {
    let mut told = Map::from_iter([("CapacityUnits".to_owned(), json!(units.all))]);
    told.extend(units.read.map(|read| ("ReadCapacityUnits".to_owned(), json!(read))));
    told.extend(units.write.map(|write| ("WriteCapacityUnits".to_owned(), json!(write))));
    told
}
