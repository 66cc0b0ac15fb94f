//! Inserting what is not there yet.

use super::{assert_same, item, key, n, store, stored, tombstone};
use crate::ports::{INSERT_MAX, Inserted, Table};

/// Neither an item nor a tombstone is overwritten, and a second time changes nothing.
pub async fn an_insert_never_overwrites(table: &impl Table) {
    let (live, dead, free) = (key("inserts", "live"), key("inserts", "dead"), key("inserts", "free"));
    store(table, &item(&live, [("a", n("1"))])).await;
    store(table, &tombstone(&dead)).await;
    let items = [&live, &dead, &free].map(|key| item(key, [("a", n("2"))]));
    let answers = table.insert(&items).await;
    assert!(matches!(answers[..], [Inserted::Exists, Inserted::Exists, Inserted::Inserted]), "{answers:?}");
    assert_same(stored(table, &live).await.as_ref(), Some(&item(&live, [("a", n("1"))])), "live");
    assert_same(stored(table, &dead).await.as_ref(), Some(&tombstone(&dead)), "dead");
    assert_same(stored(table, &free).await.as_ref(), Some(&items[2]), "free");
    let again = table.insert(&items).await;
    assert!(again.iter().all(|answer| matches!(answer, Inserted::Exists)), "{again:?}");
    assert!(table.insert(&[]).await.is_empty(), "no items, no answers");
}

/// A full call where every third item is there already.
pub async fn answers_are_aligned_with_the_items(table: &impl Table) {
    let items: Vec<_> =
        (0..INSERT_MAX).map(|index| item(&key("inserts", &format!("aligned-{index}")), [("a", n("1"))])).collect();
    for present in items.iter().step_by(3) {
        store(table, present).await;
    }
    let answers = table.insert(&items).await;
    assert_eq!(answers.len(), items.len());
    for (index, answer) in answers.iter().enumerate() {
        let right =
            if index % 3 == 0 { matches!(answer, Inserted::Exists) } else { matches!(answer, Inserted::Inserted) };
        assert!(right, "item {index}: {answer:?}");
    }
}

/// Which of the two is not said.
pub async fn of_two_items_of_one_key_one_is_inserted(table: &impl Table) {
    let key = key("inserts", "twice");
    let items = [item(&key, [("a", n("1"))]), item(&key, [("a", n("2"))])];
    let answers = table.insert(&items).await;
    let count = |wanted: fn(&Inserted) -> bool| answers.iter().filter(|answer| wanted(answer)).count();
    let inserted = answers.iter().position(|answer| matches!(answer, Inserted::Inserted));
    let inserted = inserted.unwrap_or_else(|| panic!("none was inserted: {answers:?}"));
    assert_eq!(count(|answer| matches!(answer, Inserted::Exists)), 1, "{answers:?}");
    assert_same(stored(table, &key).await.as_ref(), Some(&items[inserted]), "the one said to be inserted");
}
