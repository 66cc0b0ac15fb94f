//! The payload of an invocation: a call as it is, or in the body of a function URL request.

use base64::Engine as _;
use livemove_core::error::Error;
use serde::Deserialize;
use serde_json::{Map, Value};

/// Which way a call came in; its answer goes out the same way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// `Invoke`: the answer is the payload, an error is the function's.
    Direct,
    /// A function URL: the answer and errors are HTTP responses.
    Url,
}

/// `{"operation": …, "input": {…}}`, and by what a write is known when it comes again: `"id": …, "attempt": …`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Call {
    /// The name of a DynamoDB operation.
    pub operation: String,
    /// Its input, as DynamoDB's API has it.
    pub input: Map<String, Value>,
    /// The same for every attempt of this call and for no other call.
    #[serde(default)]
    pub id: Option<String>,
    /// Which attempt this is, from 1 on; the first if it is left out.
    #[serde(default)]
    pub attempt: Option<u32>,
}

// What counts of a function URL request: <https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html>.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct UrlRequest {
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: bool,
}

/// Opens a payload: the door it came through, and the call or why it is none.
pub fn open(payload: Value) -> (Door, Result<Call, Error>) {
    let from_url = payload.get("requestContext").is_some();
    if from_url {
        return (
            Door::Url,
            body(payload).and_then(|text| call(serde_json::from_slice(&text).map_err(|error| wrong(&error))?)),
        );
    }
    (Door::Direct, call(payload))
}

fn call(payload: Value) -> Result<Call, Error> {
    // A struct is read from a list, too.
    if !payload.is_object() {
        return Err(wrong(&"it is not a JSON object"));
    }
    serde_json::from_value(payload).map_err(|error| wrong(&error))
}

fn body(payload: Value) -> Result<Vec<u8>, Error> {
    let request: UrlRequest = serde_json::from_value(payload).map_err(|error| wrong(&error))?;
    let body = request.body.unwrap_or_default();
    if !request.is_base64_encoded {
        return Ok(body.into_bytes());
    }
    base64::engine::general_purpose::STANDARD.decode(body).map_err(|error| wrong(&error))
}

fn wrong(problem: &dyn std::fmt::Display) -> Error {
    Error::refused(
        "SerializationException",
        format!("the request cannot be read: {problem}"),
        "send {\"operation\": name, \"input\": {…}} with the input as in DynamoDB's API",
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn call() -> Call {
        Call {
            operation: "GetItem".to_owned(),
            input: Map::from_iter([("TableName".to_owned(), json!("orders"))]),
            id: None,
            attempt: None,
        }
    }

    #[test]
    fn the_same_call_comes_through_every_door() {
        let plain = json!({"operation": "GetItem", "input": {"TableName": "orders"}});
        let (door, direct) = open(plain.clone());
        assert_eq!((door, direct.unwrap()), (Door::Direct, call()));
        let url = json!({"version": "2.0", "requestContext": {"http": {"method": "POST"}}, "body": plain.to_string(), "isBase64Encoded": false});
        let (door, by_url) = open(url.clone());
        assert_eq!((door, by_url.unwrap()), (Door::Url, call()));
        let mut encoded = url;
        encoded["body"] = json!(base64::engine::general_purpose::STANDARD.encode(plain.to_string()));
        encoded["isBase64Encoded"] = json!(true);
        assert_eq!(open(encoded).1.unwrap(), call());
    }

    #[test]
    fn a_call_says_by_what_it_is_known_when_it_comes_again() {
        let call = open(json!({"operation": "PutItem", "input": {}, "id": "order-7", "attempt": 2})).1.unwrap();
        assert_eq!((call.id.as_deref(), call.attempt), (Some("order-7"), Some(2)));
    }

    #[test]
    fn what_is_no_call_is_refused_with_a_remedy() {
        let wrong = [
            json!(null),
            json!({"operation": "GetItem"}),
            json!({"operation": "GetItem", "input": {}, "more": 1}),
            json!({"operation": "PutItem", "input": {}, "id": "a", "attempt": -1}),
            json!({"operation": 7, "input": {}}),
            json!({"requestContext": {}}),
            json!({"requestContext": {}, "body": "{"}),
            json!({"requestContext": {}, "body": "[\"GetItem\", {}]"}),
            json!(["GetItem", {}]),
            json!({"requestContext": {}, "body": "%%%", "isBase64Encoded": true}),
        ];
        for payload in wrong {
            let error = open(payload.clone()).1.unwrap_err();
            assert_eq!(error.name(), "SerializationException", "{payload}");
        }
    }
}
