//! Answers that say that it may be the credentials: in the middle of their life they may have expired by the clock of
//! AWS, or their session may have been revoked (<https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_revoke-sessions.html>).
//!
//! A call with expired credentials is turned away before it does anything, so it is sent again with others, whatever it
//! is. One that is denied is not: others are only tried with the next one.

use std::sync::Arc;

use aws_sdk_dynamodb::config::http::{HttpRequest, HttpResponse};
use aws_sdk_dynamodb::config::interceptors::{
    BeforeTransmitInterceptorContextRef, FinalizerInterceptorContextRef, InterceptorContext,
};
use aws_sdk_dynamodb::config::retry::{ClassifyRetry, RetryAction};
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;
use aws_smithy_types::config_bag::{Storable, StoreReplace};
use serde::Deserialize;

use super::{KeptCredentials, now};

/// Why credentials are doubted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Doubt {
    /// They have expired.
    Expired,
    /// They are not known, or do not allow the call: that may be the session's fault, or not.
    Denied,
}

impl Doubt {
    /// What a refusal says: in its body, or in `header` (`x-amzn-errortype`) where the service has the code there.
    /// <https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html>,
    /// <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>
    pub(crate) fn of(status: u16, header: Option<&str>, body: &[u8]) -> Option<Doubt> {
        if !matches!(status, 400 | 403) {
            return None;
        }
        // An answer to HEAD has no body, so no code; S3 answers 400 where the token has expired.
        if header.is_none() && body.is_empty() {
            return Some(if status == 400 { Doubt::Expired } else { Doubt::Denied });
        }
        match header.map_or_else(|| code(body), str::to_owned) {
            code if code.contains("ExpiredToken") => Some(Doubt::Expired),
            code => {
                let denied = ["AccessDenied", "UnrecognizedClient", "InvalidClientTokenId", "InvalidAccessKeyId"];
                denied.into_iter().any(|name| code.contains(name)).then_some(Doubt::Denied)
            }
        }
    }

    fn in_answer(answer: &HttpResponse) -> Option<Doubt> {
        // Errors are read before they are judged; a body that still streams is none.
        let body = answer.body().bytes()?;
        Doubt::of(answer.status().as_u16(), answer.headers().get("x-amzn-errortype"), body)
    }
}

// Of the code alone: beside it may be an item, in which anything may stand.
fn code(body: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Said {
        #[serde(rename = "__type")]
        kind: String,
    }
    if let Ok(Said { kind }) = serde_json::from_slice(body) {
        return kind;
    }
    let text = String::from_utf8_lossy(body);
    let code = text.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>"));
    code.map(|(code, _)| code.to_owned()).unwrap_or_default()
}

/// The key id that the attempt under way is signed by.
#[derive(Debug)]
struct SignedBy(String);

impl Storable for SignedBy {
    type Storer = StoreReplace<SignedBy>;
}

/// Tells the keeper of credentials what comes of those that the SDK's clients use.
#[derive(Debug)]
pub(crate) struct Doubting(pub(crate) Arc<KeptCredentials>);

impl Intercept for Doubting {
    fn name(&self) -> &'static str {
        "Doubting"
    }

    // The request is gone when its answer is there.
    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _runtime: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(key_id) = key_id(context.request()) {
            config.interceptor_state().store_put(SignedBy(key_id.to_owned()));
        }
        Ok(())
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _runtime: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let refused = context.response().and_then(Doubt::in_answer);
        if let (Some(why), Some(SignedBy(key_id))) = (refused, config.load::<SignedBy>()) {
            self.0.doubt(key_id, why, now());
        }
        Ok(())
    }
}

// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html: `Credential=<key id>/…`.
fn key_id(request: &HttpRequest) -> Option<&str> {
    let (_, scope) = request.headers().get("authorization")?.split_once("Credential=")?;
    Some(scope.split_once('/')?.0)
}

/// What of all that may fail is sent again with other credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Resend {
    /// What has expired, beside what the SDK sends again by itself.
    ExpiredToo,
    /// What has expired, and nothing else.
    ExpiredOnly,
}

impl ClassifyRetry for Resend {
    fn classify_retry(&self, context: &InterceptorContext) -> RetryAction {
        if context.response().and_then(Doubt::in_answer) == Some(Doubt::Expired) {
            return RetryAction::transient_error();
        }
        match self {
            Resend::ExpiredToo => RetryAction::NoActionIndicated,
            // Forbidden by one is forbidden by all.
            Resend::ExpiredOnly if context.is_failed() => RetryAction::RetryForbidden,
            Resend::ExpiredOnly => RetryAction::NoActionIndicated,
        }
    }

    fn name(&self) -> &'static str {
        "Expired credentials"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_that_may_be_the_credentials_are_told_apart() {
        let of = |status, body: &str| Doubt::of(status, None, body.as_bytes());
        let json = r#"{"__type":"com.amazon.coral.service#ExpiredTokenException","message":"expired"}"#;
        assert_eq!(of(400, json), Some(Doubt::Expired));
        assert_eq!(of(400, "<Error><Code>ExpiredToken</Code></Error>"), Some(Doubt::Expired));
        assert_eq!(of(400, ""), Some(Doubt::Expired));
        assert_eq!(of(403, ""), Some(Doubt::Denied));
        assert_eq!(of(403, "<Error><Code>AccessDenied</Code></Error>"), Some(Doubt::Denied));
        assert_eq!(of(400, r#"{"__type":"x#UnrecognizedClientException"}"#), Some(Doubt::Denied));
        assert_eq!(of(400, r#"{"__type":"x#ConditionalCheckFailedException"}"#), None);
        assert_eq!(of(500, r#"{"__type":"x#ExpiredTokenException"}"#), None);
        assert_eq!(of(200, json), None);
        assert_eq!(Doubt::of(403, Some("ExpiredTokenException"), b"{}"), Some(Doubt::Expired));
    }

    #[test]
    fn an_item_that_speaks_of_expired_tokens_says_nothing_of_credentials() {
        let body = r#"{"__type":"x#ConditionalCheckFailedException","Item":{"note":{"S":"ExpiredTokenException"}}}"#;
        assert_eq!(Doubt::of(400, None, body.as_bytes()), None);
    }
}
