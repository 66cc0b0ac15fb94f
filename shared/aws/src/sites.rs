//! Clients for both ends of a migration: own credentials at home, an assumed role for the other account.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_http_client::tls;
use livemove_core::error::Error;
use serde::{Deserialize, Serialize};

use crate::config::Config;
use crate::wire::{KeptCredentials, Wire};

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
    /// Never: an answer may be lost after the request was applied, and only the caller knows what that means.
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
// Renewed a minute before they expire: longer than any call.
const RENEW_BEFORE: Duration = Duration::from_secs(60);

/// Makes clients for the ends of a migration. All share one HTTPS client and, per account, one cache of
/// credentials, which the SDK renews before they expire.
#[derive(Debug)]
pub struct Sites {
    home: End,
    own: SdkConfig,
    peer: Option<SdkConfig>,
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
        let peer = match &config.peer {
            None => None,
            Some(peer) => {
                let provider = AssumeRoleProvider::builder(&peer.role_arn)
                    .external_id(&peer.external_id)
                    .session_name(session_name(&config.function))
                    .configure(&own)
                    .build()
                    .await;
                // Kept, so that the clients and the wires of all ends assume the role once.
                let kept = KeptCredentials::new(SharedCredentialsProvider::new(provider));
                let credentials = SharedCredentialsProvider::new(kept);
                let cache = aws_sdk_dynamodb::config::IdentityCache::lazy().buffer_time(RENEW_BEFORE).build();
                Some(own.to_builder().credentials_provider(credentials).identity_cache(cache).build())
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
        Ok(aws_sdk_dynamodb::Client::new(&self.config(end, calls)?))
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
        let sdk = self.base(end)?.to_builder().region(Region::new(end.region.clone())).build();
        let wire = Wire::new(&sdk, IDLE_CONNECTIONS).map_err(|error| {
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
        let config = aws_sdk_s3::config::Builder::from(&self.config(end, calls)?)
            .force_path_style(self.path_style_buckets)
            .build();
        Ok(aws_sdk_s3::Client::from_conf(config))
    }

    /// A Lambda client for `end`.
    ///
    /// # Errors
    /// As [`Sites::dynamodb`].
    pub fn lambda(&self, end: &End, calls: Calls) -> Result<aws_sdk_lambda::Client, Error> {
        Ok(aws_sdk_lambda::Client::new(&self.config(end, calls)?))
    }

    /// An SQS client for `end`.
    ///
    /// # Errors
    /// As [`Sites::dynamodb`].
    pub fn sqs(&self, end: &End, calls: Calls) -> Result<aws_sdk_sqs::Client, Error> {
        Ok(aws_sdk_sqs::Client::new(&self.config(end, calls)?))
    }

    /// A client for the streams of tables at `end`.
    ///
    /// # Errors
    /// As [`Sites::dynamodb`].
    pub fn streams(&self, end: &End, calls: Calls) -> Result<aws_sdk_dynamodbstreams::Client, Error> {
        Ok(aws_sdk_dynamodbstreams::Client::new(&self.config(end, calls)?))
    }

    /// The configuration of clients at home, with the process's own credentials.
    pub fn own(&self) -> &SdkConfig {
        &self.own
    }

    /// Whether `end` is the account and Region that this process runs in.
    pub fn is_home(&self, end: &End) -> bool {
        self.home == *end
    }

    fn base(&self, end: &End) -> Result<&SdkConfig, Error> {
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
            Retry::Never => RetryConfig::disabled(),
        };
        Ok(base
            .to_builder()
            .region(Region::new(end.region.clone()))
            .retry_config(retry)
            .timeout_config(timeouts(calls.longest))
            .build())
    }
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
