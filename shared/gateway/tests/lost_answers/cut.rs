//! A wire that can be cut when an answer comes along it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

const NOTHING: u32 = 0;
const CUT: u32 = 1;
const HOLD: u32 = 2;

#[derive(Clone)]
pub(crate) struct Cutter {
    pub(crate) address: SocketAddr,
    next: Arc<AtomicU32>,
    cuts: Arc<AtomicU32>,
    held: Arc<Notify>,
    go: Arc<Notify>,
}

impl Cutter {
    /// A wire to that address.
    pub(crate) async fn before(server: SocketAddr) -> Cutter {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let cutter =
            Cutter { address, next: Arc::default(), cuts: Arc::default(), held: Arc::default(), go: Arc::default() };
        let wire = cutter.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(wire.clone().carry(client, server));
            }
        });
        cutter
    }

    async fn carry(self, client: TcpStream, server: SocketAddr) {
        let server = TcpStream::connect(server).await.unwrap();
        let ((mut from_client, mut to_client), (mut from_server, mut to_server)) =
            (client.into_split(), server.into_split());
        let questions = tokio::spawn(async move { tokio::io::copy(&mut from_client, &mut to_server).await });
        let mut answer = vec![0; 65_536];
        while let Ok(length @ 1..) = from_server.read(&mut answer).await {
            match self.next.swap(NOTHING, Ordering::SeqCst) {
                NOTHING => {
                    if to_client.write_all(&answer[..length]).await.is_err() {
                        break;
                    }
                    continue;
                }
                HOLD => {
                    self.held.notify_one();
                    self.go.notified().await;
                }
                _ => {}
            }
            self.cuts.fetch_add(1, Ordering::SeqCst);
            break;
        }
        questions.abort();
    }

    /// The next answer gets lost with its connection.
    pub(crate) fn cut_next(&self) {
        self.next.store(CUT, Ordering::SeqCst);
    }

    /// The same, but not before it is let go.
    pub(crate) fn hold_next(&self) {
        self.next.store(HOLD, Ordering::SeqCst);
    }

    /// Waits until an answer is held.
    pub(crate) async fn held(&self) {
        self.held.notified().await;
    }

    pub(crate) fn let_go(&self) {
        self.go.notify_one();
    }

    /// How many answers got lost since this was asked last.
    pub(crate) fn cuts(&self) -> u32 {
        self.cuts.swap(0, Ordering::SeqCst)
    }
}
