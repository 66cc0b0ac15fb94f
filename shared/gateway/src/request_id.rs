//! Ids of requests, in the form that DynamoDB's have: 52 upper-case letters and digits.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest as _, Sha256};

const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const LENGTH: usize = 52;

/// Gives out ids; no two are the same, in no two processes.
#[derive(Debug)]
pub(crate) struct RequestIds {
    process: [u64; 2],
    next: AtomicU64,
}

impl RequestIds {
    pub(crate) fn new() -> RequestIds {
        // Seeded by the system for each process.
        let random = || RandomState::new().hash_one(std::process::id());
        RequestIds { process: [random(), random()], next: AtomicU64::new(0) }
    }

    /// The next id.
    pub(crate) fn next(&self) -> String {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let mut digest = Sha256::new();
        for part in [self.process[0], self.process[1], number] {
            digest.update(part.to_be_bytes());
        }
        base32(&digest.finalize())
    }
}

fn base32(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(LENGTH + 8);
    for five in bytes.chunks(5) {
        let bits = (0..5).fold(0_u64, |bits, at| (bits << 8) | u64::from(five.get(at).copied().unwrap_or_default()));
        text.extend((0..8).rev().map(|at| char::from(ALPHABET[(bits >> (at * 5)) as usize % ALPHABET.len()])));
    }
    text.truncate(LENGTH);
    text
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn letters_stand_for_five_bits_each() {
        // https://www.rfc-editor.org/rfc/rfc4648#section-10
        assert_eq!(&base32(b"foobar")[..10], "MZXW6YTBOI");
        assert_eq!(base32(&[0xff; 32]), format!("{}Q", "7".repeat(51)));
    }

    #[test]
    fn ids_look_like_dynamodbs_and_differ() {
        let (one, other) = (RequestIds::new(), RequestIds::new());
        let ids: HashSet<_> = (0..100).flat_map(|_| [one.next(), other.next()]).collect();
        assert_eq!(ids.len(), 200);
        let plain = |id: &String| id.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
        assert!(ids.iter().all(|id| id.len() == 52 && plain(id)));
    }
}
