//! What `/health` answers.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::plane::{DataPlane, Health};

/// An answer is given again for this long: whoever asks, and how often, the data plane is asked once a second.
const KEPT: Duration = Duration::from_secs(1);
/// A data plane that says nothing for this long is not healthy.
const LONGEST: Duration = Duration::from_secs(5);

/// Whether names of tables may be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    /// Nobody but this machine can ask, or it asks for no signatures anyway.
    Detail,
    /// Anybody may ask, and only signed calls may know more.
    ReadyAlone,
}

/// The last answer.
#[derive(Debug, Default)]
pub(crate) struct LastHealth(Mutex<Option<(Instant, Health)>>);

impl LastHealth {
    /// The state of the data plane, at most a second old.
    pub(crate) async fn ask(&self, plane: &impl DataPlane) -> Health {
        let mut last = self.0.lock().await;
        if let Some((at, health)) = last.as_ref()
            && at.elapsed() < KEPT
        {
            return health.clone();
        }
        let silent = |_| Health { ready: false, detail: json!("the data plane does not answer") };
        let health = tokio::time::timeout(LONGEST, plane.health()).await.unwrap_or_else(silent);
        *last = Some((Instant::now(), health.clone()));
        health
    }
}

/// The status and JSON of an answer.
pub(crate) fn answer(health: Health, shown: Shown) -> (u16, Value) {
    let status = if health.ready { 200 } else { 503 };
    let body = match shown {
        Shown::Detail => json!({"ready": health.ready, "detail": health.detail}),
        Shown::ReadyAlone => json!({"ready": health.ready}),
    };
    (status, body)
}
