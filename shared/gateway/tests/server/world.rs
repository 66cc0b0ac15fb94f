//! A gateway with both of its neighbours.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_types::SdkConfig;
use aws_types::region::Region;
use livemove_core::ports::{Clock, Millis};
use livemove_gateway::auth::AccessKey;
use livemove_gateway::backend::Backend;
use livemove_gateway::server::Settings;
use livemove_gateway::{Ended, Limits, Server};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::backend::TestBackend;
use crate::client::{Connection, Message, call, request};
use crate::plane::TestPlane;

pub(crate) struct World {
    pub(crate) address: SocketAddr,
    pub(crate) plane: TestPlane,
    pub(crate) backend: TestBackend,
    pub(crate) stop: mpsc::Sender<()>,
    pub(crate) running: JoinHandle<Ended>,
}

/// The machine's clock.
pub(crate) struct RealClock;

impl Clock for RealClock {
    fn now(&self) -> Millis {
        u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap()
    }

    async fn sleep(&self, pause: Millis) {
        tokio::time::sleep(Duration::from_millis(pause)).await;
    }
}

/// The keys that the gateway signs with.
pub(crate) fn own_key() -> AccessKey {
    AccessKey { id: "AKIDOFTHEGATEWAY".to_owned(), secret: "secret-of-the-gateway".to_owned() }
}

/// The keys that its clients sign with, where it demands any.
pub(crate) fn clients_key() -> AccessKey {
    AccessKey { id: "AKIDOFACLIENT".to_owned(), secret: "secret-of-a-client".to_owned() }
}

pub(crate) fn sdk_config(endpoint: &str, token: Option<&str>) -> SdkConfig {
    let AccessKey { id, secret } = own_key();
    let credentials = Credentials::new(id, secret, token.map(str::to_owned), None, "test");
    SdkConfig::builder()
        .region(Region::new("eu-west-1"))
        .endpoint_url(endpoint)
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .build()
}

impl World {
    pub(crate) async fn start() -> World {
        World::with(Limits::default(), None).await
    }

    pub(crate) async fn bounded(change: impl FnOnce(&mut Limits)) -> World {
        let mut limits = Limits::default();
        change(&mut limits);
        World::with(limits, None).await
    }

    pub(crate) async fn with(limits: Limits, access: Option<AccessKey>) -> World {
        let backend = TestBackend::start().await;
        let sdk = sdk_config(&format!("http://{}", backend.address), None);
        World::over(backend, &sdk, limits, access).await
    }

    pub(crate) async fn over(
        backend: TestBackend,
        sdk: &SdkConfig,
        limits: Limits,
        access: Option<AccessKey>,
    ) -> World {
        let plane = TestPlane::default();
        let settings = Settings { listen: "127.0.0.1:0".parse().unwrap(), access, limits };
        let upstream = Backend::new(sdk, &limits).unwrap();
        let server = Server::bind(settings, plane.clone(), upstream, RealClock).await.unwrap();
        let (stop, stops) = mpsc::channel(2);
        World { address: server.address(), plane, backend, stop, running: tokio::spawn(server.run(stops)) }
    }

    pub(crate) async fn connect(&self) -> Connection {
        Connection::open(self.address).await
    }

    /// One call on a connection of its own.
    pub(crate) async fn call(&self, operation: &str, body: &str) -> Message {
        self.connect().await.exchange(&call(operation, &[], body.as_bytes())).await
    }

    pub(crate) async fn get(&self, path: &str) -> Message {
        self.connect().await.exchange(&request(&format!("GET {path} HTTP/1.1"), &[], b"")).await
    }

    /// Whether a line stands in the metrics.
    pub(crate) async fn counts(&self, line: &str) -> bool {
        self.get("/metrics").await.text().lines().any(|one| one == line)
    }

    /// Waits until a line stands in the metrics.
    pub(crate) async fn until(&self, line: &str) {
        while !self.counts(line).await {
            tokio::task::yield_now().await;
        }
    }

    /// Begins a call that the data plane keeps waiting, and waits until it has come there.
    pub(crate) async fn waiting_call(&self) -> Connection {
        let mut connection = self.connect().await;
        connection.send(&call("Scan", &[], MOVING)).await;
        self.plane.waiting.notified().await;
        connection
    }
}

/// The body of a call for the data plane, and of one for the backend.
pub(crate) const MOVING: &[u8] = br#"{"TableName":"moving"}"#;
pub(crate) const STAYING: &[u8] = br#"{ "TableName" : "staying" }"#;
