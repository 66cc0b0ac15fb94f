//! `control`: the only writer of phases: preflight, begin, arm, advance, retreat, seal, verified, certify, approval,
//! status, redrive, watch and health.
//!
//! Trigger: direct invocation, by the state machines and by operators; `watch` by a schedule.
//! Role: reads and writes the control table; looks at tables, buckets, streams and mappings, writes canaries and
//! copies of held keys, empties failure queues and switches time to live, by `PEER_ROLE_ARN` in the other account.
//! Environment: `MIGRATION_ID`, `CONTROL_*`, `ACCOUNT_ID`, `PEER_ROLE_ARN`, `EXTERNAL_ID`, `WIRED_*`, `RUST_LOG`.
//! Retries: every action is idempotent, so any call may be repeated.

use std::time::Duration;

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use livemove_aws::control::Control;
use livemove_aws::errors::Failure;
use livemove_aws::startup::{self, SystemClock};
use livemove_aws::steering::{AwsWorld, Site, Steering};
use serde_json::Value;

/// The longest that one call of a backend may take.
const CALL: Duration = Duration::from_secs(5);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let function = startup::start().await?;
    let control = Control::open(&function.sites, &function.config.control, CALL)?;
    let world = AwsWorld::new(&function.sites, CALL);
    let steering = Steering::new(&control, world, SystemClock, Site::of(&function.config));
    run(service_fn(async |event: LambdaEvent<Value>| steering.handle(event.payload).await.map_err(Failure))).await
}
