//! One connection, driven by the call that uses it.

use std::fmt;
use std::future::{Future as _, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body as _, Frame, Incoming, SizeHint};
use hyper::client::conn::TrySendError;
use hyper::client::conn::http1;
use hyper::{Request, Response};
use hyper_rustls::MaybeHttpsStream;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::http::Idle;

type Stream = MaybeHttpsStream<TokioIo<TcpStream>>;
type Message = Full<Bytes>;

/// A connection on which one call after the other is sent.
pub(super) struct Connection {
    sender: http1::SendRequest<Message>,
    /// Reads and writes while it is polled. `None` once the connection is closed.
    driver: Option<http1::Connection<Stream, Message>>,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("is_closed", &self.driver.is_none()).finish_non_exhaustive()
    }
}

impl Connection {
    /// # Errors
    /// Those of hyper's; nothing was sent.
    pub(super) async fn over(stream: Stream) -> hyper::Result<Box<Connection>> {
        let (sender, driver) = http1::handshake(stream).await?;
        Ok(Box::new(Connection { sender, driver: Some(driver) }))
    }

    /// Whether the other end has not closed it between two calls.
    pub(super) fn is_open(&mut self) -> bool {
        self.drive(&mut Context::from_waker(Waker::noop()));
        self.driver.is_some() && self.sender.is_ready()
    }

    /// # Errors
    /// With the request, if nothing of it was sent.
    pub(super) async fn send(
        &mut self,
        request: Request<Message>,
    ) -> Result<Response<Incoming>, TrySendError<Request<Message>>> {
        let mut answer = pin!(self.sender.try_send_request(request));
        poll_fn(|context| {
            self.drive(context);
            answer.as_mut().poll(context)
        })
        .await
    }

    // Why it has ended is told to who waits for an answer or its body.
    fn drive(&mut self, context: &mut Context<'_>) {
        if self.driver.as_mut().is_some_and(|driver| Pin::new(driver).poll(context).is_ready()) {
            self.driver = None;
        }
    }
}

/// The body of an answer, as it comes. When it has been read to its end its connection serves other calls; else that is
/// closed.
#[derive(Debug)]
pub struct Body {
    incoming: Incoming,
    connection: Option<Box<Connection>>,
    idle: Arc<Idle>,
    is_over: bool,
}

impl Body {
    pub(super) fn new(incoming: Incoming, connection: Box<Connection>, idle: Arc<Idle>) -> Body {
        Body { incoming, connection: Some(connection), idle, is_over: false }
    }
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let this = self.get_mut();
        let mut frame = Pin::new(&mut this.incoming).poll_frame(context);
        if frame.is_pending()
            && let Some(connection) = &mut this.connection
        {
            connection.drive(context);
            frame = Pin::new(&mut this.incoming).poll_frame(context);
        }
        this.is_over |= matches!(frame, Poll::Ready(None));
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        if (self.is_over || self.incoming.is_end_stream())
            && let Some(connection) = self.connection.take()
        {
            self.idle.put(connection);
        }
    }
}
