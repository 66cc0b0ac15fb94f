//! UpdateItem.

use livemove_core::ports::Returning;
use livemove_core::write::Change;

use crate::scene::Cell;
use crate::variety::{CONDITIONS, request};
use crate::writes::{of_every_key, with_every_condition};

const RETURNINGS: [Returning; 5] =
    [Returning::AllOld, Returning::AllNew, Returning::UpdatedOld, Returning::UpdatedNew, Returning::Nothing];

/// Those that make an item where there is none, those that do not, and those that are refused of some items or all.
const UPDATES: [&str; 14] = [
    "SET v = if_not_exists(v, :zero) + :five, g = :x",
    "ADD changes :one",
    "ADD tags :set",
    "SET #v = :five REMOVE #w ADD changes :one DELETE tags :set",
    "REMOVE #w",
    "REMOVE #v, g, changes",
    "REMOVE nothere",
    "DELETE tags :set",
    "SET m.a = :five",
    "SET v = v + :one",
    "ADD g :one",
    "SET nr = :two, sk = :text",
    "SET v = :five, v = :one",
    "SET",
];

fn every_way(cell: Cell) {
    let update = |text: &str| Change::Update(Some(text.to_owned()));
    with_every_condition(cell, |_| update("SET #v = :five, nr = :one"), &RETURNINGS);
    // One that makes no items has its own way with conditions on what is not there.
    for condition in &CONDITIONS[..4] {
        of_every_key(cell, |key| request(key.clone(), update("REMOVE nr"), Some(condition), Returning::AllOld));
    }
    for (text, returning) in UPDATES.iter().zip(RETURNINGS.iter().cycle()) {
        of_every_key(cell, |key| request(key.clone(), update(text), None, *returning));
    }
    // An update without an expression changes nothing, but makes an item of the key.
    for (condition, returning) in [None, None, None, Some(CONDITIONS[0]), Some(CONDITIONS[1])].iter().zip(RETURNINGS) {
        of_every_key(cell, |key| request(key.clone(), Change::Update(None), *condition, returning));
    }
}

cells! { every_way;
    update_item_in_old: Old of 1,
    update_item_in_copy: Copy of 1,
    update_item_in_guarded: Guarded of 1,
    update_item_in_handoff: Handoff of 1,
    update_item_in_new: New of 1,
    update_item_in_final: Final of 1,
    update_item_in_old_of_run_2: Old of 2,
    update_item_in_copy_of_run_2: Copy of 2,
    update_item_in_guarded_of_run_2: Guarded of 2,
    update_item_in_handoff_of_run_2: Handoff of 2,
    update_item_in_new_of_run_2: New of 2,
    update_item_in_final_of_run_2: Final of 2,
}
