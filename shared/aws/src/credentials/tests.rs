use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_credential_types::provider::{ProvideCredentials, future};

use super::*;

const START: SystemTime = SystemTime::UNIX_EPOCH;

/// Gives credentials of an hour, each time others, or fails.
#[derive(Clone, Debug, Default)]
struct Hourly {
    given: Arc<AtomicU64>,
    broken: Arc<AtomicU64>,
}

impl ProvideCredentials for Hourly {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        if self.broken.load(Ordering::SeqCst) > 0 {
            return future::ProvideCredentials::ready(Err(CredentialsError::not_loaded("broken")));
        }
        let number = self.given.fetch_add(1, Ordering::SeqCst);
        let end = START + Duration::from_secs(3600 * (number + 1));
        let credentials = Credentials::builder()
            .access_key_id(number.to_string())
            .secret_access_key("x")
            .expiry(end)
            .provider_name("test")
            .build();
        future::ProvideCredentials::ready(Ok(credentials))
    }
}

fn minutes(count: u64) -> SystemTime {
    START + Duration::from_secs(60 * count)
}

async fn id(credentials: &KeptCredentials, now: SystemTime) -> Option<String> {
    credentials.get(now).await.ok().map(|credentials| credentials.access_key_id().to_owned())
}

#[tokio::test]
async fn credentials_are_kept_and_renewed_before_they_end() {
    let provider = Hourly::default();
    let credentials = KeptCredentials::new(SharedCredentialsProvider::new(provider.clone()));
    for (minute, expected) in [(0, "0"), (54, "0"), (55, "1"), (114, "1"), (200, "2")] {
        assert_eq!(id(&credentials, minutes(minute)).await.as_deref(), Some(expected), "minute {minute}");
    }
}

#[tokio::test]
async fn a_provider_that_fails_is_borne_until_the_credentials_end() {
    let provider = Hourly::default();
    let credentials = KeptCredentials::new(SharedCredentialsProvider::new(provider.clone()));
    assert_eq!(id(&credentials, START).await.as_deref(), Some("0"));
    provider.broken.store(1, Ordering::SeqCst);
    assert_eq!(id(&credentials, minutes(58)).await.as_deref(), Some("0"));
    assert_eq!(id(&credentials, minutes(59)).await, None);
    provider.broken.store(0, Ordering::SeqCst);
    assert_eq!(id(&credentials, minutes(59)).await.as_deref(), Some("1"));
}

/// Credentials of the second and later times are gotten while those before are in use.
async fn with_first(at: SystemTime) -> KeptCredentials {
    let credentials = KeptCredentials::new(SharedCredentialsProvider::new(Hourly::default()));
    assert_eq!(id(&credentials, at).await.as_deref(), Some("0"));
    credentials
}

#[tokio::test]
async fn credentials_that_aws_says_have_expired_are_used_no_more() {
    let credentials = with_first(START).await;
    credentials.doubt("0", Doubt::Expired, minutes(1));
    assert_eq!(id(&credentials, minutes(1)).await.as_deref(), Some("1"));
    // Calls that were under way with those before say nothing of these.
    credentials.doubt("0", Doubt::Expired, minutes(2));
    assert_eq!(id(&credentials, minutes(2)).await.as_deref(), Some("1"));
}

#[tokio::test]
async fn denied_credentials_are_renewed_once_in_a_while_and_stay_in_use_until_then() {
    let provider = Hourly::default();
    let credentials = KeptCredentials::new(SharedCredentialsProvider::new(provider.clone()));
    assert_eq!(id(&credentials, START).await.as_deref(), Some("0"));
    credentials.doubt("0", Doubt::Denied, START + Duration::from_secs(10));
    assert_eq!(id(&credentials, minutes(1)).await.as_deref(), Some("0"), "too young to be revoked");
    provider.broken.store(1, Ordering::SeqCst);
    credentials.doubt("0", Doubt::Denied, minutes(1));
    assert_eq!(id(&credentials, minutes(1)).await.as_deref(), Some("0"), "there are no others");
    provider.broken.store(0, Ordering::SeqCst);
    assert_eq!(id(&credentials, minutes(1)).await.as_deref(), Some("0"), "and they are not asked for at once again");
    assert_eq!(id(&credentials, minutes(2)).await.as_deref(), Some("1"));
}

#[tokio::test]
async fn credentials_of_minutes_are_kept_for_most_of_their_life() {
    // The first hour's, asked for when eight minutes are left.
    let provider = Hourly::default();
    let credentials = KeptCredentials::new(SharedCredentialsProvider::new(provider.clone()));
    for (minute, expected) in [(52, "0"), (57, "0"), (58, "1")] {
        assert_eq!(id(&credentials, minutes(minute)).await.as_deref(), Some(expected), "minute {minute}");
    }
    assert_eq!(provider.given.load(Ordering::SeqCst), 2);
}
