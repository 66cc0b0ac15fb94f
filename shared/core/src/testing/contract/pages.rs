//! Queries and scans of a table.

use std::collections::{BTreeMap, BTreeSet};

use serde_dynamo::AttributeValue;

use super::{assert_same, attributes, item, key, marked, n, s, store, tombstone};
use crate::error::Error;
use crate::item::Item;
use crate::mark::{Marks, Run};
use crate::ports::Consistency;
use crate::ports::pages::{Besides, Found, Index, PageRequest, Pages, Projected, Shown, Walk};
use crate::segment::Segment;

/// The indexes of the tables that `fresh` makes; see [`super::run_pages`].
///
/// `nr` is a number, `g` a string.
pub fn indexes() -> [(&'static str, Index); 4] {
    let keys = |partition: &str, sort: Option<&str>| crate::item::KeySchema {
        partition: partition.to_owned(),
        sort: sort.map(str::to_owned),
    };
    let only = |names: &[&str]| Projected::Only(names.iter().map(|name| (*name).to_owned()).collect());
    [
        ("local", Index { keys: keys("pk", Some("nr")), local: true, projected: only(&[]) }),
        ("whole", Index { keys: keys("g", Some("nr")), local: false, projected: Projected::All }),
        ("some", Index { keys: keys("g", None), local: false, projected: only(&["v"]) }),
        ("inverted", Index { keys: keys("sk", Some("pk")), local: false, projected: only(&[]) }),
    ]
}

/// A query of a partition, of everything there.
pub(super) fn query(key_condition: &str, values: &[(&str, AttributeValue)]) -> PageRequest {
    PageRequest {
        index: None,
        walk: Walk::Query { key_condition: key_condition.to_owned(), forward: true },
        consistency: Consistency::Strong,
        filter: None,
        besides: Besides::Nothing,
        shown: Shown::Whole,
        names: BTreeMap::new(),
        values: values.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
        limit: None,
        after: None,
    }
}

/// A scan of everything.
pub(super) fn scan(segment: Segment) -> PageRequest {
    PageRequest { walk: Walk::Scan { segment }, ..query("", &[]) }
}

/// The same read the other way round.
fn reversed(request: PageRequest) -> PageRequest {
    let walk = match request.walk {
        Walk::Query { key_condition, forward } => Walk::Query { key_condition, forward: !forward },
        scan @ Walk::Scan { .. } => scan,
    };
    PageRequest { walk, ..request }
}

/// The texts of one attribute, in the order of the items.
pub(super) fn texts(items: &[Item], attribute: &str) -> Vec<String> {
    let text = |item: &Item| match item.0.get(attribute) {
        Some(AttributeValue::S(text) | AttributeValue::N(text)) => text.clone(),
        _ => "-".to_owned(),
    };
    items.iter().map(text).collect()
}

/// All pages of a read, each from where the one before ended.
pub(super) async fn all_pages(table: &impl Pages, request: &PageRequest) -> Vec<Found> {
    let mut pages: Vec<Found> = Vec::new();
    loop {
        let after = pages.last().map_or(request.after.clone(), |page| page.next.clone());
        let page = table.page(&PageRequest { after, ..request.clone() }).await.unwrap();
        let is_last = page.next.is_none();
        pages.push(page);
        assert!(pages.len() < 1000, "pages without end: {request:?}");
        if is_last {
            return pages;
        }
    }
}

pub(super) async fn refuses(table: &impl Pages, request: &PageRequest) {
    match table.page(request).await {
        Err(Error::Rejected { name, .. }) if name == "ValidationException" => {}
        other => panic!("{request:?} should be refused as invalid, but: {other:?}"),
    }
}

/// Every condition on the sort key, in either direction; other partitions are no part of it.
pub async fn a_query_walks_its_part_in_order(table: &impl Pages) {
    for sk in ["b", "a1", "c", "a", "a2"] {
        store(table, &item(&key("order", sk), [])).await;
    }
    store(table, &item(&key("order2", "b"), [])).await;
    let (p, v) = ((":p", s("order")), (":v", s("a1")));
    for (condition, values, expected) in [
        ("pk = :p", vec![p.clone()], "a a1 a2 b c"),
        (":p = pk", vec![p.clone()], "a a1 a2 b c"),
        ("pk = :p AND sk = :v", vec![p.clone(), v.clone()], "a1"),
        ("sk < :v AND pk = :p", vec![p.clone(), v.clone()], "a"),
        ("(pk = :p) AND (sk <= :v)", vec![p.clone(), v.clone()], "a a1"),
        ("pk = :p AND sk > :v", vec![p.clone(), v.clone()], "a2 b c"),
        ("pk = :p AND sk >= :v", vec![p.clone(), v.clone()], "a1 a2 b c"),
        ("pk = :p AND sk BETWEEN :v AND :w", vec![p.clone(), v.clone(), (":w", s("b"))], "a1 a2 b"),
        ("pk = :p AND begins_with(sk, :v)", vec![p.clone(), (":v", s("a"))], "a a1 a2"),
        ("pk = :p AND sk > :v", vec![p.clone(), (":v", s("z"))], ""),
        ("pk = :p", vec![(":p", s("nobody"))], ""),
    ] {
        let request = query(condition, &values);
        let mut expected: Vec<&str> = expected.split_whitespace().collect();
        let found = table.page(&request).await.unwrap();
        assert_eq!(texts(&found.items, "sk"), expected, "{condition}");
        assert_eq!((found.count, found.scanned), (expected.len() as u32, expected.len() as u32), "{condition}");
        assert_eq!(found.next, None, "{condition}");
        expected.reverse();
        let found = table.page(&reversed(request)).await.unwrap();
        assert_eq!(texts(&found.items, "sk"), expected, "{condition}, backwards");
    }
    let names = [("#p".to_owned(), "pk".to_owned()), ("#s".to_owned(), "sk".to_owned())];
    let named = PageRequest { names: names.into(), ..query("#p = :p AND #s > :v", &[p, v]) };
    assert_eq!(texts(&table.page(&named).await.unwrap().items, "sk"), ["a2", "b", "c"]);
}

/// Pages of every size, forwards and backwards; a full page has a key to go on after, and that key need not be
/// an item's.
pub async fn pages_of_a_query_cover_it_once(table: &impl Pages) {
    for sk in ["1", "2", "3", "4"] {
        store(table, &item(&key("pages", sk), [("v", n("7"))])).await;
    }
    let whole = query("pk = :p", &[(":p", s("pages"))]);
    for (limit, pages) in [(1, 5), (2, 3), (3, 2), (4, 2), (5, 1)] {
        for request in [whole.clone(), reversed(whole.clone())] {
            let found = all_pages(table, &PageRequest { limit: Some(limit), ..request.clone() }).await;
            let items: Vec<Item> = found.iter().flat_map(|page| page.items.clone()).collect();
            assert_eq!(items, table.page(&request).await.unwrap().items, "pages of {limit}");
            assert_eq!(found.len(), pages, "pages of {limit}");
            for page in found.iter().filter(|page| page.next.is_some()) {
                let last = page.items.last().map(|item| super::schema().key_of(item).unwrap().to_item());
                assert_eq!(page.next, last, "pages of {limit}");
            }
        }
    }
    let after = |sk: &str| PageRequest { after: Some(key("pages", sk).to_item()), ..whole.clone() };
    assert_eq!(texts(&table.page(&after("25")).await.unwrap().items, "sk"), ["3", "4"]);
    assert_eq!(texts(&table.page(&reversed(after("25"))).await.unwrap().items, "sk"), ["2", "1"]);
    refuses(table, &PageRequest { after: Some(key("elsewhere", "1").to_item()), ..whole.clone() }).await;
    refuses(table, &PageRequest { after: Some(attributes([("pk", s("pages"))])), ..whole }).await;
}

/// The filter says what comes back, not what is looked at.
pub async fn a_filter_keeps_back_what_was_looked_at(table: &impl Pages) {
    for (sk, v) in [("1", "5"), ("2", "6"), ("3", "7"), ("4", "8")] {
        store(table, &item(&key("filter", sk), [("v", n(v))])).await;
    }
    let request = PageRequest {
        filter: Some("#v > :v OR attribute_exists(w)".to_owned()),
        names: [("#v".to_owned(), "v".to_owned())].into(),
        ..query("pk = :p", &[(":p", s("filter")), (":v", n("6"))])
    };
    let found = table.page(&request).await.unwrap();
    assert_eq!((texts(&found.items, "sk"), found.count, found.scanned), (vec!["3".into(), "4".into()], 2, 4));
    let first = table.page(&PageRequest { limit: Some(2), ..request.clone() }).await.unwrap();
    assert_eq!((first.items.len(), first.count, first.scanned), (0, 0, 2));
    assert_eq!(first.next, Some(key("filter", "2").to_item()), "the last item looked at, shown or not");
    let counted = table.page(&PageRequest { shown: Shown::Count, ..request.clone() }).await.unwrap();
    assert_eq!((counted.items.len(), counted.count, counted.scanned), (0, 2, 4));
    let joined = PageRequest { filter: Some("#v > :v) OR (#v < :v".to_owned()), ..request };
    refuses(table, &joined).await;
}

/// Tombstones, canaries and moved items come back whatever the filter says of them, and bring their marks.
pub async fn besides_the_filter_come_marked_items(table: &impl Pages) {
    let none = Marks::default;
    let stored = [
        item(&key("besides", "1 plain"), [("v", n("1"))]),
        tombstone(&key("besides", "2 dead")),
        marked(item(&key("besides", "3 canary"), []), Marks { canary: Some("x".to_owned()), ..none() }),
        marked(item(&key("besides", "4 moved 1"), []), Marks { moved: Run(1), ..none() }),
        marked(item(&key("besides", "5 moved 2"), [("v", n("1"))]), Marks { moved: Run(2), ..none() }),
        marked(item(&key("besides", "6 own 2"), []), Marks { own: Run(2), ..none() }),
        marked(item(&key("besides", "7 own 1"), [("v", n("9"))]), Marks { own: Run(1), ..none() }),
    ];
    for item in &stored {
        store(table, item).await;
    }
    let request = |besides, filter: Option<&str>| {
        let value = filter.map(|_| (":v", n("5")));
        let values: Vec<_> = [(":p", s("besides"))].into_iter().chain(value).collect();
        PageRequest { besides, filter: filter.map(str::to_owned), ..query("pk = :p", &values) }
    };
    for (besides, expected) in [
        (Besides::Nothing, "7"),
        (Besides::Hidden, "2 3 7"),
        (Besides::HiddenOrMoved(Run(2)), "2 3 5 6 7"),
        (Besides::HiddenOrMoved(Run(1)), "2 3 4 5 6 7"),
    ] {
        let found = table.page(&request(besides, Some("v > :v"))).await.unwrap();
        let numbers: Vec<String> = texts(&found.items, "sk").iter().map(|sk| sk[..1].to_owned()).collect();
        assert_eq!(numbers.join(" "), expected, "{besides:?}");
        assert_eq!((found.count as usize, found.scanned as usize), (numbers.len(), stored.len()), "{besides:?}");
        for item in &found.items {
            assert!(stored.contains(item), "{item:?}");
        }
        let all = table.page(&request(besides, None)).await.unwrap();
        assert_eq!(all.items, stored, "without a filter everything comes back");
    }
    let shown = PageRequest { shown: Shown::Keys, ..request(Besides::Hidden, Some("v > :v OR v < :v")) };
    for item in table.page(&shown).await.unwrap().items {
        let marks = Marks::of(&item);
        assert_same(Some(&item), Some(&marks.onto(super::schema().key_of(&item).unwrap().to_item())), "keys and marks");
    }
}

/// Keys and marks come with every projection, also where it names them.
pub async fn a_projection_brings_keys_and_marks(table: &impl Pages) {
    let key = key("shown", "1");
    let marks = Marks { own: Run(1), moved: Run(2), ..Marks::default() };
    let stored = marked(item(&key, [("a", n("1")), ("b", n("2"))]), marks.clone());
    store(table, &stored).await;
    let bare = key.to_item();
    for (text, names, more) in [
        ("a", [].into(), vec![("a", n("1"))]),
        ("pk, #b", [("#b".to_owned(), "b".to_owned())].into(), vec![("b", n("2"))]),
        ("#k", [("#k".to_owned(), "sk".to_owned())].into(), vec![]),
        ("nothere", BTreeMap::new(), vec![]),
    ] {
        let shown = Shown::Expression(text.to_owned());
        let request = PageRequest { shown, names, ..query("pk = :p", &[(":p", s("shown"))]) };
        let mut expected = bare.clone();
        expected.0.extend(more.into_iter().map(|(name, value)| (name.to_owned(), value)));
        let found = table.page(&request).await.unwrap();
        assert_same(found.items.first(), Some(&marks.onto(expected)), text);
    }
}

/// Whatever the number of segments and the size of a page. The table must be empty.
pub async fn pages_of_a_scan_cover_the_table_once(table: &impl Pages) {
    assert_eq!(table.page(&scan(Segment::WHOLE)).await.unwrap(), Found::default(), "the table must be empty");
    let mut expected = BTreeSet::new();
    for index in 0..30 {
        let key = key(&format!("partition-{}", index / 3), &format!("{}", index % 3));
        store(table, &item(&key, [("v", n(&index.to_string()))])).await;
        expected.insert(key.id());
    }
    for (total, limit) in [(1, None), (1, Some(7)), (1, Some(30)), (3, None), (3, Some(2)), (5, Some(1))] {
        let mut found = Vec::new();
        for index in 0..total {
            let request = PageRequest { limit, ..scan(Segment { index, total }) };
            for page in all_pages(table, &request).await {
                assert!(limit.is_none_or(|limit| page.scanned <= limit), "{} on a page of {limit:?}", page.scanned);
                found.extend(page.items.iter().map(|item| super::schema().key_of(item).unwrap().id()));
            }
        }
        assert_eq!(found.len(), expected.len(), "{total} segments, pages of {limit:?}");
        assert!(found.into_iter().collect::<BTreeSet<_>>() == expected, "{total} segments, pages of {limit:?}");
    }
    let filter = Some("v >= :v AND begins_with(pk, :p)".to_owned());
    let values = [(":v".to_owned(), n("27")), (":p".to_owned(), s("partition"))].into();
    let found = table.page(&PageRequest { filter, values, ..scan(Segment::WHOLE) }).await.unwrap();
    assert_eq!((found.count, found.scanned), (3, 30), "a scan's filter may look at the key");
}

/// What no query of a table is.
pub async fn what_is_no_query_is_refused(table: &impl Pages) {
    let p = || (":p", s("p"));
    for (condition, values) in [
        ("sk = :p", vec![p()]),
        ("pk > :p", vec![p()]),
        ("pk = :p OR sk = :p", vec![p()]),
        ("pk = :p AND v = :p", vec![p()]),
        ("pk = :p AND sk <> :p", vec![p()]),
        ("pk = :q", vec![p()]),
        ("pk = :p", vec![p(), (":more", n("1"))]),
    ] {
        refuses(table, &query(condition, &values)).await;
    }
    refuses(table, &PageRequest { index: Some("nothere".to_owned()), ..query("pk = :p", &[p()]) }).await;
    refuses(table, &PageRequest { limit: Some(0), ..query("pk = :p", &[p()]) }).await;
}
