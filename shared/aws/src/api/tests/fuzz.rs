//! Requests, damaged: each member that is accepted is one that DynamoDB has, of the type that it has there.

use livemove_core::item::Item;
use livemove_core::testing::fuzz::{any_json, bytes, cases, item, json as damaged};
use proptest::prelude::*;
use serde_json::{Map, to_value};

use super::*;
use crate::api::invocation::Invocation;
use crate::api::name::TableName;
use crate::api::operations::batch_write::BatchWriteItem;
use crate::api::operations::page::ReadPage;
use crate::api::operations::snapshot::TransactGetItems;
use crate::api::operations::transact::TransactWriteItems;
use crate::api::{Call, partiql};

/// A valid call of every operation, with all that it may have.
fn calls() -> Vec<(&'static str, Value)> {
    let key = json!({"pk": {"S": "a"}, "sk": {"N": "1"}});
    let names = json!({"#a": "a"});
    let values = json!({":v": {"L": [{"N": "1.50"}, {"M": {"x": {"B": "AAE="}}}]}});
    let write = |more: Value| {
        let mut all = json!({"TableName": "orders", "ConditionExpression": "#a = :v", "ExpressionAttributeNames": names,
            "ExpressionAttributeValues": values, "ReturnValues": "ALL_OLD", "ReturnConsumedCapacity": "TOTAL",
            "ReturnItemCollectionMetrics": "SIZE", "ReturnValuesOnConditionCheckFailure": "ALL_OLD"});
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        all
    };
    let check = json!({"TableName": "orders", "Key": key, "ConditionExpression": "attribute_exists(pk)"});
    let put = json!({"TableName": "orders", "Item": key, "ReturnValuesOnConditionCheckFailure": "NONE"});
    let read =
        json!({"TableName": "orders", "Key": key, "ProjectionExpression": "#a", "ExpressionAttributeNames": names});
    vec![
        (
            "GetItem",
            json!({"TableName": "orders", "Key": key, "ConsistentRead": true, "ProjectionExpression": "#a", "ExpressionAttributeNames": names, "ReturnConsumedCapacity": "INDEXES"}),
        ),
        ("PutItem", write(json!({"Item": key}))),
        ("UpdateItem", write(json!({"Key": key, "UpdateExpression": "SET #a = :v"}))),
        ("DeleteItem", write(json!({"Key": key}))),
        (
            "Query",
            json!({"TableName": "orders", "IndexName": "i", "KeyConditionExpression": "pk = :v", "FilterExpression": "#a = :v", "ExpressionAttributeNames": names, "ExpressionAttributeValues": values, "Limit": 5, "ScanIndexForward": false, "ExclusiveStartKey": key, "Select": "ALL_ATTRIBUTES", "ReturnConsumedCapacity": "NONE"}),
        ),
        (
            "Scan",
            json!({"TableName": "orders", "Segment": 1, "TotalSegments": 3, "Limit": 5, "ExclusiveStartKey": key, "ConsistentRead": true, "ProjectionExpression": "a"}),
        ),
        (
            "BatchGetItem",
            json!({"RequestItems": {"orders": {"Keys": [key], "ConsistentRead": true, "ProjectionExpression": "a"}}, "ReturnConsumedCapacity": "TOTAL"}),
        ),
        (
            "BatchWriteItem",
            json!({"RequestItems": {"orders": [{"PutRequest": {"Item": key}}, {"DeleteRequest": {"Key": key}}]}}),
        ),
        ("TransactGetItems", json!({"TransactItems": [{"Get": read}]})),
        (
            "TransactWriteItems",
            json!({"TransactItems": [{"ConditionCheck": check}, {"Put": put}], "ClientRequestToken": "t"}),
        ),
    ]
}

fn decode(operation: &str, input: &Value) -> Result<(), Error> {
    let Value::Object(input) = input.clone() else { return Err(Error::StalePhase) };
    let input = Parameters::new("an operation", input);
    match operation {
        "GetItem" => GetItem::decode(input).map(drop),
        "PutItem" => WriteItem::decode(input, TableWrite::put).map(drop),
        "UpdateItem" => WriteItem::decode(input, TableWrite::update).map(drop),
        "DeleteItem" => WriteItem::decode(input, TableWrite::delete).map(drop),
        "Query" => ReadPage::query(input).map(drop),
        "Scan" => ReadPage::scan(input).map(drop),
        "BatchGetItem" => BatchGetItem::decode(input, &moving()).map(drop),
        "BatchWriteItem" => BatchWriteItem::decode(input, &moving()).map(drop),
        "TransactGetItems" => TransactGetItems::decode(input, &moving()).map(drop),
        _ => TransactWriteItems::decode(input, &moving()).map(drop),
    }
}

/// Whether DynamoDB has such a member, by its type, in the valid call of the operation.
fn is_known(name: &str, value: &Value, valid: &Value) -> bool {
    let item = |value: &Value| serde_json::from_value::<Item>(value.clone()).is_ok();
    match name {
        "Key" | "Item" | "ExclusiveStartKey" | "ExpressionAttributeValues" => item(value),
        "ExpressionAttributeNames" => value.as_object().is_some_and(|names| names.values().all(Value::is_string)),
        "ConsistentRead" | "ScanIndexForward" => value.is_boolean(),
        "Limit" | "Segment" | "TotalSegments" => value.as_u64().is_some_and(|number| number <= u64::from(u32::MAX)),
        "Keys" => value.as_array().is_some_and(|keys| keys.iter().all(item)),
        "RequestItems" => value.as_object().is_some_and(|tables| {
            // What is about other tables goes on to DynamoDB as it came.
            tables.iter().filter(|(table, _)| moving().contains(*table)).all(|(_, given)| {
                match (given, &valid["RequestItems"]["orders"]) {
                    (Value::Object(given), valid) => members_are_known(given, valid),
                    (Value::Array(given), Value::Array(valid)) => given.iter().all(|one| is_entry(one, valid)),
                    _ => false,
                }
            })
        }),
        "TransactItems" => value
            .as_array()
            .zip(valid["TransactItems"].as_array())
            .is_some_and(|(given, valid)| given.iter().all(|one| is_entry(one, valid))),
        _ => value.is_string(),
    }
}

/// An entry of a batch or transaction: one of the kinds, with the members of any kind, or of a table that does not move.
fn is_entry(entry: &Value, valid: &[Value]) -> bool {
    let all =
        valid.iter().flat_map(|entry| entry.as_object().unwrap().values()).flat_map(|inner| inner.as_object().unwrap());
    let mut all: Map<String, Value> = all.map(|(name, value)| (name.clone(), value.clone())).collect();
    for more in [
        "ExpressionAttributeNames",
        "ExpressionAttributeValues",
        "ReturnValuesOnConditionCheckFailure",
        "UpdateExpression",
        "ConditionExpression",
    ] {
        all.insert(more.to_owned(), Value::Null);
    }
    let given: Vec<_> = entry.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null()).collect();
    let [(kind, Value::Object(inner))] = given.as_slice() else { return false };
    let foreign = inner.get("TableName").and_then(Value::as_str).is_some_and(|table| !moving().contains(table));
    let known = ["PutRequest", "DeleteRequest", "Get", "Put", "Update", "Delete", "ConditionCheck"];
    known.contains(&kind.as_str()) && (foreign || members_are_known(inner, &Value::Object(all)))
}

fn members_are_known(given: &Map<String, Value>, valid: &Value) -> bool {
    given
        .iter()
        .filter(|(_, value)| !value.is_null())
        .all(|(name, value)| valid.get(name).is_some() && is_known(name, value, valid))
}

#[test]
fn the_valid_calls_are_accepted() {
    for (operation, input) in calls() {
        decode(operation, &input).unwrap_or_else(|error| panic!("{operation}: {error}"));
    }
}

proptest! {
    #![proptest_config(cases(600))]

    #[test]
    fn nothing_of_a_call_is_left_out_in_silence((operation, valid, given) in prop::sample::select(calls()).prop_flat_map(|(operation, valid)| (Just(operation), Just(valid.clone()), damaged(valid)))) {
        match decode(operation, &given) {
            // A member that another form of the operation has may come in by its own name.
            Ok(()) => {
                let mut all = valid.as_object().unwrap().clone();
                for (_, more) in calls().into_iter().filter(|(other, _)| *other == operation || (["Query", "Scan"].contains(other) && ["Query", "Scan"].contains(&operation))) {
                    for (name, value) in more.as_object().unwrap() {
                        all.entry(name.clone()).or_insert_with(|| value.clone());
                    }
                }
                prop_assert!(members_are_known(given.as_object().unwrap(), &Value::Object(all)), "{} {}", operation, given);
            }
            Err(Error::StalePhase) => prop_assert!(!given.is_object()),
            Err(error) => {
                let known = ["ValidationException", "SerializationException", "ReservedAttribute", "SeveralMigratingTables"];
                prop_assert!(known.contains(&error.name()), "{}", error);
            }
        }
    }

    #[test]
    fn what_is_written_is_the_item_that_was_given(item in item()) {
        let mut all = to_value(&item).unwrap();
        all.as_object_mut().unwrap().extend([("pk".to_owned(), json!({"S": "a"})), ("sk".to_owned(), json!({"N": "1"}))]);
        let input = json!({"TableName": "orders", "Item": all});
        let write = WriteItem::decode(Parameters::new("PutItem", input.as_object().unwrap().clone()), TableWrite::put).unwrap();
        let Change::Put(put) = write.write.request(&schema()).unwrap().change else { panic!("a put") };
        prop_assert_eq!(to_value(put).unwrap(), all);
    }

    #[test]
    fn a_payload_is_a_call_in_full_or_none(given in prop_oneof![
        damaged(json!({"operation": "GetItem", "input": {"TableName": "orders"}, "id": "a", "attempt": 2})),
        damaged(json!({"requestContext": {}, "body": "eyJvcGVyYXRpb24iOiJHZXRJdGVtIiwiaW5wdXQiOnt9fQ==", "isBase64Encoded": true})),
        any_json(&["operation", "input", "requestContext", "body", "isBase64Encoded", "id"]),
    ]) {
        let direct = given.get("requestContext").is_none();
        match open(given.clone()).1 {
            Err(error) => prop_assert_eq!(error.name(), "SerializationException"),
            Ok(Call { operation, input, id, attempt }) if direct => {
                let told = json!({"operation": operation, "input": input, "id": id, "attempt": attempt});
                prop_assert!(livemove_core::testing::fuzz::says(&told, &given), "{} for {}", told, given);
            }
            Ok(_) => prop_assert!(given["body"].is_string()),
        }
    }

    #[test]
    fn the_header_of_an_attempt_is_read_or_refused(header in bytes(b"attempt=2; max=3".to_vec())) {
        let text = String::from_utf8_lossy(&header);
        if let Ok(Some(invocation)) = Invocation::of_sdk(Some("a"), Some(&text)) {
            let said = text.split(';').find_map(|part| part.trim().strip_prefix("attempt="));
            let first = Invocation::new("a", 1);
            let expected = said.map_or(first, |said| Invocation::new("a", said.trim().parse().unwrap()).map(Invocation::sole));
            prop_assert_eq!(Some(invocation), expected);
        }
    }

    #[test]
    fn a_name_is_an_arn_or_itself(text in prop_oneof!["\\PC{0,40}", "arn:[a-z:/]{0,40}", "arn:aws:dynamodb:[a-z0-9:/]{0,40}"]) {
        let named = TableName::parse(&text);
        prop_assert!(text.contains(named.name));
        prop_assert!(named.name == text || text.starts_with("arn:"));
    }

    #[test]
    fn a_statement_that_names_a_table_is_found_whatever_stands_around(before in "[^a-zA-Z0-9_.-]{0,9}", after in "([^a-zA-Z0-9_.-]\\PC{0,9})?") {
        let statement = format!("SELECT * FROM {before}orders{after}");
        let input = json!({"Statement": statement});
        let statements = partiql::statements("ExecuteStatement", input.as_object().unwrap()).unwrap();
        prop_assert!(partiql::refuse("ExecuteStatement", &statements, &["orders".to_owned()]).is_err(), "{}", statement);
    }
}
