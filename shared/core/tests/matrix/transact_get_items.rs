//! TransactGetItems.

use livemove_core::item::Key;
use livemove_core::snapshot::{SnapshotPart, snapshot};
use livemove_core::testing::block_on;
use serde_json::json;

use crate::answers::{holds_the_same, same};
use crate::fates::mixed;
use crate::plain;
use crate::reads::{PROJECTIONS, projected, whole};
use crate::scene::Cell;
use crate::world::key;

fn every_way(cell: Cell) {
    let keys = mixed();
    for (size, projection) in [1, 2, 3, 5, keys.len()].into_iter().cycle().zip(PROJECTIONS) {
        for size in [1, size] {
            for scene in cell.scenes() {
                for keys in keys.chunks(size) {
                    let get = |key: &Key| projected(whole(key.clone()), projection);
                    let mut parts: Vec<_> = keys.iter().map(|key| SnapshotPart::Get(get(key))).collect();
                    parts.insert(0, SnapshotPart::Foreign(json!({"Get": {"TableName": "other"}})));
                    parts.push(SnapshotPart::Get(get(&key("p", "unknown"))));
                    let answer = scene.ask(|state| block_on(snapshot(scene.pair(), state, &parts)));
                    same(&scene, &parts, answer, plain::snapshot(&scene.journey.plain, &parts));
                }
                holds_the_same(scene, &(size, projection));
            }
        }
    }
}

cells! { every_way;
    transact_get_items_in_old: Old of 1,
    transact_get_items_in_copy: Copy of 1,
    transact_get_items_in_guarded: Guarded of 1,
    transact_get_items_in_handoff: Handoff of 1,
    transact_get_items_in_new: New of 1,
    transact_get_items_in_final: Final of 1,
    transact_get_items_in_old_of_run_2: Old of 2,
    transact_get_items_in_copy_of_run_2: Copy of 2,
    transact_get_items_in_guarded_of_run_2: Guarded of 2,
    transact_get_items_in_handoff_of_run_2: Handoff of 2,
    transact_get_items_in_new_of_run_2: New of 2,
    transact_get_items_in_final_of_run_2: Final of 2,
}
