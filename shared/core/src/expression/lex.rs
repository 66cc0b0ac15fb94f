//! Splits an expression into tokens.

use super::Kind;
use crate::error::Error;

/// What sort of token it is; its text tells the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    /// A keyword, a function's name or an attribute name: `SET`, `size`, `price`.
    Word,
    /// A placeholder of a name: `#n`.
    Name,
    /// A placeholder of a value: `:v`.
    Value,
    /// An index into a list: `12`.
    Number,
    /// Anything else: `(`, `<=`, `,`.
    Symbol,
}

/// One token and where it starts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token<'a> {
    /// What sort.
    pub(super) sort: Sort,
    /// The text as written.
    pub(super) text: &'a str,
    /// The byte offset of its first character.
    pub(super) start: usize,
}

impl Token<'_> {
    /// The byte offset after its last character.
    pub(super) fn end(&self) -> usize {
        self.start + self.text.len()
    }

    /// Whether it is this keyword, in whatever case.
    pub(super) fn is_keyword(&self, keyword: &str) -> bool {
        self.sort == Sort::Word && self.text.eq_ignore_ascii_case(keyword)
    }

    /// Whether it is this symbol.
    pub(super) fn is_symbol(&self, symbol: &str) -> bool {
        self.sort == Sort::Symbol && self.text == symbol
    }
}

/// The tokens of `text`.
///
/// # Errors
/// A `ValidationException` that shows the first character no token begins with.
pub(super) fn tokens(kind: Kind, text: &str) -> Result<Vec<Token<'_>>, Error> {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (sort, length) = match first {
            'a'..='z' | 'A'..='Z' | '_' => (Sort::Word, word_length(rest)),
            '0'..='9' => (Sort::Number, rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len())),
            '#' => (Sort::Name, 1 + word_length(&rest[1..])),
            ':' => (Sort::Value, 1 + word_length(&rest[1..])),
            '<' if rest.starts_with("<=") || rest.starts_with("<>") => (Sort::Symbol, 2),
            '>' if rest.starts_with(">=") => (Sort::Symbol, 2),
            '=' | '<' | '>' | '(' | ')' | '[' | ']' | ',' | '.' | '+' | '-' => (Sort::Symbol, 1),
            other => return Err(syntax(kind, &other.to_string(), rest)),
        };
        let (text_of_token, after) = rest.split_at(length);
        if matches!(sort, Sort::Name | Sort::Value) && length == 1 {
            return Err(syntax(kind, text_of_token, rest));
        }
        found.push(Token { sort, text: text_of_token, start: text.len() - rest.len() });
        rest = after.trim_start();
    }
    Ok(found)
}

fn word_length(text: &str) -> usize {
    text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len())
}

/// DynamoDB's syntax error: the token it stumbled over and the text around it.
pub(super) fn syntax(kind: Kind, token: &str, near: &str) -> Error {
    let near: String = near.chars().take(30).collect();
    kind.invalid(format_args!("Syntax error; token: \"{token}\", near: \"{}\"", near.trim_end()))
}
