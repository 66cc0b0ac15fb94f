//! Answers on their way out.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use livemove_aws::wire;
use serde_json::Value;
use tokio::time::{Sleep, sleep};

use crate::coding;
use crate::metrics::Metrics;
use crate::slot::Slot;

type Broken = Box<dyn std::error::Error + Send + Sync>;

pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
const CRC32: HeaderName = HeaderName::from_static("x-amz-crc32");

/// The body of an answer. It holds its call's slot until it is sent or given up.
pub(crate) struct AnswerBody {
    content: Content,
    metrics: Arc<Metrics>,
    _slot: Slot,
}

/// What an answer consists of.
pub(crate) enum Content {
    /// All of it is here.
    Whole(Bytes),
    /// It comes from the backend, and goes on as it comes.
    Passed(Passed),
}

/// A body of the backend's.
pub(crate) struct Passed {
    incoming: wire::Body,
    patience: Duration,
    // Runs while a part is waited for.
    timer: Option<Pin<Box<Sleep>>>,
}

impl Passed {
    /// A body between whose parts at most `patience` may lie.
    pub(crate) fn new(incoming: wire::Body, patience: Duration) -> Passed {
        Passed { incoming, patience, timer: None }
    }

    fn poll_frame(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let Poll::Ready(frame) = Pin::new(&mut self.incoming).poll_frame(context) else {
            let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(self.patience)));
            ready!(timer.as_mut().poll(context));
            return Poll::Ready(Some(Err("the backend does not go on with its answer".into())));
        };
        self.timer = None;
        Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let this = self.get_mut();
        let frame = match &mut this.content {
            Content::Whole(bytes) if bytes.is_empty() => None,
            Content::Whole(bytes) => Some(Ok(Frame::data(std::mem::take(bytes)))),
            Content::Passed(passed) => ready!(passed.poll_frame(context)),
        };
        if let Some(Ok(frame)) = &frame {
            this.metrics.sent(frame.data_ref().map_or(0, Bytes::len));
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::Whole(bytes) => bytes.is_empty(),
            Content::Passed(passed) => passed.incoming.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Whole(bytes) => SizeHint::with_exact(u64::try_from(bytes.len()).unwrap_or(u64::MAX)),
            Content::Passed(passed) => passed.incoming.size_hint(),
        }
    }
}

/// Puts an answer's content, with its slot, behind its head.
pub(crate) fn hold(head: Response<Content>, slot: Slot, metrics: &Arc<Metrics>) -> Response<AnswerBody> {
    head.map(|content| AnswerBody { content, metrics: Arc::clone(metrics), _slot: slot })
}

/// Whether the client takes compressed answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Packing {
    Never,
    IfWorth,
}

/// An answer of the gateway's own: status, JSON, and the headers by which SDKs check it.
pub(crate) fn json(
    status: u16,
    body: &Value,
    content_type: HeaderValue,
    packing: Packing,
    request_id: &str,
) -> Response<Content> {
    let plain = serde_json::to_vec(body).unwrap_or_default();
    let packed = if packing == Packing::IfWorth { coding::pack(&plain) } else { None };
    let is_packed = packed.is_some();
    let body = packed.unwrap_or(plain);
    let checksum = crc32fast::hash(&body);
    let mut answer = Response::new(Content::Whole(body.into()));
    *answer.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, content_type);
    headers.insert(CRC32, HeaderValue::from(checksum));
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert(REQUEST_ID, id);
    }
    if is_packed {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    answer
}

/// A text for people and monitors.
pub(crate) fn text(status: StatusCode, body: String, content_type: &'static str) -> Response<Content> {
    let mut answer = Response::new(Content::Whole(body.into()));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    answer
}
