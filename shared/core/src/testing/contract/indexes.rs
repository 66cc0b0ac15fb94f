//! Queries and scans of secondary indexes.

use super::pages::{all_pages, query, refuses, scan, texts};
use super::{assert_same, attributes, item, key, marked, n, s, store, tombstone};
use crate::mark::{Marks, Run};
use crate::ports::Consistency;
use crate::ports::pages::{Besides, PageRequest, Pages, Projected, Shown};
use crate::segment::Segment;

/// A query of an index, of all it holds.
fn of(index: &str, request: PageRequest) -> PageRequest {
    let consistency = Consistency::Eventual;
    PageRequest { index: Some(index.to_owned()), shown: Shown::Projected, consistency, ..request }
}

/// The indexes are those that the table was made with.
pub fn the_indexes_are_known(table: &impl Pages) {
    let expected = super::pages::indexes().map(|(name, index)| (name.to_owned(), index));
    assert_eq!(*table.indexes(), expected.into());
}

/// By value, not as text; only items that have the key are in it, and they move as it changes.
pub async fn an_index_is_in_the_order_of_its_key(table: &impl Pages) {
    for (sk, at) in [("a", "10"), ("b", "9"), ("c", "-1.5"), ("d", "1e2"), ("e", "0")] {
        store(table, &item(&key("index", sk), [("nr", n(at)), ("g", s("index"))])).await;
    }
    store(table, &item(&key("index", "no key"), [("v", n("1"))])).await;
    for (index, partition) in [("local", "pk"), ("whole", "g")] {
        let all = of(index, query(&format!("{partition} = :p"), &[(":p", s("index"))]));
        assert_eq!(texts(&table.page(&all).await.unwrap().items, "sk"), ["c", "e", "b", "a", "d"], "{index}");
        let part = query(&format!("{partition} = :p AND nr >= :v"), &[(":p", s("index")), (":v", n("9.0"))]);
        assert_eq!(texts(&table.page(&of(index, part)).await.unwrap().items, "sk"), ["b", "a", "d"], "{index}");
    }
    store(table, &item(&key("index", "a"), [("nr", n("-7")), ("g", s("index"))])).await;
    store(table, &item(&key("index", "d"), [("g", s("index"))])).await;
    let all = of("whole", query("g = :p", &[(":p", s("index"))]));
    assert_eq!(texts(&table.page(&all).await.unwrap().items, "sk"), ["a", "c", "e", "b"]);
}

/// Each shows what it holds and the keys, whatever is asked for; one that holds all brings marks.
pub async fn an_index_shows_what_it_holds(table: &impl Pages) {
    let key = key("holds", "1");
    let marks = Marks { own: Run(1), ..Marks::default() };
    let data = item(&key, [("nr", n("1")), ("g", s("holds")), ("v", n("2")), ("w", n("3"))]);
    store(table, &marked(data.clone(), marks.clone())).await;
    let without = |names: &[&str]| {
        let mut data = data.clone();
        data.0.retain(|name, _| !names.contains(&name.as_str()));
        data
    };
    for (index, condition, value, expected) in [
        ("local", "pk = :v", "holds", without(&["g", "v", "w"])),
        ("whole", "g = :v", "holds", marks.onto(data.clone())),
        ("some", "g = :v", "holds", without(&["nr", "w"])),
        ("inverted", "sk = :v AND begins_with(pk, :w)", "1", without(&["nr", "g", "v", "w"])),
    ] {
        let more = condition.contains(":w").then(|| (":w", s("holds")));
        let values: Vec<_> = [(":v", s(value))].into_iter().chain(more).collect();
        let request = of(index, query(condition, &values));
        let found = table.page(&request).await.unwrap();
        assert_same(found.items.first(), Some(&expected), index);
        let keys = table.page(&PageRequest { shown: Shown::Keys, ..request.clone() }).await.unwrap();
        let held = &super::pages::indexes().into_iter().find(|(name, _)| *name == index).unwrap().1;
        let schema = super::schema();
        let mut bare = expected.clone();
        bare.0.retain(|name, _| {
            name.starts_with("_lm_") || schema.names().chain(held.keys.names()).any(|key| key == name)
        });
        assert_same(keys.items.first(), Some(&bare), index);
        assert_eq!(held.holds_marks(), held.projected == Projected::All);
        let counted = table.page(&PageRequest { shown: Shown::Count, ..request }).await.unwrap();
        assert_eq!((counted.count, counted.scanned, counted.items.len()), (1, 1, 0), "{index}");
    }
}

/// Equal keys included, in an order of the table's own; the key to go on after has the keys of both.
pub async fn pages_of_an_index_cover_it_once(table: &impl Pages) {
    for number in 0..12 {
        let key = key(&format!("equal-{}", number % 3), &number.to_string());
        store(table, &item(&key, [("nr", n(&(number / 5).to_string())), ("g", s("equal"))])).await;
    }
    for index in ["whole", "some"] {
        for forward in [true, false] {
            let mut request = of(index, query("g = :g", &[(":g", s("equal"))]));
            if let crate::ports::pages::Walk::Query { forward: direction, .. } = &mut request.walk {
                *direction = forward;
            }
            for limit in [1, 2, 5, 12] {
                let pages = all_pages(table, &PageRequest { limit: Some(limit), ..request.clone() }).await;
                let mut found: Vec<String> = pages.iter().flat_map(|page| texts(&page.items, "sk")).collect();
                found.sort_by_key(|sk| sk.parse::<u32>().unwrap());
                let expected: Vec<String> = (0..12).map(|number| number.to_string()).collect();
                assert_eq!(found, expected, "{index}, pages of {limit}");
                let next = pages.first().and_then(|page| page.next.clone()).unwrap();
                let names: Vec<&str> = next.0.keys().map(String::as_str).collect();
                assert_eq!(names, if index == "whole" { vec!["g", "nr", "pk", "sk"] } else { vec!["g", "pk", "sk"] });
            }
        }
    }
}

/// A scan of an index meets the items that are in it, segment by segment.
pub async fn a_scan_of_an_index_meets_what_is_in_it(table: &impl Pages) {
    for number in 0..9 {
        let more = if number % 3 == 0 { vec![] } else { vec![("g", s(&format!("g{number}"))), ("nr", n("1"))] };
        let mut item = item(&key("scanned", &number.to_string()), []);
        item.0.extend(more.into_iter().map(|(name, value)| (name.to_owned(), value)));
        store(table, &item).await;
    }
    for total in [1, 3] {
        let mut found = Vec::new();
        for index in 0..total {
            let filter = Some("begins_with(pk, :p)".to_owned());
            let values = [(":p".to_owned(), s("scanned"))].into();
            let request = PageRequest { filter, values, limit: Some(2), ..scan(Segment { index, total }) };
            for page in all_pages(table, &of("whole", request)).await {
                found.extend(texts(&page.items, "sk"));
            }
        }
        found.sort();
        assert_eq!(found, ["1", "2", "4", "5", "7", "8"], "{total} segments");
    }
}

/// Tombstones are in an index only if its key is made of the table's; a filter keeps them back where it does not
/// hold their marks, and not where it does.
pub async fn tombstones_are_in_indexes_of_table_keys_alone(table: &impl Pages) {
    store(table, &tombstone(&key("dead", "tombstone"))).await;
    store(table, &item(&key("dead", "alive"), [("g", s("dead")), ("nr", n("1"))])).await;
    for (index, condition, value, expected) in [
        ("local", "pk = :v", "dead", 1),
        ("whole", "g = :v", "dead", 1),
        ("some", "g = :v", "dead", 1),
        ("inverted", "sk = :v", "tombstone", 1),
    ] {
        let request = PageRequest { besides: Besides::Hidden, ..of(index, query(condition, &[(":v", s(value))])) };
        assert_eq!(table.page(&request).await.unwrap().count, expected, "{index}");
    }
    let mut dead = tombstone(&key("dead", "whole"));
    dead.0.extend(attributes([("g", s("dead")), ("nr", n("2"))]).0);
    store(table, &dead).await;
    let filter = Some("v = :x".to_owned());
    let values = [(":v", s("dead")), (":x", n("1"))];
    let request = PageRequest { filter, besides: Besides::Hidden, ..of("whole", query("g = :v", &values)) };
    assert_eq!(texts(&table.page(&request).await.unwrap().items, "sk"), ["whole"]);
    let request = PageRequest { index: Some("some".to_owned()), ..request };
    assert_eq!(table.page(&request).await.unwrap().items, []);
}

/// A local index can be read strongly, a global one cannot.
pub async fn strong_reads_are_for_local_indexes(table: &impl Pages) {
    store(table, &item(&key("strong", "1"), [("nr", n("1")), ("g", s("strong"))])).await;
    let strong = |index, condition| PageRequest {
        consistency: Consistency::Strong,
        ..of(index, query(condition, &[(":v", s("strong"))]))
    };
    assert_eq!(table.page(&strong("local", "pk = :v")).await.unwrap().count, 1);
    refuses(table, &strong("whole", "g = :v")).await;
}

/// Rules that the local AWS breaks; see [`super::run_pages_strict`].
pub async fn what_an_index_does_not_hold(table: &impl Pages) {
    let data = item(&key("fetch", "1"), [("nr", n("1")), ("g", s("fetch")), ("v", n("2")), ("w", n("3"))]);
    store(table, &data).await;
    let whole =
        |index, condition| PageRequest { shown: Shown::Whole, ..of(index, query(condition, &[(":v", s("fetch"))])) };
    let found = table.page(&whole("local", "pk = :v")).await.unwrap();
    assert_same(found.items.first(), Some(&data), "a local index fetches the rest");
    refuses(table, &whole("some", "g = :v")).await;
    let expression = Shown::Expression("w".to_owned());
    refuses(table, &PageRequest { shown: expression, ..whole("some", "g = :v") }).await;
    refuses(
        table,
        &PageRequest {
            filter: Some("attribute_exists(w)".to_owned()),
            ..of("some", query("g = :v", &[(":v", s("x"))]))
        },
    )
    .await;
}

/// The filter of a query may not look at the key that is queried. (The local AWS lets it.)
pub async fn a_filter_on_the_queried_key_is_refused(table: &impl Pages) {
    let value = &[(":v", s("x"))];
    for filter in ["pk = :v", "attribute_exists(sk)"] {
        refuses(table, &PageRequest { filter: Some(filter.to_owned()), ..query("pk = :v", value) }).await;
    }
    let request = PageRequest { filter: Some("size(g) > :v".to_owned()), ..of("whole", query("g = :v", value)) };
    refuses(table, &request).await;
}
