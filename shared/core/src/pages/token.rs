//! Where a read stands, as the application carries it from page to page: `LastEvaluatedKey`.
//!
//! It is the key attributes of the last item looked at, as DynamoDB's. Where the order is one table's own, the
//! reserved attribute [`WALK`] names that table; none is the plan's source, so that tokens from before the
//! migration, and from its first half, are the backend's own. Where two indexes are read together, it also tells
//! where each of them stands: a text that nobody but this module reads, with a digest of all that it says. One that
//! was changed on its way is refused: it could pass over entries.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_dynamo::AttributeValue;

use crate::canonical::Digest;
use crate::error::Error;
use crate::expression::validation;
use crate::item::Item;
use crate::mark::RESERVED;
use crate::phase::Side;

/// The table that is walked, and where both indexes stand.
pub(super) const WALK: &str = "_lm_w";

const SOURCE: &str = "source";
const TARGET: &str = "target";
/// As many as no accident gets right.
const DIGEST_BYTES: usize = 12;

/// Where a read stands.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Token {
    /// The table that is walked; `None` before the first page.
    pub(super) walk: Option<Side>,
    /// The key attributes to go on after.
    pub(super) key: Option<Item>,
    /// Where each of two indexes stands that are read together.
    pub(super) stands: Option<Stands>,
}

/// Where the two indexes stand that are read together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Stands {
    /// The one that the read began on.
    #[serde(rename = "w")]
    pub(super) walked: Stand,
    /// The other.
    #[serde(rename = "o")]
    pub(super) other: Stand,
    /// Whether of the sort key they stand at it is the other's turn already: what comes to the walked one there
    /// comes too late.
    #[serde(rename = "t")]
    pub(super) others_turn: bool,
}

/// Where one index stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Stand {
    /// At its beginning.
    Start,
    /// After the item of these key attributes.
    After(Item),
    /// At its end.
    End,
}

impl Token {
    /// Reads what the application sends as `ExclusiveStartKey`.
    ///
    /// # Errors
    /// A `ValidationException` for reserved attributes that no answer has.
    pub(super) fn open(start: Option<Item>) -> Result<Token, Error> {
        let Some(mut key) = start else { return Ok(Token::default()) };
        let (walk, stands) = match key.0.remove(WALK) {
            None => (Side::Source, None),
            Some(AttributeValue::S(text)) => open_walk(&text, &key)?,
            Some(_) => return Err(invalid()),
        };
        if key.0.keys().any(|name| name.starts_with(RESERVED)) {
            return Err(invalid());
        }
        Ok(Token { walk: Some(walk), key: Some(key), stands })
    }

    /// The side that is walked from here, where the order is the table's own; `home` for a first page.
    ///
    /// # Errors
    /// A `ValidationException` if it is the token of another kind of read.
    pub(super) fn side(&self, home: Side) -> Result<Side, Error> {
        if self.stands.is_some() { Err(invalid()) } else { Ok(self.walk.unwrap_or(home)) }
    }

    /// The side that is walked from here, where the order is that of the keys: `home`.
    ///
    /// # Errors
    /// A `ValidationException` if it is the token of another kind of read.
    pub(super) fn plain(&self, home: Side) -> Result<Side, Error> {
        if self.stands.is_some() || self.walk == Some(Side::Target) { Err(invalid()) } else { Ok(home) }
    }

    /// Where both indexes stand: at the same key, where only one of them has been read so far.
    pub(super) fn into_stands(self) -> Stands {
        let stand = self.key.map_or(Stand::Start, Stand::After);
        self.stands.unwrap_or(Stands { walked: stand.clone(), other: stand, others_turn: false })
    }

    /// What the application gets as `LastEvaluatedKey`; `None` without a key to go on after.
    pub(super) fn seal(self) -> Option<Item> {
        let mut item = self.key?;
        let text = match (self.walk, self.stands) {
            (None | Some(Side::Source), None) => return Some(item),
            (Some(Side::Target), None) => TARGET.to_owned(),
            (walk, Some(stands)) => {
                let walk = if walk == Some(Side::Target) { TARGET } else { SOURCE };
                let stands = URL_SAFE_NO_PAD.encode(serde_json::to_vec(&stands).unwrap_or_default());
                format!("{walk}.{stands}.{}", digest(walk, &stands, &item))
            }
        };
        item.0.insert(WALK.to_owned(), AttributeValue::S(text));
        Some(item)
    }
}

impl Stands {
    /// Whether nothing is left.
    pub(super) fn is_end(&self) -> bool {
        self.walked == Stand::End && self.other == Stand::End
    }

    /// Demands that both stand at key attributes of these names and no others.
    ///
    /// # Errors
    /// A `ValidationException` when they do not.
    pub(super) fn check(&self, names: &[&str]) -> Result<(), Error> {
        let fits = |item: &Item| {
            item.0.len() == names.len()
                && names.iter().all(|name| {
                    matches!(
                        item.0.get(*name),
                        Some(AttributeValue::S(_) | AttributeValue::N(_) | AttributeValue::B(_))
                    )
                })
        };
        let checked = [&self.walked, &self.other].into_iter().all(|stand| match stand {
            Stand::After(item) => fits(item),
            Stand::Start | Stand::End => true,
        });
        if checked { Ok(()) } else { Err(invalid()) }
    }
}

/// What tells a token from one that was changed; `key` is without reserved attributes.
fn digest(walk: &str, stands: &str, key: &Item) -> String {
    let mut text = format!("{walk}.{stands}.").into_bytes();
    text.extend(key.canonical());
    URL_SAFE_NO_PAD.encode(&Digest::of(&text).as_bytes()[..DIGEST_BYTES])
}

fn open_walk(text: &str, key: &Item) -> Result<(Side, Option<Stands>), Error> {
    let Some((walk, stands)) = text.split_once('.') else {
        return if text == TARGET { Ok((Side::Target, None)) } else { Err(invalid()) };
    };
    let (stands, said) = stands.split_once('.').ok_or_else(invalid)?;
    if said != digest(walk, stands, key) {
        return Err(invalid());
    }
    let walk = match walk {
        SOURCE => Side::Source,
        TARGET => Side::Target,
        _ => return Err(invalid()),
    };
    let stands = URL_SAFE_NO_PAD.decode(stands).map_err(|_| invalid())?;
    let stands = serde_json::from_slice(&stands).map_err(|_| invalid())?;
    Ok((walk, Some(stands)))
}

/// DynamoDB's words for a start key that is none.
pub(super) fn invalid() -> Error {
    validation("The provided starting key is invalid")
}
