//! What the buckets' queues deliver: events of EventBridge, bucket notifications, and test messages.

use livemove_core::error::Error;
use livemove_core::object::ledger::Sequencer;
use serde_json::Value;

use super::decode_key;

/// The longest key, in bytes: <https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html>.
const KEY_MAX: usize = 1024;

/// Something happened to a key of a bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Occurrence {
    /// The bucket's name.
    pub bucket: String,
    /// The key, decoded.
    pub key: String,
    /// Its place among the events of the key, where the event has one.
    pub sequencer: Option<Sequencer>,
}

/// Reads the body of one message. A test message, which S3 sends when a notification is configured, tells of
/// nothing.
///
/// # Errors
/// `NotAnS3Event`, naming what is wrong in it.
pub fn occurrences(body: &str) -> Result<Vec<Occurrence>, Error> {
    read(body).map_err(|reason| {
        Error::refused(
            "NotAnS3Event",
            format!("a message of the queue is no event of S3: {reason}"),
            "let nothing but the bucket's events into the queue; look at the message in its dead-letter queue",
        )
    })
}

fn read(body: &str) -> Result<Vec<Occurrence>, String> {
    let body: Value = serde_json::from_str(body).map_err(|error| error.to_string())?;
    match (body.get("Records"), body.get("detail"), body.get("Event").and_then(Value::as_str)) {
        (None, None, Some("s3:TestEvent")) => Ok(Vec::new()),
        // EventBridge delivers keys as they are.
        (None, Some(detail), None) => match body.get("source").and_then(Value::as_str) {
            Some("aws.s3") => Ok(vec![occurrence(detail, |key| Ok(key.to_owned()))?]),
            other => Err(format!("its source is {}", other.unwrap_or("missing"))),
        },
        (Some(Value::Array(records)), None, None) if !records.is_empty() => records.iter().map(record).collect(),
        (Some(_), None, None) => Err("Records is no list of records".to_owned()),
        _ => Err("it is not one of Records, detail and s3:TestEvent".to_owned()),
    }
}

fn record(record: &Value) -> Result<Occurrence, String> {
    if let Some(source) = record.get("eventSource").filter(|source| *source != "aws:s3") {
        return Err(format!("its eventSource is {source}"));
    }
    occurrence(record.get("s3").ok_or("s3 is missing")?, |key| {
        decode_key(key).ok_or_else(|| "/object/key is not percent-encoded UTF-8".to_owned())
    })
}

fn occurrence(about: &Value, decode: impl Fn(&str) -> Result<String, String>) -> Result<Occurrence, String> {
    let text = |place: &str| {
        let text = about.pointer(place).and_then(Value::as_str).filter(|text| !text.is_empty());
        text.ok_or_else(|| format!("{place} is missing or no text"))
    };
    let (bucket, key) = (text("/bucket/name")?.to_owned(), decode(text("/object/key")?)?);
    if key.len() > KEY_MAX {
        return Err(format!("/object/key has {} bytes, more than {KEY_MAX}", key.len()));
    }
    let sequencer = match about.pointer("/object/sequencer") {
        None | Some(Value::Null) => None,
        Some(Value::String(none)) if none.is_empty() => None,
        // One that is no number would pass for later than all others, and they for old ones.
        Some(given) => {
            let read = given.as_str().and_then(Sequencer::new);
            Some(read.ok_or_else(|| format!("/object/sequencer is {given}, not hexadecimal digits"))?)
        }
    };
    Ok(Occurrence { bucket, key, sequencer })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixture(name: &str) -> String {
        let path = format!("{}/../../events/{name}", env!("CARGO_MANIFEST_DIR"));
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    fn told(name: &str) -> Vec<(String, String, Option<Sequencer>)> {
        let all = occurrences(&fixture(name)).unwrap();
        all.into_iter().map(|o| (o.bucket, o.key, o.sequencer)).collect()
    }

    fn one(key: &str, sequencer: Option<&str>) -> Vec<(String, String, Option<Sequencer>)> {
        vec![("orders-files".to_owned(), key.to_owned(), sequencer.and_then(Sequencer::new))]
    }

    #[test]
    fn every_fixture_is_understood() {
        let key = "invoices/2024 05+06/100%/ü.pdf";
        assert_eq!(told("s3-eventbridge-created.json"), one(key, Some("00617F08299329D189")));
        assert_eq!(told("s3-eventbridge-deleted.json"), one(key, Some("00617F08299329D18A")));
        assert_eq!(told("s3-eventbridge-tags.json"), one(key, None));
        assert_eq!(told("s3-notification-created.json"), one(key, Some("00617F08299329D189")));
        assert_eq!(told("s3-notification-removed.json"), one(key, Some("00617F08299329D18A")));
        assert_eq!(told("s3-test-event.json"), []);
    }

    #[test]
    fn sequencers_of_different_length_compare_padded() {
        assert!(Sequencer::new("0055AED6DCD90281E5") < Sequencer::new("0055AED6DCD90281E501"));
        assert!(Sequencer::new("0055aed6dcd90281e6") > Sequencer::new("0055AED6DCD90281E5FF"));
    }

    #[test]
    fn anything_else_is_refused_by_name() {
        for body in ["", "[]", "{}", r#"{"source":"aws.ec2","detail":{"bucket":{"name":"b"},"object":{"key":"k"}}}"#] {
            assert_eq!(occurrences(body).unwrap_err().name(), "NotAnS3Event", "{body}");
        }
    }

    fn direct(key: &str, sequencer: &str) -> String {
        format!(
            r#"{{"Records":[{{"s3":{{"bucket":{{"name":"b"}},"object":{{"key":"{key}","sequencer":"{sequencer}"}}}}}}]}}"#
        )
    }

    #[test]
    fn a_sequencer_that_is_no_number_is_refused_and_makes_no_later_event_an_old_one() {
        assert!(occurrences(&direct("k", "00AB")).is_ok() && occurrences(&direct("k", "")).is_ok());
        for wrong in ["zz", "00AB ", "-1", &"F".repeat(65)] {
            let error = occurrences(&direct("k", wrong)).unwrap_err();
            assert!(error.to_string().contains("/object/sequencer") && error.to_string().contains(wrong), "{error}");
        }
    }

    #[test]
    fn a_key_that_is_not_encoded_as_s3_does_is_refused_and_not_taken_for_another() {
        for wrong in ["a%", "a%2", "a%zz", "%FF", "", &"x".repeat(1025)] {
            assert_eq!(occurrences(&direct(wrong, "00")).unwrap_err().name(), "NotAnS3Event", "{wrong}");
        }
    }

    #[test]
    fn records_in_a_test_message_or_beside_a_detail_are_not_dropped() {
        let records = r#"[{"s3":{"bucket":{"name":"b"},"object":{"key":"k"}}}]"#;
        for both in [
            format!(r#"{{"Event":"s3:TestEvent","Records":{records}}}"#),
            format!(
                r#"{{"source":"aws.s3","detail":{{"bucket":{{"name":"b"}},"object":{{"key":"k"}}}},"Records":{records}}}"#
            ),
            r#"{"Records":[]}"#.to_owned(),
            records.replace("{\"s3\"", "{\"eventSource\":\"aws:sqs\",\"s3\""),
        ] {
            assert_eq!(occurrences(&both).unwrap_err().name(), "NotAnS3Event", "{both}");
        }
    }
}

#[cfg(test)]
mod fuzz;
