//! Rows of the control table: building and reading their attributes.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use livemove_core::canonical::Digest;
use livemove_core::error::Error;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A text attribute.
pub(super) fn s(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}

/// A number attribute.
pub(super) fn n(number: impl Into<u64>) -> AttributeValue {
    AttributeValue::N(number.into().to_string())
}

/// A value kept as JSON text.
pub(super) fn json(value: &impl Serialize) -> Result<AttributeValue, Error> {
    let text = serde_json::to_string(value)
        .map_err(|error| Error::Invariant(format!("a control row is not JSON: {error}")))?;
    Ok(AttributeValue::S(text))
}

/// The attribute by which a row tells that nobody changed it by hand.
pub(super) const CHECKSUM: &str = "checksum";

/// The value of [`CHECKSUM`] for a row that consists of these parts, its own key among them.
pub(super) fn checksum(parts: &[&str]) -> AttributeValue {
    // Each part with its length, so that no two lists of parts read the same.
    let text: String = parts.iter().map(|part| format!("{}:{part}", part.len())).collect();
    s(&Digest::of(text.as_bytes()).to_string()[..CHECKSUM_DIGITS])
}

/// As many as no accident gets right.
const CHECKSUM_DIGITS: usize = 24;

/// The text of an attribute that was made by [`json`].
pub(super) fn written(value: &AttributeValue) -> &str {
    value.as_s().map_or("", String::as_str)
}

/// The key of a row.
pub(super) fn key(pk: &str, sk: &str) -> HashMap<String, AttributeValue> {
    HashMap::from([("pk".to_owned(), s(pk)), ("sk".to_owned(), s(sk))])
}

/// A row with these attributes beside its key.
pub(super) fn item<const N: usize>(
    pk: &str,
    sk: &str,
    attributes: [(&str, AttributeValue); N],
) -> HashMap<String, AttributeValue> {
    let mut item = key(pk, sk);
    item.extend(attributes.into_iter().map(|(name, value)| (name.to_owned(), value)));
    item
}

/// A row as it is stored.
pub(super) struct Row(pub(super) HashMap<String, AttributeValue>);

impl Row {
    pub(super) fn text(&self, name: &str) -> Result<&str, Error> {
        self.0.get(name).and_then(|value| value.as_s().ok()).map(String::as_str).ok_or_else(|| self.broken(name))
    }

    pub(super) fn number<T: std::str::FromStr>(&self, name: &str) -> Result<T, Error> {
        self.optional_number(name)?.ok_or_else(|| self.broken(name))
    }

    pub(super) fn optional_number<T: std::str::FromStr>(&self, name: &str) -> Result<Option<T>, Error> {
        match self.0.get(name) {
            None => Ok(None),
            Some(AttributeValue::N(text)) => text.parse().map(Some).map_err(|_| self.broken(name)),
            Some(_) => Err(self.broken(name)),
        }
    }

    pub(super) fn json<T: DeserializeOwned>(&self, name: &str) -> Result<T, Error> {
        serde_json::from_str(self.text(name)?).map_err(|_| self.broken(name))
    }

    pub(super) fn optional_text(&self, name: &str) -> Result<Option<&str>, Error> {
        if self.0.contains_key(name) { self.text(name).map(Some) } else { Ok(None) }
    }

    pub(super) fn boolean(&self, name: &str) -> Result<bool, Error> {
        self.0.get(name).and_then(|value| value.as_bool().ok()).copied().ok_or_else(|| self.broken(name))
    }

    /// A map, or nothing where there is none; anything else is no absent one.
    pub(super) fn map(&self, name: &str) -> Result<Option<&HashMap<String, AttributeValue>>, Error> {
        match self.0.get(name) {
            None => Ok(None),
            Some(value) => value.as_m().map(Some).map_err(|_| self.broken(name)),
        }
    }

    /// Demands that the row carries the [`checksum`] of these parts.
    ///
    /// # Errors
    /// `UnreadableRow` with the `remedy`.
    pub(super) fn check(&self, parts: &[&str], remedy: &str) -> Result<(), Error> {
        if self.0.get(CHECKSUM) == Some(&checksum(parts)) {
            return Ok(());
        }
        let (pk, kind) = self.place();
        let problem = format!("a {kind} row of {pk} was changed past livemove: its {CHECKSUM} is not that of the rest");
        Err(Error::refused("UnreadableRow", problem, remedy))
    }

    /// Its subject, and the kind of row: nothing of its values, nor of an object's key.
    fn place(&self) -> (String, &str) {
        let part = |key| self.0.get(key).and_then(|value| value.as_s().ok()).map_or("?", String::as_str);
        let subject = part("pk").splitn(3, '#').take(2).collect::<Vec<_>>().join("#");
        (subject, part("sk").split('#').next().unwrap_or_default())
    }

    /// The row's own name, never its values: keys of items may be among them.
    pub(super) fn broken(&self, name: &str) -> Error {
        let (pk, kind) = self.place();
        Error::Invariant(format!("attribute {name} of a {kind} row of {pk} is missing or not readable"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_that_cannot_be_read_is_named_without_its_values() {
        let row = Row(item("table#orders", "straggler#1#abc", [("at", s("secret"))]));
        let error = row.number::<u64>("at").expect_err("not a number").to_string();
        assert!(error.contains("attribute at of a straggler row of table#orders"), "{error}");
        assert!(!error.contains("secret") && !error.contains("abc"));
        assert!(row.text("image").is_err() && row.json::<u64>("at").is_err());
        assert_eq!(row.optional_number::<u64>("seen").expect("optional"), None);
    }
}
