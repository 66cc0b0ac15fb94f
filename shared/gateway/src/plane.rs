//! What the gateway needs of the data plane behind it.

use std::future::Future;

use livemove_aws::api::Invocation;
use serde_json::{Map, Value};

use crate::wire::WireError;

/// Serves calls that touch tables under migration.
///
/// The gateway may drop a call at any await, when its client hangs up or the server stops: the data plane takes
/// that as it takes a crash. A call ends by itself within the times of the plan.
pub trait DataPlane: Send + Sync + 'static {
    /// Serves the call if it touches a table under migration; `None`: it touches none and may be passed on as it
    /// is. `operation` is the name in the request's target, which may be one that nobody knows. A write is known by
    /// its `invocation` when it comes again.
    ///
    /// # Errors
    /// The answer that the client gets instead, as DynamoDB would have worded it. A call that touches a table
    /// under migration in a way that cannot be served is refused, never passed on.
    fn call(
        &self,
        operation: &str,
        input: Map<String, Value>,
        invocation: Option<&Invocation>,
    ) -> impl Future<Output = Result<Option<Value>, WireError>> + Send;

    /// Hears of a call that the gateway turned away: this attempt has done nothing.
    fn turned_away(&self, _: &Invocation) {}

    /// Whether calls could be served now. May be asked by anybody, so it shows no items; it is asked at most once
    /// a second.
    fn health(&self) -> impl Future<Output = Health> + Send;
}

/// Whether the data plane can serve.
#[derive(Clone, Debug, PartialEq)]
pub struct Health {
    /// Whether it can.
    pub ready: bool,
    /// Tables and their phases, in a few words of JSON. Shown only where the gateway asks for no signatures.
    pub detail: Value,
}
