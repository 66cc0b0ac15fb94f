//! DynamoDB for Rust applications whose table may be moving.
//!
//! [`MigratingTable`] is an `aws_sdk_dynamodb::Client` like any other, with all its operations. Calls on the table
//! that moves are served by livemove's protocol inside this process; calls on other tables go to DynamoDB as
//! they are. So an application keeps its code, and needs neither functions nor a gateway in between.
//!
//! ```no_run
//! # async fn shop() -> Result<(), Box<dyn std::error::Error>> {
//! use aws_sdk_dynamodb::types::AttributeValue;
//! use livemove::MigratingTable;
//!
//! // MIGRATION_ID, CONTROL_TABLE and so on, as the stack's functions have them.
//! let table = MigratingTable::from_env().await?;
//! let order = table
//!     .client()
//!     .get_item()
//!     .table_name("orders") // by its name at the plan's source, in every phase
//!     .key("pk", AttributeValue::S("customer#1".into()))
//!     .key("sk", AttributeValue::S("order#7".into()))
//!     .send()
//!     .await?;
//! # drop(order);
//! # Ok(())
//! # }
//! ```
//!
//! # Errors
//! Operations answer DynamoDB's own exceptions. What livemove refuses has a name of its own, seen as the error's
//! code, with the remedy in the message. `OutcomeUnknown` means that a write may have been done or not; it is not
//! retried, by the SDK neither: look at the item first. See docs/OPERATIONS.md.

mod connector;

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use livemove_aws::api::Plane;
use livemove_aws::config::Config;
use livemove_aws::control::Control;
use livemove_aws::sites::Sites;
use livemove_gateway::Limits;
use livemove_gateway::backend::Backend;
use livemove_gateway::migrating::{Direct, Migrating};

use connector::Routed;

/// The longest that one read of a state may take.
const STATE_READ: Duration = Duration::from_secs(3);
const CONNECT: Duration = Duration::from_secs(3);
/// The longest wait for an answer of DynamoDB to calls on other tables.
const READ: Duration = Duration::from_secs(60);

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A variable of the environment is missing or wrong.
    #[error(transparent)]
    Config(#[from] livemove_aws::config::ConfigError),
    /// The control table is in an account that this process has no role for.
    #[error("{0}")]
    Control(String),
    /// DynamoDB cannot be called: no Region, no credentials.
    #[error(transparent)]
    Backend(#[from] livemove_aws::wire::WireSetup),
}

/// A DynamoDB client through which a table can be used while it moves.
#[derive(Clone, Debug)]
pub struct MigratingTable {
    client: Client,
}

impl MigratingTable {
    /// As [`MigratingTable::open`], configured by the environment.
    ///
    /// # Errors
    /// [`OpenError`], with what to set.
    pub async fn from_env() -> Result<MigratingTable, OpenError> {
        MigratingTable::open(Config::from_env()?).await
    }

    /// A client for the migration that `config` names, with the process's own credentials (and the peer role's for
    /// a table in another account). Nothing is sent yet: which tables move, and how far they are, is read with the
    /// first call and again whenever a lease ends.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn open(config: Config) -> Result<MigratingTable, OpenError> {
        let sites = Sites::load(&config).await;
        let own = sites.own().clone();
        let control = Control::open(&sites, &config.control, STATE_READ);
        let control = control.map_err(|error| OpenError::Control(error.to_string()))?;
        let backend = Arc::new(Backend::new(&own, &Limits::default())?);
        let plane = Plane::new(Arc::new(sites), Arc::new(control), &config.migration, Direct::new(backend));
        // No bound on an attempt as a whole: it would cut an operation off in the middle, and the SDK would do it
        // again. The operations of the protocol are bounded by the plan's own times.
        let timeouts = TimeoutConfig::builder().connect_timeout(CONNECT).read_timeout(READ).build();
        let mut config = aws_sdk_dynamodb::config::Builder::from(&own).timeout_config(timeouts);
        if let Some(network) = own.http_client() {
            config = config.http_client(Routed::new(Migrating::new(plane), network));
        }
        Ok(MigratingTable { client: Client::from_conf(config.build()) })
    }

    /// The client. Tables are called by their names at the plan's source.
    pub fn client(&self) -> &Client {
        &self.client
    }
}
