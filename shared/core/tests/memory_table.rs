//! What the contract suite cannot ask of every backend: exactness and refusals of the table in memory, its
//! stream, and its faults.

// Tests fail by panicking.
#![allow(clippy::unwrap_used, clippy::panic, clippy::wildcard_enum_match_arm)]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use livemove_core::error::Error;
use livemove_core::item::{Item, Key, KeySchema};
use livemove_core::ports::{Action, Guard, Inserted, Returning, Table, Write, Written};
use livemove_core::segment::Segment;
use livemove_core::testing::block_on;
use livemove_core::testing::faults::{CRASH, Call, Fault, Faulty};
use livemove_core::testing::memory::{Hook, Memory};
use proptest::prelude::*;
use serde_dynamo::AttributeValue;

fn schema() -> KeySchema {
    KeySchema { partition: "pk".to_owned(), sort: None }
}

fn n(number: &str) -> AttributeValue {
    AttributeValue::N(number.to_owned())
}

fn s(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

fn values(entries: &[(&str, AttributeValue)]) -> BTreeMap<String, AttributeValue> {
    entries.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}

/// The message of a `ValidationException`.
fn message<T: std::fmt::Debug>(answer: Result<T, Error>) -> String {
    match answer {
        Err(Error::Rejected { name, message }) if name == "ValidationException" => message,
        other => panic!("no ValidationException: {other:?}"),
    }
}

fn item(pk: &str, a: AttributeValue) -> Item {
    Item(values(&[("pk", s(pk)), ("a", a)]))
}

fn key(pk: &str) -> Key {
    schema().key_of(&item(pk, n("1"))).unwrap()
}

fn put(pk: &str, a: &str) -> Write {
    Write::new(key(pk), Action::Put(item(pk, n(a))), Guard::Always)
}

fn update(expression: &str, operand: AttributeValue) -> Write {
    let action = Action::Update { expression: Some(expression.to_owned()), set: [].into(), remove: vec![] };
    Write { values: values(&[(":v", operand)]), ..Write::new(key("k"), action, Guard::Always) }
}

fn after(start: &str, expression: &str, operand: &str) -> Result<String, Error> {
    let table = Memory::new(schema());
    table.put_raw(item("k", n(start)));
    let written = block_on(table.write(&update(expression, n(operand)).returning(Returning::UpdatedNew)))?;
    match written {
        Written::Applied(Some(Item(mut attributes))) => match attributes.remove("a") {
            Some(AttributeValue::N(number)) => Ok(number),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

#[test]
fn only_changes_are_streamed_with_both_images_and_growing_numbers() {
    let table = Memory::new(schema());
    table.set_now(5);
    block_on(table.write(&put("k", "1"))).unwrap();
    block_on(table.write(&put("k", "1.0"))).unwrap();
    block_on(table.write(&Write { guard: Guard::Absent, ..put("k", "2") })).unwrap();
    block_on(table.write(&put("k", "2"))).unwrap();
    table.delete_raw(&key("k"));
    table.delete_raw(&key("k"));
    block_on(table.insert(&[item("k", n("3"))]));
    let records = table.records();
    let images: Vec<_> = records.iter().map(|record| (record.old.clone(), record.new.clone())).collect();
    let value = |a: &str| Some(item("k", n(a)));
    assert_eq!(images, [(None, value("1")), (value("1.0"), value("2")), (value("2"), None), (None, value("3"))]);
    assert_eq!((records[0].at, &records[0].key), (5, &key("k")));
    let numbers: Vec<u128> = records.iter().map(|record| record.sequence.parse().unwrap()).collect();
    assert!(numbers.is_sorted() && records[0].sequence.len() == 21 && records[3].sequence.len() == 22);
}

#[test]
fn overlapping_paths_and_other_items_keys_are_refused() {
    let table = Memory::new(schema());
    for expression in ["SET a = :v, a = :v", "SET a = :v REMOVE a.b", "SET a.b = :v, a.b[0] = :v", "ADD a :v REMOVE a"]
    {
        let message = message(block_on(table.write(&update(expression, n("1")))));
        assert!(message.contains("Two document paths overlap"), "{message}");
    }
    let foreign = Write::new(key("k"), Action::Put(item("other", n("1"))), Guard::Always);
    assert_eq!(block_on(table.write(&foreign)).unwrap_err().name(), "InvariantBroken");
    assert!(table.is_empty() && table.records_len() == 0);
}

#[test]
fn sums_are_refused_rather_than_rounded() {
    for (start, operand, what) in [
        ("12345678901234567890123456789012345678", "0.1", "38 significant digits"),
        ("1e120", "1", "38 significant digits"),
        ("99999999999999999999999999999999999999e88", "1e88", "overflow"),
        ("1e-129", "-99e-131", "underflow"),
    ] {
        let message = message(after(start, "ADD a :v", operand));
        assert!(message.contains(what), "{start} + {operand}: {message}");
    }
}

#[test]
fn sums_are_spelt_plainly() {
    for (start, operand, sum) in [
        ("1e3", "0", "1000"),
        ("0.05", "-0.05", "0"),
        ("-1e-3", "0", "-0.001"),
        ("9.99", "0.01", "10"),
        ("-0", "0", "0"),
        ("100", "-0.5", "99.5"),
    ] {
        assert_eq!(after(start, "SET a = a + :v", operand).unwrap(), sum);
    }
}

#[test]
fn a_full_page_has_a_cursor_even_at_the_end() {
    let table = Memory::new(schema());
    table.put_raw(item("k", n("1")));
    let page = block_on(table.scan(Segment::WHOLE, None, 1)).unwrap();
    assert_eq!((page.items.len(), &page.next), (1, &Some(key("k"))));
    let page = block_on(table.scan(Segment::WHOLE, page.next.as_ref(), 1)).unwrap();
    assert!(page.items.is_empty() && page.next.is_none());
}

#[test]
fn the_hook_runs_before_and_after_each_atomic_step() {
    #[derive(Default)]
    struct Counter(AtomicUsize);
    impl Hook for &Counter {
        async fn pause(&self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    let counter = Counter::default();
    let table = Memory::with_hook(schema(), &counter);
    let pauses = || counter.0.swap(0, Ordering::SeqCst);
    block_on(table.write(&put("k", "1"))).unwrap();
    assert_eq!(pauses(), 2);
    block_on(table.insert(&[item("k", n("1")), item("l", n("1")), item("m", n("1"))]));
    assert_eq!(pauses(), 6);
    block_on(table.scan(Segment::WHOLE, None, 10)).unwrap();
    assert_eq!(pauses(), 2);
    block_on(table.get_many(&[key("k"), key("l")])).unwrap();
    assert_eq!(pauses(), 4);
}

#[test]
fn a_lost_answer_was_carried_out_and_a_rejection_was_not() {
    let table = Memory::new(schema());
    let faulty = |fault| Faulty::new(table.clone(), move |_: Call| fault);
    let error = block_on(faulty(Fault::Reject).write(&put("k", "1"))).unwrap_err();
    assert!(matches!(error, Error::Throttled(_)) && table.is_empty());
    let error = block_on(faulty(Fault::LoseAnswer).write(&put("k", "1"))).unwrap_err();
    assert!(error.is_ambiguous());
    assert_eq!(table.peek(&key("k")), Some(item("k", n("1"))));
    let answers = block_on(faulty(Fault::LoseAnswer).insert(&[item("l", n("1"))]));
    assert!(matches!(&answers[..], [Inserted::Failed(error)] if error.is_ambiguous()));
    assert!(table.peek(&key("l")).is_some());
    let answers = block_on(faulty(Fault::Reject).insert(&[item("m", n("1"))]));
    assert!(matches!(&answers[..], [Inserted::Failed(Error::Throttled(_))]) && table.peek(&key("m")).is_none());
}

#[test]
fn a_crashed_process_does_nothing_any_more() {
    for (fault, done) in [(Fault::CrashBefore, 0), (Fault::CrashAfter, 1)] {
        let table = Memory::new(schema());
        let process = Faulty::new(table.clone(), move |_: Call| fault);
        for pk in ["k", "l"] {
            let error = block_on(process.write(&put(pk, "1"))).unwrap_err();
            assert!(matches!(error, Error::Ambiguous(message) if message == CRASH));
        }
        assert!(process.clone().has_crashed());
        assert_eq!(table.len(), done, "{fault:?}");
    }
}

proptest! {
    #[test]
    fn sums_and_differences_are_exact(a in -10i128.pow(36)..10i128.pow(36), b in -10i128.pow(36)..10i128.pow(36), point in 0u32..30) {
        let text = |number: i128| format!("{number}e-{point}");
        let expected = |number: i128| livemove_core::canonical::canonical_number(&text(number));
        for (expression, result) in [("ADD a :v", a + b), ("SET a = a + :v", a + b), ("SET a = a - :v", a - b)] {
            let actual = after(&text(a), expression, &text(b)).unwrap();
            prop_assert!(!actual.contains('e'));
            prop_assert_eq!(livemove_core::canonical::canonical_number(&actual), expected(result));
        }
    }
}
