//! The front doors that speak DynamoDB's JSON, and the data plane behind them.
//!
//! A request is decoded in full or refused by name; nothing in it is ever ignored.

mod answer;
mod bound;
mod cost;
mod door;
mod elsewhere;
mod invocation;
mod json;
mod kept;
mod name;
mod operations;
mod parameters;
mod partiql;
mod payload;
mod plane;
pub mod reader;
mod tables;
#[cfg(test)]
mod tests;
pub mod writer;

pub use answer::{Refusal, refusal};
pub use elsewhere::{Elsewhere, Nowhere};
pub use invocation::Invocation;
pub use payload::{Call, Door, open};
pub use plane::Plane;
