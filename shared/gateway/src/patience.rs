//! How long a connection is waited for: hyper has a bound for idle connections; those here are for clients that
//! send the head of a request, or take its answer, byte by byte.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::limits::Limits;

/// Where a connection is between two requests: none has begun, a head is coming, a call is under way.
#[derive(Clone, Debug)]
pub(crate) struct Turns(Arc<AtomicU8>);

const IDLE: u8 = 0;
const HEAD: u8 = 1;
const CALL: u8 = 2;

impl Turns {
    pub(crate) fn new() -> Turns {
        Turns(Arc::new(AtomicU8::new(IDLE)))
    }

    /// The head of a request is complete: its turn begins, and lasts until it is dropped.
    pub(crate) fn begin(&self) -> Turn {
        self.0.store(CALL, Ordering::Release);
        Turn(self.clone())
    }

    fn head_begins(&self) -> bool {
        self.0.compare_exchange(IDLE, HEAD, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    fn in_head(&self) -> bool {
        self.0.load(Ordering::Acquire) == HEAD
    }
}

/// The turn of one request.
#[derive(Debug)]
pub(crate) struct Turn(Turns);

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.0.store(IDLE, Ordering::Release);
    }
}

/// A connection whose client is not waited for endlessly.
pub(crate) struct Patient<S> {
    stream: S,
    turns: Turns,
    head: Duration,
    stalled: Duration,
    // Runs while something is waited for; which of the two it is for is known by who set it.
    reading: Option<Pin<Box<Sleep>>>,
    writing: Option<Pin<Box<Sleep>>>,
    // What is still to be read after the last answer, for how long at most.
    leaving: Option<Pin<Box<Sleep>>>,
}

/// How long the rest of a refused request is read and thrown away, so that its client reads the refusal instead of
/// finding the connection broken.
const LINGER: Duration = Duration::from_secs(1);

impl<S> Patient<S> {
    pub(crate) fn new(stream: S, turns: Turns, limits: &Limits) -> Patient<S> {
        let (head, stalled) = (limits.head, limits.stalled);
        Patient { stream, turns, head, stalled, reading: None, writing: None, leaving: None }
    }
}

fn timer(after: Duration) -> Pin<Box<Sleep>> {
    Box::pin(sleep_until(Instant::now() + after))
}

fn too_slow(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, what)
}

// Pending, unless the time is up.
fn patience<T>(timer: &mut Pin<Box<Sleep>>, what: &'static str, context: &mut Context<'_>) -> Poll<io::Result<T>> {
    ready!(timer.as_mut().poll(context));
    Poll::Ready(Err(too_slow(what)))
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buffer.filled().len();
        if Pin::new(&mut this.stream).poll_read(context, buffer)?.is_ready() {
            if buffer.filled().len() > before && this.turns.head_begins() {
                this.reading = Some(timer(this.head));
            }
            return Poll::Ready(Ok(()));
        }
        match &mut this.reading {
            Some(timer) if this.turns.in_head() => patience(timer, "the head of a request took too long", context),
            Some(_) | None => Poll::Pending,
        }
    }
}

impl<S: AsyncWrite + Unpin> Patient<S> {
    fn written<T>(&mut self, result: Poll<io::Result<T>>, context: &mut Context<'_>) -> Poll<io::Result<T>> {
        if result.is_ready() {
            self.writing = None;
            return result;
        }
        let stalled = self.stalled;
        patience(self.writing.get_or_insert_with(|| timer(stalled)), "nobody takes the answer", context)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.stream).poll_write(context, bytes);
        this.written(result, context)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.stream).poll_write_vectored(context, parts);
        this.written(result, context)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let result = Pin::new(&mut this.stream).poll_flush(context);
        this.written(result, context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.leaving.is_none() {
            ready!(Pin::new(&mut this.stream).poll_shutdown(context))?;
        }
        let leaving = this.leaving.get_or_insert_with(|| timer(LINGER));
        if leaving.as_mut().poll(context).is_ready() {
            return Poll::Ready(Ok(()));
        }
        let mut scratch = [0_u8; 4096];
        loop {
            let mut buffer = ReadBuf::new(&mut scratch);
            match ready!(Pin::new(&mut this.stream).poll_read(context, &mut buffer)) {
                Ok(()) if !buffer.filled().is_empty() => {}
                Ok(()) | Err(_) => return Poll::Ready(Ok(())),
            }
        }
    }
}
