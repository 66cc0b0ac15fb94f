use std::sync::atomic::{AtomicUsize, Ordering};

use http_body_util::BodyExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::*;

/// A server that answers every request with the same bytes, and closes each connection after so many answers.
struct Server {
    address: String,
    connections: Arc<AtomicUsize>,
    closed: watch::Receiver<usize>,
}

impl Server {
    async fn start(answer: &'static str, answers: usize) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let connections = Arc::new(AtomicUsize::new(0));
        let (closing, closed) = watch::channel(0);
        let opened = connections.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                opened.fetch_add(1, Ordering::SeqCst);
                let closing = closing.clone();
                tokio::spawn(async move {
                    serve(stream, answer, answers).await;
                    closing.send_modify(|closed| *closed += 1);
                });
            }
        });
        Server { address, connections, closed }
    }

    fn host(&self, idle: usize) -> Host {
        Host::new(format!("http://{}/", self.address).parse().unwrap(), connector(false).unwrap(), idle)
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

async fn serve(mut stream: TcpStream, answer: &str, answers: usize) {
    let mut buffer = [0; 1024];
    for _ in 0..answers {
        let mut read = Vec::new();
        while !read.ends_with(b"\r\n\r\n{}") {
            match stream.read(&mut buffer).await {
                Ok(length @ 1..) => read.extend_from_slice(&buffer[..length]),
                Ok(_) | Err(_) => return,
            }
        }
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

const SIZED: &str = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";
const CHUNKED: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n";
const MANY: usize = 1000;

async fn ask(host: &Host) -> Result<Response<Body>, NoAnswer> {
    host.request(Request::post("/").body(Full::from("{}")).unwrap()).await
}

async fn heard(host: &Host) -> Bytes {
    ask(host).await.unwrap().into_body().collect().await.unwrap().to_bytes()
}

#[tokio::test]
async fn a_connection_serves_one_call_after_the_other() {
    for answer in [SIZED, CHUNKED] {
        let server = Server::start(answer, MANY).await;
        let host = server.host(4);
        for _ in 0..10 {
            assert_eq!(heard(&host).await, "hello");
        }
        assert_eq!(server.connections(), 1, "{answer}");
    }
}

#[tokio::test]
async fn calls_at_once_have_connections_of_their_own_and_only_so_many_are_kept() {
    let server = Server::start(SIZED, MANY).await;
    let host = server.host(1);
    let both = tokio::join!(ask(&host), ask(&host));
    assert_eq!(server.connections(), 2);
    for answer in [both.0, both.1] {
        answer.unwrap().into_body().collect().await.unwrap();
    }
    assert_eq!(host.idle.kept().len(), 1);
}

#[tokio::test]
async fn a_connection_that_was_closed_between_two_calls_is_not_used() {
    let server = Server::start(SIZED, 1).await;
    let host = server.host(4);
    let is_open = || host.idle.kept().last_mut().is_some_and(|(_, connection)| connection.is_open());
    for _ in 0..5 {
        assert_eq!(heard(&host).await, "hello");
        while is_open() {
            tokio::task::yield_now().await;
        }
    }
    assert_eq!(server.connections(), 5);
}

#[tokio::test]
async fn a_connection_whose_answer_is_not_read_to_its_end_is_closed() {
    let mut server = Server::start("HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nhello", MANY).await;
    let host = server.host(4);
    drop(ask(&host).await.unwrap());
    assert!(host.idle.kept().is_empty());
    server.closed.wait_for(|closed| *closed == 1).await.unwrap();
}

#[tokio::test]
async fn a_call_that_is_given_up_closes_its_connection() {
    let mut server = Server::start("", MANY).await;
    let host = server.host(4);
    tokio::select! {
        _ = ask(&host) => unreachable!("nobody answers"),
        () = async { while server.connections() == 0 { tokio::task::yield_now().await } } => {}
    }
    server.closed.wait_for(|closed| *closed == 1).await.unwrap();
    assert!(host.idle.kept().is_empty());
}

#[tokio::test]
async fn a_connection_that_was_idle_for_long_is_not_used() {
    let server = Server::start(SIZED, MANY).await;
    let host = server.host(4);
    heard(&host).await;
    host.idle.kept()[0].0 -= IDLE;
    heard(&host).await;
    assert_eq!(server.connections(), 2);
}

#[tokio::test]
async fn connections_that_nobody_uses_are_closed_without_another_call() {
    let mut server = Server::start(SIZED, MANY).await;
    let mut host = server.host(4);
    Arc::get_mut(&mut host.idle).unwrap().life = Duration::from_millis(20);
    heard(&host).await;
    let closed = tokio::time::timeout(Duration::from_secs(30), server.closed.wait_for(|closed| *closed == 1)).await;
    assert!(closed.is_ok() && host.idle.kept().is_empty());
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_lost_and_where_nobody_listens_nothing_is_sent() {
    let broken = Server::start("HTTP/1.1 200", 1).await;
    assert!(matches!(ask(&broken.host(4)).await, Err(NoAnswer::Lost(_))));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
    drop(listener);
    let host = Host::new(nobody, connector(false).unwrap(), 4);
    assert!(matches!(ask(&host).await, Err(NoAnswer::NotSent(_))));
}
