//! HTTP to one host, over connections that are kept open: the crates and the TLS of the SDK's own.
//!
//! hyper's pool gives each connection a task of its own, so that every call wakes two more. Here a connection is driven
//! by the call that uses it, and between calls by nobody (docs/DESIGN.md has the figures).

use std::error::Error;
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, Response, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::ClientConfig;
use rustls::crypto::ring;
use tokio::time::Instant;
use tower_service::Service as _;

use super::connection::{Body, Connection};
use super::{NoAnswer, WireSetup};

/// The way to any host.
pub(super) type Connector = HttpsConnector<HttpConnector>;

const CONNECT: Duration = Duration::from_secs(1);
// Shorter than the backend keeps them.
const IDLE: Duration = Duration::from_secs(30);

/// A host and the connections to it.
#[derive(Debug)]
pub(super) struct Host {
    uri: Uri,
    connector: Connector,
    idle: Arc<Idle>,
}

/// Connections that no call uses.
#[derive(Debug)]
pub(super) struct Idle {
    max: usize,
    life: Duration,
    watched: Once,
    // The one that was used last stands last.
    kept: Mutex<Vec<(Instant, Box<Connection>)>>,
}

impl Host {
    /// The host of `uri`; at most `idle` connections are kept for later calls.
    pub(super) fn new(uri: Uri, connector: Connector, idle: usize) -> Host {
        let idle = Idle { max: idle, life: IDLE, watched: Once::new(), kept: Mutex::default() };
        Host { uri, connector, idle: Arc::new(idle) }
    }

    /// Sends a request, whose path is `/`, and gives back the head of the answer. It is sent once at most: only what was
    /// given to a kept connection that turned out to be closed, and of which nothing was sent, goes to another one.
    ///
    /// # Errors
    /// [`NoAnswer::NotSent`], [`NoAnswer::Lost`].
    pub(super) async fn request(&self, mut request: Request<Full<Bytes>>) -> Result<Response<Body>, NoAnswer> {
        loop {
            let (mut connection, is_kept) = match self.idle.take() {
                Some(connection) => (connection, true),
                // Boxed: a way that is seldom taken would make the future of every call large.
                None => (Box::pin(self.connect()).await?, false),
            };
            let mut unanswered = match connection.send(request).await {
                Ok(answer) => return Ok(answer.map(|incoming| Body::new(incoming, connection, self.idle.clone()))),
                Err(unanswered) => unanswered,
            };
            request = match unanswered.take_message() {
                Some(unsent) if is_kept => unsent,
                Some(_) => return Err(NoAnswer::NotSent(with_cause(unanswered.error()))),
                None => return Err(NoAnswer::Lost(with_cause(unanswered.error()))),
            };
        }
    }

    async fn connect(&self) -> Result<Box<Connection>, NoAnswer> {
        self.idle.watch();
        let not_sent = |error: &(dyn Error + 'static)| NoAnswer::NotSent(with_cause(error));
        let stream = self.connector.clone().call(self.uri.clone()).await.map_err(|error| not_sent(&*error))?;
        Connection::over(stream).await.map_err(|error| not_sent(&error))
    }
}

fn with_cause(error: &(dyn Error + 'static)) -> String {
    match error.source() {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

impl Idle {
    /// Keeps a connection whose call is over.
    pub(super) fn put(&self, connection: Box<Connection>) {
        let mut kept = self.kept();
        if kept.len() < self.max {
            kept.push((Instant::now(), connection));
        }
    }

    /// The connection that was used last, if it is still open.
    fn take(&self) -> Option<Box<Connection>> {
        loop {
            let (since, mut connection) = self.kept().pop()?;
            if self.is_young(since) && connection.is_open() {
                return Some(connection);
            }
        }
    }

    /// Closes connections that nobody has used for a while, from the first call on and for as long as they may be used.
    fn watch(self: &Arc<Self>) {
        self.watched.call_once(|| {
            let (idle, life) = (Arc::downgrade(self), self.life);
            tokio::spawn(async move {
                while let Some(idle) = Weak::upgrade(&idle) {
                    idle.kept().retain(|(since, _)| idle.is_young(*since));
                    drop(idle);
                    tokio::time::sleep(life).await;
                }
            });
        });
    }

    fn is_young(&self, since: Instant) -> bool {
        since.elapsed() < self.life
    }

    fn kept(&self) -> MutexGuard<'_, Vec<(Instant, Box<Connection>)>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Connects by TLS to hosts of `https` URLs; the machine's roots are read only where it is to be `secure`.
///
/// # Errors
/// [`WireSetup::NoRoots`], [`WireSetup::Tls`].
pub(super) fn connector(secure: bool) -> Result<Connector, WireSetup> {
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

#[cfg(test)]
mod tests;
