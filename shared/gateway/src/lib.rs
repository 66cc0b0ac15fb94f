//! The gateway: a server that speaks DynamoDB's wire protocol, so that an application of any language takes part
//! in a migration by changing nothing but the endpoint of its AWS SDK.
//!
//! A request is decoded and offered to the [`plane::DataPlane`]. If it touches no table under migration, it is
//! passed on to DynamoDB with its body unchanged, signed with the gateway's own credentials.

mod answer;
pub mod auth;
pub mod backend;
mod coding;
mod head;
mod health;
mod intake;
mod json;
pub mod limits;
mod log;
pub mod metrics;
pub mod migrating;
mod patience;
pub mod plane;
mod request_id;
mod serve;
pub mod server;
mod slot;
pub mod stop;
pub mod target;
pub mod wire;

pub use limits::Limits;
pub use server::{Ended, Server, Settings};
