//! DynamoDB's protocol itself: JSON over signed HTTP, without the SDK's machinery between.
//!
//! For the calls that an application waits for, on which the SDK would spend more than all the rest of livemove does
//! (docs/DESIGN.md has the figures), and for calls that are passed on as they are. Configuration, credentials and
//! signatures are the SDK's own.

mod connection;
mod endpoint;
mod http;
mod sign;
pub mod signature;

pub use connection::Body;

use std::sync::Arc;
use std::time::SystemTime;

use aws_sdk_dynamodb::error::DisplayErrorContext;
use aws_types::SdkConfig;
use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{HOST, HeaderValue};
use hyper::http::response::Parts;
use hyper::{HeaderMap, Method, Request, Response};

use endpoint::Endpoint;
use http::Host;
use sign::Signer;
use signature::sha256_hex;

use crate::credentials::{KeptCredentials, denial, doubt::Doubt, now};

/// Why there is no way to DynamoDB.
#[derive(Debug, thiserror::Error)]
pub enum WireSetup {
    /// The SDK's configuration names none.
    #[error("no Region is configured; set AWS_REGION")]
    NoRegion,
    /// The SDK's configuration has none.
    #[error("no provider of credentials is configured")]
    NoCredentials,
    /// One of the SDK's variables or profile settings.
    #[error(
        "endpoint `{0}` is no URL of a host alone; set AWS_ENDPOINT_URL_DYNAMODB to one like http://127.0.0.1:4566, or to nothing"
    )]
    WrongEndpoint(String),
    /// Nothing could be trusted.
    #[error("the machine's root certificates cannot be read: {0}; install ca-certificates")]
    NoRoots(#[from] std::io::Error),
    /// The TLS library.
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
}

/// Why a call has no answer.
#[derive(Debug, thiserror::Error)]
pub enum NoAnswer {
    /// Nothing was sent.
    #[error("nothing was sent: {0}")]
    NotSent(String),
    /// Nothing was sent: the role of the other account cannot be assumed.
    #[error("nothing was sent: {0}")]
    Denied(String),
    /// It may have been sent, and done.
    #[error("the answer was lost: {0}")]
    Lost(String),
}

/// The APIs there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Api {
    /// Tables: `DynamoDB_20120810`.
    Tables,
    /// Streams of tables: `DynamoDBStreams_20120810`.
    Streams,
}

/// A call.
#[derive(Debug)]
pub struct Call {
    /// Where to.
    pub api: Api,
    /// The headers that are about the call; those about the connection and the signature are added.
    pub headers: HeaderMap,
    /// The body as it is sent.
    pub body: Bytes,
    /// Its SHA-256 in hexadecimal digits, where that is known already.
    pub body_sha256: Option<String>,
    /// When.
    pub now: SystemTime,
}

/// The key id that a call was signed by, in the extensions of its answer.
#[derive(Clone, Debug)]
struct SignedBy(String);

/// The way to DynamoDB in one account and Region.
#[derive(Debug)]
pub struct Wire {
    credentials: Arc<KeptCredentials>,
    signer: Signer,
    tables: Service,
    streams: Service,
}

/// One of the APIs, where it is.
#[derive(Debug)]
struct Service {
    /// Its host as requests name it.
    name: HeaderValue,
    host: Host,
}

impl Wire {
    /// The way that the SDK's configuration has: Region, credentials, and endpoints (`AWS_ENDPOINT_URL_DYNAMODB`,
    /// `AWS_ENDPOINT_URL_DYNAMODB_STREAMS`, `AWS_ENDPOINT_URL` and the profile's), else DynamoDB's own. At most
    /// `idle` connections to each are kept open. Nothing is sent yet.
    ///
    /// # Errors
    /// [`WireSetup`], each saying what to set.
    pub fn new(sdk: &SdkConfig, idle: usize) -> Result<Wire, WireSetup> {
        let provider = sdk.credentials_provider().ok_or(WireSetup::NoCredentials)?;
        Wire::with(sdk, Arc::new(KeptCredentials::new(provider)), idle)
    }

    /// As [`Wire::new`], with credentials that others use as well.
    ///
    /// # Errors
    /// As [`Wire::new`].
    pub(crate) fn with(sdk: &SdkConfig, credentials: Arc<KeptCredentials>, idle: usize) -> Result<Wire, WireSetup> {
        let region = sdk.region().ok_or(WireSetup::NoRegion)?.to_string();
        let (tables, streams) = endpoint::endpoints(sdk, &region)?;
        let connector = http::connector(tables.is_secure() || streams.is_secure())?;
        let service = |endpoint: Endpoint| Service {
            name: endpoint.host,
            host: Host::new(endpoint.uri, connector.clone(), idle),
        };
        let (tables, streams) = (service(tables), service(streams));
        Ok(Wire { credentials, signer: Signer::new(region), tables, streams })
    }

    /// Sends a call and gives back the head of the answer, its body still to come. Sent once at most.
    ///
    /// # Errors
    /// [`NoAnswer::NotSent`] when there are no credentials or nobody listens; [`NoAnswer::Denied`] when the role cannot be
    /// assumed; [`NoAnswer::Lost`] when nothing is known.
    pub async fn send(&self, call: Call) -> Result<Response<Body>, NoAnswer> {
        let service = match call.api {
            Api::Tables => &self.tables,
            Api::Streams => &self.streams,
        };
        let credentials = self.credentials.get(call.now).await;
        let credentials = credentials.map_err(|error| match denial(&error) {
            Some(text) => NoAnswer::Denied(text.to_owned()),
            None => NoAnswer::NotSent(format!("no credentials: {}", DisplayErrorContext(&error))),
        })?;
        let sha256 = call.body_sha256.unwrap_or_else(|| sha256_hex(&call.body));
        let mut request = Request::new(Full::new(call.body));
        *request.method_mut() = Method::POST;
        *request.headers_mut() = call.headers;
        request.headers_mut().insert(HOST, service.name.clone());
        let signing = self.signer.sign(request.headers_mut(), &credentials, call.now, &sha256);
        signing.map_err(|error| NoAnswer::NotSent(format!("the call cannot be signed: {error}")))?;
        let mut answer = service.host.request(request).await?;
        answer.extensions_mut().insert(SignedBy(credentials.access_key_id().to_owned()));
        Ok(answer)
    }

    /// Tells the keeper of credentials of a refusal that may be theirs; answers whether the call was turned away because
    /// they had expired: it did nothing, and sent again it has others.
    pub(crate) fn is_expired(&self, answer: &Parts, body: &[u8]) -> bool {
        let why = Doubt::of(answer.status.as_u16(), None, body);
        if let (Some(why), Some(SignedBy(key_id))) = (why, answer.extensions.get()) {
            self.credentials.doubt(key_id, why, now());
        }
        why == Some(Doubt::Expired)
    }
}
