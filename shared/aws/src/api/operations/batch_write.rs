//! BatchWriteItem.

use std::collections::{BTreeMap, HashSet};

use livemove_core::batch::{BatchWrite, batch};
use livemove_core::error::Error;
use livemove_core::expression::reserved;
use livemove_core::item::{Item, KeySchema};
use livemove_core::lease::Phases;
use livemove_core::phase::State;
use livemove_core::ports::pages::Pages;
use livemove_core::ports::transact::{REPLACE_MAX, Transactions};
use livemove_core::register::{Migrations, States};
use livemove_core::route::Pair;
use serde_json::{Map, Value, json};

use super::batch_get::merge;
use super::wrong_key;
use crate::api::cost::Cost;
use crate::api::elsewhere::Elsewhere;
use crate::api::parameters::{Parameters, invalid};
use crate::api::tables::{Operation, Tables};

/// A decoded call, as far as it is about migrating tables.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct BatchWriteItem {
    pub(crate) parts: Vec<Part>,
    /// What is asked of other tables, as it came; empty if nothing is.
    pub(crate) foreign: Map<String, Value>,
    pub(crate) cost: Cost,
}

/// The part that is about one table.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Part {
    pub(crate) table: String,
    pub(crate) writes: Vec<Write>,
    /// The requests as they came: they go back unprocessed.
    given: Vec<Value>,
}

/// One request of a batch.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Write {
    Put(Item),
    Delete(Item),
}

impl BatchWriteItem {
    /// Decodes a call; `moves` tells the migrating tables.
    ///
    /// # Errors
    /// `ValidationException`, `SerializationException` and `ReservedAttribute`, naming the parameter.
    pub(crate) fn decode(mut input: Parameters<'_>, moves: &HashSet<String>) -> Result<BatchWriteItem, Error> {
        let requests: BTreeMap<String, Vec<Value>> = input.required("RequestItems")?;
        let cost = Cost::of_write(&mut input)?;
        input.finish()?;
        let asked: usize = requests.values().map(Vec::len).sum();
        if asked == 0 || asked > REPLACE_MAX {
            return Err(invalid(
                format!("BatchWriteItem makes {asked} requests"),
                format!("make 1 to {REPLACE_MAX} requests"),
            ));
        }
        let (mut parts, mut foreign) = (Vec::new(), Map::new());
        for (table, given) in requests {
            if moves.contains(&table) {
                let writes = given.iter().map(Write::decode).collect::<Result<_, _>>()?;
                parts.push(Part { table, writes, given });
            } else {
                foreign.insert(table, Value::Array(given));
            }
        }
        Ok(BatchWriteItem { parts, foreign, cost })
    }

    /// Writes all parts, table by table. After an error, writes that were not acknowledged may have been done.
    pub(crate) async fn serve<S: States + Migrations + Send, E: Elsewhere>(
        &self,
        tables: &Tables<S>,
        elsewhere: &E,
    ) -> Result<Value, Error> {
        let meters: Vec<_> = self.parts.iter().map(|_| self.cost.meter()).collect();
        let mut unprocessed = Map::new();
        for (part, meter) in self.parts.iter().zip(&meters) {
            let left = tables.run(&part.table, meter.as_ref(), part).await?;
            if !left.is_empty() {
                let again: Vec<_> = left.into_iter().filter_map(|index| part.given.get(index)).collect();
                unprocessed.insert(part.table.clone(), json!(again));
            }
        }
        let mut answer = Map::from_iter([("UnprocessedItems".to_owned(), Value::Object(unprocessed))]);
        let told = self.parts.iter().zip(&meters).map(|(part, meter)| (part.table.as_str(), meter.as_ref()));
        self.cost.tell_all(told, &mut answer);
        if !self.foreign.is_empty() {
            let input = self.cost.asked(Map::from_iter([("RequestItems".to_owned(), json!(self.foreign))]));
            merge(&mut answer, elsewhere.call("BatchWriteItem", input).await?);
        }
        Ok(Value::Object(answer))
    }
}

impl Write {
    fn decode(request: &Value) -> Result<Write, Error> {
        let request = request.as_object().cloned().unwrap_or_default();
        let mut input = Parameters::new("BatchWriteItem", request);
        let put: Option<Map<String, Value>> = input.optional("PutRequest")?;
        let delete: Option<Map<String, Value>> = input.optional("DeleteRequest")?;
        input.finish()?;
        let (given, name) = match (put, delete) {
            (Some(put), None) => (put, "Item"),
            (None, Some(delete)) => (delete, "Key"),
            (Some(_), Some(_)) | (None, None) => {
                return Err(invalid(
                    "a request of BatchWriteItem is not exactly one of PutRequest and DeleteRequest",
                    "give one of them in each request",
                ));
            }
        };
        let mut input = Parameters::new("BatchWriteItem", given);
        let item: Item = input.required(name)?;
        input.finish()?;
        reserved::check(Some(&item), &[], &BTreeMap::new(), &BTreeMap::new())?;
        Ok(if name == "Item" { Write::Put(item) } else { Write::Delete(item) })
    }

    fn request(&self, schema: &KeySchema) -> Result<BatchWrite, Error> {
        match self {
            Write::Put(item) => {
                let key = schema.key_of(item).map_err(|error| wrong_key(&error))?;
                Ok(BatchWrite::Put { key, item: item.clone() })
            }
            Write::Delete(key) => Ok(BatchWrite::Delete(schema.key(key.clone()).map_err(|error| wrong_key(&error))?)),
        }
    }
}

impl Part {
    fn requests(&self, schema: &KeySchema) -> Result<Vec<BatchWrite>, Error> {
        self.writes.iter().map(|write| write.request(schema)).collect()
    }
}

impl Operation for Part {
    type Answer = Vec<usize>;

    async fn perform<T: Pages + Transactions, P: Phases>(
        &self,
        pair: Pair<'_, T>,
        state: &State,
        _: &P,
    ) -> Result<Vec<usize>, Error> {
        batch(pair, state, &self.requests(pair.source.schema())?).await
    }
}
