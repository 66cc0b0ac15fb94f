//! The core of livemove: the per-key handoff protocol, pure. No SDK, no runtime, no environment, no clock.

pub mod canonical;
pub mod checkpoint;
pub mod error;
pub mod expression;
pub mod item;
pub mod mark;
pub mod phase;
pub mod ports;
pub mod segment;
