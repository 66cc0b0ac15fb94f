//! One line for what failed. Nothing that a client sent is in it but the operation's name.

use crate::metrics::Outcome;
use crate::wire::WireError;

/// Logs a call that was not the client's fault, or was not rightly signed. What a client has to change, it is told.
pub(crate) fn not_served(operation: &str, request_id: &str, error: &WireError) {
    let (status, name) = (error.status, error.name());
    match Outcome::of(error) {
        Outcome::Failed => tracing::error!(operation, request_id, status, error = name, "call failed"),
        Outcome::Denied => tracing::warn!(operation, request_id, status, error = name, "call denied"),
        Outcome::Throttled => tracing::warn!(operation, request_id, status, error = name, "call throttled"),
        Outcome::Refused | Outcome::Served | Outcome::Passed => {
            tracing::debug!(operation, request_id, status, error = name, "call refused");
        }
    }
}
