//! Queries and scans of a migrating table.

pub(crate) mod rules;
