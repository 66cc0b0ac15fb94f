//! BatchGetItem: of each key as many reads at the same time.

use futures_util::future::try_join_all;
use livemove_core::error::Error;
use livemove_core::item::{Item, Key};
use livemove_core::phase::State;
use livemove_core::ports::{Consistency, Table};
use livemove_core::read::{GetRequest, get};
use livemove_core::testing::block_on;

use crate::answers::{holds_the_same, same};
use crate::fates::keys;
use crate::plain;
use crate::reads::{PROJECTIONS, projected, whole};
use crate::scene::{Cell, Scene};

/// As the data plane does it: each key is read on its own.
fn batch(scene: &Scene, state: &State, requests: &[GetRequest]) -> Result<Vec<Option<Item>>, Error> {
    block_on(try_join_all(requests.iter().map(|request| get(scene.pair(), state, request))))
}

fn every_way(cell: Cell) {
    let keys: Vec<Key> = keys();
    for size in [1, 7, keys.len()] {
        for scene in cell.scenes() {
            for keys in keys.chunks(size) {
                let requests: Vec<GetRequest> = keys.iter().cloned().map(whole).collect();
                let answer = scene.ask(|state| batch(&scene, state, &requests));
                same(&scene, &keys, answer, block_on(scene.journey.plain.get_many(keys)));
            }
            holds_the_same(scene, &size);
        }
    }
    for projection in PROJECTIONS {
        for scene in cell.scenes() {
            let request = |key: &Key| GetRequest {
                consistency: Consistency::Eventual,
                ..projected(whole(key.clone()), projection)
            };
            let requests: Vec<GetRequest> = keys.iter().map(request).collect();
            let answer = scene.ask(|state| batch(&scene, state, &requests));
            let expected = requests.iter().map(|request| plain::get(&scene.journey.plain, request)).collect();
            same(&scene, &projection, answer, expected);
            holds_the_same(scene, &projection);
        }
    }
}

cells! { every_way;
    batch_get_item_in_old: Old of 1,
    batch_get_item_in_copy: Copy of 1,
    batch_get_item_in_guarded: Guarded of 1,
    batch_get_item_in_handoff: Handoff of 1,
    batch_get_item_in_new: New of 1,
    batch_get_item_in_final: Final of 1,
    batch_get_item_in_old_of_run_2: Old of 2,
    batch_get_item_in_copy_of_run_2: Copy of 2,
    batch_get_item_in_guarded_of_run_2: Guarded of 2,
    batch_get_item_in_handoff_of_run_2: Handoff of 2,
    batch_get_item_in_new_of_run_2: New of 2,
    batch_get_item_in_final_of_run_2: Final of 2,
}
