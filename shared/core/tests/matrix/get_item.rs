//! GetItem.

use livemove_core::ports::Consistency;
use livemove_core::read::{GetRequest, get};
use livemove_core::testing::block_on;

use crate::answers::{holds_the_same, same};
use crate::fates::keys;
use crate::plain;
use crate::reads::{PROJECTIONS, projected, whole};
use crate::scene::Cell;
use crate::world::key;

fn every_way(cell: Cell) {
    let consistencies = [Consistency::Strong, Consistency::Eventual].into_iter().cycle();
    for (projection, consistency) in [PROJECTIONS[0]].into_iter().chain(PROJECTIONS).zip(consistencies) {
        for scene in cell.scenes() {
            // Of a key that nobody knows and of the canary nothing shows.
            for key in keys().into_iter().chain([key("p", "unknown"), key("_lm_canary", "_lm_canary")]) {
                let request = GetRequest { consistency, ..projected(whole(key), projection) };
                let answer = scene.ask(|state| block_on(get(scene.pair(), state, &request)));
                same(&scene, &request, answer, plain::get(&scene.journey.plain, &request));
            }
            holds_the_same(scene, &projection);
        }
    }
}

cells! { every_way;
    get_item_in_old: Old of 1,
    get_item_in_copy: Copy of 1,
    get_item_in_guarded: Guarded of 1,
    get_item_in_handoff: Handoff of 1,
    get_item_in_new: New of 1,
    get_item_in_final: Final of 1,
    get_item_in_old_of_run_2: Old of 2,
    get_item_in_copy_of_run_2: Copy of 2,
    get_item_in_guarded_of_run_2: Guarded of 2,
    get_item_in_handoff_of_run_2: Handoff of 2,
    get_item_in_new_of_run_2: New of 2,
    get_item_in_final_of_run_2: Final of 2,
}
