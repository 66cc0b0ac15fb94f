//! The failure queues of the event source mappings, and the records that their messages are about.
//!
//! A message says where in a stream records are, and has nothing of them:
//! <https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html>.

use std::collections::BTreeMap;

use aws_sdk_dynamodbstreams::Client;
use aws_sdk_dynamodbstreams::types::{AttributeValue as Sdk, ShardIteratorType};
use livemove_core::error::Error;
use livemove_core::item::{Item, Key, KeySchema};
use livemove_core::mark::{Position, Run};
use serde::Deserialize;
use serde_dynamo::AttributeValue;

use super::call;
use crate::sdk_error::Effect;
use crate::steering::world::{GivenUp, Lost};
use crate::streams::{is_sequence, stream_of};

/// Messages of one answer: the most that SQS gives.
const MESSAGES: i32 = 10;
/// Pages of records that are read for one message; a batch is never near that.
const PAGES: u32 = 100;

#[derive(Deserialize)]
struct Message {
    #[serde(rename = "DDBStreamBatchInfo")]
    batch: Batch,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Batch {
    shard_id: String,
    start_sequence_number: String,
    end_sequence_number: String,
    stream_arn: String,
}

pub(super) async fn receive(sqs: &aws_sdk_sqs::Client, queue: &str) -> Result<Vec<GivenUp>, Error> {
    let read = |(body, receipt): (String, String)| given_up(&body, receipt).ok_or_else(|| malformed(queue));
    messages(sqs, queue).await?.into_iter().map(read).collect()
}

/// Bodies and receipts of some of its messages.
pub(super) async fn messages(sqs: &aws_sdk_sqs::Client, queue: &str) -> Result<Vec<(String, String)>, Error> {
    let request = sqs.receive_message().queue_url(url(sqs, queue).await?).max_number_of_messages(MESSAGES);
    let answer = request.send().await;
    let answer = answer.map_err(|error| call("sqs:ReceiveMessage", &resource(queue), Effect::Reads).failed(&error))?;
    let read = |message: aws_sdk_sqs::types::Message| {
        (message.body.unwrap_or_default(), message.receipt_handle.unwrap_or_default())
    };
    Ok(answer.messages.unwrap_or_default().into_iter().map(read).collect())
}

fn given_up(body: &str, receipt: String) -> Option<GivenUp> {
    let Message { batch } = serde_json::from_str(body).ok()?;
    let (first, last) = (&batch.start_sequence_number, &batch.end_sequence_number);
    let numbers =
        is_sequence(first) && is_sequence(last) && Position::new(Run(0), first) <= Position::new(Run(0), last);
    // Without its range, what was given up would be looked for where nothing is, and count as found.
    if !numbers || batch.shard_id.is_empty() || stream_of(&batch.stream_arn).is_none() {
        return None;
    }
    Some(GivenUp {
        receipt,
        stream: batch.stream_arn,
        shard: batch.shard_id,
        first: batch.start_sequence_number,
        last: batch.end_sequence_number,
    })
}

pub(super) async fn remove(sqs: &aws_sdk_sqs::Client, queue: &str, receipt: &str) -> Result<(), Error> {
    let request = sqs.delete_message().queue_url(url(sqs, queue).await?).receipt_handle(receipt);
    let answer = request.send().await;
    answer.map_err(|error| call("sqs:DeleteMessage", &resource(queue), Effect::Writes).failed(&error))?;
    Ok(())
}

pub(super) async fn url(sqs: &aws_sdk_sqs::Client, queue: &str) -> Result<String, Error> {
    let answer = sqs.get_queue_url().queue_name(queue).send().await;
    let answer = answer.map_err(|error| call("sqs:GetQueueUrl", &resource(queue), Effect::Reads).failed(&error))?;
    answer.queue_url.ok_or_else(|| Error::Invariant(format!("{} has no URL", resource(queue))))
}

pub(super) async fn keys_of(
    streams: &Client,
    schema: &KeySchema,
    given_up: &GivenUp,
) -> Result<Option<Vec<Lost>>, Error> {
    let at = streams
        .get_shard_iterator()
        .stream_arn(&given_up.stream)
        .shard_id(&given_up.shard)
        .shard_iterator_type(ShardIteratorType::AtSequenceNumber)
        .sequence_number(&given_up.first);
    let mut iterator = match at.send().await {
        Ok(answer) => answer.shard_iterator,
        Err(error) => match call("dynamodb:GetShardIterator", &given_up.stream, Effect::Reads).failed(&error) {
            error if is_gone(&error) => return Ok(None),
            error => return Err(error),
        },
    };
    let mut found: BTreeMap<String, Lost> = BTreeMap::new();
    let last = Position::new(Run(0), &given_up.last);
    for _ in 0..PAGES {
        let Some(next) = iterator else { break };
        let answer = match streams.get_records().shard_iterator(next).send().await {
            Ok(answer) => answer,
            Err(error) => match call("dynamodb:GetRecords", &given_up.stream, Effect::Reads).failed(&error) {
                error if is_gone(&error) => return Ok(None),
                error => return Err(error),
            },
        };
        for record in answer.records.unwrap_or_default() {
            // A record that cannot be read is none to pass over.
            let record = record.dynamodb.ok_or_else(|| malformed_record("it has no dynamodb"))?;
            let sequence = record.sequence_number.filter(|sequence| is_sequence(sequence));
            let sequence = sequence.ok_or_else(|| malformed_record("it has no SequenceNumber"))?;
            if Position::new(Run(0), &sequence) > last {
                return Ok(Some(found.into_values().collect()));
            }
            let key = key(schema, record.keys.unwrap_or_default())?;
            let lost = found.entry(key.id()).or_insert_with(|| Lost {
                key,
                first: sequence.clone(),
                last: String::new(),
                records: 0,
            });
            lost.records += 1;
            let is_last = sequence == given_up.last;
            lost.last = sequence;
            if is_last {
                return Ok(Some(found.into_values().collect()));
            }
        }
        iterator = answer.next_shard_iterator;
    }
    // The last record was not reached: what is between here and there is not known.
    Ok(None)
}

/// The stream, the shard or the records are there no more.
fn is_gone(error: &Error) -> bool {
    matches!(error.name(), "TrimmedDataAccessException" | "ResourceNotFoundException")
}

fn key(schema: &KeySchema, keys: std::collections::HashMap<String, Sdk>) -> Result<Key, Error> {
    let value = |value: Sdk| {
        let (text, number, bytes) = (value.as_s().ok(), value.as_n().ok(), value.as_b().ok());
        let text = text.cloned().map(AttributeValue::S).or_else(|| number.cloned().map(AttributeValue::N));
        text.or_else(|| bytes.map(|bytes| AttributeValue::B(bytes.clone().into_inner())))
    };
    let attributes: Option<_> = keys.into_iter().map(|(name, sdk)| Some((name, value(sdk)?))).collect();
    let attributes = attributes.ok_or_else(|| malformed_record("Keys has a value that is no key's"))?;
    schema.key(Item(attributes)).map_err(|error| malformed_record(&format!("Keys: {error}")))
}

fn malformed_record(what: &str) -> Error {
    Error::refused("MalformedRecord", what, "look at the stream: it must be the table's own")
}

pub(super) fn resource(queue: &str) -> String {
    format!("queue {queue}")
}

fn malformed(queue: &str) -> Error {
    Error::refused(
        "MalformedMessage",
        format!("a message of {} is not one of an event source mapping", resource(queue)),
        "let nothing but the mapping send to it, and remove what else is in it",
    )
}

#[cfg(test)]
mod tests {
    use livemove_core::testing::fuzz::{cases, json};
    use proptest::prelude::*;

    use super::*;

    // The members that the page named above lists, with values of our own.
    const MESSAGE: &str = r#"{
        "version": "1.0", "timestamp": "2026-01-02T03:04:05.678Z",
        "requestContext": {"requestId": "r", "functionArn": "f", "condition": "RetryAttemptsExhausted", "approximateInvokeCount": 101},
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
        "DDBStreamBatchInfo": {
            "shardId": "shardId-7", "batchSize": 2, "streamArn": "arn:aws:dynamodb:us-east-1:111111111111:table/orders/stream/1",
            "startSequenceNumber": "100000000000000000001", "endSequenceNumber": "100000000000000000002",
            "approximateArrivalOfFirstRecord": "2026-01-02T03:00:00Z", "approximateArrivalOfLastRecord": "2026-01-02T03:00:01Z"
        }
    }"#;

    #[test]
    fn a_message_says_where_the_records_are() {
        let found = given_up(MESSAGE, "r".to_owned()).expect("a message");
        assert_eq!((found.shard.as_str(), found.receipt.as_str()), ("shardId-7", "r"));
        assert_eq!((found.first.as_str(), found.last.as_str()), ("100000000000000000001", "100000000000000000002"));
        assert!(found.stream.ends_with("table/orders/stream/1"));
    }

    #[test]
    fn what_is_no_message_of_a_mapping_is_none() {
        for body in ["", "{}", r#"{"DDBStreamBatchInfo": {"shardId": "x"}}"#] {
            assert_eq!(given_up(body, String::new()), None);
        }
    }

    #[test]
    fn a_message_whose_range_is_none_is_refused_and_nothing_counts_as_found() {
        for (from, to) in [
            ("\"100000000000000000002\"", "\"\""),
            ("\"100000000000000000001\"", "\"~\""),
            ("\"100000000000000000002\"", "\"99\""),
            ("\"shardId-7\"", "\"\""),
            ("table/orders/stream/1", "table/orders"),
        ] {
            let body = MESSAGE.replace(from, to);
            assert_ne!(body, MESSAGE);
            assert_eq!(given_up(&body, String::new()), None, "{to}");
        }
    }

    proptest! {
        #![proptest_config(cases(300))]

        #[test]
        fn a_damaged_message_is_refused_or_read_as_it_is(body in json(serde_json::from_str(MESSAGE).expect("JSON"))) {
            if let Some(found) = given_up(&body.to_string(), String::new()) {
                let batch = &body["DDBStreamBatchInfo"];
                for (name, told) in [("startSequenceNumber", &found.first), ("endSequenceNumber", &found.last), ("shardId", &found.shard), ("streamArn", &found.stream)] {
                    prop_assert_eq!(batch[name].as_str(), Some(told.as_str()));
                }
                prop_assert!(is_sequence(&found.first) && is_sequence(&found.last));
            }
        }
    }

    #[test]
    fn keys_of_every_type_are_read() {
        let schema = KeySchema { partition: "p".to_owned(), sort: Some("s".to_owned()) };
        let sdk = |sort: Sdk| [("p".to_owned(), Sdk::S("x".to_owned())), ("s".to_owned(), sort)].into();
        for (sort, expected) in [
            (Sdk::N("007".to_owned()), AttributeValue::N("007".to_owned())),
            (Sdk::B(vec![0, 255].into()), AttributeValue::B(vec![0, 255])),
        ] {
            assert_eq!(key(&schema, sdk(sort)).expect("a key").attributes()["s"], expected);
        }
        assert_eq!(key(&schema, sdk(Sdk::Bool(true))).expect_err("no key").name(), "MalformedRecord");
        let mut more = sdk(Sdk::N("1".to_owned()));
        more.insert("t".to_owned(), Sdk::Bool(true));
        assert_eq!(key(&schema, more).expect_err("one too many").name(), "MalformedRecord");
    }
}
