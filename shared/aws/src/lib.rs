//! The adapters of livemove: DynamoDB, S3, the control table, configuration, metrics and Lambda start-up.

pub mod api;
pub mod backfill;
pub mod config;
pub mod control;
mod credentials;
pub mod denial;
pub mod dynamo;
pub mod errors;
pub mod metrics;
pub mod objects;
pub mod replicator;
pub mod sdk_error;
pub mod segments;
pub mod sites;
pub mod startup;
pub mod steering;
pub mod streams;
pub mod wire;
