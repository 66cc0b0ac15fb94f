//! Signing calls, with a signing key that is kept for its day.
//!
//! The SDK's signer is made for any request of any service and derives the key for each: a tenth of the processor time
//! of a call that is passed on. Its primitives are used here, and tests compare the outcome with its own.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::sign::v4::{calculate_signature, generate_signing_key};
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use hyper::HeaderMap;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderName, HeaderValue, InvalidHeaderValue};

use super::signature::{ALGORITHM, SERVICE, canonical_request, scope, string_to_sign};

const DATE: HeaderName = HeaderName::from_static("x-amz-date");
const TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");

/// Why a call is not signed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unsigned {
    /// The credentials have bytes that no header can carry.
    #[error("the credentials do not fit into a header: {0}")]
    Credentials(#[from] InvalidHeaderValue),
    /// No calendar has such a day.
    #[error("the clock says {0:?}")]
    Clock(SystemTime),
    /// The `host` header, or another one that must be signed, is no text.
    #[error("a header that must be signed is no text")]
    Header,
}

/// Signs calls for one Region.
pub(super) struct Signer {
    region: String,
    kept: RwLock<Option<Arc<Kept>>>,
}

/// The key of one day and one secret.
struct Kept {
    date: String,
    secret: String,
    key: Vec<u8>,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").field("region", &self.region).finish_non_exhaustive()
    }
}

impl Signer {
    pub(super) fn new(region: String) -> Signer {
        Signer { region, kept: RwLock::new(None) }
    }

    /// Signs `headers`, `host` among them, with the body of that SHA-256. What SDKs sign is signed: `host`,
    /// `content-type` and all `x-amz-*`. A header that is no text goes along unsigned.
    ///
    /// # Errors
    /// [`Unsigned`]; the call must not be sent then.
    pub(super) fn sign(
        &self,
        headers: &mut HeaderMap,
        credentials: &Credentials,
        now: SystemTime,
        body_sha256: &str,
    ) -> Result<(), Unsigned> {
        let time = basic_format(now)?;
        headers.insert(DATE, HeaderValue::from_str(&time)?);
        if let Some(token) = credentials.session_token() {
            headers.insert(TOKEN, secret(token)?);
        }
        let signed = names(headers);
        let request = canonical_request(headers, &signed, body_sha256).ok_or(Unsigned::Header)?;
        let date = &time[..DATE_LENGTH];
        let scope = scope(date, &self.region);
        let key = self.key(date, credentials.secret_access_key(), now);
        let signature = calculate_signature(&key.key, string_to_sign(&time, &scope, &request).as_bytes());
        let id = credentials.access_key_id();
        let parts =
            [ALGORITHM, " Credential=", id, "/", &scope, ", SignedHeaders=", &signed, ", Signature=", &signature];
        let header = parts.concat();
        headers.insert(AUTHORIZATION, secret(&header)?);
        Ok(())
    }

    fn key(&self, date: &str, secret: &str, now: SystemTime) -> Arc<Kept> {
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(kept) = kept.filter(|kept| kept.date == date && kept.secret == secret) {
            return kept;
        }
        let key = generate_signing_key(secret, now, &self.region, SERVICE).as_ref().to_vec();
        let kept = Arc::new(Kept { date: date.to_owned(), secret: secret.to_owned(), key });
        *self.kept.write().unwrap_or_else(PoisonError::into_inner) = Some(kept.clone());
        kept
    }
}

const DATE_LENGTH: usize = "20260131".len();
const TIME_LENGTH: usize = "20260131T235959Z".len();

/// A moment as signatures have it: `20260131T235959Z`.
fn basic_format(now: SystemTime) -> Result<String, Unsigned> {
    let long =
        DateTime::from_secs(DateTime::from(now).secs()).fmt(Format::DateTime).map_err(|_| Unsigned::Clock(now))?;
    let time: String = long.chars().filter(char::is_ascii_alphanumeric).collect();
    if time.len() == TIME_LENGTH { Ok(time) } else { Err(Unsigned::Clock(now)) }
}

fn secret(text: &str) -> Result<HeaderValue, InvalidHeaderValue> {
    let mut value = HeaderValue::from_str(text)?;
    value.set_sensitive(true);
    Ok(value)
}

/// The names of the headers to sign, in order.
fn names(headers: &HeaderMap) -> String {
    let is_text = |name: &HeaderName| headers.get_all(name).iter().all(|value| value.to_str().is_ok());
    let of_call = |name: &&HeaderName| **name == HOST || **name == CONTENT_TYPE || name.as_str().starts_with("x-amz-");
    let mut names: Vec<&str> =
        headers.keys().filter(of_call).filter(|name| **name == HOST || is_text(name)).map(HeaderName::as_str).collect();
    names.sort_unstable();
    names.join(";")
}

#[cfg(test)]
mod tests;
