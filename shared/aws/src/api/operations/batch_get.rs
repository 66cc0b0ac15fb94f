//! BatchGetItem.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use futures_util::stream::{self, StreamExt as _};
use livemove_core::error::Error;
use livemove_core::item::Item;
use livemove_core::ports::GET_MAX;
use livemove_core::register::{Migrations, States};
use serde_json::{Map, Value, json};

use super::get::{GetOptions, TableGet};
use crate::api::bound::as_text;
use crate::api::cost::Cost;
use crate::api::elsewhere::Elsewhere;
use crate::api::json::of_item;
use crate::api::parameters::{Parameters, invalid};
use crate::api::tables::Tables;
use crate::dynamo::Meter;

/// How many items of a batch are read at a time.
const IN_FLIGHT: usize = 16;
/// What a batch may answer, in bytes of JSON within JSON: below the 6 MB of a Lambda response through a URL. More than
/// any item has.
const ANSWER_MAX: usize = 5_600_000;

/// A decoded call, as far as it is about migrating tables.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct BatchGetItem {
    pub(crate) parts: Vec<Part>,
    /// What is asked of other tables, as it came; empty if nothing is.
    pub(crate) foreign: Map<String, Value>,
    pub(crate) cost: Cost,
}

/// The part that is about one table.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Part {
    pub(crate) table: String,
    /// One read for each key, in order.
    pub(crate) gets: Vec<TableGet>,
    /// All parameters but `Keys`, as they came: they go back with unprocessed keys.
    pub(crate) given: Map<String, Value>,
}

impl BatchGetItem {
    /// Decodes a call; `moves` tells the migrating tables.
    ///
    /// # Errors
    /// `ValidationException`, `SerializationException` and `ReservedAttribute`, naming the parameter.
    pub(crate) fn decode(mut input: Parameters<'_>, moves: &HashSet<String>) -> Result<BatchGetItem, Error> {
        let requests: BTreeMap<String, Map<String, Value>> = input.required("RequestItems")?;
        let cost = Cost::of_read(&mut input)?;
        input.finish()?;
        let (mut parts, mut foreign, mut keys) = (Vec::new(), Map::new(), 0);
        for (table, request) in requests {
            if moves.contains(&table) {
                let part = Part::decode(table, request)?;
                keys += part.gets.len();
                parts.push(part);
            } else {
                keys += request.get("Keys").and_then(Value::as_array).map_or(0, Vec::len);
                foreign.insert(table, Value::Object(request));
            }
        }
        if keys == 0 || keys > GET_MAX {
            return Err(invalid(format!("BatchGetItem asks for {keys} keys"), format!("ask for 1 to {GET_MAX} keys")));
        }
        Ok(BatchGetItem { parts, foreign, cost })
    }

    /// Reads all parts. Throttled keys and those whose items do not fit go back to be asked for again; an error
    /// only when nothing at all could be read, as DynamoDB does.
    pub(crate) async fn serve<S: States + Migrations + Send, E: Elsewhere>(
        &self,
        tables: &Tables<S>,
        elsewhere: &E,
    ) -> Result<Value, Error> {
        let meters: Vec<_> = self.parts.iter().map(|_| self.cost.meter()).collect();
        let gets = self.parts.iter().enumerate().flat_map(|(part, of)| of.gets.iter().map(move |get| (part, get)));
        let reads: Vec<_> = gets.map(|(part, get)| self.read(tables, part, get, meters[part].as_ref())).collect();
        let mut reads = stream::iter(reads).buffered(IN_FLIGHT);
        let mut batch = Batch::new(&self.parts);
        while let Some((part, get, read)) = reads.next().await {
            batch.add(part, get, read)?;
        }
        let mut answer = batch.finish()?;
        let told = self.parts.iter().zip(&meters).map(|(part, meter)| (part.table.as_str(), meter.as_ref()));
        self.cost.tell_all(told, &mut answer);
        if !self.foreign.is_empty() {
            let input = self.cost.asked(Map::from_iter([("RequestItems".to_owned(), json!(self.foreign))]));
            merge(&mut answer, elsewhere.call("BatchGetItem", input).await?);
        }
        Ok(Value::Object(answer))
    }

    async fn read<'a, S: States + Migrations + Send>(
        &self,
        tables: &Tables<S>,
        part: usize,
        get: &'a TableGet,
        meter: Option<&Arc<Meter>>,
    ) -> (usize, &'a TableGet, Result<Option<Item>, Error>) {
        (part, get, tables.run(&self.parts[part].table, meter, get).await)
    }
}

/// Adds the members of `more` to `answer`: lists and maps are joined, and nothing is in both otherwise.
pub(super) fn merge(answer: &mut Map<String, Value>, more: Value) {
    let Value::Object(more) = more else { return };
    for (name, value) in more {
        match (answer.get_mut(&name), value) {
            (Some(Value::Object(here)), Value::Object(there)) => here.extend(there),
            (Some(Value::Array(here)), Value::Array(there)) => here.extend(there),
            (_, value) => {
                answer.insert(name, value);
            }
        }
    }
}

impl Part {
    fn decode(table: String, mut input: Map<String, Value>) -> Result<Part, Error> {
        let keys = input.remove("Keys");
        let mut parameters = Parameters::new("BatchGetItem", input.clone());
        let options = GetOptions::take(&mut parameters)?;
        parameters.finish()?;
        let keys = keys.map(|keys| ("Keys".to_owned(), keys)).into_iter().collect();
        let keys: Vec<Item> = Parameters::new("BatchGetItem", keys).required("Keys")?;
        if keys.iter().map(Item::canonical).collect::<HashSet<_>>().len() < keys.len() {
            return Err(invalid("Provided list of item keys contains duplicates", "ask for each key once"));
        }
        let get = |key| TableGet { key, options: options.clone() };
        Ok(Part { table, gets: keys.into_iter().map(get).collect(), given: input })
    }
}

/// The answer, as it grows.
struct Batch<'a> {
    parts: &'a [Part],
    found: Vec<Vec<Value>>,
    left: Vec<Vec<&'a Item>>,
    bytes: usize,
    throttled: Option<Error>,
}

impl<'a> Batch<'a> {
    fn new(parts: &'a [Part]) -> Batch<'a> {
        let (found, left) = parts.iter().map(|_| (Vec::new(), Vec::new())).unzip();
        Batch { parts, found, left, bytes: 0, throttled: None }
    }

    fn add(&mut self, part: usize, get: &'a TableGet, read: Result<Option<Item>, Error>) -> Result<(), Error> {
        let (Some(found), Some(left)) = (self.found.get_mut(part), self.left.get_mut(part)) else {
            return Ok(());
        };
        match read {
            Ok(None) => {}
            Ok(Some(item)) => {
                let item = of_item(item);
                let bytes = as_text(&item);
                if self.bytes + bytes > ANSWER_MAX {
                    left.push(&get.key);
                } else {
                    self.bytes += bytes;
                    found.push(item);
                }
            }
            Err(error @ Error::Throttled(_)) => {
                left.push(&get.key);
                self.throttled = Some(error);
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn finish(self) -> Result<Map<String, Value>, Error> {
        let asked: usize = self.parts.iter().map(|part| part.gets.len()).sum();
        let left: usize = self.left.iter().map(Vec::len).sum();
        if let (Some(error), true) = (self.throttled, left == asked) {
            return Err(error);
        }
        let (mut responses, mut unprocessed) = (Map::new(), Map::new());
        for ((part, found), left) in self.parts.iter().zip(self.found).zip(self.left) {
            responses.insert(part.table.clone(), Value::Array(found));
            if !left.is_empty() {
                let mut again = part.given.clone();
                again.insert("Keys".to_owned(), json!(left));
                unprocessed.insert(part.table.clone(), Value::Object(again));
            }
        }
        Ok(Map::from_iter([
            ("Responses".to_owned(), Value::Object(responses)),
            ("UnprocessedKeys".to_owned(), Value::Object(unprocessed)),
        ]))
    }
}

#[cfg(test)]
mod tests {
    use serde_dynamo::AttributeValue;

    use super::*;

    fn part() -> Part {
        let mut input = Map::from_iter([("Keys".to_owned(), json!([{"pk": {"S": "a"}}, {"pk": {"S": "b"}}]))]);
        input.insert("ConsistentRead".to_owned(), json!(true));
        Part::decode("orders".to_owned(), input).unwrap()
    }

    #[test]
    fn items_that_do_not_fit_are_answered_as_unprocessed_and_any_single_one_fits() {
        let parts = [part()];
        // What grows most in JSON within JSON.
        let largest =
            Item([("l".to_owned(), AttributeValue::L(vec![AttributeValue::S(String::new()); 409_590]))].into());
        let mut batch = Batch::new(&parts);
        for get in &parts[0].gets {
            batch.add(0, get, Ok(Some(largest.clone()))).unwrap();
        }
        let answer = batch.finish().unwrap();
        assert_eq!(answer["Responses"]["orders"].as_array().map(Vec::len), Some(1));
        let left = json!({"Keys": [{"pk": {"S": "b"}}], "ConsistentRead": true});
        assert_eq!(answer["UnprocessedKeys"]["orders"], left);
        assert!(as_text(&Value::Object(answer)) <= crate::api::bound::ANSWER_MAX);
    }
}
