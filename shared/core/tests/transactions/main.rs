//! Transactions, snapshots and batches while keys move: one situation a test, and random ones against one plain
//! table. What happens when they run at the same time is the schedule explorer's business.

// Tests fail by panicking.
#![allow(clippy::unwrap_used, clippy::panic, clippy::wildcard_enum_match_arm)]

mod batches;
mod differential;
mod generate;
mod migrating;
mod plain;
#[path = "../explore/promise.rs"]
mod promise;
mod random;
mod request;
mod snapshots;
mod tokens;
mod transact;
mod world;
