//! The operations of reader and writer, decoded.

use std::collections::{BTreeMap, HashSet};

use livemove_core::error::Error;
use livemove_core::expression::{Kind as Expression, reserved};
use livemove_core::item::{InvalidKey, Item, KeySchema};
use livemove_core::phase::Kind;
use livemove_core::plan::subject_id;
use livemove_core::ports::{Consistency, GET_MAX, Returning};
use livemove_core::read::GetRequest;
use livemove_core::write::{Change, WriteRequest};
use serde_dynamo::AttributeValue;
use serde_json::{Map, Value};

use super::parameters::{Parameters, invalid};
use super::payload::Call;

/// An operation of the reader.
#[derive(Clone, Debug, PartialEq)]
pub enum ReadOperation {
    /// `GetItem`
    Get(TableGet),
    /// `BatchGetItem`
    BatchGet(Vec<BatchPart>),
    /// `DescribeMigration` of this subject, `table#<name>` or `bucket#<name>`.
    Describe(String),
}

/// A read of one item of a table.
#[derive(Clone, Debug, PartialEq)]
pub struct TableGet {
    /// The table, by its name at the plan's source.
    pub table: String,
    /// The key attributes.
    pub key: Item,
    /// How to read it.
    pub options: GetOptions,
}

/// `ConsistentRead`, `ProjectionExpression` and `ExpressionAttributeNames`.
#[derive(Clone, Debug, PartialEq)]
pub struct GetOptions {
    consistency: Consistency,
    projection: Option<String>,
    names: BTreeMap<String, String>,
}

/// The part of a `BatchGetItem` that is about one table.
#[derive(Clone, Debug, PartialEq)]
pub struct BatchPart {
    /// One read for each key, in order.
    pub gets: Vec<TableGet>,
    /// All parameters but `Keys`, as they came: they go back with unprocessed keys.
    pub given: Map<String, Value>,
}

/// A write of one item of a table.
#[derive(Clone, Debug, PartialEq)]
pub struct TableWrite {
    /// The table, by its name at the plan's source.
    pub table: String,
    /// Whether a failed condition shows the stored item.
    pub item_on_failure: bool,
    key: Item,
    change: Change,
    condition: Option<String>,
    names: BTreeMap<String, String>,
    values: BTreeMap<String, AttributeValue>,
    returning: Returning,
}

/// Decodes a call to the reader.
///
/// # Errors
/// `ValidationException`, `SerializationException`, `ReservedAttribute`, each naming the parameter;
/// `UnknownOperationException` for operations the reader does not have.
pub fn read_operation(call: Call) -> Result<ReadOperation, Error> {
    let mut input = Parameters::new(&call.operation, call.input);
    let operation = match call.operation.as_str() {
        "GetItem" => {
            let table = input.required("TableName")?;
            let key = input.required("Key")?;
            input.none_only("ReturnConsumedCapacity")?;
            ReadOperation::Get(TableGet { table, key, options: GetOptions::take(&mut input)? })
        }
        "BatchGetItem" => {
            input.none_only("ReturnConsumedCapacity")?;
            ReadOperation::BatchGet(batch(input.required("RequestItems")?)?)
        }
        "DescribeMigration" => ReadOperation::Describe(subject(&mut input)?),
        _ => return Err(unknown(&call.operation, "GetItem, BatchGetItem, DescribeMigration")),
    };
    input.finish()?;
    Ok(operation)
}

/// Decodes a call to the writer.
///
/// # Errors
/// As [`read_operation`].
pub fn write_operation(call: Call) -> Result<TableWrite, Error> {
    const OLD: [(&str, Returning); 2] = [("NONE", Returning::Nothing), ("ALL_OLD", Returning::AllOld)];
    const ALL: [(&str, Returning); 5] = [
        ("NONE", Returning::Nothing),
        ("ALL_OLD", Returning::AllOld),
        ("ALL_NEW", Returning::AllNew),
        ("UPDATED_OLD", Returning::UpdatedOld),
        ("UPDATED_NEW", Returning::UpdatedNew),
    ];
    let mut input = Parameters::new(&call.operation, call.input);
    let (key, change, choices): (Item, Change, &[(&str, Returning)]) = match call.operation.as_str() {
        "PutItem" => {
            let item: Item = input.required("Item")?;
            (item.clone(), Change::Put(item), &OLD)
        }
        "UpdateItem" => (input.required("Key")?, Change::Update(input.optional("UpdateExpression")?), &ALL),
        "DeleteItem" => (input.required("Key")?, Change::Delete, &OLD),
        _ => return Err(unknown(&call.operation, "PutItem, UpdateItem, DeleteItem")),
    };
    let write = TableWrite {
        table: input.required("TableName")?,
        item_on_failure: input.one_of("ReturnValuesOnConditionCheckFailure", &[("NONE", false), ("ALL_OLD", true)])?,
        key,
        change,
        condition: input.optional("ConditionExpression")?,
        names: input.optional("ExpressionAttributeNames")?.unwrap_or_default(),
        values: input.optional("ExpressionAttributeValues")?.unwrap_or_default(),
        returning: input.one_of("ReturnValues", choices)?,
    };
    input.none_only("ReturnConsumedCapacity")?;
    input.none_only("ReturnItemCollectionMetrics")?;
    input.finish()?;
    write.check_reserved()?;
    Ok(write)
}

fn unknown(operation: &str, known: &str) -> Error {
    let reason = format!("operation `{operation}` is not supported here");
    Error::refused("UnknownOperationException", reason, format!("use one of: {known}"))
}

fn subject(input: &mut Parameters<'_>) -> Result<String, Error> {
    let (table, bucket): (Option<String>, Option<String>) = (input.optional("TableName")?, input.optional("Bucket")?);
    match (table, bucket) {
        (Some(table), None) => Ok(subject_id(Kind::Table, &table)),
        (None, Some(bucket)) => Ok(subject_id(Kind::Bucket, &bucket)),
        (Some(_), Some(_)) => Err(invalid("TableName and Bucket are both given", "ask for one of them")),
        (None, None) => Err(invalid("neither TableName nor Bucket is given", "name the source's table or bucket")),
    }
}

fn batch(tables: BTreeMap<String, Map<String, Value>>) -> Result<Vec<BatchPart>, Error> {
    let parts = tables.into_iter().map(|(table, input)| batch_part(&table, input)).collect::<Result<Vec<_>, _>>()?;
    let keys: Vec<_> = parts.iter().flat_map(|part| &part.gets).map(|get| (&get.table, get.key.canonical())).collect();
    if keys.is_empty() || keys.len() > GET_MAX {
        let reason = format!("BatchGetItem asks for {} keys", keys.len());
        return Err(invalid(reason, format!("ask for 1 to {GET_MAX} keys")));
    }
    if keys.iter().collect::<HashSet<_>>().len() < keys.len() {
        return Err(invalid("Provided list of item keys contains duplicates", "ask for each key once"));
    }
    Ok(parts)
}

fn batch_part(table: &str, mut input: Map<String, Value>) -> Result<BatchPart, Error> {
    let keys = input.remove("Keys");
    let mut parameters = Parameters::new("BatchGetItem", input.clone());
    let options = GetOptions::take(&mut parameters)?;
    parameters.finish()?;
    let mut keys_alone =
        Parameters::new("BatchGetItem", keys.map(|keys| ("Keys".to_owned(), keys)).into_iter().collect());
    let keys: Vec<Item> = keys_alone.required("Keys")?;
    let get = |key| TableGet { table: table.to_owned(), key, options: options.clone() };
    Ok(BatchPart { gets: keys.into_iter().map(get).collect(), given: input })
}

impl GetOptions {
    fn take(input: &mut Parameters<'_>) -> Result<GetOptions, Error> {
        let strong: Option<bool> = input.optional("ConsistentRead")?;
        let options = GetOptions {
            consistency: if strong == Some(true) { Consistency::Strong } else { Consistency::Eventual },
            projection: input.optional("ProjectionExpression")?,
            names: input.optional("ExpressionAttributeNames")?.unwrap_or_default(),
        };
        let expressions: Vec<_> =
            options.projection.iter().map(|text| (Expression::Projection, text.as_str())).collect();
        reserved::check(None, &expressions, &options.names, &BTreeMap::new())?;
        Ok(options)
    }
}

impl TableGet {
    /// The core's request, for a table of this key schema.
    ///
    /// # Errors
    /// `ValidationException` when the key is none of that schema.
    pub fn request(&self, schema: &KeySchema) -> Result<GetRequest, Error> {
        Ok(GetRequest {
            key: schema.key(self.key.clone()).map_err(|error| wrong_key(&error))?,
            consistency: self.options.consistency,
            projection: self.options.projection.clone(),
            names: self.options.names.clone(),
        })
    }
}

impl TableWrite {
    /// The core's request, for a table of this key schema.
    ///
    /// # Errors
    /// `ValidationException` when the key is none of that schema.
    pub fn request(&self, schema: &KeySchema) -> Result<WriteRequest, Error> {
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
        })
    }

    fn check_reserved(&self) -> Result<(), Error> {
        let update = match &self.change {
            Change::Update(text) => text.as_deref(),
            Change::Put(_) | Change::Delete => None,
        };
        let condition = self.condition.as_deref().map(|text| (Expression::Condition, text));
        let expressions: Vec<_> = condition.into_iter().chain(update.map(|text| (Expression::Update, text))).collect();
        reserved::check(Some(&self.key), &expressions, &self.names, &self.values)
    }
}

fn wrong_key(error: &InvalidKey) -> Error {
    invalid(format!("The provided key element does not match the schema: {error}"), "give the table's key attributes")
}
