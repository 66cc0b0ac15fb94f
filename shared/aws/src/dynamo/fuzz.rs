//! What is joined to an application's expressions changes nothing of what these mean, and nothing of them gets out of
//! its place; values go to the SDK and back as they are.

use std::collections::BTreeMap;

use livemove_core::expression::bindings::Bindings;
use livemove_core::expression::condition::Condition as Parsed;
use livemove_core::expression::evaluate::holds;
use livemove_core::item::Item;
use livemove_core::mark::{Marks, OperationId, Position, Run};
use livemove_core::ports::pages::Besides;
use livemove_core::ports::{Condition, Guard};
use livemove_core::testing::fuzz::{any_json, cases, text, value};
use proptest::prelude::*;
use serde_dynamo::AttributeValue;
use serde_json::json;

use super::expressions::Expressions;
use super::pages::with_besides;
use super::{foreign, from_sdk, guard, to_sdk};

/// Conditions over the attributes a and b and the value :v.
fn asked() -> impl Strategy<Value = String> {
    let leaf = prop::sample::select(vec![
        "a = :v",
        "b <> :v",
        "attribute_exists(a)",
        "attribute_not_exists(pk)",
        "a BETWEEN b AND :v",
        "b IN (:v, a)",
        "size(a) < :v",
    ]);
    leaf.prop_map(str::to_owned).prop_recursive(3, 8, 2, |inner| {
        let two = || (inner.clone(), inner.clone());
        prop_oneof![
            inner.clone().prop_map(|text| format!("NOT {text}")),
            inner.clone().prop_map(|text| format!("({text})")),
            two().prop_map(|(a, b)| format!("{a} AND {b}")),
            two().prop_map(|(a, b)| format!("{a} OR {b}")),
            two().prop_map(|(a, b)| format!("({a}) OR ({b})")),
        ]
    })
}

fn number(number: i64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

fn stored() -> impl Strategy<Value = Option<Item>> {
    let run = || (0..4u32).prop_map(Run);
    let position = prop::option::of((0..4u32, "[0-9]{1,3}").prop_map(|(run, at)| Position::new(Run(run), &at)));
    let canary = prop::option::weighted(0.1, Just("n".to_owned()));
    let stamp = prop::option::of(prop::sample::select(vec!["x", "y"]).prop_map(|id| OperationId::new(id).unwrap()));
    let marks = (run(), run(), any::<bool>(), position, canary, stamp).prop_map(
        |(own, moved, tombstone, position, canary, stamp)| Marks { own, moved, tombstone, position, canary, stamp },
    );
    let data = (prop::option::of(0..3i64), prop::option::of(0..3i64)).prop_map(|(a, b)| {
        let mut item = BTreeMap::from([("pk".to_owned(), AttributeValue::S("k".to_owned()))]);
        item.extend(a.map(|a| ("a".to_owned(), number(a))));
        item.extend(b.map(|b| ("b".to_owned(), number(b))));
        Item(item)
    });
    prop::option::weighted(0.8, (marks, data).prop_map(|(marks, data)| marks.onto(data)))
}

fn guards() -> impl Strategy<Value = Guard> {
    let run = || (0..4u32).prop_map(Run);
    let position = || (0..4u32, "[0-9]{1,3}").prop_map(|(run, at)| Position::new(Run(run), &at));
    prop_oneof![
        Just(Guard::Always),
        Just(Guard::Absent),
        Just(Guard::Invisible),
        Just(Guard::Visible),
        run().prop_map(Guard::NotMoved),
        run().prop_map(Guard::PresentNotMoved),
        run().prop_map(Guard::NativeIn),
        run().prop_map(Guard::NotNative),
        (run(), position()).prop_map(|(run, position)| Guard::Older(run, position)),
        (run(), prop::option::of(position())).prop_map(|(run, position)| Guard::PositionIs(run, position)),
    ]
}

fn bound() -> BTreeMap<String, AttributeValue> {
    BTreeMap::from([(":v".to_owned(), number(1))])
}

/// Whether a text holds; `None` if it is no condition.
fn says(text: &str, item: Option<&Item>, expressions: &Expressions) -> Option<bool> {
    let parsed = Parsed::parse(text).ok()?;
    let none = (BTreeMap::new(), BTreeMap::new());
    let (names, values) = expressions.parts();
    let bindings = Bindings { names: names.unwrap_or(&none.0), values: values.unwrap_or(&none.1) };
    Some(holds(&parsed, item, bindings))
}

fn own() -> Expressions {
    Expressions::with(BTreeMap::new(), bound()).unwrap()
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn a_guard_and_a_condition_together_mean_both(
        text in prop_oneof![asked(), asked().prop_flat_map(text)],
        guard in guards(),
        when_tombstone in prop::option::of(any::<bool>()),
        once in any::<bool>(),
        item in stored(),
    ) {
        let marks = Marks::of_option(item.as_ref());
        let id = once.then(|| OperationId::new("x").unwrap());
        let asked = Condition { text: text.clone(), when_tombstone };
        let mut to = own();
        let Ok(Some(joined)) = guard::condition(&guard, id.as_ref(), Some(&asked), "pk", &mut to) else { return Ok(()) };
        let alone = says(&text, item.as_ref(), &own());
        let together = says(&joined, item.as_ref(), &to);
        prop_assert_eq!(alone.is_some(), together.is_some(), "{} in {}", text, joined);
        let (Some(alone), Some(together)) = (alone, together) else { return Ok(()) };
        let alone = match when_tombstone {
            None => alone,
            Some(true) => alone || marks.tombstone,
            Some(false) => alone && !marks.tombstone,
        };
        let new = id.is_none() || marks.stamp != id;
        prop_assert_eq!(together, guard.holds(item.as_ref()) && alone && new, "{} for {:?}", joined, item);
    }

    #[test]
    fn a_filter_lets_through_what_it_let_through_and_what_is_needed_besides(
        text in prop_oneof![asked(), asked().prop_flat_map(text)],
        run in (1..4u32).prop_map(Run),
        item in stored(),
    ) {
        let marks = Marks::of_option(item.as_ref());
        let hidden = marks.tombstone || marks.canary.is_some();
        let moved = marks.moved >= run || marks.own >= run;
        for (besides, more) in [(Besides::Nothing, false), (Besides::Hidden, hidden), (Besides::HiddenOrMoved(run), hidden || moved)] {
            let mut to = own();
            let Ok(joined) = with_besides(&text, besides, &mut to) else { continue };
            let (alone, together) = (says(&text, item.as_ref(), &own()), says(&joined, item.as_ref(), &to));
            prop_assert_eq!(together, alone.map(|alone| alone || more), "{} for {:?}", joined, item);
        }
    }

    #[test]
    fn a_value_comes_back_from_the_sdk_as_it_was(value in value()) {
        prop_assert_eq!(from_sdk(to_sdk(&value)).unwrap(), value);
    }

    #[test]
    fn an_entry_for_another_table_is_carried_in_full_or_refused(given in prop_oneof![
        livemove_core::testing::fuzz::json(json!({"Update": {"TableName": "t", "Key": {"pk": {"S": "k"}}, "UpdateExpression": "SET a = :v", "ExpressionAttributeValues": {":v": {"N": "1"}}}})),
        any_json(&["Put", "Delete", "TableName", "Item", "Key", "S"]),
    ]) {
        match foreign::write_entry(&given) {
            Err(error) => prop_assert_eq!(error.name(), "ValidationException"),
            Ok(entry) => {
                let known = [entry.put().is_some(), entry.update().is_some(), entry.delete().is_some(), entry.condition_check().is_some()];
                prop_assert_eq!(known.iter().filter(|known| **known).count(), 1);
                if let Some(update) = entry.update() {
                    prop_assert_eq!(&given["Update"]["TableName"], update.table_name());
                    prop_assert_eq!(&given["Update"]["UpdateExpression"], update.update_expression());
                    prop_assert_eq!(given["Update"]["Key"].as_object().unwrap().len(), update.key().len());
                }
            }
        }
    }
}
