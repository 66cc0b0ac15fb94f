//! `writer`: PutItem, UpdateItem and DeleteItem on migrating tables, for applications.
//!
//! Trigger: direct invocation, or a function URL with IAM authorisation.
//! Role: writes to both tables, `PEER_ROLE_ARN` for the one in the other account; reads states of the control table.
//! Environment: `MIGRATION_ID`, `CONTROL_*`, `ACCOUNT_ID`, `PEER_ROLE_ARN`, `EXTERNAL_ID`, `RUST_LOG`.
//! Retries: an error named `OutcomeUnknown` may have been applied, `OldValuesLost` was, every other was not. A write that
//! comes again by the same `id` and the next `attempt` is answered by what it did, not done again, wherever marks are.

use std::sync::Arc;
use std::time::Duration;

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use livemove_aws::api::writer::Writer;
use livemove_aws::control::Control;
use livemove_aws::startup;
use serde_json::Value;

/// The longest that one read of a state may take.
const STATE_READ: Duration = Duration::from_secs(3);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let function = startup::start().await?;
    let control = Control::open(&function.sites, &function.config.control, STATE_READ)?;
    let writer = Writer::new(Arc::new(function.sites), Arc::new(control), &function.config.migration);
    run(service_fn(async |event: LambdaEvent<Value>| writer.answer(event.payload, &event.context.request_id).await))
        .await
}
