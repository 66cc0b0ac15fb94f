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
