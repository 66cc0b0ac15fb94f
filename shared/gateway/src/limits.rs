//! The bounds of a gateway: what it takes at once, and how long it waits for anybody.

use std::time::Duration;

/// Bounds. Memory for requests stays below `max_in_flight` × `max_body_bytes` as they are on the wire; a body that
/// comes compressed is held twice while it is read, and its decoded form takes a few times its size in addition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Calls at once. One more is refused with `ThrottlingException`, which SDKs try again after a pause.
    pub max_in_flight: usize,
    /// Connections at once. One more is closed as soon as it is opened.
    pub max_connections: usize,
    /// The largest body of a request, as sent and as unpacked. DynamoDB takes batches of 16 MB.
    pub max_body_bytes: usize,
    /// From the first byte of a request to the end of its head.
    pub head: Duration,
    /// From the end of the head to the end of the body.
    pub body: Duration,
    /// From one request of a connection to the next. Longer than SDKs keep idle connections, so that it is they who
    /// close them and none sends into a connection that is being closed.
    pub idle: Duration,
    /// How long a client may take nothing of its answer.
    pub stalled: Duration,
    /// How long the backend may send nothing: before its answer, and between two parts of it.
    pub backend: Duration,
    /// How long calls under way may go on after a stop.
    pub drain: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            max_in_flight: 256,
            max_connections: 1024,
            max_body_bytes: 16 * 1024 * 1024,
            head: Duration::from_secs(10),
            body: Duration::from_secs(30),
            idle: Duration::from_secs(120),
            stalled: Duration::from_secs(30),
            backend: Duration::from_secs(60),
            drain: Duration::from_secs(25),
        }
    }
}
