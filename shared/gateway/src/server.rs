//! Listening, connections, and coming to an end.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use livemove_aws::config::GatewayConfig;
use livemove_core::ports::Clock;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};

use crate::auth::AccessKey;
use crate::backend::Backend;
use crate::limits::Limits;
use crate::patience::{Patient, Turns};
use crate::plane::DataPlane;
use crate::serve::Gateway;

/// Heads of requests are far smaller; bodies are read in parts of this size.
const BUFFER: usize = 64 * 1024;
/// After a connection could not be taken, for want of file descriptors as a rule.
const PAUSE: Duration = Duration::from_millis(50);

/// Where a gateway listens, and for whom.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The address; port 0 is any that is free.
    pub listen: SocketAddr,
    /// The keys that calls must be signed with. Without them only this machine can call.
    pub access: Option<AccessKey>,
    /// The bounds.
    pub limits: Limits,
}

impl From<GatewayConfig> for Settings {
    fn from(config: GatewayConfig) -> Settings {
        let usual = Limits::default();
        let limits = Limits {
            max_in_flight: config.max_in_flight.unwrap_or(usual.max_in_flight),
            max_connections: config.max_connections.unwrap_or(usual.max_connections),
            max_body_bytes: config.max_body_bytes.unwrap_or(usual.max_body_bytes),
            drain: config.drain_seconds.map_or(usual.drain, |seconds| Duration::from_secs(seconds as u64)),
            ..usual
        };
        let access = config.access_key.map(|(id, secret)| AccessKey { id, secret });
        Settings { listen: config.listen, access, limits }
    }
}

/// Why a gateway does not listen.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Anybody in the network could use the gateway's rights.
    #[error(
        "{0} can be reached from other machines, and calls need no signature; \
         set GATEWAY_ACCESS_KEY_ID and GATEWAY_SECRET_ACCESS_KEY, or listen on 127.0.0.1"
    )]
    OpenToAll(SocketAddr),
    /// The system's refusal.
    #[error("cannot listen on {0}: {1}; set GATEWAY_LISTEN to a free address of this machine")]
    Refused(SocketAddr, #[source] io::Error),
}

/// How a server came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Every call was answered.
    Drained,
    /// The time for it was over, with this many calls under way.
    OutOfTime(u64),
    /// It was told to stop a second time, with this many calls under way.
    AtOnce(u64),
}

/// A gateway that listens.
pub struct Server<P, C> {
    listener: TcpListener,
    address: SocketAddr,
    gateway: Arc<Gateway<P, C>>,
    connections: Arc<Semaphore>,
    limits: Limits,
}

impl<P: DataPlane, C: Clock + Send + 'static> Server<P, C> {
    /// Listens; connections wait until [`Server::run`].
    ///
    /// # Errors
    /// [`BindError`], each with what to set.
    pub async fn bind(
        settings: Settings,
        plane: P,
        backend: impl Into<Arc<Backend>>,
        clock: C,
    ) -> Result<Self, BindError> {
        let Settings { listen, access, limits } = settings;
        if access.is_none() && !listen.ip().is_loopback() {
            return Err(BindError::OpenToAll(listen));
        }
        let refused = |error| BindError::Refused(listen, error);
        let listener = TcpListener::bind(listen).await.map_err(refused)?;
        let address = listener.local_addr().map_err(refused)?;
        let gateway = Arc::new(Gateway::new(plane, backend.into(), clock, access, limits));
        let connections = Arc::new(Semaphore::new(limits.max_connections));
        Ok(Server { listener, address, gateway, connections, limits })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until something comes through `stops`. Then no connection is taken any more, and calls under way are
    /// finished, as long as [`Limits::drain`] allows and nothing else comes through `stops`. What is left then ends
    /// with the runtime.
    pub async fn run(self, mut stops: mpsc::Receiver<()>) -> Ended {
        tracing::info!(address = %self.address, signed = self.gateway.access.is_some(), "serving");
        let (stopping, stopped) = watch::channel(());
        loop {
            tokio::select! {
                connection = self.listener.accept() => match connection {
                    Ok((stream, _)) => self.take(stream, stopped.clone()),
                    Err(error) => {
                        tracing::warn!(%error, "a connection cannot be taken");
                        tokio::time::sleep(PAUSE).await;
                    }
                },
                _ = stops.recv() => break,
            }
        }
        drop(self.listener);
        drop(stopping);
        tracing::info!(in_flight = self.gateway.metrics.in_flight(), "stopping");
        let all = u32::try_from(self.limits.max_connections).unwrap_or(u32::MAX);
        let ended = tokio::select! {
            _ = self.connections.acquire_many(all) => Ended::Drained,
            () = tokio::time::sleep(self.limits.drain) => Ended::OutOfTime(self.gateway.metrics.in_flight()),
            Some(()) = stops.recv() => Ended::AtOnce(self.gateway.metrics.in_flight()),
        };
        tracing::info!(?ended, "stopped");
        ended
    }

    fn take(&self, stream: TcpStream, stopped: watch::Receiver<()>) {
        let Ok(permit) = Arc::clone(&self.connections).try_acquire_owned() else {
            // Closed by being dropped: whoever opened it learns of it at once.
            self.gateway.metrics.refused_connection();
            return;
        };
        // Answers are written in one piece; waiting for more would only delay them.
        let _slower = stream.set_nodelay(true);
        tokio::spawn(connection(Arc::clone(&self.gateway), stream, stopped, permit));
    }
}

async fn connection<P: DataPlane, C: Clock + Send + 'static>(
    gateway: Arc<Gateway<P, C>>,
    stream: TcpStream,
    mut stopped: watch::Receiver<()>,
    _permit: OwnedSemaphorePermit,
) {
    gateway.metrics.opened();
    let turns = Turns::new();
    let stream = TokioIo::new(Patient::new(stream, turns.clone(), &gateway.limits));
    let service = service_fn(|request: Request<Incoming>| {
        let (gateway, turn) = (Arc::clone(&gateway), turns.begin());
        async move { Ok::<_, Infallible>(gateway.answer(request, turn).await) }
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(gateway.limits.idle)
        .max_buf_size(BUFFER)
        .serve_connection(stream, service);
    let mut serving = std::pin::pin!(serving);
    let result = tokio::select! {
        result = serving.as_mut() => result,
        // The sender is dropped when the server stops.
        _ = stopped.changed() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = result {
        tracing::debug!(%error, "a connection broke");
    }
    gateway.metrics.closed();
}
