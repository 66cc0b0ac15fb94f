//! Credentials that are kept until shortly before they end.

use std::sync::{PoisonError, RwLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use livemove_core::ports::Clock as _;
use tokio::sync::Mutex;

use crate::startup::SystemClock;

// From here on one call renews them, while the others go on with those that are.
const RENEW: Duration = Duration::from_secs(5 * 60);
// From here on all wait for new ones: a call may take a while to get there.
const END: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(crate) struct KeptCredentials {
    provider: SharedCredentialsProvider,
    kept: RwLock<Option<Credentials>>,
    renewing: Mutex<()>,
}

fn last(credentials: &Credentials, now: SystemTime, longer_than: Duration) -> bool {
    credentials.expiry().is_none_or(|end| end > now + longer_than)
}

impl KeptCredentials {
    pub(crate) fn new(provider: SharedCredentialsProvider) -> KeptCredentials {
        KeptCredentials { provider, kept: RwLock::new(None), renewing: Mutex::new(()) }
    }

    /// Credentials that last for a call.
    ///
    /// # Errors
    /// The provider's, when there are none that last.
    pub(super) async fn get(&self, now: SystemTime) -> Result<Credentials, CredentialsError> {
        match self.kept() {
            Some(kept) if last(&kept, now, RENEW) => Ok(kept),
            Some(kept) if last(&kept, now, END) => Ok(self.renew_ahead().await.unwrap_or(kept)),
            Some(_) | None => self.renew(now).await,
        }
    }

    async fn renew_ahead(&self) -> Option<Credentials> {
        let _alone = self.renewing.try_lock().ok()?;
        self.provide().await.inspect_err(|error| tracing::warn!(%error, "credentials are not renewed yet")).ok()
    }

    async fn renew(&self, now: SystemTime) -> Result<Credentials, CredentialsError> {
        let _alone = self.renewing.lock().await;
        match self.kept().filter(|kept| last(kept, now, END)) {
            Some(renewed_meanwhile) => Ok(renewed_meanwhile),
            None => self.provide().await,
        }
    }

    async fn provide(&self) -> Result<Credentials, CredentialsError> {
        let credentials = self.provider.provide_credentials().await?;
        *self.kept.write().unwrap_or_else(PoisonError::into_inner) = Some(credentials.clone());
        Ok(credentials)
    }

    fn kept(&self) -> Option<Credentials> {
        self.kept.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl ProvideCredentials for KeptCredentials {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        let now = UNIX_EPOCH + Duration::from_millis(SystemClock.now());
        future::ProvideCredentials::new(self.get(now))
    }
}

#[cfg(test)]
mod tests;
