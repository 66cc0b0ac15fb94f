//! What the gateway counts, as Prometheus reads it. No label holds a name of the application's: operations are those
//! of a fixed list, and every other is `other`.

mod histogram;
mod operations;
mod text;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::auth::is_denial;
use crate::wire::WireError;
use histogram::Histogram;
use operations::OPERATIONS;

pub(crate) use text::CONTENT_TYPE;

/// Calls answered, by operation and outcome.
pub const REQUESTS: &str = "livemove_gateway_requests_total";
/// Calls whose answer is the backend's.
pub const PASSED: &str = "livemove_gateway_passed_through_total";
/// Calls under way, until the last byte of their answer.
pub const IN_FLIGHT: &str = "livemove_gateway_requests_in_flight";
/// From the head of a request to the head of its answer, by who answered.
pub const DURATION: &str = "livemove_gateway_request_duration_seconds";
/// Bytes of requests' bodies, as received.
pub const RECEIVED: &str = "livemove_gateway_received_bytes_total";
/// Bytes of answers' bodies, as sent.
pub const SENT: &str = "livemove_gateway_sent_bytes_total";
/// Connections open.
pub const CONNECTIONS: &str = "livemove_gateway_connections";
/// Connections closed at once because there were too many.
pub const CONNECTIONS_REFUSED: &str = "livemove_gateway_connections_refused_total";

/// What became of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The data plane answered.
    Served,
    /// The backend answered, whatever it said.
    Passed,
    /// The caller must change something.
    Refused,
    /// Not, or not rightly, signed.
    Denied,
    /// To be tried again later.
    Throttled,
    /// Not the caller's fault.
    Failed,
}

const OUTCOMES: [(Outcome, &str); 6] = [
    (Outcome::Served, "served"),
    (Outcome::Passed, "passed"),
    (Outcome::Refused, "refused"),
    (Outcome::Denied, "denied"),
    (Outcome::Throttled, "throttled"),
    (Outcome::Failed, "failed"),
];

impl Outcome {
    /// The outcome of a call that ended in this error.
    pub fn of(error: &WireError) -> Outcome {
        match error.name() {
            _ if error.status >= 500 => Outcome::Failed,
            "ThrottlingException" | "ProvisionedThroughputExceededException" => Outcome::Throttled,
            name if is_denial(name) => Outcome::Denied,
            _ => Outcome::Refused,
        }
    }
}

/// The counters of one gateway.
#[derive(Debug)]
pub struct Metrics {
    requests: Vec<[AtomicU64; OUTCOMES.len()]>,
    in_flight: AtomicU64,
    own: Histogram,
    passed: Histogram,
    received: AtomicU64,
    sent: AtomicU64,
    connections: AtomicU64,
    connections_refused: AtomicU64,
}

impl Metrics {
    /// All at zero.
    pub fn new() -> Metrics {
        let zeros = || std::array::from_fn(|_| AtomicU64::new(0));
        Metrics {
            requests: OPERATIONS.iter().map(|_| zeros()).collect(),
            in_flight: AtomicU64::new(0),
            own: Histogram::default(),
            passed: Histogram::default(),
            received: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            connections: AtomicU64::new(0),
            connections_refused: AtomicU64::new(0),
        }
    }

    /// A call was answered. `operation` may be anything.
    pub fn answered(&self, operation: &str, outcome: Outcome, took: Duration) {
        if let Some(row) = self.requests.get(operations::index(operation)) {
            add(&row[outcome as usize], 1);
        }
        let histogram = if outcome == Outcome::Passed { &self.passed } else { &self.own };
        histogram.observe(took);
    }

    /// A call begins.
    pub fn begins(&self) {
        add(&self.in_flight, 1);
    }

    /// A call has ended.
    pub fn ends(&self) {
        self.in_flight.fetch_sub(1, Ordering::Relaxed);
    }

    /// Calls under way.
    pub fn in_flight(&self) -> u64 {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Bytes of a request's body have come.
    pub fn received(&self, bytes: usize) {
        add(&self.received, bytes);
    }

    /// Bytes of an answer's body go out.
    pub fn sent(&self, bytes: usize) {
        add(&self.sent, bytes);
    }

    /// A connection was opened.
    pub fn opened(&self) {
        add(&self.connections, 1);
    }

    /// A connection was closed.
    pub fn closed(&self) {
        self.connections.fetch_sub(1, Ordering::Relaxed);
    }

    /// A connection was one too many.
    pub fn refused_connection(&self) {
        add(&self.connections_refused, 1);
    }
}

impl Default for Metrics {
    fn default() -> Metrics {
        Metrics::new()
    }
}

fn add(counter: &AtomicU64, count: usize) {
    counter.fetch_add(u64::try_from(count).unwrap_or(u64::MAX), Ordering::Relaxed);
}
