//! What a request's signature is made of: AWS Signature Version 4,
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>.
//!
//! Method, path and query are those of every call to DynamoDB: `POST`, `/`, none.

use hyper::HeaderMap;
use sha2::{Digest as _, Sha256};

/// The signing name of DynamoDB and of its streams.
pub const SERVICE: &str = "dynamodb";
/// How requests are signed.
pub const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// The first lines of every canonical request.
const BEGINNING: &str = "POST\n/\n\n";
const SHA256_DIGITS: usize = 64;

/// What a signature is good for; `date` is like `20260131`.
pub fn scope(date: &str, region: &str) -> String {
    [date, "/", region, "/", SERVICE, "/aws4_request"].concat()
}

/// The canonical request over the headers that `signed` names: in lower case, in order, divided by `;`. `None` if one
/// of them is missing or is no text.
pub fn canonical_request(headers: &HeaderMap, signed: &str, body_sha256: &str) -> Option<String> {
    let mut text = String::with_capacity(512);
    text.push_str(BEGINNING);
    for name in signed.split(';') {
        text.push_str(name);
        text.push(':');
        push_values(&mut text, headers, name)?;
        text.push('\n');
    }
    for part in ["\n", signed, "\n", body_sha256] {
        text.push_str(part);
    }
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

/// The text that is signed; `time` is like `20260131T235959Z`.
pub fn string_to_sign(time: &str, scope: &str, canonical_request: &str) -> String {
    [ALGORITHM, "\n", time, "\n", scope, "\n", &sha256_hex(canonical_request.as_bytes())].concat()
}

/// The SHA-256 of bytes in lower-case hexadecimal digits.
pub fn sha256_hex(bytes: &[u8]) -> String {
    let mut digits = vec![0; SHA256_DIGITS];
    // Neither can fail: as many digits as there is room for, and all of them text. `hex::encode` would take them one by
    // one, ten times as long.
    _ = hex::encode_to_slice(Sha256::digest(bytes), &mut digits);
    String::from_utf8(digits).unwrap_or_default()
}
