//! Errors of the SDK, turned into errors of the core by meaning.

use std::error::Error as StdError;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use livemove_core::error::Error;

use crate::credentials;
use crate::denial::{self, Access};

/// Whether a call changes anything: what a lost answer means depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing is changed: a lost answer is only that.
    Reads,
    /// Something is changed: after a lost answer nobody knows.
    Writes,
}

/// What was called, for the texts of errors.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// The IAM action, for example `dynamodb:PutItem`.
    pub action: &'static str,
    /// The resource, for example `table orders in 111111111111/us-east-1`.
    pub resource: &'a str,
    /// What it does.
    pub effect: Effect,
    /// Who calls, and the resource as policies name it, as far as that is known.
    pub access: Option<&'a Access>,
}

impl Call<'_> {
    /// The core's error for an error of the SDK. Conditions that do not hold are the caller's business before.
    ///
    /// Only what certainly happened before the request was sent counts as not done.
    pub fn failed<E>(&self, error: &SdkError<E, HttpResponse>) -> Error
    where
        E: ProvideErrorMetadata + StdError + 'static,
    {
        match error {
            SdkError::ConstructionFailure(_) => {
                Error::Rejected { name: "ValidationException".to_owned(), message: self.says(&chain(error)) }
            }
            SdkError::DispatchFailure(_) if never_sent(error) => match credentials::denial(error) {
                Some(text) => Error::Denied(text.to_owned()),
                None => Error::Unavailable(self.says(&chain(error))),
            },
            SdkError::ServiceError(context) => self.answered(
                context.raw().status().as_u16(),
                context.err().code().unwrap_or_default(),
                context.err().message().unwrap_or("no message"),
            ),
            // Timeouts, broken connections, answers that cannot be read, and whatever the SDK adds later.
            SdkError::TimeoutError(_) | SdkError::DispatchFailure(_) | SdkError::ResponseError(_) | _ => {
                self.lost(&chain(error))
            }
        }
    }

    /// The core's error for an answer with this HTTP status and error code.
    pub fn answered(&self, status: u16, code: &str, message: &str) -> Error {
        match code {
            "ProvisionedThroughputExceededException"
            | "ProvisionedThroughputExceeded"
            | "ThrottlingException"
            | "ThrottlingError"
            | "Throttling"
            | "RequestLimitExceeded"
            | "TooManyRequestsException"
            | "SlowDown"
            | "RequestThrottled"
            | "RequestThrottledException" => Error::Throttled(self.says(message)),
            // The request was turned away as a whole; it goes through once the other one is over.
            "TransactionConflictException" | "TransactionConflict" | "ReplicatedWriteConflictException" => {
                Error::Conflict(self.says(message))
            }
            // Another request with the same token is at work: that one may well be done.
            "TransactionInProgressException" => self.lost(message),
            // Turned away before doing anything; the next call comes with new credentials.
            "ExpiredTokenException" | "ExpiredToken" | "RequestExpired" | "RequestTimeTooSkewed" => {
                Error::Unavailable(self.says(message))
            }
            // A signature of another time is one of a sandbox that was frozen or of a clock that is being set right;
            // the next call is signed anew.
            "InvalidSignatureException" if is_of_another_time(message) => Error::Unavailable(self.says(message)),
            "AccessDeniedException"
            | "AccessDenied"
            | "KMSAccessDeniedException"
            | "KMS.AccessDeniedException"
            | "KmsAccessDenied" => self.denied(message),
            "UnrecognizedClientException"
            | "InvalidClientTokenId"
            | "InvalidSignatureException"
            | "SignatureDoesNotMatch"
            | "MissingAuthenticationTokenException"
            | "MissingAuthenticationToken"
            | "IncompleteSignature"
            | "InvalidAccessKeyId" => Error::Denied(self.says(message)),
            _ if status >= 500 || code == "InternalServerError" => self.lost(&format!("{code} {message}")),
            "" => Error::Rejected { name: format!("Http{status}"), message: self.says(message) },
            _ => Error::Rejected { name: code.to_owned(), message: message.to_owned() },
        }
    }

    /// The core's error for an answer that was lost.
    pub fn lost(&self, text: &str) -> Error {
        match self.effect {
            Effect::Reads => Error::Unavailable(self.says(text)),
            Effect::Writes => Error::Ambiguous(self.says(text)),
        }
    }

    /// The core's error for a denial: who needs which statement.
    pub fn denied(&self, message: &str) -> Error {
        Error::Denied(denial::text(self.action, self.resource, self.access, message))
    }

    pub(crate) fn says(&self, text: &str) -> String {
        format!("{} on {}: {text}", self.action, self.resource)
    }
}

// DynamoDB has one code for a wrong signature and for one of another time:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html
fn is_of_another_time(message: &str) -> bool {
    message.contains("Signature expired") || message.contains("Signature not yet current")
}

fn chain<E: StdError + 'static>(error: &SdkError<E, HttpResponse>) -> String {
    DisplayErrorContext(error).to_string()
}

// A refused connection and missing credentials end a call before a byte of it is sent. A connection that broke
// or timed out may have carried it.
fn never_sent<E: StdError + 'static>(error: &SdkError<E, HttpResponse>) -> bool {
    let mut cause: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.is::<CredentialsError>() {
            return true;
        }
        if let Some(io) = error.downcast_ref::<std::io::Error>() {
            return io.kind() == std::io::ErrorKind::ConnectionRefused;
        }
        cause = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(effect: Effect) -> Call<'static> {
        Call { action: "dynamodb:PutItem", resource: "table orders", effect, access: None }
    }

    #[test]
    fn answers_are_told_apart_by_meaning() {
        let names = |status, code| {
            let name = |effect| call(effect).answered(status, code, "m").name().to_owned();
            (name(Effect::Reads), name(Effect::Writes))
        };
        let both = |name: &str| (name.to_owned(), name.to_owned());
        assert_eq!(names(400, "ProvisionedThroughputExceededException"), both("Throttled"));
        assert_eq!(names(503, "SlowDown"), both("Throttled"));
        assert_eq!(names(400, "TransactionConflictException"), both("Conflict"));
        assert_eq!(names(400, "ExpiredTokenException"), both("Unavailable"));
        assert_eq!(names(400, "AccessDeniedException"), both("AccessDenied"));
        assert_eq!(names(400, "ValidationException"), both("ValidationException"));
        assert_eq!(names(404, ""), both("Http404"));
        let lost = ("Unavailable".to_owned(), "OutcomeUnknown".to_owned());
        assert_eq!(names(500, "InternalServerError"), lost);
        assert_eq!(names(503, "ServiceUnavailable"), lost);
    }

    #[test]
    fn a_transaction_in_progress_is_not_said_to_be_undone() {
        let name = |effect| call(effect).answered(400, "TransactionInProgressException", "m").name().to_owned();
        assert_eq!(
            (name(Effect::Reads), name(Effect::Writes)),
            ("Unavailable".to_owned(), "OutcomeUnknown".to_owned())
        );
    }

    #[test]
    fn a_signature_of_a_frozen_sandbox_is_no_denial() {
        let name = |code, message| call(Effect::Writes).answered(400, code, message).name().to_owned();
        let expired = "Signature expired: 20260101T000000Z is now earlier than 20260101T000500Z";
        assert_eq!(name("InvalidSignatureException", expired), "Unavailable");
        assert_eq!(name("InvalidSignatureException", "Signature not yet current: 20260101T000640Z"), "Unavailable");
        assert_eq!(name("RequestTimeTooSkewed", "too large"), "Unavailable");
        assert_eq!(name("InvalidSignatureException", "does not match the signature you provided"), "AccessDenied");
    }

    #[test]
    fn a_denial_names_action_and_resource() {
        let text = call(Effect::Writes).answered(400, "AccessDeniedException", "no").to_string();
        assert!(text.contains("dynamodb:PutItem") && text.contains("table orders"), "{text}");
    }
}
