//! Update expressions.

use super::Kind;
use super::cursor::Cursor;
use super::lex::{Sort, Token};
use super::path::{Path, Step};
use crate::error::Error;

/// The clauses of an update expression, each as written, without its keyword.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Clauses {
    /// After `SET`.
    pub set: Option<String>,
    /// After `REMOVE`.
    pub remove: Option<String>,
    /// After `ADD`.
    pub add: Option<String>,
    /// After `DELETE`.
    pub delete: Option<String>,
}

impl Clauses {
    /// Takes an update expression apart, after checking all of its grammar.
    ///
    /// # Errors
    /// A `ValidationException` in DynamoDB's words when it is no update expression.
    pub fn parse(text: &str) -> Result<Clauses, Error> {
        Ok(Update::parse_with_clauses(text)?.1)
    }

    /// The update expression that does what these clauses do, and makes the assignments `set` and the
    /// removals `remove`. Empty when there is nothing to do.
    #[must_use]
    pub fn with(&self, set: &[&str], remove: &[&str]) -> String {
        let own = |clause: &Option<String>, more: &[&str]| {
            let parts: Vec<&str> = clause.as_deref().into_iter().chain(more.iter().copied()).collect();
            parts.join(", ")
        };
        let clauses = [
            ("SET", own(&self.set, set)),
            ("REMOVE", own(&self.remove, remove)),
            ("ADD", own(&self.add, &[])),
            ("DELETE", own(&self.delete, &[])),
        ];
        let written = clauses.iter().filter(|(_, clause)| !clause.is_empty());
        written.map(|(keyword, clause)| format!("{keyword} {clause}")).collect::<Vec<_>>().join(" ")
    }
}

/// An update expression, as a tree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Update {
    /// `SET path = expression`
    pub set: Vec<(Path, Expression)>,
    /// `REMOVE path`
    pub remove: Vec<Path>,
    /// `ADD path :value`
    pub add: Vec<(Path, String)>,
    /// `DELETE path :value`
    pub delete: Vec<(Path, String)>,
}

/// What `SET` assigns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expression {
    /// What the item holds there; it must be there.
    Path(Path),
    /// The value bound to this placeholder, `:` included.
    Value(String),
    /// `a + b`
    Plus(Box<Expression>, Box<Expression>),
    /// `a - b`
    Minus(Box<Expression>, Box<Expression>),
    /// `if_not_exists(path, otherwise)`
    IfNotExists(Path, Box<Expression>),
    /// `list_append(a, b)`
    ListAppend(Box<Expression>, Box<Expression>),
}

const KEYWORDS: [&str; 4] = ["SET", "REMOVE", "ADD", "DELETE"];

impl Update {
    /// Parses an update expression.
    ///
    /// # Errors
    /// A `ValidationException` that says what is wrong, with the token it stumbled over.
    pub fn parse(text: &str) -> Result<Update, Error> {
        Ok(Update::parse_with_clauses(text)?.0)
    }

    fn parse_with_clauses(text: &str) -> Result<(Update, Clauses), Error> {
        let mut cursor = Cursor::new(Kind::Update, text)?;
        let (mut update, mut clauses) = (Update::default(), Clauses::default());
        while let Some(keyword) = cursor.peek() {
            let index = KEYWORDS.iter().position(|word| keyword.is_keyword(word)).ok_or_else(|| cursor.unexpected())?;
            cursor.take();
            let slot = match index {
                0 => &mut clauses.set,
                1 => &mut clauses.remove,
                2 => &mut clauses.add,
                _ => &mut clauses.delete,
            };
            if slot.is_some() {
                return Err(Kind::Update.invalid(format_args!(
                    "The \"{}\" section can only be used once in an update expression;",
                    KEYWORDS[index]
                )));
            }
            match index {
                0 => update.set = list(&mut cursor, assignment)?,
                1 => update.remove = list(&mut cursor, Path::parse)?,
                2 => update.add = list(&mut cursor, path_and_value)?,
                _ => update.delete = list(&mut cursor, path_and_value)?,
            }
            let end = cursor.peek().map_or(text.len(), |next| next.start);
            *slot = Some(text[keyword.end()..end].trim().to_owned());
        }
        Ok((update, clauses))
    }

    /// The paths it changes.
    pub fn targets(&self) -> impl Iterator<Item = &Path> {
        let set = self.set.iter().map(|(path, _)| path);
        let operands = self.add.iter().chain(&self.delete).map(|(path, _)| path);
        set.chain(&self.remove).chain(operands)
    }

    /// Whether doing it twice leaves of any item what doing it once leaves: it assigns nothing but values of the
    /// request and removes, both by names alone. By its number, an element of a list is another one after a removal.
    pub fn is_repeatable(&self) -> bool {
        let only_values = self.set.iter().all(|(_, assigned)| matches!(assigned, Expression::Value(_)));
        let by_name = |path: &Path| path.rest.iter().all(|step| matches!(step, Step::Attribute(_)));
        only_values && self.add.is_empty() && self.delete.is_empty() && self.targets().all(by_name)
    }
}

fn list<T>(cursor: &mut Cursor<'_>, entry: impl Fn(&mut Cursor<'_>) -> Result<T, Error>) -> Result<Vec<T>, Error> {
    let mut entries = vec![entry(cursor)?];
    while cursor.take_symbol(",") {
        entries.push(entry(cursor)?);
    }
    Ok(entries)
}

fn assignment(cursor: &mut Cursor<'_>) -> Result<(Path, Expression), Error> {
    let path = Path::parse(cursor)?;
    cursor.expect_symbol("=")?;
    Ok((path, sum(cursor)?))
}

fn path_and_value(cursor: &mut Cursor<'_>) -> Result<(Path, String), Error> {
    let path = Path::parse(cursor)?;
    let value = cursor.take_sort(Sort::Value).ok_or_else(|| cursor.unexpected())?;
    Ok((path, value.to_owned()))
}

/// One operand, or two with `+` or `-` between them: DynamoDB takes no longer chains without parentheses.
fn sum(cursor: &mut Cursor<'_>) -> Result<Expression, Error> {
    let left = operand(cursor)?;
    let join = match cursor.peek() {
        Some(token) if token.is_symbol("+") => Expression::Plus,
        Some(token) if token.is_symbol("-") => Expression::Minus,
        Some(_) | None => return Ok(left),
    };
    cursor.take();
    Ok(join(Box::new(left), Box::new(operand(cursor)?)))
}

fn operand(cursor: &mut Cursor<'_>) -> Result<Expression, Error> {
    if cursor.take_symbol("(") {
        let inner = cursor.nested(sum)?;
        cursor.expect_symbol(")")?;
        return Ok(inner);
    }
    if let Some(value) = cursor.take_sort(Sort::Value) {
        return Ok(Expression::Value(value.to_owned()));
    }
    match cursor.peek() {
        Some(token) if token.sort == Sort::Word && cursor.then_symbol("(") => {
            cursor.nested(|cursor| function(cursor, token))
        }
        Some(_) | None => Ok(Expression::Path(Path::parse(cursor)?)),
    }
}

fn function(cursor: &mut Cursor<'_>, name: Token<'_>) -> Result<Expression, Error> {
    cursor.take();
    cursor.expect_symbol("(")?;
    let operands = list(cursor, operand)?;
    cursor.expect_symbol(")")?;
    let count = operands.len();
    let mut operands = operands.into_iter();
    match (name.text, operands.next(), operands.next(), operands.next()) {
        ("if_not_exists", Some(Expression::Path(path)), Some(otherwise), None) => {
            Ok(Expression::IfNotExists(path, Box::new(otherwise)))
        }
        ("if_not_exists", Some(_), Some(_), None) => Err(Kind::Update.invalid(
            "Operator or function requires a document path; operator or function: if_not_exists",
        )),
        ("list_append", Some(a), Some(b), None) => Ok(Expression::ListAppend(Box::new(a), Box::new(b))),
        ("if_not_exists" | "list_append", ..) => Err(Kind::Update.invalid(format_args!(
            "Incorrect number of operands for operator or function; operator or function: {}, number of operands: {count}",
            name.text
        ))),
        ("attribute_exists" | "attribute_not_exists" | "attribute_type" | "begins_with" | "contains" | "size", ..) => {
            Err(Kind::Update.invalid(format_args!(
                "The function is not allowed in an update expression; function: {}",
                name.text
            )))
        }
        _ => Err(Kind::Update.invalid(format_args!("Invalid function name; function: {}", name.text))),
    }
}
