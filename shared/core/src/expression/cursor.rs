//! A place in the tokens of an expression, from which the parsers read.

use super::lex::{Sort, Token, syntax, tokens};
use super::{Kind, MAX_DEPTH, MAX_LENGTH};
use crate::error::Error;

/// The tokens not read yet.
pub(super) struct Cursor<'a> {
    /// Which expression, for messages.
    pub(super) kind: Kind,
    text: &'a str,
    tokens: Vec<Token<'a>>,
    at: usize,
    depth: usize,
}

impl<'a> Cursor<'a> {
    /// At the start of `text`.
    ///
    /// # Errors
    /// A `ValidationException` when it is empty, too long or holds a character no token begins with.
    pub(super) fn new(kind: Kind, text: &'a str) -> Result<Cursor<'a>, Error> {
        if text.len() > MAX_LENGTH {
            return Err(kind.invalid(format_args!(
                "Expression size has exceeded the maximum allowed size; expression size: {}",
                text.len()
            )));
        }
        let tokens = tokens(kind, text)?;
        if tokens.is_empty() {
            return Err(kind.invalid("The expression can not be empty;"));
        }
        Ok(Cursor { kind, text, tokens, at: 0, depth: 0 })
    }

    /// The next token, not taken.
    pub(super) fn peek(&self) -> Option<Token<'a>> {
        self.tokens.get(self.at).copied()
    }

    /// Whether the token after the next one is this symbol.
    pub(super) fn then_symbol(&self, symbol: &str) -> bool {
        self.tokens.get(self.at + 1).is_some_and(|token| token.is_symbol(symbol))
    }

    /// Takes the next token.
    pub(super) fn take(&mut self) -> Option<Token<'a>> {
        let token = self.peek();
        self.at += usize::from(token.is_some());
        token
    }

    /// Takes the next token if it is of this sort.
    pub(super) fn take_sort(&mut self, sort: Sort) -> Option<&'a str> {
        let token = self.peek().filter(|token| token.sort == sort)?;
        self.at += 1;
        Some(token.text)
    }

    /// Takes the next token if it is this keyword.
    pub(super) fn take_keyword(&mut self, keyword: &str) -> bool {
        let found = self.peek().is_some_and(|token| token.is_keyword(keyword));
        self.at += usize::from(found);
        found
    }

    /// Takes the next token if it is this symbol.
    pub(super) fn take_symbol(&mut self, symbol: &str) -> bool {
        let found = self.peek().is_some_and(|token| token.is_symbol(symbol));
        self.at += usize::from(found);
        found
    }

    /// Takes this symbol.
    ///
    /// # Errors
    /// A syntax error when something else comes next.
    pub(super) fn expect_symbol(&mut self, symbol: &str) -> Result<(), Error> {
        if self.take_symbol(symbol) { Ok(()) } else { Err(self.unexpected()) }
    }

    /// Demands that nothing is left.
    ///
    /// # Errors
    /// A syntax error when something is.
    pub(super) fn expect_end(&self) -> Result<(), Error> {
        if self.peek().is_none() { Ok(()) } else { Err(self.unexpected()) }
    }

    /// The syntax error of the next token.
    pub(super) fn unexpected(&self) -> Error {
        let near = self.at.checked_sub(1).and_then(|before| self.tokens.get(before)).map_or(0, |token| token.start);
        let token = self.peek().map_or("<EOF>", |token| token.text);
        syntax(self.kind, token, &self.text[near..])
    }

    /// Parses a nested part.
    ///
    /// # Errors
    /// Those of `parse`, and a `ValidationException` when the nesting is deeper than [`MAX_DEPTH`].
    pub(super) fn nested<T>(&mut self, parse: impl FnOnce(&mut Self) -> Result<T, Error>) -> Result<T, Error> {
        if self.depth == MAX_DEPTH {
            return Err(self.kind.invalid(format_args!("The expression is nested deeper than {MAX_DEPTH} levels")));
        }
        self.depth += 1;
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }
}
