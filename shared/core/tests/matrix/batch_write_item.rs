//! BatchWriteItem.

use livemove_core::batch::{BatchWrite, batch};
use livemove_core::item::Key;
use livemove_core::testing::block_on;

use crate::answers::{holds_the_same, same};
use crate::fates::{item_of, keys};
use crate::plain;
use crate::scene::Cell;

/// A put of every `puts`th key, a delete of the others.
fn writes(keys: &[Key], puts: usize) -> Vec<BatchWrite> {
    let write = |(index, key): (usize, &Key)| match index % puts {
        0 => BatchWrite::Put { key: key.clone(), item: item_of(key, 5_001) },
        _ => BatchWrite::Delete(key.clone()),
    };
    keys.iter().enumerate().map(write).collect()
}

fn every_way(cell: Cell) {
    let keys = keys();
    let deletes_only = usize::MAX;
    for puts in [1, 2, 3, deletes_only] {
        for size in [1, 4, keys.len()] {
            for scene in cell.scenes() {
                // So that the first of the last is a delete, too.
                let skipped = usize::from(puts == deletes_only);
                let writes = writes(&keys, puts).split_off(skipped);
                for writes in writes.chunks(size) {
                    let answer = scene.ask(|state| block_on(batch(scene.pair(), state, writes)));
                    same(&scene, &writes, answer, plain::batch(&scene.journey.plain, writes));
                }
                holds_the_same(scene, &(puts, size));
            }
        }
    }
    for scene in cell.scenes() {
        let twice = [BatchWrite::Delete(keys[0].clone()), BatchWrite::Delete(keys[0].clone())];
        let answer = scene.ask(|state| block_on(batch(scene.pair(), state, &twice)));
        assert!(same(&scene, &twice, answer, plain::batch(&scene.journey.plain, &twice)));
        holds_the_same(scene, &"a key twice");
    }
}

cells! { every_way;
    batch_write_item_in_old: Old of 1,
    batch_write_item_in_copy: Copy of 1,
    batch_write_item_in_guarded: Guarded of 1,
    batch_write_item_in_handoff: Handoff of 1,
    batch_write_item_in_new: New of 1,
    batch_write_item_in_final: Final of 1,
    batch_write_item_in_old_of_run_2: Old of 2,
    batch_write_item_in_copy_of_run_2: Copy of 2,
    batch_write_item_in_guarded_of_run_2: Guarded of 2,
    batch_write_item_in_handoff_of_run_2: Handoff of 2,
    batch_write_item_in_new_of_run_2: New of 2,
    batch_write_item_in_final_of_run_2: Final of 2,
}
