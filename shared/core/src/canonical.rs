//! The canonical form: equal bytes for items that mean the same, whatever order sets come in and however
//! numbers are spelt. Used for comparison and digests only; the application's bytes are never touched.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_dynamo::AttributeValue;
use sha2::{Digest as _, Sha256};

use crate::item::Item;
use crate::mark::RESERVED;

impl Item {
    /// The canonical bytes of the application's attributes; marks do not count.
    pub fn canonical(&self) -> Vec<u8> {
        let mut out = Vec::new();
        write_map(&mut out, self.0.iter().filter(|(name, _)| !name.starts_with(RESERVED)));
        out
    }

    /// Whether both hold the same application attributes; marks do not count.
    pub fn same_data(&self, other: &Item) -> bool {
        self.canonical() == other.canonical()
    }

    /// SHA-256 of [`Item::canonical`].
    pub fn digest(&self) -> Digest {
        Digest::of(&self.canonical())
    }
}

/// The canonical bytes of a map of attributes.
pub(crate) fn canonical_map(map: &BTreeMap<String, AttributeValue>) -> Vec<u8> {
    let mut out = Vec::new();
    write_map(&mut out, map.iter());
    out
}

/// The canonical bytes of one value.
pub(crate) fn canonical_value(value: &AttributeValue) -> Vec<u8> {
    let mut out = Vec::new();
    write_value(&mut out, value);
    out
}

// JSON-like text: each part is length-prefixed or delimited after quoting, so that no two values share a form.
fn write_map<'a>(out: &mut Vec<u8>, entries: impl Iterator<Item = (&'a String, &'a AttributeValue)>) {
    out.push(b'{');
    for (name, value) in entries {
        write_text(out, name);
        write_value(out, value);
    }
    out.push(b'}');
}

fn write_text(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.len().to_string().as_bytes());
    out.push(b':');
    out.extend_from_slice(text.as_bytes());
}

fn write_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    use base64::Engine as _;
    write_text(out, &base64::engine::general_purpose::STANDARD.encode(bytes));
}

fn write_value(out: &mut Vec<u8>, value: &AttributeValue) {
    match value {
        AttributeValue::N(n) => {
            out.push(b'N');
            write_text(out, &canonical_number(n));
        }
        AttributeValue::S(s) => {
            out.push(b'S');
            write_text(out, s);
        }
        AttributeValue::B(b) => {
            out.push(b'B');
            write_bytes(out, b);
        }
        AttributeValue::Bool(b) => out.extend_from_slice(if *b { b"T" } else { b"F" }),
        AttributeValue::Null(_) => out.push(b'0'),
        AttributeValue::M(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by_key(|(name, _)| *name);
            write_map(out, entries.into_iter());
        }
        AttributeValue::L(list) => {
            out.push(b'[');
            list.iter().for_each(|value| write_value(out, value));
            out.push(b']');
        }
        AttributeValue::Ss(set) => write_set(out, b's', set.to_vec()),
        AttributeValue::Ns(set) => write_set(out, b'n', set.iter().map(|n| canonical_number(n)).collect()),
        AttributeValue::Bs(set) => {
            let mut sorted: Vec<_> = set.iter().collect();
            sorted.sort();
            out.extend_from_slice(b"b(");
            sorted.into_iter().for_each(|bytes| write_bytes(out, bytes));
            out.push(b')');
        }
    }
}

fn write_set(out: &mut Vec<u8>, tag: u8, mut members: Vec<String>) {
    members.sort();
    out.push(tag);
    out.push(b'(');
    members.iter().for_each(|member| write_text(out, member));
    out.push(b')');
}

/// One spelling for each number: sign, digits without leading and trailing zeros, power of ten. Text all the
/// way, so 38 digits stay 38 digits. What is not a number is returned as it is.
pub fn canonical_number(text: &str) -> String {
    parse_number(text).unwrap_or_else(|| text.to_owned())
}

fn parse_number(text: &str) -> Option<String> {
    let (negative, rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (mantissa, exponent) = match rest.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
        None => (rest, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let significant = digits.trim_start_matches('0');
    let trimmed = significant.trim_end_matches('0');
    if trimmed.is_empty() {
        return Some("0".to_owned());
    }
    // An exponent at the very end of its range leaves no room: such a text is no number of DynamoDB's.
    let power = exponent
        .checked_sub(i64::try_from(fraction.len()).ok()?)?
        .checked_add(i64::try_from(significant.len() - trimmed.len()).ok()?)?;
    Some(format!("{}{trimmed}e{power}", if negative { "-" } else { "" }))
}

/// A SHA-256, or a sum of such modulo 2^256: the digest of a set of items does not depend on their order and
/// can be added up segment by segment.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Digest([u8; 32]);

impl Digest {
    /// SHA-256 of `bytes`.
    pub fn of(bytes: &[u8]) -> Digest {
        Digest(Sha256::digest(bytes).into())
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Adds another digest, modulo 2^256.
    pub fn add(&mut self, other: &Digest) {
        let mut carry = 0u16;
        for (mine, theirs) in self.0.iter_mut().zip(other.0).rev() {
            let sum = u16::from(*mine) + u16::from(theirs) + carry;
            *mine = sum.to_le_bytes()[0];
            carry = sum >> 8;
        }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Digest {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Digest, D::Error> {
        let text = String::deserialize(deserializer)?;
        // As it is written, and nothing else: `from_str_radix` would take a sign, too.
        let digits = text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        let bytes: Option<Vec<u8>> = (text.len() == 64 && digits)
            .then(|| (0..64).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).ok()).collect())
            .flatten();
        let bytes = bytes.and_then(|bytes| bytes.try_into().ok());
        bytes
            .map(Digest)
            .ok_or_else(|| serde::de::Error::custom(format!("`{text}` is not 64 lower-case hexadecimal digits")))
    }
}
