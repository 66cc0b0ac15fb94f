//! The jobs: plan, copy, verify, repair, finish, certify and sweep, segment by segment.
//!
//! Trigger: the state machines, directly. Two resources share this binary: backfill, and verifier, whose role
//! can only read data and runs verify and certify.
//! Role: reads and writes both sides (verifier: reads), keeps its checkpoints in the control table.
//! Environment: as in `livemove_aws::config`.
//! Retry contract: every request may be repeated at any time; Throttled, Unavailable, Conflict and SegmentBusy
//! are worth repeating, and a segment is asked for again until it says `done`.

use std::time::Duration;

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use livemove_aws::backfill::{Backfill, Invocation};
use livemove_aws::control::Control;
use livemove_aws::errors::{Failure, diagnostic};
use livemove_aws::startup;
use serde_json::Value;

/// The longest a call of the control table may take.
const CONTROL_CALL: Duration = Duration::from_secs(2);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let function = startup::start().await?;
    let control = Control::open(&function.sites, &function.config.control, CONTROL_CALL).map_err(Failure)?;
    let backfill = &Backfill::new(&function, &control);
    run(service_fn(|event: LambdaEvent<Value>| async move {
        let (request, context) = event.into_parts();
        let invocation = Invocation { id: &context.request_id, deadline: context.deadline };
        backfill.handle(request, invocation).await.map_err(|error| diagnostic(&error))
    }))
    .await
}
