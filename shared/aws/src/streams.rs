//! DynamoDB stream events, decoded into changes of the core.
//!
//! Nothing wrong is skipped: a record that cannot be read fails its batch under a fixed error name, and the
//! event source bisects down to it. Neither texts nor logs carry anything of an item.

use aws_lambda_events::event::dynamodb::{Event, EventRecord, StreamRecord, StreamViewType};
use aws_lambda_events::event::streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse};
use livemove_core::change::Change;
use livemove_core::error::Error;
use livemove_core::item::{Item, Key, KeySchema};
use livemove_core::ports::Millis;
use serde_json::Value;

/// The most digits a sequence number has.
const SEQUENCE_DIGITS: usize = 40;

/// A table as the ARN of its stream names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The account.
    pub account: String,
    /// The Region.
    pub region: String,
    /// The table's name.
    pub table: String,
}

/// Reads the envelope of an event.
///
/// # Errors
/// `MalformedEvent`. The parser's own text is left out: it may quote values.
pub fn parse(event: Value) -> Result<Event, Error> {
    // A struct may be read from a list, too: what has no records by that name is no event.
    if !event.get("Records").is_some_and(Value::is_array) {
        return Err(malformed("the event has no list of Records"));
    }
    serde_json::from_value(event).map_err(|_quotes_values| malformed("the event is not one of a DynamoDB stream"))
}

/// The table whose stream an event comes from; `None` for an event without records.
///
/// # Errors
/// `MalformedEvent` when a record names no stream or the records name several.
pub fn origin(event: &Event) -> Result<Option<Origin>, Error> {
    let Some(first) = event.records.first() else {
        return Ok(None);
    };
    if event.records.iter().any(|record| record.event_source_arn != first.event_source_arn) {
        return Err(malformed("the records come from several streams"));
    }
    let arn = first.event_source_arn.as_deref().unwrap_or_default();
    let origin = stream_of(arn);
    origin.map(Some).ok_or_else(|| malformed(format!("eventSourceARN `{arn}` is not that of a table's stream")))
}

/// The table of a stream, by `arn:<partition>:dynamodb:<Region>:<account>:table/<name>/stream/<label>`.
pub(crate) fn stream_of(arn: &str) -> Option<Origin> {
    let [start, partition, service, region, account, resource] =
        arn.splitn(6, ':').collect::<Vec<_>>().try_into().ok()?;
    let (table, label) = resource.strip_prefix("table/")?.split_once("/stream/")?;
    let named = [partition, region, account, table, label].iter().all(|part| !part.is_empty());
    let fits = start == "arn" && service == "dynamodb" && named && !table.contains('/');
    fits.then(|| Origin { account: account.to_owned(), region: region.to_owned(), table: table.to_owned() })
}

/// The changes of an event, in its order. A record that does not say when it was made counts as made `now`:
/// an unknown time must neither pass for an early one nor for an old one.
///
/// # Errors
/// `WrongStreamView` for any view but NEW_AND_OLD_IMAGES; `MalformedRecord` for a record whose parts do not
/// fit together.
pub fn changes(event: Event, schema: &KeySchema, now: Millis) -> Result<Vec<Change>, Error> {
    event.records.into_iter().map(|record| change(record, schema, now)).collect()
}

/// The answer for a batch of which the records with these sequence numbers, and what comes after them, must be
/// delivered again; none of them = all is well.
pub fn failures(sequences: impl IntoIterator<Item = String>) -> DynamoDbEventResponse {
    let mut response = DynamoDbEventResponse::default();
    for sequence in sequences {
        let mut failure = DynamoDbBatchItemFailure::default();
        failure.item_identifier = Some(sequence);
        response.batch_item_failures.push(failure);
    }
    response
}

fn change(record: EventRecord, schema: &KeySchema, now: Millis) -> Result<Change, Error> {
    let sequence = sequence(&record.change)?;
    let wrong = |what: &str| Error::refused("MalformedRecord", format!("record {sequence}: {what}"), REMEDY);
    if record.change.stream_view_type != Some(StreamViewType::NewAndOldImages) {
        return Err(Error::refused(
            "WrongStreamView",
            format!("record {sequence} does not come from a stream of NEW_AND_OLD_IMAGES"),
            "switch the table's stream off and on again with view type NEW_AND_OLD_IMAGES, then copy again",
        ));
    }
    let at = u64::try_from(record.change.approximate_creation_date_time.timestamp_millis()).unwrap_or_default();
    let key =
        schema.key(item(record.change.keys).unwrap_or_default()).map_err(|error| wrong(&format!("Keys: {error}")))?;
    // A missing image is decoded to an empty item; no item is empty, for it has its key.
    let (old, new) = (item(record.change.old_image), item(record.change.new_image));
    let fits = match record.event_name.as_str() {
        "INSERT" => old.is_none() && new.is_some(),
        "MODIFY" => old.is_some() && new.is_some(),
        "REMOVE" => old.is_some() && new.is_none(),
        other => return Err(wrong(&format!("eventName `{other}` is none of INSERT, MODIFY, REMOVE"))),
    };
    if !fits {
        return Err(wrong(&format!("its images are not those of {}", record.event_name)));
    }
    if ![&old, &new].into_iter().flatten().all(|image| has_key(schema, image, &key)) {
        return Err(wrong("its key is not that of its images"));
    }
    Ok(Change { key, old, new, sequence, at: if at == 0 { now } else { at } })
}

/// Whether it is a sequence number: positions are compared by it.
pub(crate) fn is_sequence(text: &str) -> bool {
    (1..=SEQUENCE_DIGITS).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn sequence(record: &StreamRecord) -> Result<String, Error> {
    let text = record.sequence_number.as_deref().unwrap_or_default();
    if is_sequence(text) {
        return Ok(text.to_owned());
    }
    Err(Error::refused("MalformedRecord", format!("SequenceNumber `{text}` is not one of 1 to 40 digits"), REMEDY))
}

fn item(item: serde_dynamo::Item) -> Option<Item> {
    let attributes = item.into_inner();
    (!attributes.is_empty()).then(|| Item(attributes.into_iter().collect()))
}

fn has_key(schema: &KeySchema, image: &Item, key: &Key) -> bool {
    schema.key_of(image).is_ok_and(|found| found == *key)
}

const REMEDY: &str = "look at the event source: it must be the table's own stream, unfiltered";

fn malformed(what: impl Into<String>) -> Error {
    Error::refused("MalformedEvent", what, REMEDY)
}

#[cfg(test)]
mod fuzz;
