//! Queries and scans of a migrating table: one situation a test, and a long random comparison with one table that
//! never moves.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "tests fail by panicking, and look at one case of many"
)]

mod chance;
mod differential;
mod drive;
mod fuzz;
mod indexes;
mod moving;
mod one_table;
mod races;
mod tokens;
mod world;
