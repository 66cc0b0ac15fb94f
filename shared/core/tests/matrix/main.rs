//! The table of operation and phase: each operation of the data plane, in each phase of the first run and of the run
//! back, with all its variants, answered by a migrating pair and by one table that never moves and got the same
//! history. docs/OPERATIONS.md shows the table; each of its cells is the name of a test here.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "tests fail by panicking, and look at one case of many"
)]

/// The tests of one operation: `name: Phase of run,`.
macro_rules! cells {
    ($check:ident; $($name:ident: $phase:ident of $run:literal,)*) => {
        $(
            #[test]
            fn $name() {
                $check($crate::scene::Cell {
                    run: livemove_core::mark::Run($run),
                    phase: livemove_core::phase::Phase::$phase,
                });
            }
        )*
    };
}

mod answers;
mod batch_get_item;
mod batch_write_item;
mod delete_item;
mod fates;
mod get_item;
mod index_query;
mod journey;
mod kinds;
mod plain;
mod put_item;
mod query;
mod reads;
mod scan;
mod scene;
mod transact_get_items;
mod transact_write_items;
mod update_item;
mod variety;
mod writes;

#[path = "../pages/world.rs"]
#[allow(dead_code, reason = "the tests of pages use all of it")]
mod world;
