//! Canaries: a record that no application can see or lose anything by.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use livemove_core::error::Error;
use livemove_core::item::Item;
use livemove_core::mark::Marks;
use livemove_core::object::follow::CANARY_NONCE;
use livemove_core::object::{CANARY_KEY, pulse_key};
use livemove_core::plan::End;
use livemove_core::ports::{Action, Guard, Table, Write, Written};
use livemove_core::register::PULSE;
use serde_dynamo::AttributeValue;

use super::table::{describe, key, resource};
use super::{bucket, call, place};
use crate::dynamo::DynamoTable;
use crate::sdk_error::Effect;
use crate::sites::{Calls, Retry, Sites};

/// The key of a canary where the key is a text or bytes.
const KEY_TEXT: &str = "_lm_canary";
/// The same where it is a number: one that nobody counts up or down to.
const KEY_NUMBER: &str = "-987654321987654321987";

/// Writes a canary item and removes it again: both are records of the table's stream. An item of an
/// application is never touched, whatever its key.
pub(super) async fn write_item(sites: &Sites, longest: Duration, end: &End, nonce: &str) -> Result<(), Error> {
    let client = sites.dynamodb(&place(end), Calls { longest, retry: Retry::Idempotent })?;
    let described = describe(&client, end).await?;
    let parts = key(described.key_schema.as_deref(), described.attribute_definitions.as_deref());
    let table = DynamoTable::open(sites, &place(end), &end.name, longest).await?;
    let attributes: BTreeMap<_, _> = parts.into_iter().map(|(name, kind)| (name, key_value(&kind))).collect();
    let key = table.schema().key_of(&Item(attributes)).map_err(|error| Error::Invariant(error.to_string()))?;
    let marks = Marks { tombstone: true, canary: Some(nonce.to_owned()), ..Marks::default() };
    let put = Write::new(key.clone(), Action::Put(marks.onto(key.to_item())), Guard::Absent);
    let remove = Write::new(key, Action::Delete, Guard::Invisible);
    if let Written::Refused(_) = table.write(&put).await? {
        // A canary that a crash left behind goes first; anything else is the application's.
        if let Written::Refused(Some(_)) = table.write(&remove).await? {
            return Err(Error::refused(
                "CanaryKeyTaken",
                format!("{} has an item under the reserved key {KEY_TEXT} or {KEY_NUMBER}", resource(end)),
                "move or delete that item: livemove will not touch it",
            ));
        }
        if let Written::Refused(_) = table.write(&put).await? {
            return Err(Error::Conflict(format!("another canary is being written to {}", resource(end))));
        }
    }
    table.write(&remove).await?;
    Ok(())
}

fn key_value(kind: &str) -> AttributeValue {
    match kind {
        "N" => AttributeValue::N(KEY_NUMBER.to_owned()),
        "B" => AttributeValue::B(KEY_TEXT.as_bytes().to_vec()),
        _ => AttributeValue::S(KEY_TEXT.to_owned()),
    }
}

/// Puts a canary object; it stays until the copier has read its nonce. A pulse says it by its key, and goes at once.
pub(super) async fn put_object(client: &Client, end: &End, nonce: &str) -> Result<(), Error> {
    if nonce.starts_with(PULSE) {
        let key = pulse_key(nonce);
        put(client, end, &key, nonce).await?;
        return remove(client, end, &key).await;
    }
    put(client, end, CANARY_KEY, nonce).await
}

pub(super) async fn remove_object(client: &Client, end: &End) -> Result<(), Error> {
    remove(client, end, CANARY_KEY).await
}

async fn put(client: &Client, end: &End, key: &str, nonce: &str) -> Result<(), Error> {
    let request = client.put_object().bucket(&end.name).key(key).metadata(CANARY_NONCE, nonce);
    let answer = request.body(ByteStream::from_static(b"livemove")).send().await;
    answer.map_err(|error| call("s3:PutObject", &bucket::resource(end), Effect::Writes).failed(&error))?;
    Ok(())
}

async fn remove(client: &Client, end: &End, key: &str) -> Result<(), Error> {
    let answer = client.delete_object().bucket(&end.name).key(key).send().await;
    answer.map_err(|error| call("s3:DeleteObject", &bucket::resource(end), Effect::Writes).failed(&error))?;
    Ok(())
}
