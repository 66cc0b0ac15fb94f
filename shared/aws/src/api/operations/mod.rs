//! The operations of the data plane, one a file: decoded from DynamoDB's JSON, done by a flow of the core,
//! answered in DynamoDB's JSON.

pub(super) mod batch_get;
pub(super) mod batch_write;
pub(super) mod describe;
pub(super) mod get;
pub(super) mod page;
pub(super) mod snapshot;
pub(super) mod transact;
pub(super) mod write;

use livemove_core::error::Error;
use livemove_core::item::InvalidKey;

use super::parameters::invalid;

/// DynamoDB's refusal of a key that is none of the table's.
fn wrong_key(error: &InvalidKey) -> Error {
    invalid(format!("The provided key element does not match the schema: {error}"), "give the table's key attributes")
}
