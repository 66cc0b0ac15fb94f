//! The table in memory keeps the contract of every table: what the schedule explorer proves with it holds
//! for whatever else passes the same suite.

// Tests fail by panicking.
#![allow(clippy::unwrap_used, clippy::panic, clippy::wildcard_enum_match_arm)]

use livemove_core::testing::memory::Memory;
use livemove_core::testing::{block_on, contract};

#[test]
fn the_table_in_memory_keeps_the_contract() {
    block_on(contract::run_all(async || Memory::new(contract::schema())));
}

#[test]
fn the_table_in_memory_keeps_the_contract_of_transactions() {
    block_on(contract::run_transactions(async || Memory::new(contract::schema())));
}

#[test]
fn the_table_in_memory_keeps_dynamodbs_rules_that_the_local_aws_breaks() {
    block_on(contract::run_strict(async || Memory::new(contract::schema())));
}

#[test]
fn the_table_in_memory_keeps_the_contract_of_pages() {
    for salt in [0, 1] {
        let fresh = async || Memory::new(contract::schema()).with_indexes(contract::pages::indexes()).with_salt(salt);
        block_on(contract::run_pages(fresh));
        block_on(contract::run_pages_strict(fresh));
    }
}
