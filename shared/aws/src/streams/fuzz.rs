//! Events of streams, damaged: refused by name, or read as they are.

use livemove_core::testing::fuzz::{any_json, cases, item, json, says, text};
use proptest::prelude::*;
use serde_json::{json as literal, to_value};

use super::*;

const NAMES: [&str; 3] = ["MalformedEvent", "MalformedRecord", "WrongStreamView"];

fn schema() -> KeySchema {
    KeySchema { partition: "customer".to_owned(), sort: Some("order".to_owned()) }
}

fn fixture() -> impl Strategy<Value = Value> {
    let read = |name: &str| -> Value {
        let path = format!("{}/../../events/{name}.json", env!("CARGO_MANIFEST_DIR"));
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
    };
    let all = ["stream-insert", "stream-modify", "stream-remove", "stream-ttl-remove", "stream-keys-only"].map(read);
    prop::sample::select(all.to_vec())
}

fn read(event: Value) -> Result<(Option<Origin>, Vec<Change>), Error> {
    let event = parse(event)?;
    Ok((origin(&event)?, changes(event, &schema(), 1)?))
}

/// What a record says, read by itself.
fn given(record: &Value, name: &str) -> Value {
    let image = &record["dynamodb"][name];
    if image.as_object().is_some_and(|image| image.is_empty()) { Value::Null } else { image.clone() }
}

fn judge(event: &Value) -> Result<(), TestCaseError> {
    match read(event.clone()) {
        Err(error) => prop_assert!(NAMES.contains(&error.name()), "{error}"),
        Ok((origin, changes)) => {
            let records = event["Records"].as_array().cloned().unwrap_or_default();
            prop_assert!(event["Records"].is_array() && records.len() == changes.len());
            prop_assert_eq!(origin.is_some(), !changes.is_empty());
            for (record, change) in records.iter().zip(changes) {
                prop_assert_eq!(to_value(&change.key).unwrap(), given(record, "Keys"));
                prop_assert_eq!(to_value(&change.old).unwrap(), given(record, "OldImage"));
                prop_assert_eq!(to_value(&change.new).unwrap(), given(record, "NewImage"));
                prop_assert_eq!(&record["dynamodb"]["SequenceNumber"], &literal!(change.sequence));
                prop_assert_eq!(&record["dynamodb"]["StreamViewType"], "NEW_AND_OLD_IMAGES");
            }
        }
    }
    Ok(())
}

#[test]
fn a_stream_is_named_in_full_or_not_at_all() {
    let whole = "arn:aws:dynamodb:eu-west-1:111111111111:table/orders/stream/2026-01-01T00:00:00.000";
    assert_eq!(stream_of(whole).map(|origin| origin.table), Some("orders".to_owned()));
    for wrong in [
        "",
        "arn:aws:kinesis:eu-west-1:111111111111:table/orders/stream/1",
        "arn:aws:dynamodb:eu-west-1:111111111111:table/orders",
        "arn:aws:dynamodb:eu-west-1:111111111111:table//stream/1",
        "arn:aws:dynamodb:eu-west-1::table/orders/stream/1",
        "arn:aws:dynamodb:eu-west-1:111111111111:table/orders/index/a/stream/1",
    ] {
        assert_eq!(stream_of(wrong), None, "{wrong}");
    }
}

#[test]
fn an_event_without_records_is_none() {
    for event in [literal!({}), literal!({"Records": null}), literal!({"Records": {}}), literal!([]), literal!([[]])] {
        assert_eq!(parse(event.clone()).unwrap_err().name(), "MalformedEvent", "{event}");
    }
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn a_record_that_is_read_is_the_one_that_was_given(event in fixture().prop_flat_map(json)) {
        judge(&event)?;
    }

    #[test]
    fn any_json_is_refused_by_name(event in any_json(&["Records", "dynamodb", "Keys", "NewImage", "eventName", "S", "SequenceNumber"])) {
        judge(&event)?;
    }

    #[test]
    fn every_item_comes_out_as_it_went_in(item in item(), digits in "[0-9]{1,40}") {
        let key = literal!({"customer": {"S": "c"}, "order": {"N": "7"}});
        let mut image = to_value(item).unwrap();
        image.as_object_mut().unwrap().extend(key.as_object().unwrap().clone());
        let path = format!("{}/../../events/stream-insert.json", env!("CARGO_MANIFEST_DIR"));
        let mut event: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let record = &mut event["Records"][0]["dynamodb"];
        for (name, value) in [("Keys", &key), ("NewImage", &image), ("SequenceNumber", &literal!(digits))] {
            record[name] = value.clone();
        }
        let (_, changes) = read(event).unwrap();
        prop_assert!(says(&to_value(&changes[0].new).unwrap(), &image));
    }

    #[test]
    fn a_damaged_arn_names_the_same_table_or_another_and_never_half_of_one(arn in text("arn:aws:dynamodb:eu-west-1:111111111111:table/orders/stream/1".to_owned())) {
        if let Some(origin) = stream_of(&arn) {
            let Origin { account, region, table } = origin;
            let start = format!(":dynamodb:{region}:{account}:table/{table}/stream/");
            prop_assert!(arn.contains(&start), "{}", arn);
        }
    }
}
