//! Decoding, by the requests in `events/`.

use std::collections::BTreeMap;

use livemove_core::error::Error;
use livemove_core::item::KeySchema;
use livemove_core::ports::{Consistency, Returning};
use livemove_core::write::Change;
use serde_dynamo::AttributeValue;
use serde_json::{Value, json};

use super::{ReadOperation, TableWrite, open, read_operation, write_operation};

macro_rules! event {
    ($name:literal) => {
        serde_json::from_str::<Value>(include_str!(concat!("../../../../events/", $name, ".json"))).unwrap()
    };
}

fn schema() -> KeySchema {
    KeySchema { partition: "pk".to_owned(), sort: Some("sk".to_owned()) }
}

fn read(payload: Value) -> Result<ReadOperation, Error> {
    read_operation(open(payload).1?)
}

fn write(payload: Value) -> Result<TableWrite, Error> {
    write_operation(open(payload).1?)
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
        let ReadOperation::Get(get) = read(payload).unwrap() else { panic!("a get") };
        assert_eq!(get.table, "orders");
        let request = get.request(&schema()).unwrap();
        assert_eq!(request.key.attributes()["sk"], AttributeValue::S("order#7".to_owned()));
        assert_eq!(request.consistency, Consistency::Strong);
        assert_eq!(request.projection.as_deref(), Some("#s, total"));
        assert_eq!(request.names, BTreeMap::from([("#s".to_owned(), "status".to_owned())]));
    }
}

#[test]
fn a_batch_is_decoded_table_by_table() {
    let ReadOperation::BatchGet(parts) = read(event!("reader-batch-get")).unwrap() else { panic!("a batch") };
    let tables: Vec<_> = parts.iter().map(|part| (part.gets[0].table.as_str(), part.gets.len())).collect();
    assert_eq!(tables, [("customers", 1), ("orders", 2)]);
    assert_eq!(Value::Object(parts[1].given.clone()), json!({"ProjectionExpression": "total"}));
    let id = KeySchema { partition: "id".to_owned(), sort: None };
    assert_eq!(parts[0].gets[0].request(&id).unwrap().consistency, Consistency::Strong);
}

#[test]
fn a_batch_of_repeated_or_too_many_or_no_keys_is_refused() {
    let batch = |keys: Vec<Value>| {
        read(json!({"operation": "BatchGetItem", "input": {"RequestItems": {"orders": {"Keys": keys}}}}))
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
    assert_eq!(read(event!("reader-describe")).unwrap(), ReadOperation::Describe("bucket#invoices".to_owned()));
    let describe = |input| read(json!({"operation": "DescribeMigration", "input": input}));
    assert_eq!(describe(json!({"TableName": "orders"})).unwrap(), ReadOperation::Describe("table#orders".to_owned()));
    refusal(describe(json!({})), "ValidationException");
    refusal(describe(json!({"TableName": "a", "Bucket": "b"})), "ValidationException");
}

#[test]
fn a_put_keeps_every_type_and_takes_its_key_from_the_item() {
    let put = write(event!("writer-put")).unwrap();
    assert!(put.table == "orders" && put.item_on_failure);
    let request = put.request(&schema()).unwrap();
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
    let request = write(event!("writer-update")).unwrap().request(&schema()).unwrap();
    assert_eq!(request.change, Change::Update(Some("SET #s = :paid ADD version :one".to_owned())));
    assert_eq!((request.names.len(), request.values.len()), (1, 3));
    assert_eq!(request.returning, Returning::UpdatedNew);
    let delete = write(event!("writer-delete")).unwrap();
    assert!(!delete.item_on_failure);
    assert_eq!(delete.request(&schema()).unwrap().change, Change::Delete);
}

#[test]
fn what_is_not_supported_is_refused_by_name() {
    let with = |mut payload: Value, name: &str, value: Value| {
        payload["input"][name] = value;
        payload
    };
    for (name, value) in
        [("AttributesToGet", json!(["a"])), ("ReturnConsumedCapacity", json!("TOTAL")), ("Nonsense", json!(1))]
    {
        let text = refusal(read(with(event!("reader-get"), name, value)), "ValidationException");
        assert!(text.contains(name), "{text}");
    }
    for (name, value) in [
        ("Expected", json!({})),
        ("AttributeUpdates", json!({})),
        ("ConditionalOperator", json!("AND")),
        ("ReturnItemCollectionMetrics", json!("SIZE")),
        ("ReturnValues", json!("EVERYTHING")),
        ("ConsistentRead", json!(true)),
    ] {
        let text = refusal(write(with(event!("writer-update"), name, value)), "ValidationException");
        assert!(text.contains(name), "{text}");
    }
    // A put has no new values of its own to answer with.
    refusal(write(with(event!("writer-put"), "ReturnValues", json!("ALL_NEW"))), "ValidationException");
    let text = refusal(
        read(
            json!({"operation": "BatchGetItem", "input": {"RequestItems": {"t": {"Keys": [{}], "AttributesToGet": []}}}}),
        ),
        "ValidationException",
    );
    assert!(text.contains("AttributesToGet"), "{text}");
    // Null is none.
    assert!(write(with(event!("writer-delete"), "Expected", Value::Null)).is_ok());
}

#[test]
fn operations_of_the_other_function_are_refused() {
    refusal(read(event!("writer-put")), "UnknownOperationException");
    refusal(write(event!("reader-get")), "UnknownOperationException");
}

#[test]
fn missing_and_mistyped_parameters_are_named() {
    let text = refusal(read(json!({"operation": "GetItem", "input": {"TableName": "orders"}})), "ValidationException");
    assert!(text.contains("Key"), "{text}");
    let mistyped = read(json!({"operation": "GetItem", "input": {"TableName": 7, "Key": {}}})).unwrap_err();
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
    let mut get = event!("reader-get");
    get["input"]["ProjectionExpression"] = json!("#s, _lm_own");
    refusal(read(get), "ReservedAttribute");
}

#[test]
fn a_key_of_another_schema_is_refused() {
    let ReadOperation::Get(get) = read(event!("reader-get")).unwrap() else { panic!("a get") };
    let id = KeySchema { partition: "id".to_owned(), sort: None };
    let text = refusal(get.request(&id), "ValidationException");
    assert!(text.contains("`id`"), "{text}");
    refusal(write(event!("writer-put")).unwrap().request(&id), "ValidationException");
}
