//! What the buckets' queues deliver: events of EventBridge, bucket notifications, and test messages.

use livemove_core::error::Error;
use livemove_core::object::ledger::Sequencer;
use serde::Deserialize;
use serde_json::Value;

use super::decode_key;

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
/// `NotAnS3Event`.
pub fn occurrences(body: &str) -> Result<Vec<Occurrence>, Error> {
    let unreadable = |reason: String| {
        Error::refused(
            "NotAnS3Event",
            format!("a message of the queue is no event of S3: {reason}"),
            "let nothing but the bucket's events into the queue; look at the message in its dead-letter queue",
        )
    };
    let body: Value = serde_json::from_str(body).map_err(|error| unreadable(error.to_string()))?;
    if body.get("Event").and_then(Value::as_str) == Some("s3:TestEvent") {
        return Ok(Vec::new());
    }
    match serde_json::from_value(body).map_err(|error| unreadable(error.to_string()))? {
        // EventBridge delivers keys as they are.
        Body::Bridge { source, detail } if source == "aws.s3" => Ok(vec![detail.told()]),
        Body::Bridge { source, .. } => Err(unreadable(format!("its source is {source}"))),
        Body::Direct { records } => records.into_iter().map(|record| record.s3.decoded().map(About::told)).collect(),
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Body {
    Bridge {
        source: String,
        detail: About,
    },
    Direct {
        #[serde(rename = "Records")]
        records: Vec<Record>,
    },
}

#[derive(Deserialize)]
struct Record {
    s3: About,
}

#[derive(Deserialize)]
struct About {
    bucket: Bucket,
    object: Object,
}

#[derive(Deserialize)]
struct Bucket {
    name: String,
}

#[derive(Deserialize)]
struct Object {
    key: String,
    #[serde(default)]
    sequencer: Option<String>,
}

impl About {
    fn told(self) -> Occurrence {
        let sequencer = self.object.sequencer.filter(|text| !text.is_empty()).map(|text| Sequencer::new(&text));
        Occurrence { bucket: self.bucket.name, key: self.object.key, sequencer }
    }

    fn decoded(mut self) -> Result<About, Error> {
        self.object.key = decode_key(&self.object.key)?;
        Ok(self)
    }
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
        vec![("orders-files".to_owned(), key.to_owned(), sequencer.map(Sequencer::new))]
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
}
