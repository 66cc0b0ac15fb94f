//! TransactWriteItems.

use livemove_core::item::Key;
use livemove_core::ports::Returning;
use livemove_core::testing::block_on;
use livemove_core::transact::{Earlier, Part, TransactRequest, transact};
use livemove_core::write::Change;
use serde_json::json;

use crate::answers::{holds_the_same, same};
use crate::fates::{item_of, mixed};
use crate::plain;
use crate::scene::{Cell, Scene};
use crate::variety::{CONDITIONS, bindings, request};

const UPDATES: [&str; 5] =
    ["SET #v = :five, nr = :one", "REMOVE #w", "ADD changes :one, tags :set", "DELETE tags :set", "SET m.a = :five"];

fn check(key: &Key, condition: &str) -> Part {
    let (names, values) = bindings(&[condition]);
    Part::Check { key: key.clone(), condition: condition.to_owned(), names, values }
}

fn write(key: &Key, kind: usize, condition: Option<&str>) -> Part {
    let change = match kind % 7 {
        0 => Change::Put(item_of(key, 5_002)),
        1 => Change::Delete,
        more => Change::Update(Some(UPDATES[more - 2].to_owned())),
    };
    Part::Write(request(key.clone(), change, condition, Returning::Nothing))
}

/// Transactions of so many keys each that nothing can stand in the way of, but for paths that are not there.
fn unconditional(size: usize, kind: usize) -> Vec<Vec<Part>> {
    let of = |keys: &[Key]| keys.iter().enumerate().map(|(index, key)| write(key, index + kind, None)).collect();
    mixed().chunks(size).map(of).collect()
}

/// Transactions of so many keys each with conditions, every fourth of them on a key that is not written.
fn conditional(size: usize, kind: usize) -> Vec<Vec<Part>> {
    let part = |(index, key): (usize, &Key)| {
        let condition = CONDITIONS[(index + kind) % CONDITIONS.len()];
        match (index + kind) % 4 {
            0 => check(key, condition),
            _ => write(key, index + kind, Some(condition)),
        }
    };
    let of = |keys: &[Key]| keys.iter().enumerate().map(part).collect();
    mixed().chunks(size).map(of).collect()
}

fn done(scene: &Scene, request: &TransactRequest) -> bool {
    let answer = scene.ask(|state| block_on(transact(scene.pair(), state, request)));
    !same(scene, request, answer, plain::transact(&scene.journey.plain, request))
}

/// All of them, one after the other; answers how many were done and how many were not.
fn one_by_one(cell: Cell, transactions: &[Vec<Part>]) -> (usize, usize) {
    let (mut applied, mut cancelled) = (0, 0);
    for scene in cell.scenes() {
        for parts in transactions {
            let request = TransactRequest { parts: parts.clone(), token: None, earlier: Earlier::Impossible };
            if done(&scene, &request) { applied += 1 } else { cancelled += 1 }
        }
        holds_the_same(scene, &transactions[0]);
    }
    (applied, cancelled)
}

/// The same again under the same token is done once and answered twice.
fn with_tokens(scenes: Vec<Scene>, earlier: Earlier, is_one_account: bool) {
    for scene in scenes {
        for (index, parts) in unconditional(3, 1).into_iter().enumerate() {
            let foreign = Part::Foreign(json!({"Put": {"TableName": "other"}}));
            let parts: Vec<Part> = parts.into_iter().chain([foreign]).collect();
            let request = TransactRequest { parts, token: Some(index.to_string()), earlier };
            let first = done(&scene, &request);
            assert_eq!(done(&scene, &request), first);
            // Two accounts cannot know of each other that the token has stood for something else.
            if is_one_account {
                let parts = vec![write(&mixed()[0], 0, None)];
                assert_eq!(done(&scene, &TransactRequest { parts, ..request }), !first);
            }
        }
        holds_the_same(scene, &earlier);
    }
}

fn every_way(cell: Cell) {
    for kind in 0..9 {
        let (applied, cancelled) = one_by_one(cell, &conditional(1, kind));
        assert!(applied > 0 && cancelled > 0, "{applied} applied, {cancelled} cancelled");
        one_by_one(cell, &unconditional(1 + kind, kind));
    }
    for (size, kind) in [(2, 0), (2, 5), (3, 3), (38, 1)] {
        one_by_one(cell, &conditional(size, kind));
    }
    for earlier in [Earlier::Possible, Earlier::Impossible] {
        with_tokens(cell.scenes(), earlier, false);
        with_tokens(cell.scenes_in_one_account(), earlier, true);
    }
    let key = &mixed()[0];
    one_by_one(cell, &[vec![write(key, 0, None), check(key, CONDITIONS[0])]]);
}

cells! { every_way;
    transact_write_items_in_old: Old of 1,
    transact_write_items_in_copy: Copy of 1,
    transact_write_items_in_guarded: Guarded of 1,
    transact_write_items_in_handoff: Handoff of 1,
    transact_write_items_in_new: New of 1,
    transact_write_items_in_final: Final of 1,
    transact_write_items_in_old_of_run_2: Old of 2,
    transact_write_items_in_copy_of_run_2: Copy of 2,
    transact_write_items_in_guarded_of_run_2: Guarded of 2,
    transact_write_items_in_handoff_of_run_2: Handoff of 2,
    transact_write_items_in_new_of_run_2: New of 2,
    transact_write_items_in_final_of_run_2: Final of 2,
}
