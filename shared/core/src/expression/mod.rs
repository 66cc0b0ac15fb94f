//! DynamoDB's expression language, as far as livemove must understand it: what a condition says of an item
//! that is not there, where an update expression can take livemove's own clauses, and which names are used.
//!
//! The backend stays the judge of expressions: what is handed on is handed on verbatim, and rules that only
//! it can apply (reserved words, operand types, key attributes) are left to it. What is refused here is
//! refused with the backend's own exception name and wording.
//!
//! Grammar: <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.OperatorsAndFunctions.html>
//! and <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.UpdateExpressions.html>.

mod absent;
pub mod bindings;
pub mod condition;
mod cursor;
pub mod decimal;
pub mod evaluate;
mod lex;
pub mod path;
pub mod reserved;
pub mod room;
pub mod update;
pub mod value;

use std::fmt;

use crate::error::Error;

/// The longest expression DynamoDB takes, in bytes.
pub const MAX_LENGTH: usize = 4096;
/// How deep parentheses, `NOT` and functions may be nested. DynamoDB documents no figure; the bound keeps
/// the recursion of parser and evaluator within a small stack.
pub const MAX_DEPTH: usize = 64;

/// Which of a request's expressions is meant; shown as the name of the request's field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `ConditionExpression`
    Condition,
    /// `UpdateExpression`
    Update,
    /// `ProjectionExpression`
    Projection,
    /// `FilterExpression`
    Filter,
    /// `KeyConditionExpression`
    KeyCondition,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Condition => "ConditionExpression",
            Kind::Update => "UpdateExpression",
            Kind::Projection => "ProjectionExpression",
            Kind::Filter => "FilterExpression",
            Kind::KeyCondition => "KeyConditionExpression",
        })
    }
}

impl Kind {
    /// The backend's refusal of such an expression.
    fn invalid(self, what: impl fmt::Display) -> Error {
        validation(format!("Invalid {self}: {what}"))
    }
}

/// A `ValidationException`.
pub(crate) fn validation(message: impl Into<String>) -> Error {
    Error::Rejected { name: "ValidationException".to_owned(), message: message.into() }
}
