//! Passing calls on to DynamoDB as they are, under the gateway's own signature.

mod credentials;
mod endpoint;
mod headers;
mod sign;

use std::time::{Duration, SystemTime};

use aws_types::SdkConfig;
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::{HeaderMap, Request, Response, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::ClientConfig;
use rustls::crypto::ring;

use crate::limits::Limits;
use crate::target::Api;
use crate::wire::WireError;
use credentials::OwnCredentials;

const CONNECT: Duration = Duration::from_secs(3);
// Shorter than the backend keeps them.
const IDLE: Duration = Duration::from_secs(30);

/// Why a gateway has no backend.
#[derive(Debug, thiserror::Error)]
pub enum BackendError {
    /// The SDK's configuration names none.
    #[error("no Region is configured; set AWS_REGION")]
    NoRegion,
    /// The SDK's configuration has none.
    #[error("no provider of credentials is configured")]
    NoCredentials,
    /// One of the SDK's variables or profile settings.
    #[error("endpoint `{0}` is no URL; set AWS_ENDPOINT_URL_DYNAMODB to one like http://127.0.0.1:4566, or to nothing")]
    WrongEndpoint(String),
    /// Nothing could be trusted.
    #[error("the machine's root certificates cannot be read: {0}; install ca-certificates")]
    NoRoots(#[from] std::io::Error),
    /// The TLS library.
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
}

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
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    credentials: OwnCredentials,
    region: String,
    tables: Uri,
    streams: Uri,
    patience: Duration,
}

impl Backend {
    /// A backend as the SDK's configuration has it: Region, credentials, and endpoints (`AWS_ENDPOINT_URL_DYNAMODB`,
    /// `AWS_ENDPOINT_URL_DYNAMODB_STREAMS`, `AWS_ENDPOINT_URL` and the profile's), else DynamoDB's own. Nothing is
    /// sent yet.
    ///
    /// # Errors
    /// [`BackendError`], each saying what to set.
    pub fn new(sdk: &SdkConfig, limits: &Limits) -> Result<Backend, BackendError> {
        let region = sdk.region().ok_or(BackendError::NoRegion)?.to_string();
        let (tables, streams) = endpoint::endpoints(sdk, &region)?;
        let provider = sdk.credentials_provider().ok_or(BackendError::NoCredentials)?;
        let secure = [&tables, &streams].iter().any(|uri| uri.scheme_str() == Some("https"));
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(limits.max_in_flight)
            // Only what was given to a closed connection and of which nothing was sent goes to another one.
            .retry_canceled_requests(true)
            .build(connector(secure)?);
        let credentials = OwnCredentials::new(provider);
        Ok(Backend { client, credentials, region, tables, streams, patience: limits.backend })
    }

    /// Passes a call on and gives back the head of the answer, its body still to come. Sent once at most: whether to
    /// try again is for the client, who knows what it may repeat.
    ///
    /// # Errors
    /// `ServiceUnavailableException` (503) when nothing was sent; `InternalServerError` (500) when the answer was
    /// lost: a write may have been done, as with DynamoDB's own error of that name.
    pub async fn pass(&self, call: Passing<'_>) -> Result<Response<Incoming>, WireError> {
        let uri = match call.api {
            Api::Tables => &self.tables,
            Api::Streams => &self.streams,
        };
        let credentials = self.credentials.get(call.now).await.map_err(|error| {
            tracing::error!(error = %error, "no credentials for DynamoDB");
            unavailable("the gateway has no credentials for DynamoDB")
        })?;
        let mut request = Request::post(uri.clone()).body(Full::new(call.body.clone())).map_err(|_| unsigned())?;
        *request.headers_mut() = headers::of_request(call.headers);
        let signing = sign::Signing { credentials, region: &self.region, uri, now: call.now };
        sign::apply(signing, &mut request, &call.body, call.body_sha256).map_err(|error| {
            tracing::error!(error = %error, "a request to DynamoDB cannot be signed");
            unsigned()
        })?;
        let mut answer = match tokio::time::timeout(self.patience, self.client.request(request)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => return Err(lost(&error)),
            Err(_) => return Err(internal("DynamoDB did not answer in time: a write may have been done")),
        };
        headers::clean_answer(answer.headers_mut());
        Ok(answer)
    }
}

fn connector(secure: bool) -> Result<HttpsConnector<HttpConnector>, BackendError> {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    tcp.set_connect_timeout(Some(CONNECT));
    let builder = HttpsConnectorBuilder::new();
    let builder = if secure {
        builder.with_provider_and_native_roots(ring::default_provider())?
    } else {
        // Nobody is trusted where nobody is to be reached by TLS.
        let config = ClientConfig::builder_with_provider(ring::default_provider().into())
            .with_safe_default_protocol_versions()?
            .with_root_certificates(rustls::RootCertStore::empty())
            .with_no_client_auth();
        builder.with_tls_config(config)
    };
    Ok(builder.https_or_http().enable_http1().wrap_connector(tcp))
}

fn lost(error: &hyper_util::client::legacy::Error) -> WireError {
    let cause = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
    tracing::error!(error = %error, cause, "DynamoDB was not reached, or its answer was lost");
    if error.is_connect() {
        return unavailable("DynamoDB cannot be reached; nothing was done");
    }
    internal("the answer of DynamoDB was lost: a write may have been done")
}

fn unavailable(message: &str) -> WireError {
    WireError::new(503, "ServiceUnavailableException", message)
}

fn internal(message: &str) -> WireError {
    WireError::new(500, "InternalServerError", message)
}

fn unsigned() -> WireError {
    internal("the request cannot be signed for DynamoDB; nothing was done")
}
