//! The replicator: follows one table's stream and keeps the other table equal to it.
//!
//! Trigger: a DynamoDB stream with NEW_AND_OLD_IMAGES, partial batch responses on. Two resources share this
//! binary: forward at the source's stream, reverse at the target's.
//! Role: reads its stream, writes the other table, reports to the control table.
//! Environment: as in `livemove_aws::config`, with `STREAM_SIDE` and `WIRED_TABLE_SOURCE`.
//! Retry contract: a batch may come again, whole or in part; from the lowest sequence number in the answer on,
//! or all of it after an error.

use std::time::Duration;

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use livemove_aws::control::Control;
use livemove_aws::errors::{Failure, diagnostic};
use livemove_aws::replicator::Replicator;
use livemove_aws::startup;
use serde_json::Value;

/// The longest a call of the control table may take.
const CONTROL_CALL: Duration = Duration::from_secs(2);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let function = startup::start().await?;
    let control = Control::open(&function.sites, &function.config.control, CONTROL_CALL).map_err(Failure)?;
    let replicator = &Replicator::new(&function, &control).map_err(Failure::from)?;
    run(service_fn(|event: LambdaEvent<Value>| async move {
        replicator.handle(event.payload).await.map_err(|error| diagnostic(&error))
    }))
    .await
}
