//! The size of an answer: Lambda takes 6 MB of one, and DynamoDB's megabytes grow on their way into JSON.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>. A page that is too large is read again
//! with a smaller `Limit`, so that counts and the key to go on after are those of the page that is answered. A single
//! item always fits: of 400 KB, JSON within JSON makes at most thirteen times as much.

use std::io::{Result as Io, Write};

use futures_util::future::BoxFuture;
use livemove_core::error::Error;
use serde_json::{Map, Value, json};

use super::payload::Door;

/// The most bytes of an answer, with room for what goes around it.
pub(super) const ANSWER_MAX: usize = 6_000_000;

/// Makes a call, with fewer items to a page until the answer fits.
///
/// # Errors
/// Those of the call; `AnswerTooLarge` for a read that cannot be answered in part.
pub(super) async fn within<'a>(
    door: Door,
    operation: &str,
    mut input: Map<String, Value>,
    call: impl Fn(Map<String, Value>) -> BoxFuture<'a, Result<Option<Value>, Error>>,
) -> Result<Option<Value>, Error> {
    if !matches!(operation, "Query" | "Scan" | "TransactGetItems") {
        return call(input).await;
    }
    loop {
        let Some(output) = call(input.clone()).await? else { return Ok(None) };
        let bytes = size(door, &output);
        if bytes <= ANSWER_MAX {
            return Ok(Some(output));
        }
        match output.get("ScannedCount").and_then(Value::as_u64) {
            Some(scanned) if scanned > 1 => input.insert("Limit".to_owned(), json!(scanned / 2)),
            Some(_) | None => {
                return Err(Error::refused(
                    "AnswerTooLarge",
                    format!("the answer to {operation} has {bytes} bytes, and a function may answer {ANSWER_MAX}"),
                    "ask for fewer items or attributes, or call through the gateway",
                ));
            }
        };
    }
}

/// The body of an error, without the stored items where they are too many to be told.
pub(super) fn told(door: Door, mut body: Value) -> Value {
    if size(door, &body) <= ANSWER_MAX {
        return body;
    }
    if let Some(Value::Array(reasons)) = body.get_mut("CancellationReasons") {
        reasons.iter_mut().filter_map(Value::as_object_mut).for_each(|reason| _ = reason.remove("Item"));
    }
    body["remedy"] = json!(
        "nothing was done; the stored items are left out, since together they are too large to be answered: read them"
    );
    body
}

/// The bytes of an answer as it leaves through that door.
pub(super) fn size(door: Door, output: &Value) -> usize {
    let mut counted = Counted { bytes: 0, escaped: 0 };
    // Counting cannot fail.
    _ = serde_json::to_writer(&mut counted, output);
    match door {
        // An error is text, too, so it may as well be counted as such.
        Door::Direct if output.get("__type").is_none() => counted.bytes,
        Door::Direct | Door::Url => counted.bytes + counted.escaped,
    }
}

/// The bytes that a text of JSON takes as a string of another.
pub(super) fn as_text(output: &Value) -> usize {
    size(Door::Url, output)
}

struct Counted {
    bytes: usize,
    escaped: usize,
}

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> Io<usize> {
        self.bytes += bytes.len();
        self.escaped += bytes.iter().filter(|byte| matches!(byte, b'"' | b'\\')).count();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Io<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use futures_util::FutureExt as _;
    use livemove_core::size;
    use livemove_core::testing::block_on;
    use serde_dynamo::AttributeValue;

    use super::*;

    /// A page of items of this value, as many as `Limit` says; and what was asked for.
    fn read(door: Door, operation: &str, value: &Value, items: u64) -> (Result<Value, Error>, Vec<u64>) {
        let asked = Mutex::new(Vec::new());
        let call = |input: Map<String, Value>| {
            let limit = input.get("Limit").and_then(Value::as_u64).unwrap_or(items).min(items);
            asked.lock().unwrap().push(limit);
            let found = vec![value.clone(); usize::try_from(limit).unwrap()];
            let mut page = json!({"Count": limit, "ScannedCount": limit, "Items": found});
            if operation == "TransactGetItems" {
                page = json!({"Responses": found});
            }
            async move { Ok(Some(page)) }.boxed()
        };
        let answer = block_on(within(door, operation, Map::new(), call)).map(Option::unwrap);
        (answer, asked.into_inner().unwrap())
    }

    #[test]
    fn a_page_that_outgrows_a_functions_answer_is_read_again_with_fewer_items() {
        // A megabyte of DynamoDB's may be bytes that JSON writes with six.
        let zeroes = json!({"s": {"S": "\u{0}".repeat(33_000)}});
        for door in [Door::Direct, Door::Url] {
            let (page, asked) = read(door, "Scan", &zeroes, 32);
            let page = page.unwrap();
            assert!(super::size(door, &page) <= ANSWER_MAX && page["ScannedCount"].as_u64() == asked.last().copied());
            assert!(asked.len() > 1 && asked.windows(2).all(|two| two[1] == two[0] / 2), "{asked:?}");
        }
        assert_eq!(read(Door::Direct, "Query", &json!({}), 300).1, [300], "what fits is read once");
    }

    #[test]
    fn what_cannot_be_answered_in_part_is_refused_by_name() {
        let (answer, asked) = read(Door::Direct, "TransactGetItems", &json!({"s": {"S": "x".repeat(390_000)}}), 20);
        let error = answer.unwrap_err();
        assert_eq!((error.name(), asked.len()), ("AnswerTooLarge", 1));
        assert!(error.to_string().contains("ask for fewer items"), "{error}");
    }

    #[test]
    fn a_single_item_always_fits() {
        let worst = |value: &AttributeValue, bytes: usize| {
            let count = (size::ITEM_MAX - 16) / bytes;
            let item =
                livemove_core::item::Item([("l".to_owned(), AttributeValue::L(vec![value.clone(); count]))].into());
            assert!(size::of(&item) > size::ITEM_MAX - 64, "{value:?}");
            super::size(Door::Url, &json!({"Item": item, "Attributes": {}}))
        };
        let cases = [
            (AttributeValue::S(String::new()), 1),
            (AttributeValue::B(Vec::new()), 1),
            (AttributeValue::Null(true), 2),
            (AttributeValue::Bool(false), 2),
            (AttributeValue::N("1".to_owned()), 3),
            (AttributeValue::L(Vec::new()), 4),
            (AttributeValue::S("\u{0}".to_owned()), 2),
            (AttributeValue::S("\"".to_owned()), 2),
        ];
        for (value, bytes) in cases {
            assert!(worst(&value, bytes) <= ANSWER_MAX, "{value:?}");
        }
    }

    #[test]
    fn a_cancellation_with_more_items_than_an_answer_holds_is_told_without_them() {
        let reason = json!({"Code": "ConditionalCheckFailed", "Item": {"s": {"S": "x".repeat(390_000)}}});
        let body = json!({"__type": "TransactionCanceledException", "CancellationReasons": vec![reason; 20]});
        let told = told(Door::Direct, body);
        assert_eq!(told["__type"], "TransactionCanceledException");
        assert_eq!(told["CancellationReasons"][19], json!({"Code": "ConditionalCheckFailed"}));
        assert!(told["remedy"].as_str().unwrap().contains("too large"), "{told}");
    }
}
