//! Reader and writer: the front doors that speak DynamoDB's JSON.
//!
//! A request is decoded in full or refused by name; nothing in it is ever ignored.

mod answer;
mod parameters;
mod payload;
pub mod reader;
mod requests;
mod tables;
#[cfg(test)]
mod tests;
pub mod writer;

pub use payload::{Call, Door, open};
pub use requests::{BatchPart, GetOptions, ReadOperation, TableGet, TableWrite, read_operation, write_operation};
