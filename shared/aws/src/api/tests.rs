//! Decoding, by the requests in `events/`.

mod fuzz;
mod pages;
mod transactions;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use livemove_core::error::Error;
use livemove_core::item::KeySchema;
use livemove_core::ports::{Consistency, Returning};
use livemove_core::testing::register::MemoryRegister;
use livemove_core::write::Change;
use serde_dynamo::AttributeValue;
use serde_json::{Value, json};

use super::open;
use super::operations::batch_get::BatchGetItem;
use super::operations::describe::DescribeMigration;
use super::operations::get::GetItem;
use super::operations::write::{TableWrite, WriteItem};
use super::parameters::Parameters;
use super::reader::Reader;
use super::writer::Writer;
use crate::config::Config;
use crate::sites::Sites;

macro_rules! event {
    ($name:literal) => {
        serde_json::from_str::<Value>(include_str!(concat!("../../../../events/", $name, ".json"))).unwrap()
    };
}

fn schema() -> KeySchema {
    KeySchema { partition: "pk".to_owned(), sort: Some("sk".to_owned()) }
}

fn input(payload: Value) -> Result<Parameters<'static>, Error> {
    Ok(Parameters::new("an operation", open(payload).1?.input))
}

fn get(payload: Value) -> Result<GetItem, Error> {
    GetItem::decode(input(payload)?)
}

fn batch_get(payload: Value) -> Result<BatchGetItem, Error> {
    BatchGetItem::decode(input(payload)?, &moving())
}

fn moving() -> HashSet<String> {
    ["orders", "customers"].map(str::to_owned).into()
}

fn write(payload: Value) -> Result<WriteItem, Error> {
    let call = open(payload).1?;
    let take = match call.operation.as_str() {
        "PutItem" => TableWrite::put,
        "UpdateItem" => TableWrite::update,
        _ => TableWrite::delete,
    };
    WriteItem::decode(Parameters::new("an operation", call.input), take)
}

/// The reason and the remedy of a refusal of that name.
fn refusal<T: std::fmt::Debug>(result: Result<T, Error>, expected: &str) -> String {
    match result {
        Err(Error::Refused { name, reason, remedy }) if name == expected && !remedy.is_empty() => {
            format!("{reason}; {remedy}")
        }
        other => panic!("{expected} expected, not {other:?}"),
    }
}

#[test]
fn a_get_is_decoded_in_full_through_both_doors() {
    for payload in [event!("reader-get"), event!("reader-url")] {
        let get = get(payload).unwrap();
        assert_eq!(get.table, "orders");
        let request = get.get.request(&schema()).unwrap();
        assert_eq!(request.key.attributes()["sk"], AttributeValue::S("order#7".to_owned()));
        assert_eq!(request.consistency, Consistency::Strong);
        assert_eq!(request.projection.as_deref(), Some("#s, total"));
        assert_eq!(request.names, BTreeMap::from([("#s".to_owned(), "status".to_owned())]));
    }
}

#[test]
fn a_batch_is_decoded_table_by_table() {
    let parts = batch_get(event!("reader-batch-get")).unwrap().parts;
    let tables: Vec<_> = parts.iter().map(|part| (part.table.as_str(), part.gets.len())).collect();
    assert_eq!(tables, [("customers", 1), ("orders", 2)]);
    assert_eq!(Value::Object(parts[1].given.clone()), json!({"ProjectionExpression": "total"}));
    let id = KeySchema { partition: "id".to_owned(), sort: None };
    assert_eq!(parts[0].gets[0].request(&id).unwrap().consistency, Consistency::Strong);
}

#[test]
fn what_a_batch_asks_of_other_tables_is_left_as_it_is() {
    let other = json!({"Keys": [{"pk": {"S": "a"}}], "AttributesToGet": ["b"]});
    let batch = json!({"operation": "BatchGetItem", "input": {"RequestItems": {
        "orders": {"Keys": [{"pk": {"S": "a"}}]}, "elsewhere": other}}});
    let batch = batch_get(batch).unwrap();
    assert_eq!((batch.parts.len(), Value::Object(batch.foreign)), (1, json!({"elsewhere": other})));
}

#[test]
fn a_batch_of_repeated_or_too_many_or_no_keys_is_refused() {
    let batch = |keys: Vec<Value>| {
        batch_get(json!({"operation": "BatchGetItem", "input": {"RequestItems": {"orders": {"Keys": keys}}}}))
    };
    let key = |n: String| json!({"pk": {"N": n}});
    assert!(batch((0..100).map(|n| key(n.to_string())).collect()).is_ok());
    refusal(batch((0..101).map(|n| key(n.to_string())).collect()), "ValidationException");
    refusal(batch(vec![]), "ValidationException");
    // The same number, spelt twice.
    let text = refusal(batch(vec![key("1".to_owned()), key("1.0".to_owned())]), "ValidationException");
    assert!(text.contains("duplicates"), "{text}");
}

#[test]
fn a_description_is_asked_of_a_table_or_a_bucket() {
    let decode = |payload| DescribeMigration::decode(input(payload)?);
    assert_eq!(decode(event!("reader-describe")).unwrap(), DescribeMigration("bucket#invoices".to_owned()));
    let describe = |input| decode(json!({"operation": "DescribeMigration", "input": input}));
    assert_eq!(describe(json!({"TableName": "orders"})).unwrap(), DescribeMigration("table#orders".to_owned()));
    refusal(describe(json!({})), "ValidationException");
    refusal(describe(json!({"TableName": "a", "Bucket": "b"})), "ValidationException");
}

#[test]
fn a_put_keeps_every_type_and_takes_its_key_from_the_item() {
    let put = write(event!("writer-put")).unwrap();
    assert!(put.table == "orders" && put.write.item_on_failure);
    let request = put.write.request(&schema()).unwrap();
    assert_eq!((request.key.attributes().len(), request.returning), (2, Returning::AllOld));
    assert_eq!(request.condition.as_deref(), Some("attribute_not_exists(pk)"));
    let Change::Put(item) = request.change else { panic!("a put") };
    assert_eq!(item.0["total"], AttributeValue::N("12345678901234567890.123456789012345678".to_owned()));
    assert_eq!(item.0["label"], AttributeValue::B(vec![0, 255, 128]));
    // And back, byte for byte.
    assert_eq!(json!(item), event!("writer-put")["input"]["Item"]);
}

#[test]
fn an_update_and_a_delete_are_decoded_in_full() {
    let request = write(event!("writer-update")).unwrap().write.request(&schema()).unwrap();
    assert_eq!(request.change, Change::Update(Some("SET #s = :paid ADD version :one".to_owned())));
    assert_eq!((request.names.len(), request.values.len()), (1, 3));
    assert_eq!(request.returning, Returning::UpdatedNew);
    let delete = write(event!("writer-delete")).unwrap();
    assert!(!delete.write.item_on_failure);
    assert_eq!(delete.write.request(&schema()).unwrap().change, Change::Delete);
}

#[test]
fn what_is_not_supported_is_refused_by_name() {
    let with = |mut payload: Value, name: &str, value: Value| {
        payload["input"][name] = value;
        payload
    };
    for (name, value) in
        [("AttributesToGet", json!(["a"])), ("ReturnConsumedCapacity", json!("MUCH")), ("Nonsense", json!(1))]
    {
        let text = refusal(get(with(event!("reader-get"), name, value)), "ValidationException");
        assert!(text.contains(name), "{text}");
    }
    for (name, value) in [
        ("Expected", json!({})),
        ("AttributeUpdates", json!({})),
        ("ConditionalOperator", json!("AND")),
        ("ReturnItemCollectionMetrics", json!("ALL")),
        ("ReturnValues", json!("EVERYTHING")),
        ("ConsistentRead", json!(true)),
    ] {
        let text = refusal(write(with(event!("writer-update"), name, value)), "ValidationException");
        assert!(text.contains(name), "{text}");
    }
    // A put has no new values of its own to answer with.
    refusal(write(with(event!("writer-put"), "ReturnValues", json!("ALL_NEW"))), "ValidationException");
    let batch = json!({"operation": "BatchGetItem", "input": {"RequestItems": {
        "orders": {"Keys": [{}], "AttributesToGet": []}}}});
    let text = refusal(batch_get(batch), "ValidationException");
    assert!(text.contains("AttributesToGet"), "{text}");
    // Null is none.
    assert!(write(with(event!("writer-delete"), "Expected", Value::Null)).is_ok());
}

#[tokio::test]
async fn operations_of_the_other_function_are_refused() {
    let variables = |name: &str| {
        Some(match name {
            "MIGRATION_ID" | "CONTROL_TABLE" => "x".to_owned(),
            "CONTROL_ACCOUNT" | "ACCOUNT_ID" => "111111111111".to_owned(),
            "CONTROL_REGION" | "AWS_REGION" => "us-east-1".to_owned(),
            _ => return None,
        })
    };
    let sites = Arc::new(Sites::load(&Config::read(variables).unwrap()).await);
    let states = Arc::new(MemoryRegister::<()>::default());
    let reader = Reader::new(sites.clone(), states.clone(), "x");
    let refused = reader.answer(event!("writer-put"), "request").await.unwrap_err();
    assert_eq!(refused.error_type, "UnknownOperationException");
    assert!(refused.error_message.contains("use one of: GetItem"), "{}", refused.error_message);
    let writer = Writer::new(sites, states, "x");
    assert_eq!(
        writer.answer(event!("reader-get"), "request").await.unwrap_err().error_type,
        "UnknownOperationException"
    );
    // Its own operations it knows, but no table of that name.
    assert_eq!(
        writer.answer(event!("writer-put"), "request").await.unwrap_err().error_type,
        "ResourceNotFoundException"
    );
}

#[test]
fn missing_and_mistyped_parameters_are_named() {
    let text = refusal(get(json!({"operation": "GetItem", "input": {"TableName": "orders"}})), "ValidationException");
    assert!(text.contains("Key"), "{text}");
    let mistyped = get(json!({"operation": "GetItem", "input": {"TableName": 7, "Key": {}}})).unwrap_err();
    assert!(mistyped.name() == "SerializationException" && mistyped.to_string().contains("TableName"), "{mistyped}");
}

#[test]
fn reserved_names_are_refused_wherever_they_stand() {
    let put =
        json!({"operation": "PutItem", "input": {"TableName": "t", "Item": {"pk": {"S": "a"}, "_lm_own": {"N": "1"}}}});
    refusal(write(put), "ReservedAttribute");
    let mut update = event!("writer-update");
    update["input"]["ExpressionAttributeNames"]["#s"] = json!("_lm_mv");
    refusal(write(update), "ReservedAttribute");
    let mut read = event!("reader-get");
    read["input"]["ProjectionExpression"] = json!("#s, _lm_own");
    refusal(get(read), "ReservedAttribute");
}

#[test]
fn a_key_of_another_schema_is_refused() {
    let get = get(event!("reader-get")).unwrap();
    let id = KeySchema { partition: "id".to_owned(), sort: None };
    let text = refusal(get.get.request(&id), "ValidationException");
    assert!(text.contains("`id`"), "{text}");
    refusal(write(event!("writer-put")).unwrap().write.request(&id), "ValidationException");
}
