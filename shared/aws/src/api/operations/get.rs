//! GetItem.

use std::collections::BTreeMap;

use livemove_core::error::Error;
use livemove_core::expression::{Kind, reserved};
use livemove_core::item::{Item, KeySchema};
use livemove_core::lease::Phases;
use livemove_core::phase::State;
use livemove_core::ports::Consistency;
use livemove_core::ports::pages::Pages;
use livemove_core::ports::transact::Transactions;
use livemove_core::read::{self, GetRequest};
use livemove_core::register::{Migrations, States};
use livemove_core::route::Pair;
use serde_json::{Map, Value};

use super::wrong_key;
use crate::api::cost::Cost;
use crate::api::json::of_item;
use crate::api::parameters::Parameters;
use crate::api::tables::{Operation, Tables};

/// A read of one item of a table.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TableGet {
    /// The key attributes.
    pub(crate) key: Item,
    /// How to read it.
    pub(crate) options: GetOptions,
}

/// `ConsistentRead`, `ProjectionExpression` and `ExpressionAttributeNames`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct GetOptions {
    consistency: Consistency,
    projection: Option<String>,
    names: BTreeMap<String, String>,
}

impl GetOptions {
    pub(crate) fn take(input: &mut Parameters<'_>) -> Result<GetOptions, Error> {
        let options = GetOptions { consistency: consistency(input)?, ..GetOptions::of_transaction(input)? };
        Ok(options)
    }

    /// Those of an entry of a transaction, which is always consistent and cannot say so.
    pub(crate) fn of_transaction(input: &mut Parameters<'_>) -> Result<GetOptions, Error> {
        let options = GetOptions {
            consistency: Consistency::Strong,
            projection: input.optional("ProjectionExpression")?,
            names: input.optional("ExpressionAttributeNames")?.unwrap_or_default(),
        };
        let expressions: Vec<_> = options.projection.iter().map(|text| (Kind::Projection, text.as_str())).collect();
        reserved::check(None, &expressions, &options.names, &BTreeMap::new())?;
        Ok(options)
    }
}

/// `ConsistentRead`.
pub(crate) fn consistency(input: &mut Parameters<'_>) -> Result<Consistency, Error> {
    let strong: Option<bool> = input.optional("ConsistentRead")?;
    Ok(if strong == Some(true) { Consistency::Strong } else { Consistency::Eventual })
}

impl TableGet {
    /// The core's request, for a table of this key schema.
    ///
    /// # Errors
    /// `ValidationException` when the key is none of that schema.
    pub(crate) fn request(&self, schema: &KeySchema) -> Result<GetRequest, Error> {
        Ok(GetRequest {
            key: schema.key(self.key.clone()).map_err(|error| wrong_key(&error))?,
            consistency: self.options.consistency,
            projection: self.options.projection.clone(),
            names: self.options.names.clone(),
        })
    }
}

impl Operation for TableGet {
    type Answer = Option<Item>;

    async fn perform<T: Pages + Transactions, P: Phases>(
        &self,
        pair: Pair<'_, T>,
        state: &State,
        _: &P,
    ) -> Result<Option<Item>, Error> {
        read::get(pair, state, &self.request(pair.source.schema())?).await
    }
}

/// A decoded call.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct GetItem {
    pub(crate) table: String,
    pub(crate) get: TableGet,
    pub(crate) cost: Cost,
}

impl GetItem {
    /// # Errors
    /// `ValidationException`, `SerializationException` and `ReservedAttribute`, naming the parameter.
    pub(crate) fn decode(mut input: Parameters<'_>) -> Result<GetItem, Error> {
        let (table, key) = (input.required("TableName")?, input.required("Key")?);
        let cost = Cost::of_read(&mut input)?;
        let get = TableGet { key, options: GetOptions::take(&mut input)? };
        input.finish()?;
        Ok(GetItem { table, get, cost })
    }

    pub(crate) async fn serve<S: States + Migrations + Send>(&self, tables: &Tables<S>) -> Result<Value, Error> {
        let meter = self.cost.meter();
        let item = tables.run(&self.table, meter.as_ref(), &self.get).await?;
        let mut answer = Map::new();
        answer.extend(item.map(|item| ("Item".to_owned(), of_item(item))));
        self.cost.tell(&self.table, meter.as_ref(), &mut answer);
        Ok(Value::Object(answer))
    }
}
