//! `gateway`: DynamoDB's wire protocol in front of migrating tables, for unmodified AWS SDKs of any language.
//!
//! Trigger: HTTP at `GATEWAY_LISTEN`. No Lambda function but a process: beside the application (on its host, or as
//! a sidecar container that shares its loopback), or a service of its own with `GATEWAY_ACCESS_KEY_ID` set.
//! Role: reads from and writes to both tables, `PEER_ROLE_ARN` for the one in the other account; reads states of
//! the control table; whatever the application does with tables that do not move.
//! Environment: `MIGRATION_ID`, `CONTROL_*`, `ACCOUNT_ID`, `AWS_REGION`, `PEER_ROLE_ARN`, `EXTERNAL_ID`,
//! `GATEWAY_*`, `RUST_LOG`.
//! Retries: none of its own that an application could notice; SDKs repeat what they may.

use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use livemove_aws::api::Plane;
use livemove_aws::config::GatewayConfig;
use livemove_aws::control::Control;
use livemove_aws::startup::{self, SystemClock};
use livemove_gateway::backend::Backend;
use livemove_gateway::migrating::{Direct, Migrating};
use livemove_gateway::{Server, Settings, stop};

/// The longest that one read of a state may take.
const STATE_READ: Duration = Duration::from_secs(3);

fn main() -> ExitCode {
    startup::log_process();
    match start() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "cannot serve");
            ExitCode::FAILURE
        }
    }
}

fn start() -> Result<(), Box<dyn Error>> {
    let config = GatewayConfig::from_env()?;
    let threads = config.threads.unwrap_or_else(half_of_the_processors);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build()?;
    runtime.block_on(serve(config))
}

/// The other half is the application's. One thread serves thousands of calls a second.
fn half_of_the_processors() -> usize {
    std::thread::available_parallelism().map_or(1, |processors| processors.get().div_ceil(2))
}

async fn serve(config: GatewayConfig) -> Result<(), Box<dyn Error>> {
    let process = startup::start_process().await?;
    let settings = Settings::from(config);
    let control = Control::open(&process.sites, &process.config.control, STATE_READ)?;
    let backend = Arc::new(Backend::new(process.sites.own(), &settings.limits)?);
    let elsewhere = Direct::new(backend.clone());
    let plane = Plane::new(Arc::new(process.sites), Arc::new(control), &process.config.migration, elsewhere);
    let server = Server::bind(settings, Migrating::new(plane), backend, SystemClock).await?;
    server.run(stop::signals()?).await;
    Ok(())
}
