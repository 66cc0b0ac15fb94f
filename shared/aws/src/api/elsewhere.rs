//! Where the parts of a call go that are about tables the migration has nothing to do with.

use std::future::Future;

use livemove_core::error::Error;
use serde_json::{Map, Value};

/// Calls DynamoDB as it is.
pub trait Elsewhere: Send + Sync {
    /// Sends `operation` with this input, once, and answers what DynamoDB answers.
    ///
    /// # Errors
    /// DynamoDB's refusals by name; [`Error::Ambiguous`] when the answer to a write was lost.
    fn call(&self, operation: &str, input: Map<String, Value>) -> impl Future<Output = Result<Value, Error>> + Send;
}

/// Nowhere: reader and writer serve migrating tables only.
#[derive(Clone, Copy, Debug)]
pub struct Nowhere;

impl Elsewhere for Nowhere {
    async fn call(&self, operation: &str, _: Map<String, Value>) -> Result<Value, Error> {
        Err(Error::refused(
            "ResourceNotFoundException",
            format!("{operation} names a table that is not part of the migration"),
            "use the name at the plan's source, and run preflight first; other tables are asked for directly",
        ))
    }
}
