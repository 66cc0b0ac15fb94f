//! Keys of items.

use livemove_core::item::{Item, Key, KeySchema};
use serde_dynamo::AttributeValue;

fn schema() -> KeySchema {
    KeySchema { partition: "pk".to_owned(), sort: Some("sk".to_owned()) }
}

fn item(entries: &[(&str, AttributeValue)]) -> Item {
    Item(entries.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect())
}

fn s(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

fn n(number: &str) -> AttributeValue {
    AttributeValue::N(number.to_owned())
}

fn key(pk: AttributeValue, sk: AttributeValue) -> Key {
    schema().key(item(&[("pk", pk), ("sk", sk)])).unwrap()
}

#[test]
fn a_key_is_the_key_attributes_and_nothing_else() {
    let whole = item(&[("pk", s("a")), ("sk", n("1")), ("data", s("x"))]);
    let key = schema().key_of(&whole).unwrap();
    assert_eq!(key.to_item(), item(&[("pk", s("a")), ("sk", n("1"))]));
    assert_eq!(schema().key(whole).unwrap_err().attribute, "data");
    let partition_only = KeySchema { partition: "pk".to_owned(), sort: None };
    assert_eq!(partition_only.names().collect::<Vec<_>>(), ["pk"]);
    assert_eq!(partition_only.key(item(&[("pk", s("a")), ("sk", n("1"))])).unwrap_err().attribute, "sk");
}

#[test]
fn a_key_attribute_must_be_there_and_of_a_key_type() {
    assert_eq!(schema().key_of(&item(&[("pk", s("a"))])).unwrap_err().attribute, "sk");
    let wrong =
        [AttributeValue::Null(true), AttributeValue::Bool(true), AttributeValue::L(vec![]), AttributeValue::Ss(vec![])];
    for value in wrong {
        assert_eq!(schema().key_of(&item(&[("pk", value), ("sk", n("1"))])).unwrap_err().attribute, "pk");
    }
    let binary = AttributeValue::B(vec![1]);
    assert!(schema().key_of(&item(&[("pk", binary), ("sk", n("1"))])).is_ok());
}

#[test]
fn identity_follows_the_meaning_of_the_key() {
    assert_eq!(key(s("a"), n("1")).id(), key(s("a"), n("1.0")).id());
    let others = [
        key(s("a"), n("1")),
        key(s("a"), n("2")),
        key(s("a"), s("1")),
        key(s("b"), n("1")),
        key(n("1"), s("a")),
        key(AttributeValue::B(b"a".to_vec()), n("1")),
        key(s("a2:skS1:x"), s("")),
    ];
    for (i, a) in others.iter().enumerate() {
        for b in &others[..i] {
            assert_ne!(a.id(), b.id());
            assert_ne!(a.hash(), b.hash());
        }
    }
}

#[test]
fn a_key_shows_its_hash_and_never_its_values() {
    let key = key(s("secret"), n("42"));
    let shown = format!("{key:?}");
    assert!(shown.contains(&key.hash()) && !shown.contains("secret") && !shown.contains("42)"), "{shown}");
    assert_eq!(key.hash().len(), 16);
}

#[test]
fn keys_survive_json() {
    for sort in [s("x"), n("12345678901234567890123456789012345678"), AttributeValue::B(vec![0, 255])] {
        let key = key(s("a"), sort);
        let json = serde_json::to_string(&key).unwrap();
        assert_eq!(serde_json::from_str::<Key>(&json).unwrap(), key, "{json}");
    }
}
