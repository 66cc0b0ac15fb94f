//! The names and values that a request binds to the placeholders of its expressions.

use std::collections::{BTreeMap, HashSet};

use serde_dynamo::AttributeValue;

use super::lex::{Sort, tokens};
use super::{Kind, validation};
use crate::error::Error;

/// `ExpressionAttributeNames` and `ExpressionAttributeValues`.
#[derive(Clone, Copy, Debug)]
pub struct Bindings<'a> {
    /// Attribute names by placeholder, `#` included.
    pub names: &'a BTreeMap<String, String>,
    /// Values by placeholder, `:` included.
    pub values: &'a BTreeMap<String, AttributeValue>,
}

/// Some names and some values of a request.
pub type Used = (BTreeMap<String, String>, BTreeMap<String, AttributeValue>);

impl Bindings<'_> {
    /// Demands that every placeholder of `text` is bound.
    ///
    /// # Errors
    /// A `ValidationException` that names the first one that is not.
    pub fn check_defined(&self, kind: Kind, text: &str) -> Result<(), Error> {
        for token in tokens(kind, text)? {
            match token.sort {
                Sort::Name if !self.names.contains_key(token.text) => {
                    return Err(kind.invalid(format_args!(
                        "An expression attribute name used in the document path is not defined; attribute name: {}",
                        token.text
                    )));
                }
                Sort::Value if !self.values.contains_key(token.text) => {
                    return Err(kind.invalid(format_args!(
                        "An expression attribute value used in expression is not defined; attribute value: {}",
                        token.text
                    )));
                }
                Sort::Name | Sort::Value | Sort::Word | Sort::Number | Sort::Symbol => {}
            }
        }
        Ok(())
    }

    /// Those that `text` uses.
    ///
    /// # Errors
    /// A `ValidationException` when it cannot be read.
    pub fn used_by(&self, kind: Kind, text: &str) -> Result<Used, Error> {
        let used: HashSet<&str> = tokens(kind, text)?.into_iter().map(|token| token.text).collect();
        let names = self.names.iter().filter(|(key, _)| used.contains(key.as_str()));
        let values = self.values.iter().filter(|(key, _)| used.contains(key.as_str()));
        let copied = (
            names.map(|(key, name)| (key.clone(), name.clone())).collect(),
            values.map(|(key, value)| (key.clone(), value.clone())).collect(),
        );
        Ok(copied)
    }

    /// Demands that every binding is used by one of the expressions: DynamoDB refuses requests with more.
    ///
    /// # Errors
    /// A `ValidationException` that names one that is not.
    pub fn check_used(&self, expressions: &[(Kind, &str)]) -> Result<(), Error> {
        // A set: a request may bind very many.
        let mut used = HashSet::new();
        for (kind, text) in expressions {
            used.extend(tokens(*kind, text)?.into_iter().map(|token| token.text));
        }
        let unused = |field: &str, key: &String| {
            validation(format!("Value provided in {field} unused in expressions: keys: {{{key}}}"))
        };
        if let Some(key) = self.names.keys().find(|key| !used.contains(key.as_str())) {
            return Err(unused("ExpressionAttributeNames", key));
        }
        match self.values.keys().find(|key| !used.contains(key.as_str())) {
            Some(key) => Err(unused("ExpressionAttributeValues", key)),
            None => Ok(()),
        }
    }
}
