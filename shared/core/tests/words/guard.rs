//! What each guard demands, written out: [`Guard::holds`] is what every adapter translates.

use livemove_core::item::Item;
use livemove_core::mark::{Marks, Position, Run};
use livemove_core::ports::Guard;

#[test]
fn guards_hold_for_these_marks_and_no_others() {
    let at = |sequence: &str| Position::new(Run(1), sequence);
    let none = Marks::default;
    let states = [
        ("absent", None),
        ("plain", Some(none())),
        ("own 1", Some(Marks { own: Run(1), ..none() })),
        ("own 2", Some(Marks { own: Run(2), ..none() })),
        ("moved 1", Some(Marks { moved: Run(1), ..none() })),
        ("moved 2", Some(Marks { moved: Run(2), ..none() })),
        ("dead", Some(Marks { tombstone: true, ..none() })),
        ("canary", Some(Marks { canary: Some("n".to_owned()), ..none() })),
        ("at 5", Some(Marks { position: Some(at("5")), ..none() })),
        ("own 2 at 5", Some(Marks { own: Run(2), position: Some(at("5")), ..none() })),
    ];
    let all: Vec<&str> = states.iter().map(|(name, _)| *name).collect();
    let but = |without: &[&str]| all.iter().copied().filter(|name| !without.contains(name)).collect::<Vec<_>>();
    let expected = [
        (Guard::Always, all.clone()),
        (Guard::Absent, vec!["absent"]),
        (Guard::NotMoved(Run(1)), but(&["own 1", "own 2", "moved 1", "moved 2", "own 2 at 5"])),
        (Guard::NotMoved(Run(2)), but(&["own 2", "moved 2", "own 2 at 5"])),
        (Guard::PresentNotMoved(Run(2)), but(&["absent", "own 2", "moved 2", "own 2 at 5"])),
        (Guard::NativeIn(Run(1)), vec!["own 1"]),
        (Guard::NativeIn(Run(2)), vec!["own 2", "own 2 at 5"]),
        (Guard::NotNative(Run(2)), but(&["own 2", "own 2 at 5"])),
        (Guard::Older(Run(3), at("5")), but(&["at 5", "own 2 at 5"])),
        (Guard::Older(Run(3), at("10")), all.clone()),
        (Guard::Older(Run(2), at("10")), but(&["own 2", "own 2 at 5"])),
        (Guard::PositionIs(Run(3), None), but(&["at 5", "own 2 at 5"])),
        (Guard::PositionIs(Run(2), Some(at("5"))), vec!["at 5"]),
        (Guard::Invisible, vec!["dead", "canary"]),
        (Guard::Visible, but(&["absent", "dead", "canary"])),
    ];
    for (guard, names) in expected {
        let holding: Vec<&str> = states
            .iter()
            .filter(|(_, marks)| guard.holds(marks.as_ref().map(|marks| marks.onto(Item::default())).as_ref()))
            .map(|(name, _)| *name)
            .collect();
        assert_eq!(holding, names, "{guard:?}");
    }
}
