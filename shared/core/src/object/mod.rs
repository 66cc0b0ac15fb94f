//! Objects: keeping one bucket equal to another, guarded by a ledger.
//!
//! S3 has no condition that spans two buckets, so the mark of a key is a row in a [`ledger`]: what both
//! buckets held when they last agreed, which writes were begun since, who is at it. Events say only that
//! something happened to a key; [`sync`] then makes the gaining bucket equal to what the losing one holds now.
//! A follower never overwrites or deletes content that neither the ledger nor the content itself proves to be
//! a copy: such an object is reported and left.

pub mod bucket;
pub mod compare;
pub mod follow;
pub mod holding;
pub mod job;
pub mod judge;
pub mod ledger;
pub mod range;
pub mod sync;
pub mod union;
pub mod watch;

use crate::mark::Run;
use crate::phase::{Side, source_of, target_of};

/// The object by which control proves that a bucket's events arrive; never copied, never compared.
pub const CANARY_KEY: &str = "_lm_canary";
/// What the keys of pulses begin with: objects by which the watch finds out that events do not arrive any more. Each
/// is written once, under a key of its own that says its nonce, and removed at once: its events are all that counts.
pub const PULSE_PREFIX: &str = "_lm_pulse-";

/// The key of the pulse of that nonce, which begins with [`crate::register::PULSE`].
pub fn pulse_key(nonce: &str) -> String {
    format!("_lm_{nonce}")
}

/// The nonce of the pulse of that key.
pub fn pulse_nonce(key: &str) -> Option<&str> {
    key.strip_prefix("_lm_").filter(|_| key.starts_with(PULSE_PREFIX))
}

/// Whether an object is control's own.
pub fn is_canary(key: &str) -> bool {
    key == CANARY_KEY || key.starts_with(PULSE_PREFIX)
}

/// The two buckets of a move, as the plan names them, and what guards them.
#[derive(Debug)]
pub struct Pair<'a, B, L, C> {
    /// The plan's source.
    pub source: &'a B,
    /// The plan's target.
    pub target: &'a B,
    /// The marks of their keys.
    pub ledger: &'a L,
    /// The wall clock.
    pub clock: &'a C,
}

// By hand: the derived ones would ask the buckets to be `Copy`.
impl<B, L, C> Clone for Pair<'_, B, L, C> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<B, L, C> Copy for Pair<'_, B, L, C> {}

impl<'a, B, L, C> Pair<'a, B, L, C> {
    /// The bucket on that side.
    pub fn on(&self, side: Side) -> &'a B {
        match side {
            Side::Source => self.source,
            Side::Target => self.target,
        }
    }

    /// The bucket that loses its keys in `run`.
    pub fn losing(&self, run: Run) -> &'a B {
        self.on(source_of(run))
    }

    /// The bucket that gains them.
    pub fn gaining(&self, run: Run) -> &'a B {
        self.on(target_of(run))
    }
}
