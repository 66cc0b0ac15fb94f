//! The application's bytes.

use serde_dynamo::AttributeValue;

use super::{applied_returning, assert_same, item, key, map, n, put, s, store, stored, update};
use crate::item::Item;
use crate::ports::{Inserted, Returning, Table};
use crate::size;

/// Every type of DynamoDB at its edges.
fn everything(sort: &str) -> Item {
    let deep = (0..25).fold(n("1"), |value, _| AttributeValue::L(vec![value]));
    item(
        &key("values", sort),
        [
            ("digits", n("12345678901234567890123456789012345678")),
            ("fraction", n("-0.00000000000000000000000000000000000001")),
            ("large", n("99999999999999999999999999999999999999000000000000000000000000000000")),
            ("zero", n("0")),
            ("empty string", s("")),
            ("text", s("ünï©ødé \u{1F980} \n\t\"quoted\" \u{0}")),
            ("binary", AttributeValue::B((0..=255).collect())),
            ("empty binary", AttributeValue::B(vec![])),
            ("true", AttributeValue::Bool(true)),
            ("false", AttributeValue::Bool(false)),
            ("null", AttributeValue::Null(true)),
            ("strings", AttributeValue::Ss(vec!["z".to_owned(), "a".to_owned(), "ä".to_owned()])),
            ("numbers", AttributeValue::Ns(vec!["10".to_owned(), "9".to_owned(), "-1.5".to_owned()])),
            ("binaries", AttributeValue::Bs(vec![vec![2, 0], vec![255], vec![1]])),
            ("empty list", AttributeValue::L(vec![])),
            ("empty map", map([])),
            (
                "mixed",
                AttributeValue::L(vec![
                    s(""),
                    n("1"),
                    AttributeValue::Null(true),
                    map([("b", AttributeValue::B(vec![0]))]),
                ]),
            ),
            ("nested", map([("a.b", map([("#c", AttributeValue::Ss(vec!["one".to_owned()]))]))])),
            ("deep", deep),
            ("a name with spaces, dots. and [brackets]", s("x")),
        ],
    )
}

/// Through put and get, insert and scan-like reads alike.
pub async fn every_type_comes_back_as_it_was(table: &impl Table) {
    let put = everything("put");
    store(table, &put).await;
    assert_same(stored(table, &key("values", "put")).await.as_ref(), Some(&put), "put");
    let inserted = everything("insert");
    let answers = table.insert(std::slice::from_ref(&inserted)).await;
    assert!(matches!(answers[..], [Inserted::Inserted]), "{answers:?}");
    assert_same(stored(table, &key("values", "insert")).await.as_ref(), Some(&inserted), "insert");
}

/// In decimal, not in binary: a tenth and two tenths are three tenths.
pub async fn arithmetic_is_decimal(table: &impl Table) {
    let key = key("values", "arithmetic");
    for (start, expression, operand, result) in [
        ("99999999999999999999999999999999999999", "ADD a :v", "1", "100000000000000000000000000000000000000"),
        ("0.1", "SET a = a + :v", "0.2", "0.3"),
        ("1", "SET a = a - :v", "1.5", "-0.5"),
        ("-5", "SET a = :v - a", "-5", "0"),
    ] {
        store(table, &item(&key, [("a", n(start))])).await;
        let write = update(&key, expression, [(":v", n(operand))]);
        let answer = applied_returning(table, write, Returning::AllNew).await;
        assert_same(answer.as_ref(), Some(&item(&key, [("a", n(result))])), expression);
    }
}

/// Counted as [`size::of`] counts; and what is refused for its size is known for it by [`size::is_too_large`].
pub async fn an_item_may_have_400_kb_and_not_a_byte_more(table: &impl Table) {
    let key = key("values", "large");
    let of = |bytes: usize| {
        let bare = item(&key, [("v", s(""))]);
        item(&key, [("v", s(&"x".repeat(bytes - size::of(&bare))))])
    };
    store(table, &of(size::ITEM_MAX)).await;
    let over = table.write(&put(of(size::ITEM_MAX + 1))).await;
    let grown = table.write(&update(&key, "SET w = :w", [(":w", s(""))])).await;
    for refused in [over, grown] {
        let error = refused.expect_err("too large");
        assert!(size::is_too_large(&error), "{error}");
    }
    let inserted = table.insert(&[of(size::ITEM_MAX + 1)]).await;
    let refused = matches!(&inserted[..], [Inserted::Failed(error)] if size::is_too_large(error));
    assert!(refused || matches!(&inserted[..], [Inserted::Exists]), "an item is there, and the new one is too large");
}
