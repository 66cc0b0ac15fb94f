//! Errors by meaning, and the one function that says what to do about each.

use crate::item::Item;
use crate::ports::transact::Reason;

/// Why an operation did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The backend asks to slow down; nothing was done.
    #[error("throttled: {0}")]
    Throttled(String),
    /// The backend could not be reached or failed before doing anything; nothing was done.
    #[error("unavailable: {0}")]
    Unavailable(String),
    /// The answer was lost: it may have been done or not.
    #[error("outcome unknown: {0}")]
    Ambiguous(String),
    /// The write was done, once, but its answer was lost, and with it what was there before.
    #[error("done, but the values before it are lost: {0}")]
    OldValuesLost(String),
    /// Somebody else changed the record first; look again.
    #[error("conflict: {0}")]
    Conflict(String),
    /// Credentials do not allow it.
    #[error("access denied: {0}")]
    Denied(String),
    /// The backend's own refusal of the request, to be handed on as it is.
    #[error("{name}: {message}")]
    Rejected {
        /// The backend's exception name, for example `ValidationException`.
        name: String,
        /// The backend's message.
        message: String,
    },
    /// The application's condition does not hold.
    #[error("ConditionalCheckFailedException: The conditional request failed")]
    ConditionFailed {
        /// What the application may see of the stored item.
        item: Option<Item>,
    },
    /// A transaction was not done; nothing of it was.
    #[error(
        "TransactionCanceledException: Transaction cancelled, please refer cancellation reasons for specific reasons"
    )]
    Cancelled {
        /// One for each entry, in order; only what the application may see of stored items.
        reasons: Vec<Reason>,
    },
    /// livemove's own refusal; nothing was done.
    #[error("{name}: {reason}; {remedy}")]
    Refused {
        /// A fixed name to match on.
        name: &'static str,
        /// What is wrong, naming field and value.
        reason: String,
        /// What to do about it.
        remedy: String,
    },
    /// The cached phase is too old to be used; refresh it and start the operation again. Nothing was done
    /// that does not bear repeating.
    #[error("the phase in hand is out of date")]
    StalePhase,
    /// A broken invariant: a bug or foreign writes to reserved attributes.
    #[error("invariant broken: {0}")]
    Invariant(String),
}

/// What to do about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// Do it again after a pause: it was not done, or doing it again changes nothing.
    Retry,
    /// The caller must change something first.
    Stop,
    /// A bug: report it.
    Bug,
}

impl Error {
    /// A refusal of livemove's own.
    pub fn refused(name: &'static str, reason: impl Into<String>, remedy: impl Into<String>) -> Error {
        Error::Refused { name, reason: reason.into(), remedy: remedy.into() }
    }

    /// Whether the write may have been applied although an error came back.
    pub fn is_ambiguous(&self) -> bool {
        matches!(self, Error::Ambiguous(_))
    }

    /// Whether nothing was done and the same may be asked for again.
    pub fn did_nothing(&self) -> bool {
        matches!(self, Error::Throttled(_) | Error::Unavailable(_) | Error::Conflict(_) | Error::StalePhase)
    }

    /// What to do about it, for idempotent work such as replication and copying.
    pub fn remedy(&self) -> Remedy {
        match self {
            Error::Throttled(_)
            | Error::Unavailable(_)
            | Error::Ambiguous(_)
            | Error::Conflict(_)
            | Error::StalePhase => Remedy::Retry,
            Error::OldValuesLost(_)
            | Error::Denied(_)
            | Error::Rejected { .. }
            | Error::ConditionFailed { .. }
            | Error::Cancelled { .. }
            | Error::Refused { .. } => Remedy::Stop,
            Error::Invariant(_) => Remedy::Bug,
        }
    }

    /// A fixed name for `errorType` and metrics: Step Functions match on it.
    pub fn name(&self) -> &str {
        match self {
            Error::Throttled(_) => "Throttled",
            Error::Unavailable(_) => "Unavailable",
            Error::Ambiguous(_) => "OutcomeUnknown",
            Error::OldValuesLost(_) => "OldValuesLost",
            Error::Conflict(_) => "Conflict",
            Error::Denied(_) => "AccessDenied",
            Error::Rejected { name, .. } => name,
            Error::ConditionFailed { .. } => "ConditionalCheckFailedException",
            Error::Cancelled { .. } => "TransactionCanceledException",
            Error::Refused { name, .. } => name,
            Error::StalePhase => "StalePhase",
            Error::Invariant(_) => "InvariantBroken",
        }
    }
}
