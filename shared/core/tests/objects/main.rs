//! The object flows on buckets in memory.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod crashes;
mod events;
mod held;
mod jobs;
mod way_back;
mod world;

use livemove_core::testing::block_on;
use livemove_core::testing::bucket::{MemoryBucket, Tagging};
use livemove_core::testing::bucket_contract;

#[test]
fn the_bucket_in_memory_keeps_the_contract() {
    for tagging in [Tagging::Content, Tagging::Opaque] {
        block_on(bucket_contract::check(&MemoryBucket::new(tagging), &MemoryBucket::new(tagging))).unwrap();
    }
}
