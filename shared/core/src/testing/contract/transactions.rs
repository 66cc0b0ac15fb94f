//! Write transactions: all or nothing, with a reason for each entry.

use std::collections::BTreeMap;

use super::{
    assert_same, item, key, marked, n, on_condition, put, rejected_as_invalid, s, store, stored, tombstone, update,
};
use crate::error::Error;
use crate::item::Key;
use crate::mark::{Marks, Run};
use crate::ports::transact::{Check, Entry, Reason, TRANSACT_MAX, Transacted, Transaction, Transactions};
use crate::ports::{Action, Condition, Guard, Write};

fn delete(key: &Key) -> Write {
    Write::new(key.clone(), Action::Delete, Guard::Always)
}

fn check(key: &Key, guard: Guard, text: &str, when_tombstone: Option<bool>) -> Entry {
    Entry::Check(Check {
        key: key.clone(),
        guard,
        condition: Condition { text: text.to_owned(), when_tombstone },
        names: BTreeMap::new(),
        values: BTreeMap::new(),
    })
}

fn transaction(entries: Vec<Entry>, token: Option<&str>) -> Transaction {
    Transaction { entries, token: token.map(str::to_owned) }
}

async fn is_applied(table: &impl Transactions, entries: Vec<Entry>) {
    let outcome = table.transact(&transaction(entries, None)).await.unwrap();
    assert_eq!(outcome, Transacted::Applied);
}

async fn cancelled(table: &impl Transactions, entries: Vec<Entry>) -> Vec<Reason> {
    match table.transact(&transaction(entries, None)).await {
        Ok(Transacted::Cancelled(reasons)) => reasons,
        other => panic!("should be cancelled, but: {other:?}"),
    }
}

fn codes(reasons: &[Reason]) -> Vec<&str> {
    reasons.iter().map(|reason| reason.code.as_str()).collect()
}

/// One of each kind; a check changes nothing.
pub async fn a_transaction_does_all_its_entries(table: &impl Transactions) {
    let [put_key, updated, deleted, checked] = ["put", "updated", "deleted", "checked"].map(|sk| key("whole", sk));
    for key in [&updated, &deleted, &checked] {
        store(table, &item(key, [("a", n("1"))])).await;
    }
    is_applied(
        table,
        vec![
            Entry::Write(put(item(&put_key, [("a", n("7"))]))),
            Entry::Write(update(&updated, "ADD a :v", [(":v", n("1"))])),
            Entry::Write(delete(&deleted)),
            check(&checked, Guard::Always, "attribute_exists(a)", None),
        ],
    )
    .await;
    assert_same(stored(table, &put_key).await.as_ref(), Some(&item(&put_key, [("a", n("7"))])), "put");
    assert_same(stored(table, &updated).await.as_ref(), Some(&item(&updated, [("a", n("2"))])), "updated");
    assert_same(stored(table, &deleted).await.as_ref(), None, "deleted");
    assert_same(stored(table, &checked).await.as_ref(), Some(&item(&checked, [("a", n("1"))])), "checked");
}

/// Whatever kind of entry it is whose condition fails, nothing of the others is done, and each has its reason.
pub async fn one_refused_entry_cancels_all(table: &impl Transactions) {
    let (free, held) = (key("cancelled", "free"), key("cancelled", "held"));
    let before = marked(item(&held, [("a", n("1"))]), Marks { own: Run(1), ..Marks::default() });
    store(table, &before).await;
    let conditional = |write| Entry::Write(on_condition(write, "a = :c", None, [(":c", n("2"))]));
    for refused in [
        conditional(put(item(&held, []))),
        conditional(update(&held, "SET a = :v", [(":v", n("9"))])),
        conditional(delete(&held)),
        check(&held, Guard::Always, "attribute_not_exists(a)", None),
    ] {
        let what = format!("{refused:?}");
        let reasons = cancelled(table, vec![Entry::Write(put(item(&free, []))), refused]).await;
        assert_eq!(codes(&reasons), ["None", "ConditionalCheckFailed"], "{what}");
        assert_same(reasons[0].item.as_ref(), None, &what);
        assert_same(reasons[1].item.as_ref(), Some(&before), &what);
        assert_same(stored(table, &free).await.as_ref(), None, &what);
        assert_same(stored(table, &held).await.as_ref(), Some(&before), &what);
    }
}

/// All reasons at once, and no item where there is none.
pub async fn every_refused_entry_has_its_reason(table: &impl Transactions) {
    let (absent, present) = (key("reasons", "absent"), key("reasons", "present"));
    store(table, &item(&present, [])).await;
    let insert = on_condition(put(item(&present, [])), "attribute_not_exists(pk)", None, []);
    let reasons =
        cancelled(table, vec![check(&absent, Guard::Always, "attribute_exists(pk)", None), Entry::Write(insert)]).await;
    assert_eq!(codes(&reasons), ["ConditionalCheckFailed", "ConditionalCheckFailed"]);
    assert_same(reasons[0].item.as_ref(), None, "absent");
    assert_same(reasons[1].item.as_ref(), Some(&item(&present, [])), "present");
}

/// A guard means the same in a transaction as alone, for writes and for checks.
pub async fn a_guard_holds_every_entry_back(table: &impl Transactions) {
    let key = key("guarded", "entry");
    let moved = Marks { own: Run(1), moved: Run(2), ..Marks::default() };
    let before = marked(item(&key, [("a", s("v"))]), moved);
    store(table, &before).await;
    let change = update(&key, "SET a = :v", [(":v", s("new"))]);
    for (guard, holds) in [
        (Guard::NotMoved(Run(2)), false),
        (Guard::NotMoved(Run(3)), true),
        (Guard::PresentNotMoved(Run(2)), false),
        (Guard::PresentNotMoved(Run(3)), true),
        (Guard::NativeIn(Run(2)), false),
        (Guard::NativeIn(Run(1)), true),
    ] {
        let entries = [
            Entry::Write(Write { guard: guard.clone(), ..change.clone() }),
            check(&key, guard.clone(), "attribute_exists(pk)", None),
        ];
        for entry in entries {
            store(table, &before).await;
            let what = format!("{entry:?}");
            match (holds, table.transact(&transaction(vec![entry], None)).await.unwrap()) {
                (true, Transacted::Applied) => {}
                (false, Transacted::Cancelled(reasons)) => {
                    assert_same(reasons[0].item.as_ref(), Some(&before), &what);
                    assert_same(stored(table, &key).await.as_ref(), Some(&before), &what);
                }
                (_, outcome) => panic!("{what}: {outcome:?}"),
            }
        }
    }
}

/// In a check too.
pub async fn a_tombstone_is_absent_for_a_check(table: &impl Transactions) {
    let key = key("checks", "tombstone");
    store(table, &tombstone(&key)).await;
    is_applied(table, vec![check(&key, Guard::Always, "attribute_not_exists(pk)", Some(true))]).await;
    let reasons = cancelled(table, vec![check(&key, Guard::Always, "attribute_exists(pk)", Some(false))]).await;
    assert_same(reasons[0].item.as_ref(), Some(&tombstone(&key)), "shown");
}

/// Done once however often it is sent, whatever has happened to its items since.
pub async fn a_token_makes_a_repetition_harmless(table: &impl Transactions) {
    let key = key("tokens", "counter");
    let once = transaction(vec![Entry::Write(update(&key, "ADD a :v", [(":v", n("1"))]))], Some("token-once"));
    for _ in 0..3 {
        assert_eq!(table.transact(&once).await.unwrap(), Transacted::Applied);
    }
    assert_same(stored(table, &key).await.as_ref(), Some(&item(&key, [("a", n("1"))])), "counted once");
    let moved = marked(item(&key, [("a", n("5"))]), Marks { moved: Run(1), ..Marks::default() });
    let guarded = |token| {
        let write = Write { guard: Guard::NotMoved(Run(1)), ..update(&key, "ADD a :v", [(":v", n("1"))]) };
        transaction(vec![Entry::Write(write)], Some(token))
    };
    assert_eq!(table.transact(&guarded("token-guarded")).await.unwrap(), Transacted::Applied);
    store(table, &moved).await;
    assert_eq!(table.transact(&guarded("token-guarded")).await.unwrap(), Transacted::Applied, "remembered");
    let refused = table.transact(&guarded("token-new")).await.unwrap();
    assert!(matches!(refused, Transacted::Cancelled(_)), "a token not seen before: {refused:?}");
    assert_same(stored(table, &key).await.as_ref(), Some(&moved), "left alone");
}

/// A token stands for what was done under it first.
pub async fn a_token_for_something_else_is_a_mismatch(table: &impl Transactions) {
    let key = key("tokens", "mismatch");
    let with = |value| transaction(vec![Entry::Write(put(item(&key, [("a", n(value))])))], Some("token-mismatch"));
    assert_eq!(table.transact(&with("1")).await.unwrap(), Transacted::Applied);
    match table.transact(&with("2")).await {
        Err(Error::Rejected { name, .. }) if name == "IdempotentParameterMismatchException" => {}
        other => panic!("a mismatch, but: {other:?}"),
    }
    assert_same(stored(table, &key).await.as_ref(), Some(&item(&key, [("a", n("1"))])), "the first");
}

/// What was not done is not remembered: the same token may be sent again, with other parameters too.
pub async fn a_cancelled_transaction_leaves_its_token_free(table: &impl Transactions) {
    let key = key("tokens", "cancelled");
    let with = |condition| {
        let write = on_condition(put(item(&key, [])), condition, None, []);
        transaction(vec![Entry::Write(write)], Some("token-cancelled"))
    };
    let refused = table.transact(&with("attribute_exists(pk)")).await.unwrap();
    assert!(matches!(refused, Transacted::Cancelled(_)), "{refused:?}");
    assert_eq!(table.transact(&with("attribute_not_exists(pk)")).await.unwrap(), Transacted::Applied);
}

/// Two entries for one item, none at all, too many, an expression that is none.
pub async fn what_is_no_transaction_is_rejected(table: &impl Transactions) {
    let (one, other) = (key("invalid", "one"), key("invalid", "other"));
    let many = (0..=TRANSACT_MAX).map(|n| Entry::Write(put(item(&key("invalid", &n.to_string()), [])))).collect();
    for entries in [
        vec![Entry::Write(put(item(&one, []))), check(&one, Guard::Always, "attribute_exists(pk)", None)],
        vec![],
        many,
        vec![Entry::Write(put(item(&one, []))), Entry::Write(on_condition(put(item(&other, [])), "a =", None, []))],
    ] {
        let what = format!("{} entries", entries.len());
        rejected_as_invalid(table.transact(&transaction(entries, None)).await, &what);
    }
    assert_same(stored(table, &one).await.as_ref(), None, "nothing done");
}

/// An update that does not fit what is stored is a reason like any other.
pub async fn an_update_that_does_not_fit_cancels_all(table: &impl Transactions) {
    let (free, text) = (key("misfit", "free"), key("misfit", "text"));
    store(table, &item(&text, [("a", s("text"))])).await;
    let entries = vec![Entry::Write(put(item(&free, []))), Entry::Write(update(&text, "ADD a :v", [(":v", n("1"))]))];
    assert_eq!(codes(&cancelled(table, entries).await), ["None", "ValidationError"]);
    assert_same(stored(table, &free).await.as_ref(), None, "nothing done");
}
