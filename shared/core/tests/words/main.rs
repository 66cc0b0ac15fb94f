//! The words of the protocol, by themselves: items and keys, canonical form, marks, guards, phases.

// Tests fail by panicking.
#![allow(clippy::unwrap_used, clippy::panic, clippy::wildcard_enum_match_arm)]

mod canonical;
mod generate;
mod guard;
mod item;
mod mark;
mod phase;
