//! Stream events, decoded from the fixtures in `events/`.

use livemove_aws::streams::{Origin, changes, failures, origin, parse};
use livemove_core::change::Change;
use livemove_core::error::Error;
use livemove_core::item::{Item, KeySchema};
use serde_dynamo::AttributeValue;
use serde_json::{Value, json};

const NOW: u64 = 1_767_605_555_000;

fn fixture(name: &str) -> Value {
    let path = format!("{}/../../events/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).expect("fixture")).expect("JSON")
}

fn schema() -> KeySchema {
    KeySchema { partition: "customer".to_owned(), sort: Some("order".to_owned()) }
}

fn decode(event: Value) -> Result<Vec<Change>, Error> {
    changes(parse(event)?, &schema(), NOW)
}

fn only(name: &str) -> Change {
    let mut all = decode(fixture(name)).expect("decodes");
    assert_eq!(all.len(), 1);
    all.remove(0)
}

fn note(item: &Option<Item>) -> Option<&AttributeValue> {
    item.as_ref().and_then(|item| item.0.get("note"))
}

#[test]
fn an_insert_has_a_new_image_only_and_keeps_every_type_as_it_is() {
    let change = only("stream-insert");
    assert_eq!(
        (change.old, change.sequence.as_str(), change.at),
        (None, "100000000000000000000000001", 1_767_605_400_000)
    );
    let item = change.new.expect("new image").0;
    let image = &fixture("stream-insert")["Records"][0]["dynamodb"]["NewImage"];
    assert_eq!(&serde_json::to_value(&item).expect("JSON"), image);
    assert_eq!(item["total"], AttributeValue::N("12345678901234567890.123456789012345678".to_owned()));
    assert_eq!(item["blob"], AttributeValue::B(vec![0, 1, 255]));
}

#[test]
fn a_modify_has_both_images() {
    let change = only("stream-modify");
    assert_eq!(note(&change.old), Some(&AttributeValue::S(String::new())));
    assert_eq!(note(&change.new), Some(&AttributeValue::S("leave at the door".to_owned())));
}

#[test]
fn a_remove_has_no_new_image_whoever_removed_it() {
    for name in ["stream-remove", "stream-ttl-remove"] {
        let change = only(name);
        assert_eq!(change.new, None, "{name}");
        assert!(change.old.is_some(), "{name}");
    }
}

#[test]
fn a_view_without_images_is_refused_and_not_taken_for_a_removal() {
    let error = decode(fixture("stream-keys-only")).expect_err("must be refused");
    assert_eq!(error.name(), "WrongStreamView");
    for view in [json!("NEW_IMAGE"), json!("OLD_IMAGE"), Value::Null] {
        let mut event = fixture("stream-remove");
        event["Records"][0]["dynamodb"]["StreamViewType"] = view;
        assert_eq!(decode(event).expect_err("must be refused").name(), "WrongStreamView");
    }
}

#[test]
fn one_wrong_record_fails_its_whole_batch_by_name() {
    let record = |name: &str| fixture(name)["Records"][0].clone();
    let wrong = |name: &str, path: &[&str], value: Value| {
        let mut record = record(name);
        let place = path.iter().fold(&mut record, |at, part| &mut at[*part]);
        *place = value;
        let batch = json!({"Records": [fixture("stream-insert")["Records"][0], record]});
        decode(batch).expect_err("must be refused")
    };
    let other_key = json!({"customer": {"S": "c-99"}, "order": {"N": "1"}});
    let cases = [
        wrong("stream-modify", &["dynamodb", "OldImage"], Value::Null),
        wrong("stream-modify", &["eventName"], json!("REMOVE")),
        wrong("stream-insert", &["eventName"], json!("MODIFY")),
        wrong("stream-remove", &["eventName"], json!("EXPIRE")),
        wrong("stream-modify", &["dynamodb", "Keys"], other_key),
        wrong("stream-modify", &["dynamodb", "Keys"], json!({"customer": {"S": "c-17"}})),
        wrong("stream-modify", &["dynamodb", "Keys", "more"], json!({"S": "x"})),
        wrong("stream-modify", &["dynamodb", "OldImage", "order"], json!({"N": "9"})),
        wrong("stream-modify", &["dynamodb", "SequenceNumber"], json!("12a")),
        wrong("stream-modify", &["dynamodb", "SequenceNumber"], Value::Null),
    ];
    for (index, error) in cases.iter().enumerate() {
        assert_eq!(error.name(), "MalformedRecord", "case {index}: {error}");
        assert!(!error.to_string().contains("c-17"), "case {index} shows a key: {error}");
    }
}

#[test]
fn an_unreadable_event_is_refused_without_quoting_it() {
    let mut event = fixture("stream-insert");
    event["Records"][0]["dynamodb"]["NewImage"]["note"] = json!({"S": {"secret": 1}});
    let events = [event, json!({"Records": [{"dynamodb": "secret"}]}), json!({"secret": []})];
    for event in events {
        let error = decode(event).expect_err("must be refused");
        assert_eq!(error.name(), "MalformedEvent");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}

#[test]
fn a_record_without_a_time_is_neither_early_nor_old() {
    let mut event = fixture("stream-insert");
    event["Records"][0]["dynamodb"].as_object_mut().expect("object").remove("ApproximateCreationDateTime");
    assert_eq!(decode(event).expect("decodes")[0].at, NOW);
}

#[test]
fn the_stream_says_which_table_it_is_of() {
    let read = |event: Value| parse(event).and_then(|event| origin(&event));
    let orders = Origin { account: "111111111111".into(), region: "us-east-1".into(), table: "orders".into() };
    assert_eq!(read(fixture("stream-insert")).expect("an origin"), Some(orders));
    assert_eq!(read(json!({"Records": []})).expect("no origin"), None);
    let mut elsewhere = fixture("stream-insert");
    elsewhere["Records"][0]["eventSourceARN"] = json!("arn:aws:kinesis:us-east-1:111111111111:stream/orders");
    assert_eq!(read(elsewhere.clone()).expect_err("no table").name(), "MalformedEvent");
    let mixed = json!({"Records": [fixture("stream-insert")["Records"][0], elsewhere["Records"][0]]});
    assert_eq!(read(mixed).expect_err("two streams").name(), "MalformedEvent");
}

#[test]
fn the_answer_names_what_must_come_again() {
    let none = serde_json::to_value(failures([])).expect("JSON");
    assert_eq!(none, json!({"batchItemFailures": []}));
    let some = serde_json::to_value(failures(["7".to_owned(), "9".to_owned()])).expect("JSON");
    assert_eq!(some, json!({"batchItemFailures": [{"itemIdentifier": "7"}, {"itemIdentifier": "9"}]}));
}
