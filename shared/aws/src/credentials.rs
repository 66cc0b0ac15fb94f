//! Credentials that are kept until shortly before they end, or until AWS does not take them any more.
//!
//! All clients of one account share them: the SDK's and the wires. There is no other cache, so what is doubted by one
//! is used by none.

pub(crate) mod doubt;
mod peer;

use std::sync::{PoisonError, RwLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use livemove_core::ports::Clock as _;
use tokio::sync::Mutex;

use crate::startup::SystemClock;
use doubt::Doubt;

pub(crate) use peer::{PeerRole, denial};

// From here on one call renews them, while the others go on with those that are.
const RENEW: Duration = Duration::from_secs(5 * 60);
// From here on all wait for new ones: a call may take a while to get there.
const END: Duration = Duration::from_secs(60);
// What lasts so short that these would be most of its life is renewed in the last part of it, one in so many.
const RENEW_PART: u32 = 4;
const END_PART: u32 = 10;
/// How long the next try waits after a renewal ahead of time has failed, or brought credentials that are refused like
/// those before: who is denied for good does not assume its role with every call.
const PAUSE: Duration = Duration::from_secs(30);
/// Credentials that are this young did not expire: asking for others at once would bring the same.
const YOUNG: Duration = Duration::from_secs(1);

/// One account's credentials, renewed before they end.
#[derive(Debug)]
pub(crate) struct KeptCredentials {
    provider: SharedCredentialsProvider,
    kept: RwLock<Option<Kept>>,
    renewing: Mutex<()>,
}

#[derive(Clone, Debug)]
struct Kept {
    credentials: Credentials,
    since: SystemTime,
    /// From when one call renews them; `None` = they last.
    renew: Option<SystemTime>,
    /// From when they are not used any more; `None` = they last.
    end: Option<SystemTime>,
}

impl Kept {
    fn new(credentials: Credentials, now: SystemTime) -> Kept {
        let life = credentials.expiry().map(|end| end.duration_since(now).unwrap_or_default());
        let before = |most: Duration, part: u32| {
            credentials.expiry().zip(life).and_then(|(end, life)| end.checked_sub(most.min(life / part)))
        };
        let (renew, end) = (before(RENEW, RENEW_PART), before(END, END_PART));
        Kept { credentials, since: now, renew, end }
    }
}

fn is_before(now: SystemTime, moment: Option<SystemTime>) -> bool {
    moment.is_none_or(|moment| now < moment)
}

impl KeptCredentials {
    pub(crate) fn new(provider: SharedCredentialsProvider) -> KeptCredentials {
        KeptCredentials { provider, kept: RwLock::new(None), renewing: Mutex::new(()) }
    }

    /// Credentials that last for a call.
    ///
    /// # Errors
    /// The provider's, when there are none that last.
    pub(crate) async fn get(&self, now: SystemTime) -> Result<Credentials, CredentialsError> {
        match self.kept() {
            Some(kept) if is_before(now, kept.renew) => Ok(kept.credentials),
            // Boxed: seldom taken ways would make the future of every call large.
            Some(kept) if is_before(now, kept.end) => {
                Ok(Box::pin(self.renew_ahead(now)).await.unwrap_or(kept.credentials))
            }
            Some(_) | None => Box::pin(self.renew(now)).await,
        }
    }

    /// Tells that AWS refused a call that was signed with the credentials of this key id: they are renewed, if they
    /// are those that are kept. What has expired is used no more; what is only denied stays in use until there are
    /// others, for the next ones may be denied as well.
    pub(crate) fn doubt(&self, key_id: &str, why: Doubt, now: SystemTime) {
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        let Some(kept) = kept.as_mut().filter(|kept| kept.credentials.access_key_id() == key_id) else { return };
        let age = now.duration_since(kept.since).unwrap_or_default();
        match why {
            Doubt::Expired if age >= YOUNG => (kept.renew, kept.end) = (Some(now), Some(now)),
            Doubt::Denied if age >= PAUSE && is_before(now, kept.renew) => kept.renew = Some(now),
            Doubt::Expired | Doubt::Denied => {}
        }
    }

    async fn renew_ahead(&self, now: SystemTime) -> Option<Credentials> {
        let _alone = self.renewing.try_lock().ok()?;
        let provided = self.provide(now).await;
        provided.inspect_err(|error| self.postpone(now, error)).ok()
    }

    fn postpone(&self, now: SystemTime, error: &CredentialsError) {
        tracing::warn!(%error, "credentials are not renewed yet");
        if let Some(kept) = self.kept.write().unwrap_or_else(PoisonError::into_inner).as_mut() {
            kept.renew = Some(now + PAUSE);
        }
    }

    async fn renew(&self, now: SystemTime) -> Result<Credentials, CredentialsError> {
        let _alone = self.renewing.lock().await;
        match self.kept().filter(|kept| is_before(now, kept.end)) {
            Some(renewed_meanwhile) => Ok(renewed_meanwhile.credentials),
            None => self.provide(now).await,
        }
    }

    async fn provide(&self, now: SystemTime) -> Result<Credentials, CredentialsError> {
        let credentials = self.provider.provide_credentials().await?;
        *self.kept.write().unwrap_or_else(PoisonError::into_inner) = Some(Kept::new(credentials.clone(), now));
        Ok(credentials)
    }

    fn kept(&self) -> Option<Kept> {
        self.kept.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The time, as credentials have it.
pub(crate) fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(SystemClock.now())
}

impl ProvideCredentials for KeptCredentials {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.get(now()))
    }
}

#[cfg(test)]
mod tests;
