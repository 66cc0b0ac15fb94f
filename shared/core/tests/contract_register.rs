//! The register in memory keeps what the control table keeps.

use livemove_core::item::Key;
use livemove_core::testing::block_on;
use livemove_core::testing::register::MemoryRegister;
use livemove_core::testing::register_contract;

#[test]
fn the_register_in_memory_keeps_the_contract() {
    block_on(register_contract::run_all(&MemoryRegister::<Key>::default()));
}
