//! PutItem, UpdateItem and DeleteItem.

use std::collections::BTreeMap;

use livemove_core::error::Error;
use livemove_core::expression::{Kind, reserved};
use livemove_core::item::{Item, KeySchema};
use livemove_core::lease::Phases;
use livemove_core::phase::State;
use livemove_core::plan::Timing;
use livemove_core::ports::pages::Pages;
use livemove_core::ports::transact::Transactions;
use livemove_core::ports::{Clock as _, Returning};
use livemove_core::register::{Migrations, States};
use livemove_core::route::Pair;
use livemove_core::write::{self, Asked, Change, WriteRequest, may_stamp};
use serde_dynamo::AttributeValue;
use serde_json::{Map, Value};

use super::wrong_key;
use crate::api::cost::Cost;
use crate::api::invocation::Called;
use crate::api::json::of_item;
use crate::api::parameters::Parameters;
use crate::api::tables::{Operation, Tables};
use crate::startup::SystemClock;

/// A write of one item of a table.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TableWrite {
    /// Whether a failed condition shows the stored item.
    pub(crate) item_on_failure: bool,
    /// Empty for a put, whose item has it.
    key: Item,
    change: Change,
    condition: Option<String>,
    names: BTreeMap<String, String>,
    values: BTreeMap<String, AttributeValue>,
    returning: Returning,
}

const OLD: [(&str, Returning); 2] = [("NONE", Returning::Nothing), ("ALL_OLD", Returning::AllOld)];
const ALL: [(&str, Returning); 5] = [
    ("NONE", Returning::Nothing),
    ("ALL_OLD", Returning::AllOld),
    ("ALL_NEW", Returning::AllNew),
    ("UPDATED_OLD", Returning::UpdatedOld),
    ("UPDATED_NEW", Returning::UpdatedNew),
];
const NONE: [(&str, Returning); 1] = [("NONE", Returning::Nothing)];

impl TableWrite {
    /// Takes the parameters of a put.
    pub(crate) fn put(input: &mut Parameters<'_>) -> Result<TableWrite, Error> {
        let item = input.required("Item")?;
        TableWrite::take(input, Item::default(), Change::Put(item), &OLD)
    }

    /// Takes the parameters of an update.
    pub(crate) fn update(input: &mut Parameters<'_>) -> Result<TableWrite, Error> {
        let (key, expression) = (input.required("Key")?, input.optional("UpdateExpression")?);
        TableWrite::take(input, key, Change::Update(expression), &ALL)
    }

    /// Takes the parameters of a delete.
    pub(crate) fn delete(input: &mut Parameters<'_>) -> Result<TableWrite, Error> {
        let key = input.required("Key")?;
        TableWrite::take(input, key, Change::Delete, &OLD)
    }

    /// As the others, of an entry of a transaction, which answers with nothing.
    pub(crate) fn of_transaction(operation: &str, input: &mut Parameters<'_>) -> Result<TableWrite, Error> {
        match operation {
            "Put" => {
                let item = input.required("Item")?;
                TableWrite::take(input, Item::default(), Change::Put(item), &NONE)
            }
            "Update" => {
                // Required here, though UpdateItem does without.
                let (key, expression) = (input.required("Key")?, input.required("UpdateExpression")?);
                TableWrite::take(input, key, Change::Update(Some(expression)), &NONE)
            }
            _ => {
                let key = input.required("Key")?;
                TableWrite::take(input, key, Change::Delete, &NONE)
            }
        }
    }

    fn take(
        input: &mut Parameters<'_>,
        key: Item,
        change: Change,
        returning: &[(&str, Returning)],
    ) -> Result<TableWrite, Error> {
        let write = TableWrite {
            item_on_failure: item_on_failure(input)?,
            key,
            change,
            condition: input.optional("ConditionExpression")?,
            names: input.optional("ExpressionAttributeNames")?.unwrap_or_default(),
            values: input.optional("ExpressionAttributeValues")?.unwrap_or_default(),
            returning: if returning.len() > 1 { input.one_of("ReturnValues", returning)? } else { Returning::Nothing },
        };
        write.check_reserved()?;
        Ok(write)
    }

    /// The core's request, for a table of this key schema.
    ///
    /// # Errors
    /// `ValidationException` when the key is none of that schema.
    pub(crate) fn request(&self, schema: &KeySchema) -> Result<WriteRequest, Error> {
        let key = match &self.change {
            Change::Put(item) => schema.key_of(item),
            Change::Update(_) | Change::Delete => schema.key(self.key.clone()),
        };
        Ok(WriteRequest {
            key: key.map_err(|error| wrong_key(&error))?,
            change: self.change.clone(),
            condition: self.condition.clone(),
            names: self.names.clone(),
            values: self.values.clone(),
            returning: self.returning,
            operation: None,
        })
    }

    fn check_reserved(&self) -> Result<(), Error> {
        let (given, update) = match &self.change {
            Change::Put(item) => (item, None),
            Change::Update(text) => (&self.key, text.as_deref()),
            Change::Delete => (&self.key, None),
        };
        let condition = self.condition.as_deref().map(|text| (Kind::Condition, text));
        let expressions: Vec<_> = condition.into_iter().chain(update.map(|text| (Kind::Update, text))).collect();
        reserved::check(Some(given), &expressions, &self.names, &self.values)
    }
}

/// `ReturnValuesOnConditionCheckFailure`: whether a failed condition shows the stored item.
pub(crate) fn item_on_failure(input: &mut Parameters<'_>) -> Result<bool, Error> {
    input.one_of("ReturnValuesOnConditionCheckFailure", &[("NONE", false), ("ALL_OLD", true)])
}

/// A write, and by what it is known when it comes again.
struct Known<'a> {
    write: &'a TableWrite,
    operation: Option<write::Operation>,
    timing: Timing,
}

impl Operation for Known<'_> {
    type Answer = Option<Item>;

    async fn perform<T: Pages + Transactions, P: Phases>(
        &self,
        pair: Pair<'_, T>,
        state: &State,
        _: &P,
    ) -> Result<Option<Item>, Error> {
        // To look for what has been done is allowed always, to leave a stamp is not.
        let may = |asked| asked == Asked::Again || may_stamp(state, &self.timing, SystemClock.now());
        let operation = self.operation.clone().filter(|operation| may(operation.asked));
        let request = WriteRequest { operation, ..self.write.request(pair.source.schema())? };
        write::write(pair, state, &request).await
    }
}

/// A decoded call.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct WriteItem {
    pub(crate) table: String,
    pub(crate) write: TableWrite,
    pub(crate) cost: Cost,
}

impl WriteItem {
    /// Decodes a call of which `take` takes the write's own parameters.
    ///
    /// # Errors
    /// `ValidationException`, `SerializationException` and `ReservedAttribute`, naming the parameter.
    pub(crate) fn decode(
        mut input: Parameters<'_>,
        take: fn(&mut Parameters<'_>) -> Result<TableWrite, Error>,
    ) -> Result<WriteItem, Error> {
        let write = take(&mut input)?;
        let (table, cost) = (input.required("TableName")?, Cost::of_write(&mut input)?);
        input.finish()?;
        Ok(WriteItem { table, write, cost })
    }

    pub(crate) async fn serve<S: States + Migrations + Send>(
        &self,
        tables: &Tables<S>,
        called: &Called<'_>,
    ) -> Result<Value, Error> {
        let meter = self.cost.meter();
        let known =
            Known { write: &self.write, operation: called.known_by(), timing: tables.timing(&self.table).await? };
        let written = tables.run(&self.table, meter.as_ref(), &known).await;
        if written.as_ref().is_err_and(Error::did_nothing) {
            called.nothing_done();
        }
        let attributes = match written {
            Err(Error::ConditionFailed { item }) => {
                let item = item.filter(|_| self.write.item_on_failure);
                return Err(Error::ConditionFailed { item });
            }
            // Written or not: writing it again comes to the same, and clients do so by themselves.
            Err(Error::Ambiguous(text)) if called.is_repeatable() => return Err(Error::Unavailable(text)),
            written => written?,
        };
        let mut answer = Map::new();
        answer.extend(attributes.map(|attributes| ("Attributes".to_owned(), of_item(attributes))));
        self.cost.tell(&self.table, meter.as_ref(), &mut answer);
        Ok(Value::Object(answer))
    }
}
