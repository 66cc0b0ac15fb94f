//! The copier: follows one bucket's events and keeps the other bucket equal to it.
//!
//! Trigger: an SQS queue of S3 events, by EventBridge or directly, partial batch responses on. Two resources
//! share this binary: forward at the source bucket's queue, reverse at the target's.
//! Role: reads its queue and bucket, writes the other bucket, keeps the ledger in the control table.
//! Environment: as in `livemove_aws::config`, with `STREAM_SIDE` and `WIRED_BUCKET_SOURCE`.
//! Retry contract: messages may come again, at any time and in any order; those in the answer must.

use std::time::Duration;

use aws_lambda_events::event::sqs::SqsEvent;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use livemove_aws::control::Control;
use livemove_aws::errors::{Failure, diagnostic};
use livemove_aws::objects::{Copier, Invocation};
use livemove_aws::startup;

/// The longest a call of the control table may take.
const CONTROL_CALL: Duration = Duration::from_secs(2);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let function = startup::start().await?;
    let control = Control::open(&function.sites, &function.config.control, CONTROL_CALL).map_err(Failure)?;
    let copier = &Copier::new(&function, &control).map_err(Failure::from)?;
    run(service_fn(|event: LambdaEvent<SqsEvent>| async move {
        let (batch, context) = event.into_parts();
        let invocation = Invocation { id: &context.request_id, deadline: context.deadline };
        copier.handle(batch, invocation).await.map_err(|error| diagnostic(&error))
    }))
    .await
}
