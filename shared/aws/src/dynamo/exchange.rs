//! One call over the wire: a body that serde writes, an answer that serde reads.

use bytes::Bytes;
use futures_util::future::FutureExt as _;
use http_body_util::{BodyExt as _, Limited};
use hyper::HeaderMap;
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::http::response::Parts;
use livemove_core::error::Error;
use livemove_core::item::Item;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::table::DynamoTable;
use crate::credentials::now;
use crate::sdk_error::Call;
use crate::wire::{self, Api, NoAnswer};

/// A page has 1 MB as DynamoDB counts; its JSON is a few times that at the worst.
const ANSWER_MAX: usize = 32 * 1024 * 1024;

/// Those of a call, with those of its signature.
const HEADERS: usize = 6;
const TARGET: HeaderName = HeaderName::from_static("x-amz-target");
const CRC32: HeaderName = HeaderName::from_static("x-amz-crc32");
const JSON: HeaderValue = HeaderValue::from_static("application/x-amz-json-1.0");

/// What DynamoDB answered.
#[derive(Debug)]
pub(super) enum Answer<A> {
    /// It did it.
    Done(A),
    /// The condition does not hold for the item as it is stored.
    ConditionFailed(Option<Item>),
}

/// What DynamoDB says instead of an answer.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Said {
    #[serde(rename = "__type")]
    kind: String,
    #[serde(alias = "Message")]
    message: String,
    #[serde(rename = "Item")]
    item: Option<Item>,
}

impl DynamoTable {
    /// Sends a call once; again only if it was turned away because its credentials had expired, which did nothing.
    ///
    /// # Errors
    /// Those of [`Call::answered`]; [`Error::Unavailable`] when nothing was sent; after a lost answer
    /// [`Error::Unavailable`] for reads and [`Error::Ambiguous`] for writes.
    pub(super) async fn exchange<A: DeserializeOwned>(
        &self,
        call: Call<'_>,
        body: &impl Serialize,
    ) -> Result<Answer<A>, Error> {
        let body = serde_json::to_vec(body).map_err(|error| Error::Invariant(error.to_string()))?;
        let body = Bytes::from(body);
        let (mut head, mut answer) = self.send(&call, body.clone()).await?;
        if self.wire.is_expired(&head, &answer) {
            (head, answer) = self.send(&call, body).await?;
            self.wire.is_expired(&head, &answer);
        }
        let body = answer;
        if head.status.is_success() {
            let answer = serde_json::from_slice(&body);
            return answer.map(Answer::Done).map_err(|error| call.lost(&unreadable(&error)));
        }
        refused(&call, head.status.as_u16(), &body)
    }

    async fn send(&self, call: &Call<'_>, body: Bytes) -> Result<(Parts, Bytes), Error> {
        let sending = wire::Call { api: Api::Tables, headers: headers(call)?, body, body_sha256: None, now: now() };
        // Its type ends here, and its size: futures within futures are moved whole.
        let answer = self.wire.send(sending).boxed().await.map_err(|error| no_answer(call, error))?;
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, ANSWER_MAX).collect().await.map_err(|error| call.lost(&error.to_string()))?;
        let body = body.to_bytes();
        if is_whole(&head.headers, &body) {
            return Ok((head, body));
        }
        Err(call.lost("the answer does not have the checksum it says it has"))
    }

    /// As [`DynamoTable::exchange`], of a call without a condition.
    ///
    /// # Errors
    /// The same.
    pub(super) async fn fetch<A: DeserializeOwned>(&self, call: Call<'_>, body: &impl Serialize) -> Result<A, Error> {
        match self.exchange(call, body).await? {
            Answer::Done(answer) => Ok(answer),
            Answer::ConditionFailed(_) => Err(Error::Invariant(format!("{} was refused by a condition", call.action))),
        }
    }
}

fn headers(call: &Call<'_>) -> Result<HeaderMap, Error> {
    let operation = call.action.rsplit(':').next().unwrap_or_default();
    let target = HeaderValue::try_from(["DynamoDB_20120810.", operation].concat());
    let mut headers = HeaderMap::with_capacity(HEADERS);
    headers.insert(CONTENT_TYPE, JSON);
    headers.insert(TARGET, target.map_err(|error| Error::Invariant(error.to_string()))?);
    Ok(headers)
}

fn refused<A>(call: &Call<'_>, status: u16, body: &[u8]) -> Result<Answer<A>, Error> {
    // What is not read is not looked at either: a body that is no JSON throughout says nothing.
    let whole = serde_json::from_slice::<serde_json::Value>(body);
    let said: Said = whole.and_then(|_| serde_json::from_slice(body)).unwrap_or_default();
    let name = said.kind.rsplit('#').next().unwrap_or_default();
    if name == "ConditionalCheckFailedException" {
        return Ok(Answer::ConditionFailed(said.item.filter(|item| !item.0.is_empty())));
    }
    Err(call.answered(status, name, &said.message))
}

fn no_answer(call: &Call<'_>, error: NoAnswer) -> Error {
    match error {
        NoAnswer::NotSent(why) => Error::Unavailable(call.says(&why)),
        NoAnswer::Denied(text) => Error::Denied(text),
        NoAnswer::Lost(why) => call.lost(&why),
    }
}

// Without what serde quotes of it: that may be an item's.
fn unreadable(error: &serde_json::Error) -> String {
    format!("the answer cannot be read: line {} column {}", error.line(), error.column())
}

// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.LowLevelAPI.html: the checksum of the
// body as it was sent.
fn is_whole(headers: &HeaderMap, body: &Bytes) -> bool {
    let expected = crc32fast::hash(body);
    // One that cannot be read is a wrong one, not none.
    let right = |value: &HeaderValue| value.to_str().is_ok_and(|text| text.parse() == Ok(expected));
    headers.get_all(CRC32).iter().all(right)
}

#[cfg(test)]
mod tests {
    use livemove_core::testing::fuzz::{bytes, cases, text};
    use proptest::prelude::*;

    use super::*;
    use crate::sdk_error::Effect;

    const REFUSED: &str = r#"{"__type":"com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException","message":"The conditional request failed","Item":{"pk":{"S":"a"}}}"#;

    fn call() -> Call<'static> {
        Call { action: "dynamodb:PutItem", resource: "table orders", effect: Effect::Writes, access: None }
    }

    fn with_checksum(value: &str) -> Option<HeaderMap> {
        Some(HeaderMap::from_iter([(CRC32, HeaderValue::from_str(value).ok()?)]))
    }

    #[test]
    fn a_checksum_that_cannot_be_read_is_a_wrong_one() {
        let body = Bytes::from_static(b"{}");
        let right = crc32fast::hash(&body).to_string();
        assert!(is_whole(&HeaderMap::new(), &body) && is_whole(&with_checksum(&right).unwrap(), &body));
        for wrong in ["", "many", "-1", "99999999999", "0"] {
            assert!(!is_whole(&with_checksum(wrong).unwrap(), &body), "{wrong}");
        }
    }

    #[test]
    fn a_refusal_that_is_damaged_where_nobody_looks_is_none() {
        let damaged = [&REFUSED.as_bytes()[..REFUSED.len() - 1], b",\"more\":\"\xff\"}"].concat();
        assert!(matches!(refused::<()>(&call(), 400, REFUSED.as_bytes()), Ok(Answer::ConditionFailed(Some(_)))));
        assert!(refused::<()>(&call(), 400, &damaged).is_err());
    }

    proptest! {
        #![proptest_config(cases(200))]

        #[test]
        fn a_damaged_body_or_checksum_is_found(body in bytes(REFUSED.as_bytes().to_vec()), sum in text(crc32fast::hash(REFUSED.as_bytes()).to_string())) {
            let right = crc32fast::hash(REFUSED.as_bytes()).to_string();
            prop_assert_eq!(is_whole(&with_checksum(&right).unwrap(), &body.clone().into()), body == REFUSED.as_bytes());
            if let Some(headers) = with_checksum(&sum) {
                prop_assert_eq!(is_whole(&headers, &Bytes::from_static(REFUSED.as_bytes())), sum.parse::<u32>() == right.parse());
            }
        }

        #[test]
        fn a_damaged_refusal_is_no_other_one(body in bytes(REFUSED.as_bytes().to_vec())) {
            match refused::<()>(&call(), 400, &body) {
                Ok(Answer::ConditionFailed(item)) => {
                    let said: serde_json::Value = serde_json::from_slice(&body).unwrap();
                    prop_assert!(said["__type"].as_str().unwrap().ends_with("ConditionalCheckFailedException"));
                    let given = said.get("Item").cloned().unwrap_or_default();
                    // An item without attributes is none.
                    let given = serde_json::from_value::<Option<Item>>(given).unwrap().filter(|item| !item.0.is_empty());
                    prop_assert_eq!(item, given);
                }
                Ok(Answer::Done(())) => prop_assert!(false, "a refusal is no success"),
                Err(error) => prop_assert!(!error.name().is_empty()),
            }
        }
    }
}
