//! Everything that the core decodes, from valid inputs that were damaged: nothing panics, and what is accepted is
//! what was given. `LIVEMOVE_CASES` is the number of cases of each test; `make fuzz` runs many.
//!
//! Tests with a name instead of cases are what such runs have found.

// Tests fail by panicking.
#![allow(clippy::unwrap_used, clippy::panic, clippy::wildcard_enum_match_arm)]

mod expressions;
mod items;
mod numbers;
mod plans;
mod print;
mod rows;
