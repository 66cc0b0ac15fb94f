//! Ids of requests, in the form that DynamoDB's have: 52 upper-case letters and digits.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
/// The letters of 64 bits.
const LETTERS: u32 = 13;
/// Odd, so that multiples of it differ for all 64 bits of a number, and those that follow each other in most letters:
/// that of <https://prng.di.unimi.it/splitmix64.c>.
const STRIDE: u64 = 0x9e37_79b9_7f4a_7c15;

/// Gives out ids; no two are the same, in no two processes.
#[derive(Debug)]
pub(crate) struct RequestIds {
    /// The letters of this process.
    process: String,
    next: AtomicU64,
}

impl RequestIds {
    pub(crate) fn new() -> RequestIds {
        // Seeded by the system for each process.
        let random = || letters(RandomState::new().hash_one(std::process::id()));
        let process = (0..3).flat_map(|_| random()).collect();
        RequestIds { process, next: AtomicU64::new(0) }
    }

    /// The next id.
    pub(crate) fn next(&self) -> String {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let mut id = String::with_capacity(self.process.len() + LETTERS as usize);
        id.push_str(&self.process);
        id.extend(letters(number.wrapping_mul(STRIDE)));
        id
    }
}

/// Five bits to a letter, the highest first; the alphabet is that of <https://www.rfc-editor.org/rfc/rfc4648#section-6>.
fn letters(bits: u64) -> impl Iterator<Item = char> {
    (0..LETTERS).rev().map(move |at| char::from(ALPHABET[(bits >> (at * 5)) as usize % ALPHABET.len()]))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn letters_stand_for_five_bits_each() {
        let text = |bits| letters(bits).collect::<String>();
        assert_eq!(text(0), "AAAAAAAAAAAAA");
        assert_eq!(text(1 << 5 | 31), "AAAAAAAAAAAB7");
        assert_eq!(text(u64::MAX), "P777777777777");
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
