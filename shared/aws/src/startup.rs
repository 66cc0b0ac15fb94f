//! What every function does before its first event: logs, configuration, clients.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use livemove_core::ports::{Clock, Millis};
use tracing_subscriber::EnvFilter;

use crate::config::{Config, log_filter};
use crate::errors::Failure;
use crate::sites::Sites;

/// Where the runtime logs what a handler answers with, and how loud.
const RUNTIMES_ERRORS: &str = "lambda_runtime::layers::panic=off";

/// The wall clock of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods, reason = "the one place that asks the machine for the time")]
    fn now(&self) -> Millis {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Millis::try_from(since.as_millis()).unwrap_or(Millis::MAX)
    }

    async fn sleep(&self, pause: Millis) {
        tokio::time::sleep(Duration::from_millis(pause)).await;
    }
}

/// What a function works with.
#[derive(Debug)]
pub struct Function {
    /// The environment, read and checked.
    pub config: Config,
    /// Clients for both ends.
    pub sites: Sites,
}

/// Starts logging, reads the configuration and prepares the clients; nothing is sent yet.
///
/// # Errors
/// `WrongConfiguration` naming the variable and what to set; it is logged already.
pub async fn start() -> Result<Function, Failure> {
    logs(Stamp::Lambda);
    start_process().await
}

/// Starts the logs of a process that is no Lambda function.
pub fn log_process() {
    logs(Stamp::Own);
}

/// As [`start`], for a process whose logs are started.
///
/// # Errors
/// As [`start`].
pub async fn start_process() -> Result<Function, Failure> {
    let config = Config::from_env().inspect_err(|error| tracing::error!(%error, "cannot start"))?;
    let sites = Sites::load(&config).await;
    Ok(Function { config, sites })
}

/// Who writes the time on a line of the log.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stamp {
    Lambda,
    Own,
}

// JSON, one line an event; a panic is logged like any other error before the runtime reports it.
fn logs(stamp: Stamp) {
    let filter = EnvFilter::try_new(log_filter()).unwrap_or_else(|_| EnvFilter::new("info"));
    // The runtime logs every error whole, and a failed condition carries the item: values never go to logs, and
    // each function logs its own errors.
    let filter = match RUNTIMES_ERRORS.parse() {
        Ok(directive) => filter.add_directive(directive),
        Err(_) => filter,
    };
    let subscriber = tracing_subscriber::fmt().json().flatten_event(true).with_env_filter(filter);
    // A second start in one process keeps the first subscriber.
    let _already_set = match stamp {
        Stamp::Lambda => subscriber.without_time().try_init(),
        Stamp::Own => subscriber.try_init(),
    };
    std::panic::set_hook(Box::new(|panic| tracing::error!(%panic, "panic")));
}
