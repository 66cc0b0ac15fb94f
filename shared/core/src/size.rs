//! Sizes of items by DynamoDB's rules, and the room that livemove's marks need in them.
//!
//! Rules: <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html>; the limit:
//! <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html>.

use serde_dynamo::AttributeValue;

use crate::error::Error;
use crate::item::{Item, Key};
use crate::mark::RESERVED;

/// The most bytes of an item.
pub const ITEM_MAX: usize = 400 * 1024;
/// The most bytes that marks take on an item that is no tombstone, and some to spare for positions of repairs.
pub const MARKS_MAX: usize = 150;
/// The name of the refusal of an item that has no room for marks.
pub const TOO_LARGE: &str = "ItemTooLarge";

/// The size of an item in bytes, marks included. Of numbers AWS documents an approximation only; this is its upper bound.
pub fn of(item: &Item) -> usize {
    members(&item.0)
}

/// Whether the item, without the marks that it may have now, leaves room for all that it may ever need.
pub fn leaves_room(item: &Item) -> bool {
    let data = item.0.iter().filter(|(name, _)| !name.starts_with(RESERVED));
    members(data) + MARKS_MAX <= ITEM_MAX
}

/// Refuses to put an item that is within DynamoDB's limit and leaves no room for marks. What is beyond that limit is
/// left to DynamoDB to refuse.
///
/// # Errors
/// `ItemTooLarge`.
pub fn check(item: &Item) -> Result<(), Error> {
    match of(item) {
        bytes if bytes <= ITEM_MAX && bytes + MARKS_MAX > ITEM_MAX => {
            Err(refused(&format!("the item has {bytes} bytes")))
        }
        _ => Ok(()),
    }
}

/// Whether this is DynamoDB's refusal of an item for its size, or livemove's own. DynamoDB has no code of its own for
/// it, but documents its two messages:
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html>.
pub fn is_too_large(error: &Error) -> bool {
    match error {
        Error::Rejected { name, message } => name == "ValidationException" && is_of_size(message),
        Error::Refused { name, .. } => *name == TOO_LARGE,
        Error::Throttled(_)
        | Error::Unavailable(_)
        | Error::Ambiguous(_)
        | Error::OldValuesLost(_)
        | Error::Conflict(_)
        | Error::Denied(_)
        | Error::ConditionFailed { .. }
        | Error::Cancelled { .. }
        | Error::StalePhase
        | Error::Invariant(_) => false,
    }
}

/// Whether a message of DynamoDB's is about the size of an item.
pub fn is_of_size(message: &str) -> bool {
    message.contains("Item size") && message.contains("maximum allowed size")
}

/// A message of DynamoDB's, with livemove's part in it where it is about the size of an item.
pub fn explained(message: String) -> String {
    if is_of_size(&message) {
        return format!("{message}; livemove's marks need {MARKS_MAX} of its {ITEM_MAX} bytes");
    }
    message
}

/// The same error, by name where it is the refusal of an item of which livemove's marks are a part.
#[must_use]
pub fn named(error: Error, key: &Key) -> Error {
    if is_too_large(&error) && error.name() != TOO_LARGE {
        return refused(&format!("the item with key {} outgrows DynamoDB's limit with its marks", key.hash()));
    }
    error
}

fn refused(what: &str) -> Error {
    Error::refused(
        TOO_LARGE,
        format!("{what}: DynamoDB takes {ITEM_MAX}, and livemove's marks need {MARKS_MAX} of them"),
        format!("make it at most {} bytes, or delete it", ITEM_MAX - MARKS_MAX),
    )
}

fn members<'a>(members: impl IntoIterator<Item = (&'a String, &'a AttributeValue)>) -> usize {
    members.into_iter().map(|(name, value)| name.len() + of_value(value)).sum()
}

fn of_value(value: &AttributeValue) -> usize {
    match value {
        AttributeValue::S(text) => text.len(),
        AttributeValue::N(text) => number(text),
        AttributeValue::B(bytes) => bytes.len(),
        AttributeValue::Bool(_) | AttributeValue::Null(_) => 1,
        AttributeValue::Ss(set) => set.iter().map(String::len).sum(),
        AttributeValue::Ns(set) => set.iter().map(|text| number(text)).sum(),
        AttributeValue::Bs(set) => set.iter().map(Vec::len).sum(),
        AttributeValue::L(list) => 3 + list.iter().map(|value| 1 + of_value(value)).sum::<usize>(),
        AttributeValue::M(map) => 3 + map.len() + members(map),
    }
}

/// A byte for two significant digits, one more, and one for a sign.
fn number(text: &str) -> usize {
    let mantissa = text.split(['e', 'E']).next().unwrap_or_default();
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    let significant = digits.trim_matches('0').len();
    significant.div_ceil(2) + 1 + usize::from(mantissa.starts_with('-'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mark::{Marks, OperationId, Position, Run};

    fn item(attributes: impl IntoIterator<Item = (&'static str, AttributeValue)>) -> Item {
        Item(attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    fn s(text: &str) -> AttributeValue {
        AttributeValue::S(text.to_owned())
    }

    fn n(text: &str) -> AttributeValue {
        AttributeValue::N(text.to_owned())
    }

    #[test]
    fn sizes_follow_the_documented_rules() {
        let size = |value| of(&item([("a", value)])) - 1;
        assert_eq!(size(s("é")), 2, "bytes of UTF-8");
        assert_eq!([size(n("0")), size(n("12")), size(n("123")), size(n("-1"))], [1, 2, 3, 3]);
        assert_eq!(
            [size(n("1200")), size(n("0.0012")), size(n("1.2E+10"))],
            [2, 2, 2],
            "zeroes at the ends are trimmed"
        );
        assert_eq!([size(AttributeValue::B(vec![0; 7])), size(AttributeValue::Bool(true))], [7, 1]);
        assert_eq!(size(AttributeValue::L(vec![AttributeValue::Null(true), s("abc")])), 3 + (1 + 1) + (1 + 3));
        assert_eq!(size(AttributeValue::M([("xy".to_owned(), s("abc"))].into())), 3 + 1 + 2 + 3);
        assert_eq!(size(AttributeValue::Ss(vec!["ab".to_owned(), "c".to_owned()])), 3);
        assert_eq!(size(AttributeValue::M([].into())), 3);
    }

    #[test]
    fn all_marks_together_stay_within_their_room() {
        let data = item([("pk", s("k"))]);
        let run = Run(99);
        let marks = Marks {
            own: run,
            moved: run,
            position: Some(Position::repaired(run, Some(Position::new(run, &"9".repeat(40))))),
            stamp: OperationId::new("x".repeat(OperationId::MAX_LENGTH)),
            ..Marks::default()
        };
        let room = of(&marks.onto(data.clone())) - of(&data);
        assert!((MARKS_MAX - 20..=MARKS_MAX).contains(&room), "{room}");
    }

    #[test]
    fn an_item_within_the_limit_that_has_no_room_for_marks_is_refused_by_name() {
        let of_size = |bytes: usize| item([("v", s(&"x".repeat(bytes - 1)))]);
        assert!(check(&of_size(ITEM_MAX - MARKS_MAX)).is_ok());
        for bytes in [ITEM_MAX - MARKS_MAX + 1, ITEM_MAX] {
            let error = check(&of_size(bytes)).unwrap_err();
            assert_eq!(error.name(), TOO_LARGE);
            let text = error.to_string();
            assert!(text.contains(&bytes.to_string()) && text.contains("at most 409450 bytes"), "{text}");
        }
        assert!(check(&of_size(ITEM_MAX + 1)).is_ok(), "that is DynamoDB's to say");
    }
}
