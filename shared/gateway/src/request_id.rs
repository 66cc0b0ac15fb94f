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
    let bit = |at: usize| bytes.get(at / 8).map_or(0, |byte| (byte >> (7 - at % 8)) & 1);
    let letter = |at: usize| (0..5).fold(0_u8, |letter, offset| (letter << 1) | bit(at * 5 + offset));
    (0..LENGTH).map(|at| char::from(ALPHABET[usize::from(letter(at))])).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ids_look_like_dynamodbs_and_differ() {
        let (one, other) = (RequestIds::new(), RequestIds::new());
        let ids: HashSet<_> = (0..100).flat_map(|_| [one.next(), other.next()]).collect();
        assert_eq!(ids.len(), 200);
        let plain = |id: &String| id.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
        assert!(ids.iter().all(|id| id.len() == 52 && plain(id)));
    }
}
