//! Marks: reading, writing, hiding them, and the order of positions.

use livemove_core::item::{Item, Key, KeySchema};
use livemove_core::mark::{
    ALL, Held, Marks, OWN, OperationId, Position, RESERVED, Run, STAMP, TOMBSTONE, strip, visible,
};
use proptest::prelude::*;
use serde_dynamo::AttributeValue;

fn data() -> Item {
    Item([("pk".to_owned(), AttributeValue::S("k".to_owned()))].into())
}

fn key() -> Key {
    KeySchema { partition: "pk".to_owned(), sort: None }.key_of(&data()).unwrap()
}

fn full() -> Marks {
    Marks {
        own: Run(2),
        moved: Run(1),
        tombstone: true,
        position: Some(Position::new(Run(1), "7")),
        canary: Some("nonce".to_owned()),
        stamp: OperationId::new("operation"),
    }
}

#[test]
fn runs_alternate_and_never_go_below_zero() {
    assert_eq!((Run(0).previous(), Run(1).previous(), Run(1).next()), (Run(0), Run(0), Run(2)));
    assert!(Run(1).is_forward() && !Run(2).is_forward() && Run(3).is_forward());
}

#[test]
fn every_mark_is_reserved_and_comes_back() {
    let marked = full().onto(data());
    assert_eq!(Marks::of(&marked), full());
    for name in ALL {
        assert!(name.starts_with(RESERVED) && marked.0.contains_key(name), "{name}");
    }
    assert_eq!(marked.0.len(), data().0.len() + ALL.len());
}

#[test]
fn onto_replaces_the_marks_of_before() {
    let other = Marks { own: Run(9), ..Marks::default() };
    assert_eq!(Marks::of(&other.onto(full().onto(data()))), other);
    assert_eq!(Marks::default().onto(full().onto(data())), data());
}

#[test]
fn strip_takes_every_reserved_name_even_unknown_ones() {
    let mut item = full().onto(data());
    item.0.insert(format!("{RESERVED}later"), AttributeValue::Bool(true));
    item.0.insert("lm_mine".to_owned(), AttributeValue::Bool(true));
    let mut expected = data();
    expected.0.insert("lm_mine".to_owned(), AttributeValue::Bool(true));
    assert_eq!(strip(item), expected);
}

#[test]
fn marks_of_foreign_types_count_as_absent() {
    let mut item = data();
    for name in ALL {
        item.0.insert(name.to_owned(), AttributeValue::L(vec![]));
    }
    assert_eq!(Marks::of(&item), Marks::default());
    item.0.insert(OWN.to_owned(), AttributeValue::N("-1".to_owned()));
    item.0.insert(TOMBSTONE.to_owned(), AttributeValue::Bool(false));
    assert_eq!(Marks::of(&item), Marks::default());
}

#[test]
fn applications_see_neither_tombstones_nor_canaries_nor_marks() {
    assert_eq!(visible(None), None);
    let marks = |marks: Marks| visible(Some(marks.onto(data())));
    assert_eq!(marks(Marks { tombstone: true, ..Marks::default() }), None);
    assert_eq!(marks(Marks { canary: Some("n".to_owned()), ..Marks::default() }), None);
    assert_eq!(marks(Marks { own: Run(1), moved: Run(2), ..Marks::default() }), Some(data()));
}

#[test]
fn an_operation_id_is_short_and_can_be_written_down() {
    assert_eq!(OperationId::new("a").map(|id| id.as_str().to_owned()), Some("a".to_owned()));
    assert!(OperationId::new("x".repeat(OperationId::MAX_LENGTH)).is_some());
    for wrong in ["", "two words", "größe", "line\n", &"x".repeat(OperationId::MAX_LENGTH + 1)] {
        assert_eq!(OperationId::new(wrong), None, "{wrong:?}");
    }
}

#[test]
fn a_value_takes_its_stamp_along_and_leaves_its_other_marks() {
    let alive = Marks { tombstone: false, canary: None, ..full() };
    let arrived = Held::of(Some(alive.onto(data()))).with(Marks { own: Run(3), ..Marks::default() }, &key());
    assert_eq!(Marks::of(&arrived), Marks { own: Run(3), stamp: full().stamp, ..Marks::default() });
    assert_eq!(strip(arrived), data());
    // A tombstone's stamp is that of the delete.
    let buried = Held::of(Some(Marks { canary: None, ..full() }.onto(data()))).with(Marks::default(), &key());
    assert_eq!(Marks::of(&buried), Marks { tombstone: true, stamp: full().stamp, ..Marks::default() });
    assert_eq!(Marks::of(&Held::of(None).with(Marks::default(), &key())).stamp, None);
}

#[test]
fn a_stamp_is_no_data() {
    let stamped = Marks { stamp: OperationId::new("a"), ..Marks::default() }.onto(data());
    assert_eq!(stamped.0.get(STAMP), Some(&AttributeValue::S("a".to_owned())));
    assert!(stamped.same_data(&data()));
    assert_eq!(stamped.digest(), data().digest());
}

#[test]
fn a_position_is_after_the_positions_of_fewer_digits() {
    // 21 digits and 22: as plain text the longer number would come first.
    let (short, long) = ("999999999999999999999", "1000000000000000000000");
    assert!(Position::new(Run(1), short) < Position::new(Run(1), long));
    assert!(
        Position::new(Run(1), long).as_str() > Position::new(Run(1), short).as_str(),
        "the text has that order too"
    );
    assert_eq!(Position::new(Run(1), "0005"), Position::new(Run(1), "5"));
}

#[test]
fn the_end_of_a_run_lies_between_its_records_and_the_next_run_s() {
    let (last, first) = ("9".repeat(40), "0");
    assert!(Position::new(Run(1), &last) < Position::end_of(Run(1)));
    assert!(Position::end_of(Run(1)) < Position::new(Run(2), first));
    assert!(Position::end_of(Run(9)) < Position::new(Run(10), first));
}

#[test]
fn a_repaired_position_is_after_what_was_seen_and_before_the_next_record() {
    let seen = Position::new(Run(1), "5");
    let repaired = Position::repaired(Run(1), Some(seen.clone()));
    assert!(seen < repaired && repaired < Position::new(Run(1), "6") && repaired < Position::end_of(Run(1)));
    let twice = Position::repaired(Run(1), Some(repaired.clone()));
    assert!(repaired < twice && twice < Position::new(Run(1), "6"));
    assert!(Position::repaired(Run(1), None) < Position::new(Run(1), "1"));
}

proptest! {
    #[test]
    fn positions_are_ordered_by_run_then_number(a in (0u32..20, any::<u128>()), b in (0u32..20, any::<u128>())) {
        let position = |(run, sequence): (u32, u128)| Position::new(Run(run), &sequence.to_string());
        prop_assert_eq!(position(a).cmp(&position(b)), a.cmp(&b));
    }
}
