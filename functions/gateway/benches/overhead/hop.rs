//! What lies between: a relay that reads nothing and copies bytes, and a way as long as one to DynamoDB.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread::{self, sleep};
use std::time::Duration;

use tokio::io::copy_bidirectional;

/// Relays connections to `backend` at once, from one thread, until the program ends; where it listens. It is the least
/// that a second hop can cost.
pub(crate) fn relay(backend: String) -> SocketAddr {
    let (listener, address) = listen();
    listener.set_nonblocking(true).unwrap();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(serve(listener, backend));
    });
    address
}

fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

async fn serve(listener: TcpListener, backend: String) {
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    loop {
        let (mut client, _) = listener.accept().await.unwrap();
        let mut server = tokio::net::TcpStream::connect(&backend).await.unwrap();
        client.set_nodelay(true).unwrap();
        server.set_nodelay(true).unwrap();
        tokio::spawn(async move { copy_bidirectional(&mut client, &mut server).await });
    }
}

/// Relays connections to `backend`, each request `later`, until the program ends; where it listens. Two threads a
/// connection: the system's sleep is exact to a few hundredths of a millisecond, a runtime's timers are not.
pub(crate) fn far(backend: String, later: Duration) -> SocketAddr {
    let (listener, address) = listen();
    thread::spawn(move || {
        loop {
            let (client, _) = listener.accept().unwrap();
            let server = TcpStream::connect(&backend).unwrap();
            client.set_nodelay(true).unwrap();
            server.set_nodelay(true).unwrap();
            let (answers, clients) = (server.try_clone().unwrap(), client.try_clone().unwrap());
            thread::spawn(move || copy(client, server, later));
            thread::spawn(move || copy(answers, clients, Duration::ZERO));
        }
    });
    address
}

fn copy(mut from: TcpStream, mut to: TcpStream, later: Duration) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        sleep(later);
        if to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    let _closed = to.shutdown(std::net::Shutdown::Both);
}
