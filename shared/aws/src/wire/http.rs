//! The HTTP client: the crates and the TLS of the SDK's own.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::ClientConfig;
use rustls::crypto::ring;

use super::WireSetup;

/// A client with its connections.
pub(super) type Http = Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

const CONNECT: Duration = Duration::from_secs(1);
// Shorter than the backend keeps them.
const IDLE: Duration = Duration::from_secs(30);

/// A client that keeps at most `idle` connections open; TLS only where it is `secure`.
///
/// # Errors
/// [`WireSetup::NoRoots`], [`WireSetup::Tls`].
pub(super) fn client(secure: bool, idle: usize) -> Result<Http, WireSetup> {
    Ok(Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(idle)
        // Only what was given to a closed connection and of which nothing was sent goes to another one.
        .retry_canceled_requests(true)
        .build(connector(secure)?))
}

fn connector(secure: bool) -> Result<HttpsConnector<HttpConnector>, WireSetup> {
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
