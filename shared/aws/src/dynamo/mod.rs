//! DynamoDB as the core's [`Table`](livemove_core::ports::Table).

mod batch;
mod exchange;
mod expressions;
mod foreign;
mod get;
mod guard;
mod insert;
mod meter;
mod pace;
mod pages;
mod replace;
mod request;
mod snapshot;
mod table;
mod transact;
mod value;
mod write;

#[cfg(test)]
mod room;

pub use meter::{Collection, Detail, Meter, Totals, Units};
pub use table::DynamoTable;
pub(crate) use table::indexes;
pub use value::{from_sdk, item_from_sdk, item_to_sdk, to_sdk};

#[cfg(test)]
mod fuzz;
