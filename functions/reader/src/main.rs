//! `reader`: GetItem, BatchGetItem and DescribeMigration on migrating tables, for applications.
//!
//! Trigger: direct invocation, or a function URL with IAM authorisation.
//! Role: reads from both tables, `PEER_ROLE_ARN` for the one in the other account; reads states of the control table.
//! Environment: `MIGRATION_ID`, `CONTROL_*`, `ACCOUNT_ID`, `PEER_ROLE_ARN`, `EXTERNAL_ID`, `RUST_LOG`.
//! Retries: Reads change nothing that an application can see, so any call may be repeated.

use std::sync::Arc;
use std::time::Duration;

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use livemove_aws::api::reader::Reader;
use livemove_aws::control::Control;
use livemove_aws::startup;
use serde_json::Value;

/// The longest that one read of a state may take.
const STATE_READ: Duration = Duration::from_secs(3);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let function = startup::start().await?;
    let control = Control::open(&function.sites, &function.config.control, STATE_READ)?;
    let reader = Reader::new(Arc::new(function.sites), Arc::new(control), &function.config.migration);
    run(service_fn(async |event: LambdaEvent<Value>| reader.answer(event.payload, &event.context.request_id).await))
        .await
}
