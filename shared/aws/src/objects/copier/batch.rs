//! From messages to notices and back: pure.

use aws_lambda_events::event::sqs::{BatchItemFailure, SqsBatchResponse, SqsEvent, SqsMessage};
use livemove_core::error::Error;
use livemove_core::item::{Item, KeySchema};
use livemove_core::object::follow::{Late, Notice};
use livemove_core::ports::Millis;
use livemove_core::register::Straggler;
use serde_dynamo::AttributeValue;

use crate::objects::event::{Occurrence, occurrences};

/// What the messages tell of `bucket`, and those that cannot be used.
pub(super) fn notices(event: SqsEvent, bucket: &str) -> (Vec<Notice>, Vec<(String, Error)>) {
    let (mut notices, mut failed) = (Vec::new(), Vec::new());
    for record in event.records {
        // Without a count, as the first time.
        let tries = record.attributes.get("ApproximateReceiveCount").and_then(|text| text.parse().ok()).unwrap_or(1);
        let message = record.message_id.unwrap_or_default();
        let told = occurrences(record.body.as_deref().unwrap_or_default());
        match told.and_then(|told| {
            told.into_iter().map(|one| notice(&message, tries, one, bucket)).collect::<Result<Vec<_>, _>>()
        }) {
            Ok(told) => notices.extend(told),
            Err(error) => failed.push((message, error)),
        }
    }
    (notices, failed)
}

fn notice(message: &str, tries: u32, told: Occurrence, expected: &str) -> Result<Notice, Error> {
    if told.bucket == expected {
        return Ok(Notice { message: message.to_owned(), key: told.key, sequencer: told.sequencer, tries });
    }
    Err(Error::refused(
        "WrongBucket",
        format!("an event of bucket {} came to the copier of {expected}", told.bucket),
        "let nothing but that bucket's events into the queue, or run preflight with the plan that names the other one",
    ))
}

/// The late write as the straggler ledger keeps it: the object's key, and its entity tag as far as there is an
/// object. Its place is that of its content, so a repeated event enters nothing new.
pub(super) fn straggler(late: &Late, now: Millis) -> Result<Straggler, Error> {
    let schema = KeySchema { partition: "key".to_owned(), sort: None };
    let mut item = Item::default();
    item.0.insert("key".to_owned(), AttributeValue::S(late.key.clone()));
    let key = schema.key_of(&item).map_err(|error| Error::Invariant(error.to_string()))?;
    let image = late.content.as_ref().map(|etag| {
        let mut image = item.clone();
        image.0.insert("etag".to_owned(), AttributeValue::S(etag.0.clone()));
        image
    });
    let sequence = late.content.as_ref().map_or_else(|| "removed".to_owned(), |etag| etag.0.clone());
    Ok(Straggler { run: late.run, sequence, key, image, at: now })
}

/// When the newest message was sent.
pub(super) fn newest(event: &SqsEvent) -> Millis {
    let sent = |name: &str, record: &SqsMessage| record.attributes.get(name)?.parse().ok();
    event.records.iter().filter_map(|record| sent("SentTimestamp", record)).max().unwrap_or_default()
}

pub(super) fn failures(failed: Vec<(String, Error)>) -> SqsBatchResponse {
    let mut messages: Vec<String> = failed.into_iter().map(|(message, _)| message).collect();
    messages.sort();
    messages.dedup();
    let mut response = SqsBatchResponse::default();
    response.batch_item_failures = messages
        .into_iter()
        .map(|message| {
            let mut failure = BatchItemFailure::default();
            failure.item_identifier = message;
            failure
        })
        .collect();
    response
}

#[cfg(test)]
mod tests {
    use livemove_core::mark::Run;
    use livemove_core::object::bucket::Etag;

    use super::*;

    fn batch() -> SqsEvent {
        let path = format!("{}/../../events/s3-sqs-batch.json", env!("CARGO_MANIFEST_DIR"));
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
    }

    #[test]
    fn a_batch_is_read_message_by_message() {
        assert_eq!(newest(&batch()), 1_717_243_200_900);
        let (notices, failed) = notices(batch(), "orders-files");
        let told: Vec<_> = notices.iter().map(|notice| (notice.message.as_str(), notice.key.as_str())).collect();
        assert_eq!(told, [("bridge", "a b+c"), ("direct", "a b+c"), ("direct", "second")]);
        let failed: Vec<_> = failed.iter().map(|(message, error)| (message.as_str(), error.name())).collect();
        assert_eq!(failed, [("garbage", "NotAnS3Event"), ("other-bucket", "WrongBucket")]);
    }

    #[test]
    fn a_message_is_handed_back_once() {
        let error = || Error::Unavailable("x".to_owned());
        let response = failures(vec![("b".to_owned(), error()), ("a".to_owned(), error()), ("b".to_owned(), error())]);
        let items: Vec<_> =
            response.batch_item_failures.iter().map(|failure| failure.item_identifier.as_str()).collect();
        assert_eq!(items, ["a", "b"]);
    }

    #[test]
    fn the_same_late_write_is_entered_under_the_same_name() {
        let late = |content: Option<&str>| Late {
            run: Run(1),
            key: "k".to_owned(),
            content: content.map(|etag| Etag(etag.to_owned())),
            messages: Vec::new(),
        };
        let entry = |content| straggler(&late(content), 1).map(|entry| (entry.sequence, entry.key)).unwrap();
        assert_eq!(entry(Some("e1")), entry(Some("e1")));
        assert_ne!(entry(Some("e1")).0, entry(Some("e2")).0);
        assert_ne!(entry(Some("e1")).0, entry(None).0);
    }
}
