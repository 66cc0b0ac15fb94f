//! A backend that keeps what it gets, and answers as told.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};

use crate::client::{Message, read_message};

/// What the backend does with a request.
#[derive(Clone)]
pub(crate) enum Act {
    /// Sends these bytes.
    Answer(Vec<u8>),
    /// Closes the connection.
    HangUp,
    /// Sends nothing, and keeps the connection.
    Silence,
    /// Sends a head and then a body without end.
    Endless,
    /// Sends half of an answer, then nothing.
    Half,
}

#[derive(Clone)]
pub(crate) struct TestBackend {
    pub(crate) address: SocketAddr,
    pub(crate) got: Arc<Mutex<Vec<Message>>>,
    act: Arc<Mutex<Act>>,
}

/// An answer with these headers and this body.
pub(crate) fn answer(status: &str, headers: &[(&str, &str)], body: &[u8]) -> Act {
    let mut bytes = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n", body.len()).into_bytes();
    for (name, value) in headers {
        bytes.extend(format!("{name}: {value}\r\n").bytes());
    }
    bytes.extend(b"\r\n");
    bytes.extend(body);
    Act::Answer(bytes)
}

impl TestBackend {
    pub(crate) async fn start() -> TestBackend {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let json = [("content-type", "application/x-amz-json-1.0")];
        let backend = TestBackend {
            address: listener.local_addr().unwrap(),
            got: Arc::default(),
            act: Arc::new(Mutex::new(answer("200 OK", &json, b"{}"))),
        };
        let serving = backend.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serving.clone().serve(stream));
            }
        });
        backend
    }

    pub(crate) fn acts(&self, act: Act) {
        *self.act.lock().unwrap() = act;
    }

    pub(crate) fn got(&self) -> Vec<Message> {
        self.got.lock().unwrap().clone()
    }

    /// The headers of the only request.
    pub(crate) fn only(&self) -> Message {
        let got = self.got();
        assert_eq!(got.len(), 1);
        got[0].clone()
    }

    async fn serve(self, mut stream: TcpStream) {
        while let Some(request) = read_message(&mut stream).await {
            self.got.lock().unwrap().push(request);
            let act = self.act.lock().unwrap().clone();
            match act {
                Act::Answer(bytes) => stream.write_all(&bytes).await.unwrap(),
                Act::HangUp => return,
                Act::Silence => std::future::pending().await,
                Act::Endless => {
                    let part = [b'x'; 65536];
                    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n").await.unwrap();
                    while stream.write_all(&part).await.is_ok() {}
                }
                Act::Half => {
                    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n01234").await.unwrap();
                    std::future::pending::<()>().await;
                }
            }
        }
    }
}

/// The headers of a message that a client or server may add of its own accord are not among these.
pub(crate) fn of_note(message: &Message) -> BTreeMap<String, String> {
    let mut headers = message.headers.clone();
    headers.remove("date");
    headers
}
