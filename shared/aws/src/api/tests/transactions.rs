//! Decoding of transactions and batch writes.

use livemove_core::error::Error;
use serde_json::{Value, json};

use super::{moving, refusal};
use crate::api::operations::batch_write::{BatchWriteItem, Write};
use crate::api::operations::snapshot::TransactGetItems;
use crate::api::operations::transact::TransactWriteItems;
use crate::api::parameters::Parameters;

fn parameters(input: Value) -> Parameters<'static> {
    Parameters::new("an operation", input.as_object().unwrap().clone())
}

fn transact(items: Value) -> Result<TransactWriteItems, Error> {
    TransactWriteItems::decode(parameters(json!({"TransactItems": items, "ClientRequestToken": "t"})), &moving())
}

fn snapshot(items: Value) -> Result<TransactGetItems, Error> {
    TransactGetItems::decode(parameters(json!({"TransactItems": items})), &moving())
}

fn batch(requests: Value) -> Result<BatchWriteItem, Error> {
    BatchWriteItem::decode(parameters(json!({"RequestItems": requests})), &moving())
}

fn key() -> Value {
    json!({"pk": {"S": "a"}})
}

#[test]
fn a_transaction_is_decoded_entry_by_entry() {
    let write = transact(json!([
        {"Put": {"TableName": "orders", "Item": key()}},
        {"Update": {"TableName": "orders", "Key": key(), "UpdateExpression": "ADD n :n",
            "ExpressionAttributeValues": {":n": {"N": "1"}}}},
        {"Delete": {"TableName": "orders", "Key": key(), "ConditionExpression": "attribute_exists(pk)"}},
        {"ConditionCheck": {"TableName": "orders", "Key": key(), "ConditionExpression": "attribute_exists(pk)",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}},
    ]))
    .unwrap();
    assert_eq!((write.table.as_str(), write.has_foreign()), ("orders", false));
    let read = snapshot(json!([{"Get": {"TableName": "orders", "Key": key(), "ProjectionExpression": "a"}}])).unwrap();
    assert_eq!((read.table.as_str(), read.has_foreign()), ("orders", false));
}

#[test]
fn entries_for_other_tables_are_carried_as_they_are() {
    let items = json!([{"Put": {"TableName": "orders", "Item": key()}}, {"Put": {"TableName": "other", "New": 1}}]);
    assert!(transact(items).unwrap().has_foreign());
}

#[test]
fn a_transaction_over_two_migrating_tables_is_refused_by_name() {
    let items =
        json!([{"Put": {"TableName": "orders", "Item": key()}}, {"Put": {"TableName": "customers", "Item": key()}}]);
    refusal(transact(items), "SeveralMigratingTables");
}

#[test]
fn entries_that_are_none_are_refused() {
    for wrong in [
        json!([]),
        json!([{}]),
        json!([{"Get": {"TableName": "orders", "Key": key()}}]),
        json!([{"Put": {"TableName": "orders", "Item": key()}, "Delete": {"TableName": "orders", "Key": key()}}]),
        json!([{"Put": {"TableName": "orders"}}]),
        json!([{"Update": {"TableName": "orders", "Key": key()}}]),
        json!([{"ConditionCheck": {"TableName": "orders", "Key": key()}}]),
        json!([{"Put": {"TableName": "orders", "Item": key(), "ReturnValues": "ALL_OLD"}}]),
    ] {
        refusal(transact(wrong), "ValidationException");
    }
    refusal(
        snapshot(json!([{"Get": {"TableName": "orders", "Key": key(), "ConsistentRead": true}}])),
        "ValidationException",
    );
    let many: Vec<Value> = (0..101).map(|_| json!({"Put": {"TableName": "orders", "Item": key()}})).collect();
    refusal(transact(json!(many)), "ValidationException");
}

#[test]
fn a_batch_of_writes_is_decoded_table_by_table() {
    let batch = batch(json!({
        "orders": [{"PutRequest": {"Item": {"pk": {"S": "a"}, "n": {"N": "1"}}}}, {"DeleteRequest": {"Key": key()}}],
        "elsewhere": [{"DeleteRequest": {"Key": key()}}],
    }))
    .unwrap();
    assert_eq!((batch.parts.len(), batch.foreign.len()), (1, 1));
    assert!(matches!(batch.parts[0].writes[..], [Write::Put(_), Write::Delete(_)]));
}

#[test]
fn a_batch_of_writes_that_is_none_is_refused() {
    let put = json!({"PutRequest": {"Item": key()}});
    for wrong in [
        json!({"orders": []}),
        json!({"orders": [{}]}),
        json!({"orders": [{"PutRequest": {"Item": key()}, "DeleteRequest": {"Key": key()}}]}),
        json!({"orders": [{"PutRequest": {"Item": key(), "ConditionExpression": "a = b"}}]}),
        json!({"orders": vec![put; 26]}),
    ] {
        refusal(batch(wrong), "ValidationException");
    }
    let reserved = json!({"orders": [{"PutRequest": {"Item": {"pk": {"S": "a"}, "_lm_t": {"BOOL": true}}}}]});
    refusal(batch(reserved), "ReservedAttribute");
}

#[test]
fn as_many_entries_as_dynamodb_takes_are_taken_and_one_more_is_refused() {
    let key = |number: usize| json!({"pk": {"S": number.to_string()}});
    let puts =
        |count| json!({"orders": (0..count).map(|it| json!({"PutRequest": {"Item": key(it)}})).collect::<Vec<_>>()});
    assert!(batch(puts(25)).is_ok());
    refusal(batch(puts(26)), "ValidationException");
    let entries = |count, kind: &str, keys: &str| -> Value {
        (0..count).map(|it| json!({kind: {"TableName": "orders", keys: key(it)}})).collect()
    };
    assert!(transact(entries(100, "Put", "Item")).is_ok());
    refusal(transact(entries(101, "Put", "Item")), "ValidationException");
    assert!(snapshot(entries(100, "Get", "Key")).is_ok());
    refusal(snapshot(entries(101, "Get", "Key")), "ValidationException");
}
