//! Clients for both ends of a migration: own credentials at home, an assumed role for the other account.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::credential_fn::provide_credentials_fn;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{self, ProvideCredentials, SharedCredentialsProvider};
use aws_sdk_dynamodb::config::IdentityCache;
use aws_smithy_http_client::tls;
use livemove_core::error::Error;
use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::credentials::doubt::{Doubting, Resend};
use crate::credentials::{KeptCredentials, PeerRole};
use crate::wire::Wire;

/// An account and a Region.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct End {
    /// The 12-digit account id.
    pub account: String,
    /// The Region, for example `eu-west-1`.
    pub region: String,
}

impl From<&livemove_core::plan::End> for End {
    fn from(end: &livemove_core::plan::End) -> End {
        End { account: end.account.clone(), region: end.region.clone() }
    }
}

impl std::fmt::Display for End {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.account, self.region)
    }
}

/// Whether the SDK may send a request again by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Retry {
    /// Up to three attempts: only for requests that change nothing when they are repeated.
    Idempotent,
    /// Never: an answer may be lost after the request was applied, and only the caller knows what that means. But for
    /// one that was turned away because its credentials had expired: that certainly did nothing.
    Never,
}

/// How the calls of a client behave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Calls {
    /// The longest a call may take, all attempts together. The protocol counts on it: a phase change waits
    /// that long for calls under the old phase to end.
    pub longest: Duration,
    /// Who may repeat them.
    pub retry: Retry,
}

/// As many as the calls that are under way at once, as a rule.
const IDLE_CONNECTIONS: usize = 256;
const CONNECT: Duration = Duration::from_secs(1);
// Before a call that was turned away is sent again with other credentials.
const RESEND_AFTER: Duration = Duration::from_millis(50);

/// An account as it is reached: the configuration of its clients, whose credentials are the kept ones.
#[derive(Debug)]
struct Account {
    sdk: SdkConfig,
    credentials: Arc<KeptCredentials>,
    /// Who calls there, as far as that is known.
    role: String,
}

impl Account {
    fn new(sdk: &SdkConfig, provider: SharedCredentialsProvider, role: String) -> Account {
        let credentials = Arc::new(KeptCredentials::new(provider));
        let shared: Arc<dyn ProvideCredentials> = credentials.clone();
        let sdk = sdk
            .to_builder()
            .credentials_provider(SharedCredentialsProvider::new(shared))
            // They are kept already: what was doubted there must not stay here.
            .identity_cache(IdentityCache::no_cache())
            .build();
        Account { sdk, credentials, role }
    }
}

/// The configuration of a service's client. Each service has a type of its own for it.
macro_rules! builder {
    ($service:ident, $sites:expr, $end:expr, $calls:expr) => {
        $service::config::Builder::from(&$sites.config($end, $calls)?)
            .interceptor(Doubting($sites.base($end)?.credentials.clone()))
            .retry_classifier(match $calls.retry {
                Retry::Idempotent => Resend::ExpiredToo,
                Retry::Never => Resend::ExpiredOnly,
            })
    };
}

/// Makes clients for the ends of a migration. All share one HTTPS client and, per account, one cache of
/// credentials, which are renewed before they expire, and when AWS refuses them.
#[derive(Debug)]
pub struct Sites {
    home: End,
    own: Account,
    peer: Option<Account>,
    path_style_buckets: bool,
    wires: Mutex<HashMap<End, Arc<Wire>>>,
}

impl Sites {
    /// Prepares the clients; nothing is sent yet.
    pub async fn load(config: &Config) -> Sites {
        let http = aws_smithy_http_client::Builder::new()
            .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring))
            .build_https();
        let own = aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new(config.home.region.clone()))
            .http_client(http)
            .timeout_config(timeouts(Duration::from_secs(3)))
            .load()
            .await;
        Sites::of(&own, config).await
    }

    /// As [`Sites::load`], by a configuration of one's own.
    pub async fn of(own: &SdkConfig, config: &Config) -> Sites {
        // A function has the role of its name.
        let role = format!("arn:aws:iam::{}:role/{}", config.home.account, config.function);
        let provider =
            own.credentials_provider().unwrap_or_else(|| SharedCredentialsProvider::new(provide_credentials_fn(none)));
        let own = Account::new(own, provider, role);
        let peer = match &config.peer {
            None => None,
            Some(peer) => {
                let provider = PeerRole::new(&own.sdk, peer, session_name(&config.function), own.role.clone()).await;
                Some(Account::new(&own.sdk, SharedCredentialsProvider::new(provider), peer.role_arn.clone()))
            }
        };
        let (home, path_style_buckets) = (config.home.clone(), config.path_style_buckets);
        Sites { home, own, peer, path_style_buckets, wires: Mutex::default() }
    }

    /// A DynamoDB client for `end`.
    ///
    /// # Errors
    /// `NoPeerRole` when `end` is in another account and the stack has no role for it.
    pub fn dynamodb(&self, end: &End, calls: Calls) -> Result<aws_sdk_dynamodb::Client, Error> {
        Ok(aws_sdk_dynamodb::Client::from_conf(builder!(aws_sdk_dynamodb, self, end, calls).build()))
    }

    /// The way to DynamoDB at `end` without the SDK between; all tables there share its connections.
    ///
    /// # Errors
    /// `NoPeerRole` as the others; `WrongConfiguration` when there is no such way, saying what to set.
    pub fn wire(&self, end: &End) -> Result<Arc<Wire>, Error> {
        let mut wires = self.wires.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(wire) = wires.get(end) {
            return Ok(wire.clone());
        }
        let account = self.base(end)?;
        let sdk = account.sdk.to_builder().region(Region::new(end.region.clone())).build();
        let wire = Wire::with(&sdk, account.credentials.clone(), IDLE_CONNECTIONS).map_err(|error| {
            Error::refused("WrongConfiguration", format!("DynamoDB in {end}: {error}"), "set it and start again")
        })?;
        let wire = Arc::new(wire);
        wires.insert(end.clone(), wire.clone());
        Ok(wire)
    }

    /// An S3 client for the bucket's own account and Region: the SDK does not follow redirects to another one.
    ///
    /// # Errors
    /// `NoPeerRole` when `end` is in another account and the stack has no role for it.
    pub fn s3(&self, end: &End, calls: Calls) -> Result<aws_sdk_s3::Client, Error> {
        let config = builder!(aws_sdk_s3, self, end, calls).force_path_style(self.path_style_buckets);
        Ok(aws_sdk_s3::Client::from_conf(config.build()))
    }

    /// A Lambda client for `end`.
    ///
    /// # Errors
    /// As [`Sites::dynamodb`].
    pub fn lambda(&self, end: &End, calls: Calls) -> Result<aws_sdk_lambda::Client, Error> {
        Ok(aws_sdk_lambda::Client::from_conf(builder!(aws_sdk_lambda, self, end, calls).build()))
    }

    /// An SQS client for `end`.
    ///
    /// # Errors
    /// As [`Sites::dynamodb`].
    pub fn sqs(&self, end: &End, calls: Calls) -> Result<aws_sdk_sqs::Client, Error> {
        Ok(aws_sdk_sqs::Client::from_conf(builder!(aws_sdk_sqs, self, end, calls).build()))
    }

    /// A client for the streams of tables at `end`.
    ///
    /// # Errors
    /// As [`Sites::dynamodb`].
    pub fn streams(&self, end: &End, calls: Calls) -> Result<aws_sdk_dynamodbstreams::Client, Error> {
        Ok(aws_sdk_dynamodbstreams::Client::from_conf(builder!(aws_sdk_dynamodbstreams, self, end, calls).build()))
    }

    /// The configuration of clients at home, with the process's own credentials.
    pub fn own(&self) -> &SdkConfig {
        &self.own.sdk
    }

    /// Who calls at `end`: the role as an ARN; nothing sure for a process that is no function.
    pub fn role(&self, end: &End) -> String {
        self.base(end).map(|account| account.role.clone()).unwrap_or_default()
    }

    /// Whether `end` is the account and Region that this process runs in.
    pub fn is_home(&self, end: &End) -> bool {
        self.home == *end
    }

    fn base(&self, end: &End) -> Result<&Account, Error> {
        let base = if end.account == self.home.account { Some(&self.own) } else { self.peer.as_ref() };
        base.ok_or_else(|| {
            Error::refused(
                "NoPeerRole",
                format!("{end} is not in this function's account {} and PEER_ROLE_ARN is empty", self.home.account),
                "deploy the other site's stack and this one with SourceAccount and TargetAccount as in the plan",
            )
        })
    }

    fn config(&self, end: &End, calls: Calls) -> Result<SdkConfig, Error> {
        let base = self.base(end)?;
        let retry = match calls.retry {
            Retry::Idempotent => RetryConfig::standard().with_max_attempts(3),
            // A second one for credentials that had expired; all else is forbidden to repeat.
            Retry::Never => RetryConfig::standard().with_max_attempts(2).with_initial_backoff(RESEND_AFTER),
        };
        Ok(base
            .sdk
            .to_builder()
            .region(Region::new(end.region.clone()))
            .retry_config(retry)
            .timeout_config(timeouts(calls.longest))
            .build())
    }
}

async fn none() -> provider::Result {
    Err(CredentialsError::not_loaded("no provider of credentials is configured"))
}

fn timeouts(longest: Duration) -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT)
        .operation_attempt_timeout(longest)
        .operation_timeout(longest)
        .build()
}

// At most 64 characters of a set that function names stay within.
fn session_name(function: &str) -> String {
    let name = function.strip_prefix("livemove-").unwrap_or(function);
    format!("livemove-{name}").chars().take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn session_names_fit_and_say_livemove_once() {
        assert_eq!(session_name("livemove-orders-writer"), "livemove-orders-writer");
        assert_eq!(session_name("local"), "livemove-local");
        assert_eq!(session_name(&"x".repeat(100)).len(), 64);
    }

    #[tokio::test]
    async fn another_account_without_a_peer_role_is_refused_by_name() {
        let variables = |name: &str| {
            Some(match name {
                "MIGRATION_ID" | "CONTROL_TABLE" => "x".to_owned(),
                "CONTROL_ACCOUNT" | "ACCOUNT_ID" => "111111111111".to_owned(),
                "CONTROL_REGION" | "AWS_REGION" => "us-east-1".to_owned(),
                _ => return None,
            })
        };
        let sites = Sites::load(&Config::read(variables).unwrap()).await;
        let calls = Calls { longest: Duration::from_secs(1), retry: Retry::Never };
        let end = |account: &str| End { account: account.to_owned(), region: "eu-west-1".to_owned() };
        assert!(sites.dynamodb(&end("111111111111"), calls).is_ok());
        assert_eq!(sites.dynamodb(&end("222222222222"), calls).unwrap_err().name(), "NoPeerRole");
    }
}
