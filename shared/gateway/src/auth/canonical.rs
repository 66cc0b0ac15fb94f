//! The canonical form of a request, rebuilt from what arrived.
//!
//! Method, path and query are those of every call: `POST`, `/`, none; the server answers nothing else with data.

use std::fmt::Write as _;

use hyper::HeaderMap;
use sha2::{Digest as _, Sha256};

use super::authorization::Authorization;

/// The canonical request; `None` if a signed header is missing or is no text.
pub(super) fn request(headers: &HeaderMap, authorization: &Authorization<'_>, body_sha256: &str) -> Option<String> {
    let mut text = String::with_capacity(512);
    text.push_str("POST\n/\n\n");
    for name in authorization.signed_headers() {
        text.push_str(name);
        text.push(':');
        push_values(&mut text, headers, name)?;
        text.push('\n');
    }
    write!(text, "\n{}\n{body_sha256}", authorization.signed).ok()?;
    Some(text)
}

// Several values are joined by commas, runs of spaces become one.
fn push_values(text: &mut String, headers: &HeaderMap, name: &str) -> Option<()> {
    let mut values = headers.get_all(name).iter().peekable();
    values.peek()?;
    let mut first = true;
    for value in values {
        if !std::mem::take(&mut first) {
            text.push(',');
        }
        let words = value.to_str().ok()?.split([' ', '\t']).filter(|word| !word.is_empty());
        for (at, word) in words.enumerate() {
            if at > 0 {
                text.push(' ');
            }
            text.push_str(word);
        }
    }
    Some(())
}

/// The text that is signed.
pub(super) fn string_to_sign(request: &str, authorization: &Authorization<'_>, time: &str) -> String {
    format!("AWS4-HMAC-SHA256\n{time}\n{}\n{}", authorization.scope(), sha256_hex(request.as_bytes()))
}

/// The SHA-256 of bytes in lower-case hexadecimal digits.
pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(64);
    for byte in Sha256::digest(bytes) {
        let _never = write!(text, "{byte:02x}");
    }
    text
}
