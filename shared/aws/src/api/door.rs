//! What reader and writer have in common: a payload in, an answer out, and no tables but the migration's.

use std::sync::Arc;

use lambda_runtime::Diagnostic;
use livemove_core::error::Error;
use livemove_core::register::{Migrations, States};
use serde_json::Value;

use super::answer::answer;
use super::bound::within;
use super::elsewhere::Nowhere;
use super::invocation::Invocation;
use super::payload::{Call, Door, open};
use super::plane::Plane;
use crate::sites::Sites;

/// A function in front of the data plane that has some of its operations.
#[derive(Debug)]
pub(super) struct Front<S> {
    plane: Plane<S, Nowhere>,
    operations: &'static [&'static str],
}

impl<S: States + Migrations + Send> Front<S> {
    pub(super) fn new(
        sites: Arc<Sites>,
        states: Arc<S>,
        migration: &str,
        operations: &'static [&'static str],
    ) -> Front<S> {
        Front { plane: Plane::new(sites, states, migration, Nowhere), operations }
    }

    /// Answers one invocation of the function, which Lambda knows by `request_id`.
    pub(super) async fn answer(&self, payload: Value, request_id: &str) -> Result<Value, Diagnostic> {
        let (door, call) = open(payload);
        let operation = call.as_ref().map(|call| call.operation.clone()).unwrap_or_default();
        let result = match call {
            Ok(call) => self.serve(door, call, request_id).await,
            Err(error) => Err(error),
        };
        answer(door, &operation, result)
    }

    async fn serve(&self, door: Door, call: Call, request_id: &str) -> Result<Value, Error> {
        if !self.operations.contains(&call.operation.as_str()) {
            return Err(Error::refused(
                "UnknownOperationException",
                format!("operation `{}` is not supported here", call.operation),
                format!("use one of: {}", self.operations.join(", ")),
            ));
        }
        let table = call.input.get("TableName").and_then(Value::as_str).unwrap_or("the table named").to_owned();
        let invocation = invocation(&call, request_id);
        let serve = |input| self.plane.call(&call.operation, input, invocation.as_ref());
        within(door, &call.operation, call.input, serve).await?.ok_or_else(|| {
            Error::refused(
                "ResourceNotFoundException",
                format!("{table} is not part of the migration"),
                "use the name at the plan's source, and run preflight first",
            )
        })
    }
}

/// By what an invocation is known. One that Lambda repeats by itself keeps its request id and all that it says.
fn invocation(call: &Call, request_id: &str) -> Option<Invocation> {
    match &call.id {
        Some(id) => Invocation::new(id, call.attempt.unwrap_or(1)),
        None => Invocation::new(request_id, 1),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_first_attempt_that_lambda_may_repeat_as_it_was_is_not_taken_for_the_only_one() {
        let known = |said: Value| {
            let call =
                open(json!({"operation": "UpdateItem", "input": {}, "id": said["id"], "attempt": said["attempt"]}));
            invocation(&call.1.unwrap(), "request")
        };
        assert_eq!(known(json!({"id": "a", "attempt": 1})), Invocation::new("a", 1));
        assert_eq!(known(json!({"id": "a"})), Invocation::new("a", 1));
        assert_eq!(known(json!({})), Invocation::new("request", 1));
        assert_ne!(known(json!({"id": "a", "attempt": 1})), Invocation::new("a", 1).map(Invocation::sole));
    }
}
