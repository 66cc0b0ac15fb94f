//! Who may use the gateway: requests signed (AWS Signature Version 4) with one configured pair of access keys.
//!
//! A signature proves that the whole request, body included, is from somebody who knows the secret, and is at most
//! five minutes old. It does not hide anything: without TLS in front the network sees items in plain text, and can
//! repeat a request within these minutes.

mod authorization;
mod timestamp;

use std::fmt;
use std::time::SystemTime;

use aws_sigv4::sign::v4::{calculate_signature, generate_signing_key};
use hyper::HeaderMap;
use hyper::header::{AUTHORIZATION, HeaderName};
use livemove_aws::wire::signature::{SERVICE, canonical_request, scope, string_to_sign};
use subtle::ConstantTimeEq as _;

use crate::head::one;
use crate::wire::WireError;
use authorization::Authorization;
use timestamp::Timestamp;

const DATE: HeaderName = HeaderName::from_static("x-amz-date");
const TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");
// Without these under the signature, one request could be made into another. SDKs sign them all.
const MUST_BE_SIGNED: [&str; 3] = ["host", "x-amz-date", "x-amz-target"];

/// A pair of access keys, made up for the clients of one gateway. AWS need not know it.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessKey {
    /// The id, which requests name.
    pub id: String,
    /// The secret, which they are signed with.
    pub secret: String,
}

impl fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessKey").field("id", &self.id).finish_non_exhaustive()
    }
}

/// What a request says about its signature. It proves nothing before [`Claim::proven_by`].
pub struct Claim<'a> {
    authorization: Authorization<'a>,
    time: Timestamp<'a>,
    headers: &'a HeaderMap,
    secret: &'a str,
}

impl AccessKey {
    /// Looks at everything that can be judged before the body is read, so that nobody without the key's id makes
    /// the gateway take in a body.
    ///
    /// # Errors
    /// As DynamoDB's, with status 400: `MissingAuthenticationTokenException`, `IncompleteSignatureException`,
    /// `UnrecognizedClientException` for another key or any session token, `InvalidSignatureException` for a
    /// request that is too old or from the future.
    pub fn claim<'a>(&'a self, headers: &'a HeaderMap, now: SystemTime) -> Result<Claim<'a>, WireError> {
        let header = one(headers, &AUTHORIZATION)?.ok_or_else(missing)?;
        let authorization = Authorization::parse(header).ok_or_else(incomplete)?;
        let time = one(headers, &DATE)?.and_then(Timestamp::parse).ok_or_else(incomplete)?;
        let all_signed = MUST_BE_SIGNED.iter().all(|name| authorization.signed_headers().any(|signed| signed == *name));
        if authorization.date != time.date() || !all_signed {
            return Err(incomplete());
        }
        if authorization.key_id != self.id || headers.contains_key(TOKEN) {
            return Err(unrecognised());
        }
        if !time.is_near(now) {
            return Err(invalid("Signature expired or not yet current: the clocks differ by more than 5 minutes"));
        }
        Ok(Claim { authorization, time, headers, secret: &self.secret })
    }
}

impl Claim<'_> {
    /// Whether the request with a body of this SHA-256 (lower-case hexadecimal) carries the signature that it should.
    ///
    /// # Errors
    /// `InvalidSignatureException`; nothing tells how much of it was right.
    pub fn proven_by(&self, body_sha256: &str) -> Result<(), WireError> {
        let wrong = || invalid("The request signature we calculated does not match the signature you provided");
        let claimed = &self.authorization;
        let request = canonical_request(self.headers, claimed.signed, body_sha256).ok_or_else(wrong)?;
        let text = string_to_sign(self.time.text(), &scope(claimed.date, claimed.region), &request);
        let key = generate_signing_key(self.secret, self.time.instant(), claimed.region, SERVICE);
        let expected = calculate_signature(key, text.as_bytes());
        if bool::from(expected.as_bytes().ct_eq(claimed.signature.as_bytes())) { Ok(()) } else { Err(wrong()) }
    }
}

fn missing() -> WireError {
    WireError::new(400, "MissingAuthenticationTokenException", "Request is missing Authentication Token")
}

fn incomplete() -> WireError {
    let message = "Authorization or X-Amz-Date is not a signature of version 4 over host, x-amz-date and x-amz-target";
    WireError::new(400, "IncompleteSignatureException", message)
}

fn unrecognised() -> WireError {
    WireError::new(400, "UnrecognizedClientException", "The security token included in the request is invalid")
}

fn invalid(message: &str) -> WireError {
    WireError::new(400, "InvalidSignatureException", message)
}

/// The names of all these refusals, for the metric that counts them.
pub(crate) fn is_denial(name: &str) -> bool {
    matches!(
        name,
        "AccessDeniedException"
            | "IncompleteSignatureException"
            | "InvalidSignatureException"
            | "MissingAuthenticationTokenException"
            | "UnrecognizedClientException"
    )
}

#[cfg(test)]
mod tests;
