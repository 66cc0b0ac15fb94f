//! Errors as Lambda reports them.

use lambda_runtime::Diagnostic;
use livemove_core::error::Error;

use crate::config::ConfigError;

/// A failed invocation. `errorType` is [`Error::name`], which state machines and callers match on.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct Failure(#[from] pub Error);

impl From<Failure> for Diagnostic {
    fn from(failure: Failure) -> Diagnostic {
        diagnostic(&failure.0)
    }
}

/// The error as Lambda reports it.
pub fn diagnostic(error: &Error) -> Diagnostic {
    Diagnostic { error_type: error.name().to_owned(), error_message: error.to_string() }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Failure {
        let problem = format!("environment variable {} {}", error.name, error.problem);
        Failure(Error::refused("WrongConfiguration", problem, error.remedy))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_type_is_the_fixed_name() {
        let diagnostic = Diagnostic::from(Failure(Error::refused("GateClosed", "not armed", "arm it")));
        assert_eq!(diagnostic.error_type, "GateClosed");
        assert_eq!(diagnostic.error_message, "GateClosed: not armed; arm it");
    }
}
