//! The core of livemove: the per-key handoff protocol, pure. No SDK, no runtime, no environment, no clock.

pub mod batch;
pub mod canonical;
pub mod certificate;
pub mod change;
pub mod checkpoint;
pub mod compare;
pub mod copy;
pub mod drive;
pub mod error;
pub mod expression;
pub mod finish;
pub mod handoff;
pub mod item;
pub mod job;
pub mod lease;
pub mod mark;
pub mod object;
pub mod pages;
pub mod phase;
pub mod plan;
pub mod ports;
pub mod read;
pub mod register;
pub mod replicate;
pub mod route;
pub mod scan;
pub mod segment;
pub mod snapshot;
pub mod steer;
pub mod sweep;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod transact;
pub mod verify;
pub mod write;
