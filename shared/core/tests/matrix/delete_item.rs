//! DeleteItem.

use livemove_core::ports::Returning;
use livemove_core::write::Change;

use crate::scene::Cell;
use crate::variety::request;
use crate::writes::{of_every_key, with_every_condition};

fn every_way(cell: Cell) {
    with_every_condition(cell, |_| Change::Delete, &[Returning::AllOld, Returning::Nothing]);
    let (made, _) = of_every_key(cell, |key| request(key.clone(), Change::Delete, None, Returning::UpdatedOld));
    assert_eq!(made, 0);
}

cells! { every_way;
    delete_item_in_old: Old of 1,
    delete_item_in_copy: Copy of 1,
    delete_item_in_guarded: Guarded of 1,
    delete_item_in_handoff: Handoff of 1,
    delete_item_in_new: New of 1,
    delete_item_in_final: Final of 1,
    delete_item_in_old_of_run_2: Old of 2,
    delete_item_in_copy_of_run_2: Copy of 2,
    delete_item_in_guarded_of_run_2: Guarded of 2,
    delete_item_in_handoff_of_run_2: Handoff of 2,
    delete_item_in_new_of_run_2: New of 2,
    delete_item_in_final_of_run_2: Final of 2,
}
