//! Reads of one item, of many, and scans.

use std::collections::BTreeMap;

use super::{assert_same, attributes, item, key, map, marked, n, store, stored, tombstone};
use crate::item::Key;
use crate::mark::{Marks, Run};
use crate::ports::{Consistency, Get, Table};
use crate::segment::Segment;

/// Write, read, write, read: never the one before.
pub async fn a_strong_read_sees_the_write_before_it(table: &impl Table) {
    let key = key("reads", "strong");
    assert_same(stored(table, &key).await.as_ref(), None, "before");
    for round in 0..20 {
        let item = item(&key, [("round", n(&round.to_string()))]);
        store(table, &item).await;
        assert_same(stored(table, &key).await.as_ref(), Some(&item), "after");
    }
}

/// Marks come with every projection; attributes that are not there do not make the item absent.
pub async fn a_projection_keeps_the_marks(table: &impl Table) {
    let key = key("reads", "projection");
    let marks = Marks { own: Run(3), moved: Run(2), ..Marks::default() };
    let data = item(&key, [("a", n("1")), ("b", n("2")), ("m", map([("x", n("1")), ("y", n("2"))]))]);
    store(table, &marked(data, marks.clone())).await;
    for (projection, expected) in [
        ("a", attributes([("a", n("1"))])),
        ("#n, m.x", attributes([("b", n("2")), ("m", map([("x", n("1"))]))])),
        ("nothere", attributes([])),
    ] {
        let names = if projection.contains('#') { vec![("#n".to_owned(), "b".to_owned())] } else { vec![] };
        let get = Get {
            key: key.clone(),
            consistency: Consistency::Strong,
            projection: Some(projection.to_owned()),
            names: names.into_iter().collect(),
        };
        let shown = table.get(&get).await.unwrap();
        assert_same(shown.as_ref(), Some(&marked(expected, marks.clone())), projection);
    }
    let absent = Get {
        key: super::key("reads", "projection-absent"),
        consistency: Consistency::Strong,
        projection: Some("a".to_owned()),
        names: BTreeMap::new(),
    };
    assert_same(table.get(&absent).await.unwrap().as_ref(), None, "absent");
}

/// One answer for each key, in order, absent ones and tombstones included.
pub async fn many_reads_are_aligned_with_the_keys(table: &impl Table) {
    let keys: Vec<Key> = (0..100).map(|index| key("reads", &format!("many-{:02}", index * 37 % 100))).collect();
    for (index, key) in keys.iter().enumerate().filter(|(index, _)| index % 2 == 0) {
        let item = if index % 4 == 0 { tombstone(key) } else { item(key, [("index", n(&index.to_string()))]) };
        store(table, &item).await;
    }
    let items = table.get_many(&keys).await.unwrap();
    assert_eq!(items.len(), keys.len());
    for (key, item) in keys.iter().zip(&items) {
        assert_same(item.as_ref(), stored(table, key).await.as_ref(), "as a single read");
    }
    assert!(table.get_many(&[]).await.unwrap().is_empty(), "no keys, no items");
}

/// Whatever the number of segments and the size of a page, going on after each page's last key.
pub async fn segments_and_pages_cover_every_item_once(table: &impl Table) {
    assert_eq!(scan_all(table, 1, 10).await, Vec::<String>::new(), "the table must be empty");
    let mut expected = Vec::new();
    for index in 0..60 {
        let key = key(&format!("partition-{}", index / 3), &format!("{}", index % 3));
        let item = if index % 10 == 0 { tombstone(&key) } else { item(&key, [("index", n(&index.to_string()))]) };
        store(table, &item).await;
        expected.push(key.id());
    }
    expected.sort();
    for (total, limit) in [(1, 1000), (1, 7), (1, 60), (4, 3), (4, 1000), (7, 1)] {
        let mut found = scan_all(table, total, limit).await;
        found.sort();
        assert_eq!(found.len(), expected.len(), "{total} segments, pages of {limit}");
        assert!(found == expected, "{total} segments, pages of {limit}: other keys");
    }
}

/// The identities of all items, as found.
async fn scan_all(table: &impl Table, total: u32, limit: u32) -> Vec<String> {
    let mut found = Vec::new();
    for index in 0..total {
        let mut after: Option<Key> = None;
        loop {
            let page = table.scan(Segment { index, total }, after.as_ref(), limit).await.unwrap();
            assert!(page.items.len() <= limit as usize, "{} items on a page of {limit}", page.items.len());
            found.extend(page.items.iter().map(|item| super::schema().key_of(item).unwrap().id()));
            match page.next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
    }
    found
}
