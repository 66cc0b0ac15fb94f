//! Entries of transactions for tables that livemove does not move: DynamoDB's JSON, carried as it is.
//!
//! It is read strictly: what is not known is refused by name and not left out.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::{
    ConditionCheck, Delete, Get, Put, ReturnValuesOnConditionCheckFailure as OnFailure, TransactGetItem,
    TransactWriteItem, Update,
};
use livemove_core::error::Error;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_dynamo::AttributeValue;
use serde_json::Value;

use super::expressions::invalid;
use super::value::item_to_sdk;

type Attributes = BTreeMap<String, AttributeValue>;
type Names = HashMap<String, String>;

#[derive(Deserialize)]
enum WriteEntry {
    Put(PutEntry),
    Update(UpdateEntry),
    Delete(DeleteEntry),
    ConditionCheck(CheckEntry),
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct PutEntry {
    table_name: String,
    item: Attributes,
    condition_expression: Option<String>,
    expression_attribute_names: Option<Names>,
    expression_attribute_values: Option<Attributes>,
    return_values_on_condition_check_failure: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct UpdateEntry {
    table_name: String,
    key: Attributes,
    update_expression: String,
    condition_expression: Option<String>,
    expression_attribute_names: Option<Names>,
    expression_attribute_values: Option<Attributes>,
    return_values_on_condition_check_failure: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct DeleteEntry {
    table_name: String,
    key: Attributes,
    condition_expression: Option<String>,
    expression_attribute_names: Option<Names>,
    expression_attribute_values: Option<Attributes>,
    return_values_on_condition_check_failure: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct CheckEntry {
    table_name: String,
    key: Attributes,
    condition_expression: String,
    expression_attribute_names: Option<Names>,
    expression_attribute_values: Option<Attributes>,
    return_values_on_condition_check_failure: Option<String>,
}

#[derive(Deserialize)]
enum GetKind {
    Get(GetEntry),
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct GetEntry {
    table_name: String,
    key: Attributes,
    projection_expression: Option<String>,
    expression_attribute_names: Option<Names>,
}

/// An entry of a write transaction.
///
/// # Errors
/// `ValidationException` naming what is unknown, missing or of the wrong type.
pub(super) fn write_entry(entry: &Value) -> Result<TransactWriteItem, Error> {
    let item = TransactWriteItem::builder();
    let built = match read(entry)? {
        WriteEntry::Put(put) => put.build().map(|put| item.put(put)),
        WriteEntry::Update(update) => update.build().map(|update| item.update(update)),
        WriteEntry::Delete(delete) => delete.build().map(|delete| item.delete(delete)),
        WriteEntry::ConditionCheck(check) => check.build().map(|check| item.condition_check(check)),
    };
    built.map(|item| item.build()).map_err(|error| invalid(error.to_string()))
}

/// An entry of a read transaction.
///
/// # Errors
/// As [`write_entry`].
pub(super) fn read_entry(entry: &Value) -> Result<TransactGetItem, Error> {
    let GetKind::Get(get) = read(entry)?;
    let get = Get::builder()
        .table_name(get.table_name)
        .set_key(Some(item_to_sdk(&get.key)))
        .set_projection_expression(get.projection_expression)
        .set_expression_attribute_names(get.expression_attribute_names)
        .build();
    Ok(TransactGetItem::builder().get(get.map_err(|error| invalid(error.to_string()))?).build())
}

fn read<R: DeserializeOwned>(entry: &Value) -> Result<R, Error> {
    // A struct is read from a list, too.
    if !entry.as_object().is_some_and(|kinds| kinds.values().all(Value::is_object)) {
        return Err(invalid("an entry of TransactItems is not an object of objects".to_owned()));
    }
    R::deserialize(entry).map_err(|error| invalid(format!("an entry of TransactItems: {error}")))
}

fn on_failure(text: Option<String>) -> Option<OnFailure> {
    text.map(|text| OnFailure::from(text.as_str()))
}

impl PutEntry {
    fn build(self) -> Result<Put, BuildError> {
        Put::builder()
            .table_name(self.table_name)
            .set_item(Some(item_to_sdk(&self.item)))
            .set_condition_expression(self.condition_expression)
            .set_expression_attribute_names(self.expression_attribute_names)
            .set_expression_attribute_values(self.expression_attribute_values.as_ref().map(item_to_sdk))
            .set_return_values_on_condition_check_failure(on_failure(self.return_values_on_condition_check_failure))
            .build()
    }
}

impl UpdateEntry {
    fn build(self) -> Result<Update, BuildError> {
        Update::builder()
            .table_name(self.table_name)
            .set_key(Some(item_to_sdk(&self.key)))
            .update_expression(self.update_expression)
            .set_condition_expression(self.condition_expression)
            .set_expression_attribute_names(self.expression_attribute_names)
            .set_expression_attribute_values(self.expression_attribute_values.as_ref().map(item_to_sdk))
            .set_return_values_on_condition_check_failure(on_failure(self.return_values_on_condition_check_failure))
            .build()
    }
}

impl DeleteEntry {
    fn build(self) -> Result<Delete, BuildError> {
        Delete::builder()
            .table_name(self.table_name)
            .set_key(Some(item_to_sdk(&self.key)))
            .set_condition_expression(self.condition_expression)
            .set_expression_attribute_names(self.expression_attribute_names)
            .set_expression_attribute_values(self.expression_attribute_values.as_ref().map(item_to_sdk))
            .set_return_values_on_condition_check_failure(on_failure(self.return_values_on_condition_check_failure))
            .build()
    }
}

impl CheckEntry {
    fn build(self) -> Result<ConditionCheck, BuildError> {
        ConditionCheck::builder()
            .table_name(self.table_name)
            .set_key(Some(item_to_sdk(&self.key)))
            .condition_expression(self.condition_expression)
            .set_expression_attribute_names(self.expression_attribute_names)
            .set_expression_attribute_values(self.expression_attribute_values.as_ref().map(item_to_sdk))
            .set_return_values_on_condition_check_failure(on_failure(self.return_values_on_condition_check_failure))
            .build()
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_dynamodb::types::AttributeValue as Sdk;
    use serde_json::json;

    use super::*;

    #[test]
    fn every_kind_of_foreign_entry_is_carried_with_all_it_has() {
        let common = json!({
            "TableName": "other",
            "ConditionExpression": "#a = :v",
            "ExpressionAttributeNames": {"#a": "a"},
            "ExpressionAttributeValues": {":v": {"B": "AAE="}},
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        });
        let entry = |kind: &str, more: Value| {
            let mut fields = common.clone();
            fields.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            write_entry(&json!({kind: fields})).unwrap()
        };
        let key = json!({"Key": {"pk": {"S": "k"}}});
        let put = entry("Put", json!({"Item": {"pk": {"S": "k"}, "n": {"N": "1.0"}}}));
        let put = put.put().unwrap();
        assert_eq!(put.item()["n"], Sdk::N("1.0".to_owned()));
        assert_eq!(put.expression_attribute_values().unwrap()[":v"], Sdk::B(vec![0, 1].into()));
        assert_eq!(put.return_values_on_condition_check_failure(), Some(&OnFailure::AllOld));
        let update = entry("Update", json!({"Key": key["Key"], "UpdateExpression": "REMOVE b"}));
        assert_eq!(update.update().unwrap().update_expression(), "REMOVE b");
        assert_eq!(entry("Delete", key.clone()).delete().unwrap().table_name(), "other");
        assert_eq!(entry("ConditionCheck", key).condition_check().unwrap().condition_expression(), "#a = :v");
        let get = json!({"Get": {"TableName": "other", "Key": {"pk": {"S": "k"}}, "ProjectionExpression": "b"}});
        assert_eq!(read_entry(&get).unwrap().get().unwrap().projection_expression(), Some("b"));
    }

    #[test]
    fn what_is_not_known_in_a_foreign_entry_is_refused_by_name() {
        let refused = |entry: Value, name: &str| {
            let errors = [write_entry(&entry).unwrap_err(), read_entry(&entry).unwrap_err()];
            for error in errors {
                assert_eq!(error.name(), "ValidationException");
            }
            let error = if entry.get("Get").is_some() { read_entry(&entry).err() } else { write_entry(&entry).err() };
            assert!(error.unwrap().to_string().contains(name), "{entry}");
        };
        let delete = |more: Value| {
            let mut fields = json!({"TableName": "other", "Key": {"pk": {"S": "k"}}});
            fields.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            fields
        };
        refused(json!({"Delete": delete(json!({"Expected": {}}))}), "Expected");
        refused(json!({"Scan": delete(json!({}))}), "Scan");
        refused(json!({"Delete": {"TableName": "other"}}), "Key");
        refused(json!({"Delete": ["other", {"pk": {"S": "k"}}]}), "not an object");
        refused(json!({"Update": delete(json!({}))}), "UpdateExpression");
        refused(json!({"Get": delete(json!({"ConsistentRead": true}))}), "ConsistentRead");
    }
}
