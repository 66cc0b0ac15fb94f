//! A server whose answers are made up: for what no local AWS does.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::Value;

/// Listens until the test's process ends, and remembers what it was asked.
pub(crate) struct Canned {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<Value>>>,
}

impl Canned {
    /// Answers the nth request, counted from 1, with this body, or breaks the connection.
    pub(crate) fn new(answer: impl Fn(usize) -> Option<String> + Send + 'static) -> Canned {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let requests: Arc<Mutex<Vec<Value>>> = Arc::default();
        let remembered = requests.clone();
        std::thread::spawn(move || {
            while let Ok((connection, _)) = listener.accept() {
                // An answer a connection: each says that it is the last.
                let Some(request) = read(&connection) else { continue };
                remembered.lock().unwrap().push(request);
                let count = remembered.lock().unwrap().len();
                if let Some(body) = answer(count) {
                    reply(connection, &body);
                }
            }
        });
        Canned { address, requests }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The bodies of the requests so far.
    pub(crate) fn requests(&self) -> Vec<Value> {
        self.requests.lock().unwrap().clone()
    }
}

fn read(connection: &TcpStream) -> Option<Value> {
    let mut reader = BufReader::new(connection);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
        let (name, value) = line.split_once(':').unwrap_or_default();
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().ok()?;
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    serde_json::from_slice(&body).ok()
}

fn reply(mut connection: TcpStream, body: &str) {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/x-amz-json-1.0\r\nconnection: close\r\n";
    let _ = write!(connection, "{head}content-length: {}\r\n\r\n{body}", body.len());
}
