//! Items, keys and marks in DynamoDB's JSON.

use livemove_core::item::{Item, Key, KeySchema};
use livemove_core::mark::{Held, Marks, OperationId, Position, RESERVED, Run, visible};
use livemove_core::testing::fuzz::{any_json, bytes, cases, item, json, says};
use proptest::prelude::*;
use serde_dynamo::AttributeValue;
use serde_json::{Value, to_value};

const TYPES: &[&str] = &["S", "N", "B", "BOOL", "NULL", "M", "L", "SS", "NS", "BS", "pk"];

fn damaged() -> impl Strategy<Value = Value> {
    item().prop_flat_map(|item| json(to_value(item).unwrap()))
}

fn marks() -> impl Strategy<Value = Marks> {
    let run = || (0..5u32).prop_map(Run);
    let position = prop::option::of((0..9u32, "[0-9]{1,40}").prop_map(|(run, at)| Position::new(Run(run), &at)));
    let stamp = prop::option::of("[!-~]{1,64}".prop_map(|text| OperationId::new(text).unwrap()));
    (run(), run(), any::<bool>(), position, prop::option::of(".{0,9}"), stamp).prop_map(
        |(own, moved, tombstone, position, canary, stamp)| Marks { own, moved, tombstone, position, canary, stamp },
    )
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn an_item_comes_back_as_it_was(item in item()) {
        let text = serde_json::to_string(&item).unwrap();
        prop_assert_eq!(serde_json::from_str::<Item>(&text).unwrap(), item);
    }

    #[test]
    fn an_item_that_is_read_is_the_one_that_was_given(given in prop_oneof![damaged(), any_json(TYPES)]) {
        if let Ok(item) = serde_json::from_value::<Item>(given.clone()) {
            let told = to_value(&item).unwrap();
            prop_assert!(says(&told, &given) && says(&given, &told), "{} for {}", told, given);
            let _ = (Marks::of(&item), item.digest(), Held::of(Some(item)));
        }
    }

    #[test]
    fn no_bytes_make_the_reader_fall_over(given in item().prop_flat_map(|item| bytes(serde_json::to_vec(&item).unwrap()))) {
        if let Ok(item) = serde_json::from_slice::<Item>(&given) {
            prop_assert_eq!(serde_json::from_value::<Item>(to_value(&item).unwrap()).unwrap(), item);
        }
    }

    #[test]
    fn a_key_is_what_was_given_and_nothing_besides(given in damaged(), sorted in any::<bool>()) {
        let schema = KeySchema { partition: "a".to_owned(), sort: sorted.then(|| "b".to_owned()) };
        if let Ok(item) = serde_json::from_value::<Item>(given) {
            if let Ok(key) = schema.key(item.clone()) {
                prop_assert_eq!(key.to_item(), item);
            } else if let Ok(key) = schema.key_of(&item) {
                prop_assert!(item.0.len() > key.to_item().0.len());
                let names: Vec<_> = key.attributes().keys().map(String::as_str).collect();
                prop_assert_eq!(names, schema.names().collect::<Vec<_>>());
            }
        }
        let _: Result<Key, _> = serde_json::from_value(Value::Null);
    }

    #[test]
    fn marks_come_back_and_never_show(marks in marks(), item in item()) {
        let marked = marks.onto(item.clone());
        prop_assert_eq!(&Marks::of(&marked), &marks);
        prop_assert_eq!(Marks::default().onto(marked.clone()), Marks::default().onto(item));
        if let Some(shown) = visible(Some(marked)) {
            prop_assert!(!shown.0.keys().any(|name| name.starts_with(RESERVED)));
        }
    }

    #[test]
    fn marks_that_are_none_hide_nothing_else(given in any_json(&["_lm_own", "_lm_mv", "_lm_t", "_lm_s", "_lm_c", "_lm_o", "N", "S", "BOOL"])) {
        if let Ok(item) = serde_json::from_value::<Item>(given) {
            let marks = Marks::of(&item);
            let again = Marks::of(&marks.onto(item.clone()));
            prop_assert_eq!(again, marks);
        }
    }

    #[test]
    fn a_number_is_never_changed(digits in "-?[1-9][0-9]{37}") {
        let given = serde_json::json!({"n": {"N": digits}});
        let item: Item = serde_json::from_value(given).unwrap();
        prop_assert_eq!(item.0.get("n"), Some(&AttributeValue::N(digits)));
    }
}

#[test]
fn half_a_surrogate_and_wrong_utf_8_are_no_text() {
    for text in [&br#"{"a":{"S":"\ud800"}}"#[..], br#"{"a":{"S":"\udc00x"}}"#, b"{\"a\":{\"S\":\"\xff\"}}"] {
        assert!(serde_json::from_slice::<Item>(text).is_err());
    }
    let pair: Item = serde_json::from_str(r#"{"a":{"S":"\ud83d\ude00"}}"#).unwrap();
    assert_eq!(pair.0["a"], AttributeValue::S("\u{1F600}".to_owned()));
}
