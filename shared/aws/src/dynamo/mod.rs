//! DynamoDB as the core's [`Table`](livemove_core::ports::Table).

mod batch;
mod expressions;
mod guard;
mod insert;
mod meter;
mod table;
mod value;
mod write;

pub use meter::{Collection, Detail, Meter, Totals, Units};
pub use table::DynamoTable;
pub use value::{from_sdk, item_from_sdk, item_to_sdk, to_sdk};
