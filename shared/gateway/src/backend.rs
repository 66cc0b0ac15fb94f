//! Passing calls on to DynamoDB as they are, under the gateway's own signature.

mod headers;

use std::time::{Duration, SystemTime};

use aws_types::SdkConfig;
use bytes::Bytes;
use hyper::{HeaderMap, Response};
use livemove_aws::wire::{self, Api, Call, NoAnswer, Wire, WireSetup};

use crate::limits::Limits;
use crate::wire::WireError;

/// A call to pass on.
#[derive(Debug)]
pub struct Passing<'a> {
    /// Where to.
    pub api: Api,
    /// The client's headers; those that are about the call go on.
    pub headers: &'a HeaderMap,
    /// The body as it came, compressed if it came so.
    pub body: Bytes,
    /// Its SHA-256 in hexadecimal digits, where that is known already.
    pub body_sha256: Option<String>,
    /// When.
    pub now: SystemTime,
}

/// DynamoDB, in the gateway's own Region and with its own credentials.
#[derive(Debug)]
pub struct Backend {
    wire: Wire,
    patience: Duration,
}

impl Backend {
    /// A backend as the SDK's configuration has it; see [`Wire::new`]. Nothing is sent yet.
    ///
    /// # Errors
    /// [`WireSetup`], each saying what to set.
    pub fn new(sdk: &SdkConfig, limits: &Limits) -> Result<Backend, WireSetup> {
        Ok(Backend { wire: Wire::new(sdk, limits.max_in_flight)?, patience: limits.backend })
    }

    /// Passes a call on and gives back the head of the answer, its body still to come. Sent once at most: whether to
    /// try again is for the client, who knows what it may repeat.
    ///
    /// # Errors
    /// `ServiceUnavailableException` (503) when nothing was sent; `InternalServerError` (500) when the answer was
    /// lost: a write may have been done, as with DynamoDB's own error of that name.
    pub async fn pass(&self, call: Passing<'_>) -> Result<Response<wire::Body>, WireError> {
        let Passing { api, headers, body, body_sha256, now } = call;
        let call = Call { api, headers: headers::of_request(headers), body, body_sha256, now };
        match tokio::time::timeout(self.patience, self.wire.send(call)).await {
            Ok(Ok(mut answer)) => {
                headers::clean_answer(answer.headers_mut());
                Ok(answer)
            }
            Ok(Err(error)) => Err(no_answer(&error)),
            Err(_) => Err(internal("DynamoDB did not answer in time: a write may have been done")),
        }
    }
}

fn no_answer(error: &NoAnswer) -> WireError {
    tracing::error!(%error, "DynamoDB was not reached, or its answer was lost");
    match error {
        NoAnswer::NotSent(_) | NoAnswer::Denied(_) => {
            let message = "DynamoDB cannot be reached; nothing was done";
            WireError::new(503, "ServiceUnavailableException", message)
        }
        NoAnswer::Lost(_) => internal("the answer of DynamoDB was lost: a write may have been done"),
    }
}

fn internal(message: &str) -> WireError {
    WireError::new(500, "InternalServerError", message)
}
