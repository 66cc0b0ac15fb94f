//! The names, values and condition text of one request, the application's and livemove's own together.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::types::AttributeValue as Sdk;
use livemove_core::error::Error;
use livemove_core::expression::{Kind, room};
use livemove_core::ports::Write;
use serde_dynamo::AttributeValue;

use super::value::item_to_sdk;

/// `ExpressionAttributeNames`.
pub(super) type Names = BTreeMap<String, String>;
/// `ExpressionAttributeValues`.
pub(super) type Values = BTreeMap<String, AttributeValue>;

type SdkNames = HashMap<String, String>;
type SdkValues = HashMap<String, Sdk>;

/// Placeholders of livemove's own start with this behind `#` or `:`.
const OWN: &str = "_lm_";

/// Names and values of a request; grows as expressions are added.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Expressions {
    names: Names,
    values: Values,
}

impl Expressions {
    /// Those of the application.
    ///
    /// # Errors
    /// `ValidationException` when the application uses one of livemove's placeholders.
    pub(super) fn of(write: &Write) -> Result<Expressions, Error> {
        Expressions::with(write.names.clone(), write.values.clone())
    }

    /// As [`Expressions::of`].
    pub(super) fn with(names: Names, values: Values) -> Result<Expressions, Error> {
        let own = |placeholder: &&String| placeholder.get(1..).is_some_and(|rest| rest.starts_with(OWN));
        if let Some(placeholder) = names.keys().chain(values.keys()).find(own) {
            return Err(invalid(format!("placeholder {placeholder} is reserved by livemove; give it another name")));
        }
        Ok(Expressions { names, values })
    }

    /// The placeholder for an attribute: `#_lm_own` for `_lm_own`, `#_lm_pk` for the partition key.
    pub(super) fn name(&mut self, attribute: &str) -> String {
        let placeholder = format!("#{OWN}{}", attribute.strip_prefix(OWN).unwrap_or("pk"));
        self.names.insert(placeholder.clone(), attribute.to_owned());
        placeholder
    }

    /// The placeholder `#_lm_k<number>` for a key attribute.
    pub(super) fn key_name(&mut self, number: usize, attribute: &str) -> String {
        let placeholder = format!("#{OWN}k{number}");
        self.names.insert(placeholder.clone(), attribute.to_owned());
        placeholder
    }

    /// The placeholder `:_lm_<label>` for a value.
    pub(super) fn value(&mut self, label: &str, value: &AttributeValue) -> String {
        let placeholder = format!(":{OWN}{label}");
        self.values.insert(placeholder.clone(), value.clone());
        placeholder
    }

    /// Names and values for the request; `None` where there are none, for DynamoDB refuses empty maps.
    pub(super) fn parts(&self) -> (Option<&Names>, Option<&Values>) {
        (Some(&self.names).filter(|names| !names.is_empty()), Some(&self.values).filter(|values| !values.is_empty()))
    }

    /// As [`Expressions::parts`], in the SDK's form.
    pub(super) fn to_sdk(&self) -> (Option<SdkNames>, Option<SdkValues>) {
        let (names, values) = self.parts();
        (names.map(|names| names.clone().into_iter().collect()), values.map(item_to_sdk))
    }
}

/// `text` as one operand of AND or OR: in parentheses, unless it is already, for DynamoDB refuses redundant ones.
///
/// # Errors
/// `ValidationException` when the parentheses of `text` do not match: joined to another expression such a text
/// could change what that one means.
pub(super) fn operand(text: &str) -> Result<String, Error> {
    let text = text.trim();
    let mut depth = 0usize;
    let mut whole = text.starts_with('(');
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => {
                depth = depth.checked_sub(1).ok_or_else(unmatched)?;
                whole &= depth > 0 || at + 1 == text.len();
            }
            _ => {}
        }
    }
    match (depth, text) {
        (0, "") => Err(invalid("Invalid ConditionExpression: The expression can not be empty;".to_owned())),
        (0, text) if whole => Ok(text.to_owned()),
        (0, text) => Ok(format!("({text})")),
        (_, _) => Err(unmatched()),
    }
}

/// Refuses a projection that is within DynamoDB's limit and, `rendered` with keys and marks in it, no more.
///
/// # Errors
/// `ExpressionTooLong`.
pub(super) fn demand_room(asked: Option<&str>, rendered: &str) -> Result<(), Error> {
    let asked = asked.map_or(0, str::len);
    room::check_length(Kind::Projection, asked, rendered.len() - asked)
}

fn unmatched() -> Error {
    invalid("Invalid ConditionExpression: Syntax error; parentheses do not match".to_owned())
}

pub(super) fn invalid(message: String) -> Error {
    Error::Rejected { name: "ValidationException".to_owned(), message }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parentheses_are_added_only_where_they_are_not_redundant() {
        let ok = |text| operand(text).unwrap();
        assert_eq!(ok("a = :b"), "(a = :b)");
        assert_eq!(ok(" (a = :b) "), "(a = :b)");
        assert_eq!(ok("(a = :b) OR (c = :d)"), "((a = :b) OR (c = :d))");
        assert_eq!(ok("attribute_exists(a)"), "(attribute_exists(a))");
        assert_eq!(ok("(size(a) > :b)"), "(size(a) > :b)");
    }

    #[test]
    fn a_condition_cannot_break_out_of_its_parentheses() {
        for text in ["a = :b) OR (c = :d", "(a = :b", "a = :b)", ")(", " "] {
            assert_eq!(operand(text).unwrap_err().name(), "ValidationException", "{text}");
        }
    }

    #[test]
    fn a_projection_that_has_no_room_for_keys_and_marks_is_refused_by_name() {
        let asked = "b".repeat(4000);
        assert!(demand_room(Some(&asked), &"b".repeat(4096)).is_ok());
        let error = demand_room(Some(&asked), &"b".repeat(4097)).unwrap_err();
        assert_eq!(error.name(), "ExpressionTooLong");
        assert!(error.to_string().contains("ProjectionExpression has 4000 bytes"), "{error}");
        assert!(demand_room(Some(&"b".repeat(4097)), &"b".repeat(4200)).is_ok(), "that is DynamoDB's to say");
    }

    #[test]
    fn the_application_cannot_take_livemoves_placeholders() {
        let names = BTreeMap::from([("#_lm_own".to_owned(), "x".to_owned())]);
        assert_eq!(Expressions::with(names, BTreeMap::new()).unwrap_err().name(), "ValidationException");
        let values = BTreeMap::from([(":_lm_run".to_owned(), AttributeValue::Bool(true))]);
        assert_eq!(Expressions::with(BTreeMap::new(), values).unwrap_err().name(), "ValidationException");
    }
}
