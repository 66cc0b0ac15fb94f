//! TransactGetItems.

use std::collections::HashSet;

use livemove_core::error::Error;
use livemove_core::item::{Item, KeySchema};
use livemove_core::lease::Phases;
use livemove_core::phase::State;
use livemove_core::ports::pages::Pages;
use livemove_core::ports::transact::Transactions;
use livemove_core::register::{Migrations, States};
use livemove_core::route::Pair;
use livemove_core::snapshot::{SnapshotPart, snapshot};
use serde_json::{Map, Value, json};

use super::get::{GetOptions, TableGet};
use super::transact::{Entries, Entry};
use crate::api::cost::Cost;
use crate::api::parameters::Parameters;
use crate::api::tables::{Operation, Tables};

/// A decoded call.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TransactGetItems {
    pub(crate) table: String,
    pub(crate) entries: Reads,
    pub(crate) cost: Cost,
}

/// The entries, in order.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Reads(Vec<Entry<TableGet>>);

impl TransactGetItems {
    /// Decodes a call; `moves` tells the migrating tables.
    ///
    /// # Errors
    /// `ValidationException`, `SerializationException` and `ReservedAttribute`, naming the parameter;
    /// `SeveralMigratingTables`.
    pub(crate) fn decode(mut input: Parameters<'_>, moves: &HashSet<String>) -> Result<TransactGetItems, Error> {
        let entries = Entries::take(&mut input, "TransactGetItems", &["Get"], moves, |_, input| {
            Ok(TableGet { key: input.required("Key")?, options: GetOptions::of_transaction(input)? })
        })?;
        let cost = Cost::of_read(&mut input)?;
        input.finish()?;
        Ok(TransactGetItems { table: entries.table, entries: Reads(entries.entries), cost })
    }

    /// Whether an entry is about another table.
    pub(crate) fn has_foreign(&self) -> bool {
        self.entries.0.iter().any(Entry::is_foreign)
    }

    pub(crate) async fn serve<S: States + Migrations + Send>(&self, tables: &Tables<S>) -> Result<Value, Error> {
        let meter = self.cost.meter();
        let items = tables.run(&self.table, meter.as_ref(), &self.entries).await?;
        let responses: Vec<Value> =
            items.into_iter().map(|item| item.map_or_else(|| json!({}), |item| json!({"Item": item}))).collect();
        let mut answer = Map::from_iter([("Responses".to_owned(), Value::Array(responses))]);
        self.cost.tell_all([(self.table.as_str(), meter.as_ref())], &mut answer);
        Ok(Value::Object(answer))
    }
}

impl Reads {
    fn parts(&self, schema: &KeySchema) -> Result<Vec<SnapshotPart>, Error> {
        let part = |entry: &Entry<TableGet>| match entry {
            Entry::Ours(get) => get.request(schema).map(SnapshotPart::Get),
            Entry::Foreign(entry) => Ok(SnapshotPart::Foreign(entry.clone())),
        };
        self.0.iter().map(part).collect()
    }
}

impl Operation for Reads {
    type Answer = Vec<Option<Item>>;

    async fn perform<T: Pages + Transactions, P: Phases>(
        &self,
        pair: Pair<'_, T>,
        state: &State,
        _: &P,
    ) -> Result<Vec<Option<Item>>, Error> {
        snapshot(pair, state, &self.parts(pair.source.schema())?).await
    }
}
