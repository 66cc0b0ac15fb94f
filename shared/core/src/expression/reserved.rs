//! The names that belong to livemove, kept out of what applications write.

use std::collections::BTreeMap;

use serde_dynamo::AttributeValue;

use super::Kind;
use super::lex::{Sort, tokens};
use crate::error::Error;
use crate::item::Item;
use crate::mark::RESERVED;

/// Refuses a request of the application that uses a reserved name anywhere: as an attribute of the item it
/// writes, at the top of a path in an expression, as a name bound to a placeholder, or in a placeholder
/// itself (`#_lm_…`, `:_lm_…`), for livemove adds clauses with placeholders of its own.
///
/// Reserved names within a map are the application's own business.
///
/// # Errors
/// `ReservedAttribute` naming what to rename; a `ValidationException` when an expression cannot be read.
pub fn check(
    item: Option<&Item>,
    expressions: &[(Kind, &str)],
    names: &BTreeMap<String, String>,
    values: &BTreeMap<String, AttributeValue>,
) -> Result<(), Error> {
    let attributes = item.into_iter().flat_map(|item| item.0.keys());
    if let Some(name) = attributes.chain(names.values()).find(|name| name.starts_with(RESERVED)) {
        return Err(refused(name));
    }
    let is_reserved = |placeholder: &&String| placeholder.get(1..).is_some_and(|name| name.starts_with(RESERVED));
    if let Some(placeholder) = names.keys().chain(values.keys()).find(is_reserved) {
        return Err(refused(placeholder));
    }
    expressions.iter().try_for_each(|(kind, text)| check_expression(*kind, text))
}

fn check_expression(kind: Kind, text: &str) -> Result<(), Error> {
    let mut after_dot = false;
    for token in tokens(kind, text)? {
        let name = match token.sort {
            Sort::Word if after_dot => "",
            Sort::Word => token.text,
            Sort::Name | Sort::Value => &token.text[1..],
            Sort::Number | Sort::Symbol => "",
        };
        if name.starts_with(RESERVED) {
            return Err(refused(token.text));
        }
        after_dot = token.is_symbol(".");
    }
    Ok(())
}

fn refused(name: &str) -> Error {
    Error::refused(
        "ReservedAttribute",
        format!("the name `{name}` begins with `{RESERVED}`, which is reserved for livemove's marks"),
        "give the attribute or placeholder another name",
    )
}
