//! Condition expressions.

use std::collections::BTreeMap;

use serde_dynamo::AttributeValue;

use super::Kind;
use super::bindings::Bindings;
use super::cursor::Cursor;
use super::lex::{Sort, Token};
use super::path::Path;
use crate::error::Error;

/// A condition, as a tree. Chains of `AND` and of `OR` are flat, so that only what is written nested is deep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// At least one holds.
    Any(Vec<Condition>),
    /// All hold.
    All(Vec<Condition>),
    /// It does not hold.
    Not(Box<Condition>),
    /// `a <= b`
    Compare(Comparator, Operand, Operand),
    /// `a BETWEEN low AND high`, both included.
    Between(Operand, Operand, Operand),
    /// `a IN (b, c)`
    In(Operand, Vec<Operand>),
    /// `attribute_exists(path)`
    Exists(Path),
    /// `attribute_not_exists(path)`
    NotExists(Path),
    /// `attribute_type(a, :type)`
    Type(Operand, Operand),
    /// `begins_with(a, prefix)`
    BeginsWith(Operand, Operand),
    /// `contains(a, part)`
    Contains(Operand, Operand),
}

/// How two operands are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparator {
    /// `=`
    Equal,
    /// `<>`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

/// What is compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operand {
    /// What the item holds there, if anything.
    Path(Path),
    /// The value bound to this placeholder, `:` included.
    Value(String),
    /// `size(a)`: a number, or missing where `a` is missing or has no size.
    Size(Box<Operand>),
}

impl Operand {
    fn path(&self) -> Option<&Path> {
        match self {
            Operand::Path(path) => Some(path),
            Operand::Size(of) => of.path(),
            Operand::Value(_) => None,
        }
    }
}

/// What the condition `text` says of an item that is not there, all paths missing.
///
/// A comparison with a missing operand does not hold, except `<>`, which does; two missing operands are not
/// equal either. What does not look at the item at all, such as `:a < :b`, counts as it is.
///
/// # Errors
/// A `ValidationException` in DynamoDB's words when `text` is no condition expression or uses a placeholder
/// that is not bound. Bindings it does not use are no error: other expressions may use them.
pub fn holds_when_absent(
    text: &str,
    names: &BTreeMap<String, String>,
    values: &BTreeMap<String, AttributeValue>,
) -> Result<bool, Error> {
    let condition = Condition::parse(text)?;
    Bindings { names, values }.check_defined(Kind::Condition, text)?;
    Ok(condition.holds_when_absent(values))
}

/// What parentheses can hold: which of the two shows only once they are read.
enum Term {
    Condition(Condition),
    Operand(Operand),
}

impl Condition {
    /// Parses a condition expression.
    ///
    /// # Errors
    /// A `ValidationException` that says what is wrong, with the token it stumbled over.
    pub fn parse(text: &str) -> Result<Condition, Error> {
        Condition::parse_as(Kind::Condition, text)
    }

    /// As [`Condition::parse`], for another field of the request that has the same grammar.
    ///
    /// # Errors
    /// As [`Condition::parse`], naming that field.
    pub fn parse_as(kind: Kind, text: &str) -> Result<Condition, Error> {
        let mut cursor = Cursor::new(kind, text)?;
        let term = any(&mut cursor)?;
        cursor.expect_end()?;
        condition(&cursor, term)
    }

    /// The paths it looks at, as written.
    pub fn paths(&self) -> Vec<&Path> {
        match self {
            Condition::Any(parts) | Condition::All(parts) => parts.iter().flat_map(Condition::paths).collect(),
            Condition::Not(part) => part.paths(),
            Condition::Exists(path) | Condition::NotExists(path) => vec![path],
            Condition::Compare(_, a, b)
            | Condition::Type(a, b)
            | Condition::BeginsWith(a, b)
            | Condition::Contains(a, b) => [a, b].into_iter().filter_map(Operand::path).collect(),
            Condition::Between(a, b, c) => [a, b, c].into_iter().filter_map(Operand::path).collect(),
            Condition::In(a, list) => std::iter::once(a).chain(list).filter_map(Operand::path).collect(),
        }
    }
}

fn condition(cursor: &Cursor<'_>, term: Term) -> Result<Condition, Error> {
    match term {
        Term::Condition(condition) => Ok(condition),
        Term::Operand(Operand::Size(_)) => Err(misplaced(cursor, "size")),
        Term::Operand(Operand::Path(_) | Operand::Value(_)) => Err(cursor.unexpected()),
    }
}

fn any(cursor: &mut Cursor<'_>) -> Result<Term, Error> {
    chain(cursor, "OR", all, Condition::Any)
}

fn all(cursor: &mut Cursor<'_>) -> Result<Term, Error> {
    chain(cursor, "AND", not, Condition::All)
}

fn chain(
    cursor: &mut Cursor<'_>,
    keyword: &str,
    link: fn(&mut Cursor<'_>) -> Result<Term, Error>,
    join: fn(Vec<Condition>) -> Condition,
) -> Result<Term, Error> {
    let first = link(cursor)?;
    if !cursor.peek().is_some_and(|token| token.is_keyword(keyword)) {
        return Ok(first);
    }
    let mut links = vec![condition(cursor, first)?];
    while cursor.take_keyword(keyword) {
        let next = link(cursor)?;
        links.push(condition(cursor, next)?);
    }
    Ok(Term::Condition(join(links)))
}

fn not(cursor: &mut Cursor<'_>) -> Result<Term, Error> {
    if !cursor.take_keyword("NOT") {
        return predicate(cursor);
    }
    let negated = cursor.nested(not)?;
    Ok(Term::Condition(Condition::Not(Box::new(condition(cursor, negated)?))))
}

fn predicate(cursor: &mut Cursor<'_>) -> Result<Term, Error> {
    let left = match term(cursor)? {
        Term::Operand(operand) => operand,
        Term::Condition(condition) => return Ok(Term::Condition(condition)),
    };
    if let Some(comparator) = cursor.peek().and_then(comparator) {
        cursor.take();
        return Ok(Term::Condition(Condition::Compare(comparator, left, operand(cursor)?)));
    }
    if cursor.take_keyword("BETWEEN") {
        let low = operand(cursor)?;
        if !cursor.take_keyword("AND") {
            return Err(cursor.unexpected());
        }
        return Ok(Term::Condition(Condition::Between(left, low, operand(cursor)?)));
    }
    if cursor.take_keyword("IN") {
        cursor.expect_symbol("(")?;
        return Ok(Term::Condition(Condition::In(left, operands(cursor)?)));
    }
    Ok(Term::Operand(left))
}

fn comparator(token: Token<'_>) -> Option<Comparator> {
    match token.text {
        "=" => Some(Comparator::Equal),
        "<>" => Some(Comparator::NotEqual),
        "<" => Some(Comparator::Less),
        "<=" => Some(Comparator::LessOrEqual),
        ">" => Some(Comparator::Greater),
        ">=" => Some(Comparator::GreaterOrEqual),
        _ => None,
    }
}

fn term(cursor: &mut Cursor<'_>) -> Result<Term, Error> {
    if cursor.take_symbol("(") {
        let inner = cursor.nested(any)?;
        cursor.expect_symbol(")")?;
        return Ok(inner);
    }
    if let Some(value) = cursor.take_sort(Sort::Value) {
        return Ok(Term::Operand(Operand::Value(value.to_owned())));
    }
    if cursor.peek().is_some_and(|token| token.sort == Sort::Word) && cursor.then_symbol("(") {
        return cursor.nested(function);
    }
    Ok(Term::Operand(Operand::Path(Path::parse(cursor)?)))
}

fn operand(cursor: &mut Cursor<'_>) -> Result<Operand, Error> {
    let name = cursor.peek().map_or("", |token| token.text);
    match term(cursor)? {
        Term::Operand(operand) => Ok(operand),
        Term::Condition(_) => Err(misplaced(cursor, name)),
    }
}

/// The operands up to the closing parenthesis, at least one.
fn operands(cursor: &mut Cursor<'_>) -> Result<Vec<Operand>, Error> {
    let mut operands = vec![operand(cursor)?];
    while cursor.take_symbol(",") {
        operands.push(operand(cursor)?);
    }
    cursor.expect_symbol(")")?;
    Ok(operands)
}

fn function(cursor: &mut Cursor<'_>) -> Result<Term, Error> {
    let name = cursor.take_sort(Sort::Word).unwrap_or_default();
    cursor.expect_symbol("(")?;
    let operands = operands(cursor)?;
    let count = operands.len();
    let mut operands = operands.into_iter();
    let term = match (name, operands.next(), operands.next(), operands.next()) {
        ("attribute_exists", Some(only), None, None) => Term::Condition(Condition::Exists(path(cursor, name, only)?)),
        ("attribute_not_exists", Some(only), None, None) => {
            Term::Condition(Condition::NotExists(path(cursor, name, only)?))
        }
        ("attribute_type", Some(a), Some(b), None) => Term::Condition(Condition::Type(a, b)),
        ("begins_with", Some(a), Some(b), None) => Term::Condition(Condition::BeginsWith(a, b)),
        ("contains", Some(a), Some(b), None) => Term::Condition(Condition::Contains(a, b)),
        ("size", Some(only), None, None) => Term::Operand(Operand::Size(Box::new(only))),
        ("attribute_exists" | "attribute_not_exists" | "attribute_type" | "begins_with" | "contains" | "size", ..) => {
            return Err(cursor.kind.invalid(format_args!(
                "Incorrect number of operands for operator or function; operator or function: {name}, \
                 number of operands: {count}"
            )));
        }
        ("if_not_exists" | "list_append", ..) => {
            return Err(cursor
                .kind
                .invalid(format_args!("The function is not allowed in a condition expression; function: {name}")));
        }
        _ => {
            return Err(cursor.kind.invalid(format_args!("Invalid function name; function: {name}")));
        }
    };
    Ok(term)
}

fn path(cursor: &Cursor<'_>, function: &str, operand: Operand) -> Result<Path, Error> {
    match operand {
        Operand::Path(path) => Ok(path),
        Operand::Value(_) | Operand::Size(_) => Err(cursor
            .kind
            .invalid(format_args!("Operator or function requires a document path; operator or function: {function}"))),
    }
}

fn misplaced(cursor: &Cursor<'_>, function: &str) -> Error {
    cursor
        .kind
        .invalid(format_args!("The function is not allowed to be used this way in an expression; function: {function}"))
}
