//! One request, one answer.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::header::{ALLOW, HeaderValue};
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use livemove_aws::wire::{self, signature::sha256_hex};
use livemove_core::ports::Clock;
use serde_json::{Map, Value};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::answer::{self, AnswerBody, Content, Packing, Passed};
use crate::auth::AccessKey;
use crate::backend::{Backend, Passing};
use crate::coding::{Coding, unpack};
use crate::head::{Head, default_content_type};
use crate::health::{self, LastHealth, Shown};
use crate::limits::Limits;
use crate::metrics::{self, Metrics, Outcome};
use crate::patience::Turn;
use crate::plane::DataPlane;
use crate::request_id::RequestIds;
use crate::slot::{Place, Slot};
use crate::target::Api;
use crate::wire::WireError;
use crate::{intake, json, log};

/// Larger bodies are decoded where they hold up nobody else.
const DECODED_AT_ONCE: usize = 256 * 1024;

const CALLS: &str = "/";
const HEALTH: &str = "/health";
const METRICS: &str = "/metrics";

/// Everything that answering takes.
pub(crate) struct Gateway<P, C> {
    pub(crate) plane: P,
    pub(crate) backend: Arc<Backend>,
    pub(crate) clock: C,
    pub(crate) access: Option<AccessKey>,
    pub(crate) limits: Limits,
    pub(crate) metrics: Arc<Metrics>,
    places: Arc<Semaphore>,
    health: LastHealth,
    ids: RequestIds,
}

/// Who answered a call.
enum Done {
    Plane(Value),
    Backend(Response<wire::Body>),
}

impl<P: DataPlane, C: Clock> Gateway<P, C> {
    pub(crate) fn new(plane: P, backend: Arc<Backend>, clock: C, access: Option<AccessKey>, limits: Limits) -> Self {
        Gateway {
            plane,
            backend,
            clock,
            access,
            limits,
            metrics: Arc::new(Metrics::new()),
            places: Arc::new(Semaphore::new(limits.max_in_flight)),
            health: LastHealth::default(),
            ids: RequestIds::new(),
        }
    }

    /// Answers a request; `turn` is that of its connection.
    pub(crate) async fn answer(&self, request: Request<Incoming>, turn: Turn) -> Response<AnswerBody> {
        let path = request.uri().path();
        let head = match (request.method(), path) {
            // Calls have no query, so signatures are checked for none.
            (&Method::POST, CALLS) if request.uri().query().is_none() => return self.call(request, turn).await,
            (&Method::GET, HEALTH) => self.health().await,
            (&Method::GET, METRICS) => answer::text(StatusCode::OK, self.metrics.to_text(), metrics::CONTENT_TYPE),
            (_, CALLS) if request.uri().query().is_none() => other_method("POST"),
            (_, HEALTH | METRICS) => other_method("GET"),
            _ => self.refusal(&WireError::new(404, "UnknownOperationException", "calls are sent to /")),
        };
        answer::hold(head, Slot::new(turn, None), &self.metrics)
    }

    async fn health(&self) -> Response<Content> {
        let shown = if self.access.is_some() { Shown::ReadyAlone } else { Shown::Detail };
        let (status, body) = health::answer(self.health.ask(&self.plane).await, shown);
        let kind = HeaderValue::from_static("application/json");
        answer::json(status, &body, kind, Packing::Never, &self.ids.next())
    }

    async fn call(&self, request: Request<Incoming>, turn: Turn) -> Response<AnswerBody> {
        let begun = Instant::now();
        let (parts, incoming) = request.into_parts();
        let head = Head::read(&parts.headers);
        let place = self.place();
        let done = match (&head, &place) {
            (_, Err(error)) | (Err(error), Ok(_)) => Err(error.clone()),
            (Ok(head), Ok(_)) => Box::pin(self.perform(head, &parts.headers, incoming)).await,
        };
        if let (Ok(Head { invocation: Some(invocation), .. }), Err(_)) = (&head, &place) {
            self.plane.turned_away(invocation);
        }
        let operation = head.as_ref().map_or("", |head| head.target.operation);
        let outcome = match &done {
            Ok(Done::Plane(_)) => Outcome::Served,
            Ok(Done::Backend(_)) => Outcome::Passed,
            Err(error) => Outcome::of(error),
        };
        self.metrics.answered(operation, outcome, begun.elapsed());
        answer::hold(self.reply(done, head.ok().as_ref()), Slot::new(turn, place.ok()), &self.metrics)
    }

    fn place(&self) -> Result<Place, WireError> {
        let permit = Arc::clone(&self.places).try_acquire_owned().map_err(|_| {
            let message = format!("the gateway has {} calls in flight; try again later", self.limits.max_in_flight);
            WireError::new(400, "ThrottlingException", message)
        })?;
        Ok(Place::taken(permit, &self.metrics))
    }

    async fn perform(&self, head: &Head<'_>, headers: &HeaderMap, incoming: Incoming) -> Result<Done, WireError> {
        let now = self.now();
        let claim = self.access.as_ref().map(|key| key.claim(headers, now)).transpose()?;
        let body = intake::body(incoming, &self.limits).await?;
        self.metrics.received(body.len());
        let body_sha256 = claim.is_some().then(|| sha256_hex(&body));
        if let (Some(claim), Some(sha256)) = (claim, &body_sha256) {
            claim.proven_by(sha256)?;
        }
        if head.target.api == Api::Tables {
            let input = decode(head.coding, body.clone(), self.limits.max_body_bytes).await?;
            if let Some(output) = self.plane.call(head.target.operation, input, head.invocation.as_ref()).await? {
                return Ok(Done::Plane(output));
            }
        }
        let passing = Passing { api: head.target.api, headers, body, body_sha256, now };
        self.backend.pass(passing).await.map(Done::Backend)
    }

    fn reply(&self, done: Result<Done, WireError>, head: Option<&Head<'_>>) -> Response<Content> {
        let (status, body, id) = match done {
            Ok(Done::Backend(answer)) => {
                return answer.map(|body| Content::Passed(Passed::new(body, self.limits.backend)));
            }
            Ok(Done::Plane(output)) => (200, output, self.ids.next()),
            Err(error) => {
                let id = self.ids.next();
                log::not_served(head.map_or("", |head| head.target.operation), &id, &error);
                (error.status, error.body, id)
            }
        };
        let kind = head.map_or_else(default_content_type, |head| head.content_type.clone());
        let packing = if head.is_some_and(|head| head.accepts_gzip) { Packing::IfWorth } else { Packing::Never };
        answer::json(status, &body, kind, packing, &id)
    }

    fn refusal(&self, error: &WireError) -> Response<Content> {
        answer::json(error.status, &error.body, default_content_type(), Packing::Never, &self.ids.next())
    }

    fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(self.clock.now())
    }
}

fn other_method(allowed: &'static str) -> Response<Content> {
    let mut answer = answer::text(StatusCode::METHOD_NOT_ALLOWED, String::new(), "text/plain");
    answer.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
    answer
}

async fn decode(coding: Coding, body: Bytes, max: usize) -> Result<Map<String, Value>, WireError> {
    if coding == Coding::Plain && body.len() <= DECODED_AT_ONCE {
        return json::object(&body);
    }
    let decoded = tokio::task::spawn_blocking(move || match coding {
        Coding::Plain => json::object(&body),
        Coding::Gzip => json::object(&unpack(&body, max)?),
    });
    decoded.await.unwrap_or_else(|_| Err(WireError::new(500, "InternalServerError", "the body could not be decoded")))
}
