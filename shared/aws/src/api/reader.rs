//! The reader: every read of migrating tables, and where a table or bucket is served from.

use std::sync::Arc;

use lambda_runtime::Diagnostic;
use livemove_core::register::{Migrations, States};
use serde_json::Value;

use super::door::Front;
use super::plane::DESCRIBE;
use crate::sites::Sites;

const OPERATIONS: [&str; 6] = ["GetItem", "BatchGetItem", "Query", "Scan", "TransactGetItems", DESCRIBE];

/// Reads as one DynamoDB table would, whatever the phase.
#[derive(Debug)]
pub struct Reader<S>(Front<S>);

impl<S: States + Migrations + Send> Reader<S> {
    /// A reader of `migration`, whose tables are found through `states`.
    pub fn new(sites: Arc<Sites>, states: Arc<S>, migration: &str) -> Reader<S> {
        Reader(Front::new(sites, states, migration, &OPERATIONS))
    }

    /// Answers one invocation, which Lambda knows by `request_id`.
    ///
    /// # Errors
    /// For direct invocations, DynamoDB's exceptions and livemove's refusals by name.
    pub async fn answer(&self, payload: Value, request_id: &str) -> Result<Value, Diagnostic> {
        self.0.answer(payload, request_id).await
    }
}
