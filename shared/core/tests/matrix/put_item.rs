//! PutItem.

use livemove_core::ports::Returning;
use livemove_core::write::Change;

use crate::fates::item_of;
use crate::scene::Cell;
use crate::variety::request;
use crate::writes::{of_every_key, with_every_condition};

fn every_way(cell: Cell) {
    let new = |key: &_| Change::Put(item_of(key, 5_003));
    with_every_condition(cell, new, &[Returning::AllOld, Returning::Nothing]);
    // A put has no other attributes to answer with.
    let (made, _) = of_every_key(cell, |key| request(key.clone(), new(key), None, Returning::AllNew));
    assert_eq!(made, 0);
}

cells! { every_way;
    put_item_in_old: Old of 1,
    put_item_in_copy: Copy of 1,
    put_item_in_guarded: Guarded of 1,
    put_item_in_handoff: Handoff of 1,
    put_item_in_new: New of 1,
    put_item_in_final: Final of 1,
    put_item_in_old_of_run_2: Old of 2,
    put_item_in_copy_of_run_2: Copy of 2,
    put_item_in_guarded_of_run_2: Guarded of 2,
    put_item_in_handoff_of_run_2: Handoff of 2,
    put_item_in_new_of_run_2: New of 2,
    put_item_in_final_of_run_2: Final of 2,
}
