//! How much of an expression's limits is left to the application, since livemove joins its own to it.
//!
//! An expression has [`MAX_LENGTH`] bytes and [`OPERATORS_MAX`] operators and functions at most:
//! <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html>. AWS documents the second figure
//! for updates, and shows it for filters and conditions:
//! <https://docs.aws.amazon.com/code-library/latest/ug/dynamodb_example_dynamodb_Scenario_ExpressionOperatorCounting_section.html>.
//! What is served before keys move must be served while they do. So the room is kept free in every phase.

use super::lex::{Sort, Token, tokens};
use super::{Kind, MAX_LENGTH};
use crate::error::Error;

/// The most operators and functions of an expression.
pub const OPERATORS_MAX: usize = 300;
/// The name of the refusal.
pub const TOO_LONG: &str = "ExpressionTooLong";

/// The most that is added to an expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Added {
    /// In bytes.
    pub bytes: usize,
    /// Operators and functions.
    pub operators: usize,
}

/// What is added to a condition: a guard, the stamp that must not be there, what a tombstone is to it, and that there
/// must be an item.
pub const TO_CONDITION: Added = Added { bytes: 147, operators: 13 };
/// What is added to an update: marks that are set and marks that are taken away.
pub const TO_UPDATE: Added = Added { bytes: 72, operators: 5 };
/// What is added to a filter: what must come back besides.
pub const TO_FILTER: Added = Added { bytes: 99, operators: 8 };

/// Refuses an expression that is within DynamoDB's limits and would not be with what is added to it. What is beyond
/// them, and what cannot be read, is left to DynamoDB to refuse.
///
/// # Errors
/// `ExpressionTooLong`, with the limit, what is left of it and the remedy.
pub fn check(kind: Kind, text: &str, added: Added) -> Result<(), Error> {
    check_length(kind, text.len(), added.bytes)?;
    let operators = operators(kind, text);
    let room = OPERATORS_MAX - added.operators;
    if operators > room && operators <= OPERATORS_MAX {
        return Err(too_long(kind, "operators", operators, room, "use fewer operators and functions"));
    }
    Ok(())
}

/// As [`check`], of an expression of so many bytes to which others are added.
///
/// # Errors
/// As [`check`].
pub fn check_length(kind: Kind, bytes: usize, added: usize) -> Result<(), Error> {
    let room = MAX_LENGTH.saturating_sub(added);
    if bytes > room && bytes <= MAX_LENGTH {
        return Err(too_long(kind, "bytes", bytes, room, "use shorter placeholders"));
    }
    Ok(())
}

fn too_long(kind: Kind, unit: &str, has: usize, room: usize, remedy: &str) -> Error {
    let reason = format!("{kind} has {has} {unit}, and what livemove must add to it leaves room for {room}");
    Error::refused(TOO_LONG, reason, remedy)
}

/// How many operators and functions an expression has; 0 if it cannot be read. Each action of an update counts as one.
pub fn operators(kind: Kind, text: &str) -> usize {
    let Ok(tokens) = tokens(kind, text) else { return 0 };
    let mut depth = 0_usize;
    let mut found = 0_usize;
    for (index, token) in tokens.iter().enumerate() {
        match token.text {
            "(" => depth += 1,
            ")" => depth = depth.saturating_sub(1),
            "," if depth == 0 && kind == Kind::Update => found += 1,
            _ => {}
        }
        let opens = tokens.get(index + 1).is_some_and(|next| next.is_symbol("("));
        found += usize::from(if kind == Kind::Update { acts(*token, opens) } else { operates(*token, opens) });
    }
    // The AND of a BETWEEN is a part of it.
    found.saturating_sub(tokens.iter().filter(|token| token.is_keyword("BETWEEN")).count())
}

fn acts(token: Token<'_>, opens: bool) -> bool {
    let clause = ["SET", "REMOVE", "ADD", "DELETE"].iter().any(|word| token.is_keyword(word));
    clause || token.is_symbol("+") || token.is_symbol("-") || (token.sort == Sort::Word && opens)
}

fn operates(token: Token<'_>, opens: bool) -> bool {
    match token.sort {
        Sort::Symbol => matches!(token.text, "=" | "<" | ">" | "<=" | ">=" | "<>"),
        Sort::Word => opens || ["AND", "OR", "NOT", "BETWEEN", "IN"].iter().any(|word| token.is_keyword(word)),
        Sort::Name | Sort::Value | Sort::Number => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_and_functions_are_counted() {
        let of = |text| operators(Kind::Condition, text);
        assert_eq!(of("a = :b"), 1);
        assert_eq!(of("NOT (a = :b AND attribute_exists(c)) OR size(d) >= :e"), 7);
        assert_eq!(of("a BETWEEN :b AND :c AND d IN (:e, :f)"), 3);
        let of = |text| operators(Kind::Update, text);
        assert_eq!(of("SET a = :b, c = if_not_exists(c, :d) + :e REMOVE f, g[1] ADD h :i"), 7);
    }

    #[test]
    fn an_expression_has_the_room_that_is_left_and_no_more() {
        let added = Added { bytes: 100, operators: 10 };
        let long = |length: usize| format!("a = :{}", "b".repeat(length - 5));
        let many = |count: usize| vec!["a=:b"; count.div_ceil(2)].join(" OR ");
        for fine in [long(3996), many(289), long(4097), many(401)] {
            assert!(check(Kind::Condition, &fine, added).is_ok(), "{} bytes", fine.len());
        }
        let error = check(Kind::Condition, &long(3997), added).unwrap_err();
        assert_eq!(error.name(), "ExpressionTooLong");
        assert!(error.to_string().contains("ConditionExpression has 3997 bytes"), "{error}");
        let error = check(Kind::Condition, &many(291), added).unwrap_err();
        assert!(error.to_string().contains("291 operators") && error.to_string().contains("room for 290"), "{error}");
    }
}
