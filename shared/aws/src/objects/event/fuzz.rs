//! Messages of the buckets' queues, damaged: refused by name, or read as they are.

use livemove_core::testing::fuzz::{any_json, bytes, cases, json};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use proptest::prelude::*;
use serde_json::json as literal;

use super::*;

fn fixture() -> impl Strategy<Value = Value> {
    let read = |name: &str| -> Value {
        let path = format!("{}/../../events/s3-{name}.json", env!("CARGO_MANIFEST_DIR"));
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
    };
    let all = [
        "eventbridge-created",
        "eventbridge-deleted",
        "eventbridge-tags",
        "notification-created",
        "notification-removed",
        "test-event",
    ];
    prop::sample::select(all.map(read).to_vec())
}

/// Every part of the message that tells of an object, as it stands there.
fn parts(body: &Value) -> Vec<Value> {
    let records = body["Records"].as_array().cloned().unwrap_or_default();
    records.iter().map(|record| record["s3"].clone()).chain(body.get("detail").cloned()).collect()
}

fn judge(body: &Value) -> Result<(), TestCaseError> {
    let direct = body.get("Records").is_some();
    match occurrences(&body.to_string()) {
        Err(error) => prop_assert_eq!(error.name(), "NotAnS3Event"),
        Ok(told) => {
            let given = parts(body);
            prop_assert_eq!(told.len(), given.len());
            for (told, given) in told.iter().zip(&given) {
                prop_assert_eq!(&given["bucket"]["name"], &literal!(told.bucket));
                let key = given["object"]["key"].as_str().unwrap_or_default();
                if direct {
                    // Encoded again in full, both are the same.
                    let plain = percent_encoding::percent_decode_str(&key.replace('+', " ")).collect::<Vec<u8>>();
                    prop_assert_eq!(plain.as_slice(), told.key.as_bytes());
                } else {
                    prop_assert_eq!(key, &told.key);
                }
                let sequencer = given["object"]["sequencer"].as_str().unwrap_or_default();
                prop_assert_eq!(told.sequencer.clone(), Sequencer::new(sequencer));
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn a_message_that_is_read_is_the_one_that_was_given(body in fixture().prop_flat_map(json)) {
        judge(&body)?;
    }

    #[test]
    fn any_json_is_refused_by_name(body in any_json(&["Records", "detail", "source", "Event", "s3", "bucket", "object", "key", "name"])) {
        judge(&body)?;
    }

    #[test]
    fn no_bytes_make_the_reader_fall_over(body in fixture().prop_flat_map(|body| bytes(body.to_string().into_bytes()))) {
        let text = String::from_utf8_lossy(&body);
        match serde_json::from_str::<Value>(&text) {
            Ok(body) => judge(&body)?,
            Err(_) => prop_assert!(occurrences(&text).is_err_and(|error| error.name() == "NotAnS3Event")),
        }
    }

    #[test]
    fn every_key_comes_back_through_both_doors(key in "\\PC{1,60}") {
        prop_assume!(key.len() <= 1024);
        let encoded = utf8_percent_encode(&key, NON_ALPHANUMERIC).to_string().replace("%20", "+");
        let direct = literal!({"Records": [{"s3": {"bucket": {"name": "b"}, "object": {"key": encoded}}}]});
        let bridge = literal!({"source": "aws.s3", "detail": {"bucket": {"name": "b"}, "object": {"key": key}}});
        for body in [direct, bridge] {
            prop_assert_eq!(&occurrences(&body.to_string()).unwrap()[0].key, &key);
        }
    }
}
