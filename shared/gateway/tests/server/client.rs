//! HTTP by hand, so that every byte is the test's.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// A request or an answer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Message {
    /// `POST / HTTP/1.1` or `HTTP/1.1 200 OK`.
    pub(crate) first: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

impl Message {
    pub(crate) fn status(&self) -> u16 {
        self.first.split(' ').nth(1).unwrap().parse().unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The name of the error that this answer is.
    pub(crate) fn error(&self) -> String {
        self.json()["__type"].as_str().unwrap().rsplit('#').next().unwrap().to_owned()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }
}

/// Reads one message with a `Content-Length`; `None` when the connection ends before it is complete.
pub(crate) async fn read_message(stream: &mut TcpStream) -> Option<Message> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).unwrap();
    let mut lines = head.lines();
    let first = lines.next()?.to_owned();
    let headers: BTreeMap<_, _> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some(Message { first, headers, body })
}

/// A connection to the gateway.
pub(crate) struct Connection(pub TcpStream);

/// The bytes of a call.
pub(crate) fn call(operation: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let target = format!("DynamoDB_20120810.{operation}");
    let mut all = vec![("x-amz-target", target.as_str()), ("content-type", "application/x-amz-json-1.0")];
    all.extend(headers);
    request("POST / HTTP/1.1", &all, body)
}

/// The bytes of a request.
pub(crate) fn request(first: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut bytes = format!("{first}\r\nhost: gateway\r\ncontent-length: {}\r\n", body.len()).into_bytes();
    for (name, value) in headers {
        bytes.extend(format!("{name}: {value}\r\n").bytes());
    }
    bytes.extend(b"\r\n");
    bytes.extend(body);
    bytes
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Connection {
        Connection(TcpStream::connect(address).await.unwrap())
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.unwrap();
    }

    pub(crate) async fn answer(&mut self) -> Message {
        read_message(&mut self.0).await.expect("an answer")
    }

    /// Waits until the other side has closed it; what comes until then is of no interest.
    pub(crate) async fn closed(&mut self) {
        let mut scratch = [0; 1024];
        while self.0.read(&mut scratch).await.is_ok_and(|length| length > 0) {}
    }

    pub(crate) async fn exchange(&mut self, bytes: &[u8]) -> Message {
        self.send(bytes).await;
        self.answer().await
    }
}
