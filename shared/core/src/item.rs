//! Items, keys and the canonical form in which two items are compared.
//!
//! An item is kept exactly as DynamoDB gave it: numbers stay text, sets keep their order, nothing is
//! normalised. Only [`Item::canonical`] normalises, for comparison and digests.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_dynamo::AttributeValue;

use crate::canonical::{Digest, canonical_map};

/// A DynamoDB item: attribute name to value, marks included.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Item(pub BTreeMap<String, AttributeValue>);

/// The names of the key attributes of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeySchema {
    /// Name of the partition (HASH) key attribute.
    pub partition: String,
    /// Name of the sort (RANGE) key attribute, where the table has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sort: Option<String>,
}

/// The primary key of one item: its key attributes, nothing else.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Key(BTreeMap<String, AttributeValue>);

/// An item or key that does not have the key attributes its table requires.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "key attribute `{attribute}` is missing, not a string, number or binary value, or not the only other attribute"
)]
pub struct InvalidKey {
    /// The key attribute that is missing or of the wrong type.
    pub attribute: String,
}

impl KeySchema {
    /// The names of the key attributes, partition first.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.partition.as_str()).chain(self.sort.as_deref())
    }

    /// Takes the key out of an item of this table.
    ///
    /// # Errors
    /// [`InvalidKey`] when a key attribute is missing or is not S, N or B.
    pub fn key_of(&self, item: &Item) -> Result<Key, InvalidKey> {
        let mut key = BTreeMap::new();
        for name in self.names() {
            match item.0.get(name) {
                Some(value @ (AttributeValue::S(_) | AttributeValue::N(_) | AttributeValue::B(_))) => {
                    key.insert(name.to_owned(), value.clone());
                }
                _ => {
                    return Err(InvalidKey { attribute: name.to_owned() });
                }
            }
        }
        Ok(Key(key))
    }

    /// Accepts `attributes` as a key of this table if it holds the key attributes and no other.
    ///
    /// # Errors
    /// [`InvalidKey`] naming the attribute that is missing, of the wrong type or one too many.
    pub fn key(&self, attributes: Item) -> Result<Key, InvalidKey> {
        let key = self.key_of(&attributes)?;
        match attributes.0.into_keys().find(|name| !key.0.contains_key(name)) {
            Some(attribute) => Err(InvalidKey { attribute }),
            None => Ok(key),
        }
    }
}

/// The name under which an object's key stands where keys of items do.
const OBJECT: &str = "key";

impl Key {
    /// The key of an object, as holds have it.
    pub fn of_object(name: &str) -> Key {
        Key(BTreeMap::from([(OBJECT.to_owned(), AttributeValue::S(name.to_owned()))]))
    }

    /// The object's key, if it is that of one.
    pub fn object(&self) -> Option<&str> {
        match self.0.get(OBJECT) {
            Some(AttributeValue::S(name)) if self.0.len() == 1 => Some(name),
            Some(_) | None => None,
        }
    }

    /// The key attributes.
    pub fn attributes(&self) -> &BTreeMap<String, AttributeValue> {
        &self.0
    }

    /// An item that holds the key attributes alone.
    pub fn to_item(&self) -> Item {
        Item(self.0.clone())
    }

    /// A text that is equal for equal keys and different for different ones: identity within a table.
    /// It contains the key's values, so it must never reach a log; see [`Key::hash`].
    pub fn id(&self) -> String {
        String::from_utf8(canonical_map(&self.0)).unwrap_or_default()
    }

    /// The first 16 hexadecimal digits of the SHA-256 of [`Key::id`]: what logs may show of a key.
    pub fn hash(&self) -> String {
        Digest::of(&canonical_map(&self.0)).to_string()[..16].to_owned()
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.hash())
    }
}
