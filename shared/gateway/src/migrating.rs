//! livemove's own data plane behind the gateway.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Limited};
use hyper::HeaderMap;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use livemove_aws::api::{Elsewhere, Invocation, Plane, refusal};
use livemove_aws::startup::SystemClock;
use livemove_core::error::Error;
use livemove_core::ports::Clock as _;
use livemove_core::register::{Migrations, States};
use serde_json::{Map, Value, json};

use crate::backend::{Backend, Passing};
use crate::plane::{DataPlane, Health};
use crate::target::Api;
use crate::wire::{WireError, qualified};

/// The most that an answer to a part of a batch may have: that of BatchGetItem is 16 MB, JSON a little more.
const ANSWER_MAX: usize = 32 * 1024 * 1024;

/// The tables that move, and DynamoDB for the parts of batches that are about others.
#[derive(Debug)]
pub struct Migrating<S> {
    plane: Plane<S, Direct>,
}

impl<S: States + Migrations + Send + 'static> Migrating<S> {
    /// Calls of `plane`.
    pub fn new(plane: Plane<S, Direct>) -> Migrating<S> {
        Migrating { plane }
    }
}

impl<S: States + Migrations + Send + 'static> DataPlane for Migrating<S> {
    async fn call(
        &self,
        operation: &str,
        input: Map<String, Value>,
        invocation: Option<&Invocation>,
    ) -> Result<Option<Value>, WireError> {
        self.plane.call(operation, input, invocation).await.map_err(|error| wire(operation, &error))
    }

    fn turned_away(&self, invocation: &Invocation) {
        self.plane.turned_away(invocation);
    }

    async fn health(&self) -> Health {
        match self.plane.moving().await {
            Ok(tables) => Health { ready: true, detail: json!({"moving": tables}) },
            Err(error) => Health { ready: false, detail: json!({"error": error.name()}) },
        }
    }
}

fn wire(operation: &str, error: &Error) -> WireError {
    let refusal = refusal(operation, error);
    let mut body = refusal.body;
    let name = body.get("__type").and_then(Value::as_str).map(qualified).unwrap_or_default();
    body["__type"] = json!(name);
    // SDKs show the message and nothing else of an error.
    if let (Some(message), Some(remedy)) = (body["message"].as_str(), body["remedy"].as_str()) {
        body["message"] = json!(format!("{message}; {remedy}"));
    }
    WireError { status: refusal.status, body }
}

/// DynamoDB as it is, for the parts of calls that are about other tables.
#[derive(Clone, Debug)]
pub struct Direct(Arc<Backend>);

impl Direct {
    /// Through `backend`.
    pub fn new(backend: Arc<Backend>) -> Direct {
        Direct(backend)
    }
}

impl Elsewhere for Direct {
    async fn call(&self, operation: &str, input: Map<String, Value>) -> Result<Value, Error> {
        let mut headers = HeaderMap::new();
        let target = format!("DynamoDB_20120810.{operation}");
        let target = HeaderValue::from_str(&target).map_err(|error| Error::Invariant(error.to_string()))?;
        headers.insert("x-amz-target", target);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.0"));
        let body = Bytes::from(Value::Object(input).to_string());
        let now = UNIX_EPOCH + Duration::from_millis(SystemClock.now());
        let call = Passing { api: Api::Tables, headers: &headers, body, body_sha256: None, now };
        // The gateway's own 503 says that nothing was sent; DynamoDB's does not.
        let answer = self.0.pass(call).await.map_err(|error| match error.status {
            503 => Error::Unavailable(error.name().to_owned()),
            status => said(status, &error.body),
        })?;
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, ANSWER_MAX).collect().await;
        let lost = |problem: &dyn std::fmt::Display| Error::Ambiguous(format!("the answer was lost: {problem}"));
        let body = body.map_err(|error| lost(&error))?.to_bytes();
        let body: Value = serde_json::from_slice(&body).map_err(|error| lost(&error))?;
        if head.status.is_success() { Ok(body) } else { Err(said(head.status.as_u16(), &body)) }
    }
}

/// What DynamoDB said instead of an answer.
fn said(status: u16, body: &Value) -> Error {
    let text = |name: &str| body.get(name).and_then(Value::as_str);
    let name = text("__type").and_then(|kind| kind.rsplit('#').next()).unwrap_or("InternalServerError");
    let message = text("message").or(text("Message")).unwrap_or_default();
    match status {
        500.. => Error::Ambiguous(message.to_owned()),
        _ => Error::Rejected { name: name.to_owned(), message: message.to_owned() },
    }
}
