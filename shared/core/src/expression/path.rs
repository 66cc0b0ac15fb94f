//! Document paths: `a.b[0].#c`, and lists of them.

use std::collections::BTreeMap;
use std::fmt;

use super::Kind;
use super::cursor::Cursor;
use super::lex::Sort;
use crate::error::Error;

/// One step of a document path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// An attribute of a map, as written: a name or a `#placeholder`.
    Attribute(String),
    /// An element of a list, 0-based.
    Index(usize),
}

/// A document path as written, placeholders and all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path {
    /// The top-level attribute, as written: a name or a `#placeholder`.
    pub top: String,
    /// The way from there.
    pub rest: Vec<Step>,
}

impl Path {
    /// Parses the path at `cursor`.
    pub(super) fn parse(cursor: &mut Cursor<'_>) -> Result<Path, Error> {
        let top = name(cursor)?;
        let mut rest = Vec::new();
        loop {
            if cursor.take_symbol(".") {
                rest.push(Step::Attribute(name(cursor)?));
            } else if cursor.take_symbol("[") {
                let index = cursor.peek().filter(|token| token.sort == Sort::Number);
                let index = index.and_then(|token| token.text.parse().ok()).ok_or_else(|| cursor.unexpected())?;
                cursor.take();
                cursor.expect_symbol("]")?;
                rest.push(Step::Index(index));
            } else {
                return Ok(Path { top, rest });
            }
        }
    }

    /// The same path with its placeholders replaced. A placeholder that is not defined stays as it is; see
    /// [`super::bindings::Bindings::check_defined`].
    #[must_use]
    pub fn resolved(&self, names: &BTreeMap<String, String>) -> Path {
        let resolve = |name: &String| names.get(name).unwrap_or(name).clone();
        let rest = self.rest.iter().map(|step| match step {
            Step::Attribute(name) => Step::Attribute(resolve(name)),
            Step::Index(index) => Step::Index(*index),
        });
        Path { top: resolve(&self.top), rest: rest.collect() }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.top)?;
        self.rest.iter().try_for_each(|step| match step {
            Step::Attribute(name) => write!(f, ".{name}"),
            Step::Index(index) => write!(f, "[{index}]"),
        })
    }
}

fn name(cursor: &mut Cursor<'_>) -> Result<String, Error> {
    let name = cursor.peek().filter(|token| matches!(token.sort, Sort::Word | Sort::Name));
    let name = name.ok_or_else(|| cursor.unexpected())?.text.to_owned();
    cursor.take();
    Ok(name)
}

/// Parses a projection expression: paths separated by commas.
///
/// # Errors
/// A `ValidationException` that shows the token it stumbled over.
pub fn projection(text: &str) -> Result<Vec<Path>, Error> {
    let mut cursor = Cursor::new(Kind::Projection, text)?;
    let mut paths = vec![Path::parse(&mut cursor)?];
    while cursor.take_symbol(",") {
        paths.push(Path::parse(&mut cursor)?);
    }
    cursor.expect_end()?;
    Ok(paths)
}
