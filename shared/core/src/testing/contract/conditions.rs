//! The application's own condition, beside the guard and before tombstones.

use super::{
    applied, assert_same, item, key, marked, n, on_condition, put, refused, rejected, s, store, stored, tombstone,
};
use crate::mark::{Marks, Run};
use crate::ports::{Guard, Table, Write};

/// Guard and condition must both hold.
pub async fn the_condition_counts_beside_the_guard(table: &impl Table) {
    let key = key("conditions", "both");
    let native = marked(item(&key, [("a", n("1"))]), Marks { own: Run(1), ..Marks::default() });
    for (guard, expected, holds) in [
        (Guard::NativeIn(Run(1)), "1", true),
        (Guard::NativeIn(Run(1)), "2", false),
        (Guard::NativeIn(Run(2)), "1", false),
        (Guard::NativeIn(Run(2)), "2", false),
    ] {
        store(table, &native).await;
        let write = on_condition(put(item(&key, [])), "a = :a", None, [(":a", n(expected))]);
        let write = Write { guard, ..write };
        if holds {
            applied(table, &write).await;
        } else {
            assert_same(refused(table, &write).await.as_ref(), Some(&native), "shown by the refusal");
            assert_same(stored(table, &key).await.as_ref(), Some(&native), "left alone");
        }
    }
}

/// Missing operands: what [`crate::expression::condition::holds_when_absent`] counts on.
pub async fn an_absent_item_is_judged_as_dynamodb_does(table: &impl Table) {
    let one = || [(":v", n("1"))];
    for (index, (text, holds)) in [
        ("a = :v", false),
        ("a <> :v", true),
        ("a < :v", false),
        ("NOT a >= :v", true),
        ("a BETWEEN :v AND :v", false),
        ("a IN (:v)", false),
        ("size(a) = :v", false),
        ("contains(a, :v)", false),
        ("attribute_exists(pk) OR a = :v", false),
        ("attribute_not_exists(pk) AND a <> :v", true),
    ]
    .into_iter()
    .enumerate()
    {
        let key = key("conditions", &format!("absent-{index}"));
        let write = on_condition(put(item(&key, [])), text, None, one());
        if holds {
            applied(table, &write).await;
        } else {
            assert_same(refused(table, &write).await.as_ref(), None, text);
        }
    }
}

/// `when_tombstone`: both answers, for a tombstone and for a living item.
pub async fn a_tombstone_is_taken_for_an_absent_item(table: &impl Table) {
    let key = key("conditions", "tombstone");
    let (dead, alive) = (tombstone(&key), item(&key, [("a", n("1"))]));
    for (text, when_tombstone, stored_item, holds) in [
        ("attribute_not_exists(pk)", Some(true), &dead, true),
        ("attribute_not_exists(pk)", Some(true), &alive, false),
        ("attribute_not_exists(pk)", None, &dead, false),
        ("attribute_exists(pk)", Some(false), &dead, false),
        ("attribute_exists(pk)", Some(false), &alive, true),
        ("attribute_exists(pk)", None, &dead, true),
        ("attribute_not_exists(b) OR attribute_exists(c)", Some(false), &dead, false),
        ("attribute_not_exists(b) OR attribute_exists(c)", Some(false), &alive, true),
        ("attribute_exists(b) AND attribute_exists(c)", Some(true), &dead, true),
    ] {
        store(table, stored_item).await;
        let write = on_condition(put(item(&key, [("new", s("x"))])), text, when_tombstone, []);
        if holds {
            applied(table, &write).await;
        } else {
            assert_same(refused(table, &write).await.as_ref(), Some(stored_item), text);
        }
    }
}

/// `OR` binds looser than the `AND` that joins the guard.
pub async fn or_in_a_condition_cannot_pass_the_guard(table: &impl Table) {
    let key = key("conditions", "or");
    let moved = marked(item(&key, [("a", n("1"))]), Marks { moved: Run(1), ..Marks::default() });
    store(table, &moved).await;
    for (text, when_tombstone) in [
        ("a = :v OR attribute_exists(pk)", None),
        ("attribute_exists(pk) OR a = :v", None),
        ("a = :v OR attribute_exists(pk)", Some(true)),
        ("attribute_exists(pk) OR a = :v", Some(false)),
        ("(a = :v)", Some(true)),
        ("(a = :v) OR (a <> :v)", None),
    ] {
        let write = on_condition(put(item(&key, [])), text, when_tombstone, [(":v", n("1"))]);
        let write = Write { guard: Guard::NotMoved(Run(1)), ..write };
        assert_same(refused(table, &write).await.as_ref(), Some(&moved), text);
    }
}

/// The backend's refusals come through under their own name, and nothing is written.
pub async fn what_is_no_condition_is_rejected(table: &impl Table) {
    let key = key("conditions", "invalid");
    for text in ["", "a =", "a = :undefined", "#undefined = :v", "size(a)", "a = :v extra", "unknown(a)"] {
        rejected(table, &on_condition(put(item(&key, [])), text, None, [(":v", n("1"))])).await;
    }
    // A value that no expression uses.
    rejected(table, &on_condition(put(item(&key, [])), "a = :v", None, [(":v", n("1")), (":w", n("1"))])).await;
    assert_same(stored(table, &key).await.as_ref(), None, "nothing was written");
}
