//! Read transactions, and unconditional writes of several items.

use std::collections::BTreeMap;

use super::{
    assert_same, attributes, item, key, marked, n, put, rejected_as_invalid, store, stored, tombstone, update,
};
use crate::item::{Item, Key};
use crate::mark::{Marks, Run};
use crate::ports::Get;
use crate::ports::transact::{
    Entry, REPLACE_MAX, ReadEntry, Replacement, Snapshot, Transacted, Transaction, Transactions,
};

async fn read(table: &impl Transactions, gets: Vec<Get>) -> Vec<Option<Item>> {
    let entries: Vec<_> = gets.into_iter().map(ReadEntry::Get).collect();
    match table.snapshot(&entries).await {
        Ok(Snapshot::Read(items)) => items,
        other => panic!("should be read, but: {other:?}"),
    }
}

/// One answer for each entry, in order; the latest state, marks and all.
pub async fn a_snapshot_is_aligned_with_its_entries(table: &impl Transactions) {
    let [whole, absent, gone] = ["whole", "absent", "gone"].map(|sk| key("snapshot", sk));
    let there = marked(item(&whole, [("a", n("1")), ("b", n("2"))]), Marks { own: Run(2), ..Marks::default() });
    store(table, &there).await;
    store(table, &tombstone(&gone)).await;
    let gets = [&gone, &absent, &whole].map(|key| Get::whole(key.clone())).to_vec();
    let items = read(table, gets).await;
    assert_eq!(items.len(), 3);
    assert_same(items[0].as_ref(), Some(&tombstone(&gone)), "a tombstone");
    assert_same(items[1].as_ref(), None, "absent");
    assert_same(items[2].as_ref(), Some(&there), "whole");
}

/// As in a single read.
pub async fn a_snapshots_projection_keeps_the_marks(table: &impl Transactions) {
    let key = key("snapshot", "projection");
    let marks = Marks { own: Run(3), moved: Run(2), ..Marks::default() };
    store(table, &marked(item(&key, [("a", n("1")), ("b", n("2"))]), marks.clone())).await;
    let get = Get {
        projection: Some("#n".to_owned()),
        names: BTreeMap::from([("#n".to_owned(), "b".to_owned())]),
        ..Get::whole(key)
    };
    let expected = marked(attributes([("b", n("2"))]), marks);
    assert_same(read(table, vec![get]).await[0].as_ref(), Some(&expected), "projected");
}

/// All of a transaction's writes, or none of them.
pub async fn a_snapshot_sees_transactions_whole(table: &impl Transactions) {
    let keys = [key("snapshot", "left"), key("snapshot", "right")];
    for round in 1..=10 {
        let count = |key: &Key| Entry::Write(update(key, "ADD a :v", [(":v", n("1"))]));
        let both = Transaction { entries: keys.iter().map(count).collect(), token: None };
        assert_eq!(table.transact(&both).await.unwrap(), Transacted::Applied);
        let items = read(table, keys.iter().map(|key| Get::whole(key.clone())).collect()).await;
        for (key, seen) in keys.iter().zip(items) {
            assert_same(seen.as_ref(), Some(&item(key, [("a", n(&round.to_string()))])), "after the transaction");
        }
    }
}

/// Puts and deletes, whatever was there.
pub async fn a_batch_replaces_and_removes(table: &impl Transactions) {
    let keys: Vec<Key> = (0..REPLACE_MAX).map(|index| key("batch", &format!("{index:02}"))).collect();
    for key in keys.iter().step_by(3) {
        store(table, &marked(item(key, [("a", n("0"))]), Marks { moved: Run(1), ..Marks::default() })).await;
    }
    let is_put = |index: usize| index.is_multiple_of(2);
    let replacements: Vec<Replacement> = keys
        .iter()
        .enumerate()
        .map(|(index, key)| {
            let new = || item(key, [("a", n(&index.to_string()))]);
            if is_put(index) { Replacement::Put(new()) } else { Replacement::Delete(key.clone()) }
        })
        .collect();
    assert_eq!(table.replace(&replacements).await.unwrap(), Vec::<usize>::new());
    for (index, key) in keys.iter().enumerate() {
        let expected = is_put(index).then(|| item(key, [("a", n(&index.to_string()))]));
        assert_same(stored(table, key).await.as_ref(), expected.as_ref(), &format!("item {index}"));
    }
}

/// One key twice, none at all, too many.
pub async fn what_is_no_batch_is_rejected(table: &impl Transactions) {
    let one = key("batch", "twice");
    let many = (0..=REPLACE_MAX).map(|index| Replacement::Delete(key("batch", &index.to_string()))).collect();
    for replacements in [vec![Replacement::Put(item(&one, [])), Replacement::Delete(one.clone())], vec![], many] {
        let what = format!("{} items", replacements.len());
        rejected_as_invalid(table.replace(&replacements).await, &what);
    }
    assert_same(stored(table, &one).await.as_ref(), None, "nothing done");
    assert_eq!(table.write(&put(item(&one, []))).await.unwrap(), crate::ports::Written::Applied(None));
}
