//! The parameters of an operation: each is taken by name and type, and what is left at the end is refused.

use livemove_core::error::Error;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// Parameters that were replaced by expressions long ago, and what replaced them.
const LEGACY: [(&str, &str); 7] = [
    ("AttributesToGet", "use ProjectionExpression"),
    ("AttributeUpdates", "use UpdateExpression"),
    ("Expected", "use ConditionExpression"),
    ("ConditionalOperator", "use AND and OR in the expression"),
    ("KeyConditions", "use KeyConditionExpression"),
    ("QueryFilter", "use FilterExpression"),
    ("ScanFilter", "use FilterExpression"),
];

/// The input of one call.
#[derive(Debug)]
pub(super) struct Parameters<'a> {
    operation: &'a str,
    left: Map<String, Value>,
}

impl<'a> Parameters<'a> {
    pub(super) fn new(operation: &'a str, input: Map<String, Value>) -> Parameters<'a> {
        Parameters { operation, left: input }
    }

    /// Takes a parameter; JSON's null is none.
    pub(super) fn optional<T: DeserializeOwned>(&mut self, name: &str) -> Result<Option<T>, Error> {
        match self.left.remove(name).filter(|value| !value.is_null()) {
            None => Ok(None),
            Some(value) => serde_json::from_value(value).map(Some).map_err(|error| Error::Rejected {
                name: "SerializationException".to_owned(),
                message: format!("parameter {name} of {}: {error}", self.operation),
            }),
        }
    }

    /// Takes a parameter that must be there.
    pub(super) fn required<T: DeserializeOwned>(&mut self, name: &str) -> Result<T, Error> {
        self.optional(name)?
            .ok_or_else(|| invalid(format!("parameter {name} of {} is missing", self.operation), format!("add {name}")))
    }

    /// Takes a parameter of few values; the first is meant when it is missing.
    pub(super) fn one_of<T: Clone>(&mut self, name: &str, choices: &[(&str, T)]) -> Result<T, Error> {
        let given: Option<String> = self.optional(name)?;
        let wanted = given.as_deref().or(choices.first().map(|(text, _)| *text)).unwrap_or_default();
        let found = choices.iter().find(|(text, _)| *text == wanted).map(|(_, choice)| choice.clone());
        found.ok_or_else(|| {
            let all: Vec<_> = choices.iter().map(|(text, _)| *text).collect();
            let remedy = format!("leave it out or use one of: {}", all.join(", "));
            invalid(format!("{name} of {} is `{wanted}`, which is not supported", self.operation), remedy)
        })
    }

    /// Refuses what is left.
    pub(super) fn finish(self) -> Result<(), Error> {
        let Some(name) = self.left.into_iter().find(|(_, value)| !value.is_null()).map(|(name, _)| name) else {
            return Ok(());
        };
        let legacy = LEGACY.iter().find(|(old, _)| *old == name).map(|(_, remedy)| (*remedy).to_owned());
        let remedy = legacy.unwrap_or_else(|| "leave it out".to_owned());
        Err(invalid(format!("parameter {name} of {} is not supported", self.operation), remedy))
    }
}

/// A refusal under DynamoDB's name for wrong requests.
pub(super) fn invalid(reason: impl Into<String>, remedy: impl Into<String>) -> Error {
    Error::refused("ValidationException", reason, remedy)
}
