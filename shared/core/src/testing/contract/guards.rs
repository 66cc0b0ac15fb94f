//! What livemove itself demands of the stored item.

use super::{
    applied, assert_same, item, key, marked, n, on_condition, position, put, refused, s, store, stored, update,
};
use crate::item::{Item, Key};
use crate::mark::{Marks, OperationId, Run, STAMP};
use crate::ports::{Action, Guard, Table, Write, Written};

/// Stored items that differ in what guards look at.
fn states(key: &Key) -> Vec<Option<Item>> {
    let none = Marks::default;
    let marks = [
        none(),
        Marks { own: Run(1), ..none() },
        Marks { own: Run(2), ..none() },
        Marks { own: Run(10), ..none() },
        Marks { moved: Run(1), ..none() },
        Marks { moved: Run(2), ..none() },
        Marks { moved: Run(10), ..none() },
        Marks { own: Run(1), moved: Run(2), ..none() },
        Marks { own: Run(2), moved: Run(1), ..none() },
        Marks { own: Run(1), tombstone: true, ..none() },
        Marks { tombstone: true, position: Some(position("5")), ..none() },
        Marks { canary: Some("nonce".to_owned()), ..none() },
        Marks { position: Some(position("5")), ..none() },
        Marks { position: Some(position("10")), ..none() },
        Marks { own: Run(2), position: Some(position("5")), ..none() },
    ];
    let items = marks.into_iter().map(|marks| Some(marked(item(key, [("a", s("v"))]), marks)));
    std::iter::once(None).chain(items).collect()
}

fn guards() -> Vec<Guard> {
    let mut guards = vec![
        Guard::Always,
        Guard::Absent,
        Guard::Invisible,
        Guard::Visible,
        Guard::Older(Run(2), position("7")),
        Guard::Older(Run(1), position("5")),
        Guard::PositionIs(Run(2), None),
        Guard::PositionIs(Run(2), Some(position("5"))),
    ];
    for run in [Run(1), Run(2), Run(3)] {
        guards.extend([Guard::PresentNotMoved(run), Guard::NotMoved(run), Guard::NativeIn(run), Guard::NotNative(run)]);
    }
    guards
}

/// Every guard against every state: applied exactly where [`Guard::holds`], refused with the stored item else.
pub async fn every_guard_means_what_holds_says(table: &impl Table) {
    let key = key("guards", "matrix");
    let new = item(&key, [("a", s("new"))]);
    for state in states(&key) {
        for guard in guards() {
            prepare(table, &key, state.as_ref()).await;
            let what = format!("{guard:?} on {state:?}");
            let answer = table.write(&Write { guard: guard.clone(), ..put(new.clone()) }).await.unwrap();
            match (guard.holds(state.as_ref()), answer) {
                (true, Written::Applied(None)) => assert_same(stored(table, &key).await.as_ref(), Some(&new), &what),
                (false, Written::Refused(shown)) => {
                    assert_same(shown.as_ref(), state.as_ref(), &what);
                    assert_same(stored(table, &key).await.as_ref(), state.as_ref(), &what);
                }
                (_, answer) => panic!("{what}: {answer:?}"),
            }
        }
    }
}

/// A refused delete and a refused update change nothing either.
pub async fn a_guard_holds_every_action_back(table: &impl Table) {
    let key = key("guards", "actions");
    let moved = marked(item(&key, [("a", s("v"))]), Marks { moved: Run(1), ..Marks::default() });
    store(table, &moved).await;
    let update = Action::Update { expression: Some("REMOVE a".to_owned()), set: [].into(), remove: vec![] };
    for action in [Action::Delete, update] {
        let shown = refused(table, &Write::new(key.clone(), action, Guard::NotMoved(Run(1)))).await;
        assert_same(shown.as_ref(), Some(&moved), "shown by the refusal");
        assert_same(stored(table, &key).await.as_ref(), Some(&moved), "left alone");
    }
}

/// [`Write::once`], beside the guard and the condition: what bears the stamp already is refused with the item,
/// whatever the action and whatever else holds.
pub async fn what_has_been_done_is_not_done_again(table: &impl Table) {
    let key = key("guards", "once");
    let stamp = |id: &str| Marks { stamp: OperationId::new(id), ..Marks::default() };
    let count = |once: &str| Write {
        once: OperationId::new(once),
        action: Action::Update {
            expression: Some("ADD a :v".to_owned()),
            set: [(STAMP, s(once))].into(),
            remove: vec![],
        },
        ..update(&key, "ADD a :v", [(":v", n("1"))])
    };
    // On nothing, on an item without a stamp, on that of another operation.
    applied(table, &count("one")).await;
    let done = marked(item(&key, [("a", n("1"))]), stamp("one"));
    assert_same(refused(table, &count("one")).await.as_ref(), Some(&done), "shown by the refusal");
    for action in [Action::Delete, Action::Put(item(&key, [("a", n("9"))]))] {
        let again = Write { once: OperationId::new("one"), ..Write::new(key.clone(), action, Guard::Always) };
        assert_same(refused(table, &again).await.as_ref(), Some(&done), "shown by the refusal");
    }
    let both = Write { once: OperationId::new("one"), ..on_condition(count("one"), "a = :v", None, [(":v", n("1"))]) };
    assert_same(refused(table, &both).await.as_ref(), Some(&done), "although the condition holds");
    applied(table, &count("two")).await;
    store(table, &item(&key, [("a", n("2"))])).await;
    applied(table, &count("one")).await;
    let three = marked(item(&key, [("a", n("3"))]), stamp("one"));
    assert_same(stored(table, &key).await.as_ref(), Some(&three), "counted each time it was another operation");
}

async fn prepare(table: &impl Table, key: &Key, state: Option<&Item>) {
    match state {
        Some(item) => store(table, item).await,
        None => {
            table.write(&Write::new(key.clone(), Action::Delete, Guard::Always)).await.unwrap();
        }
    }
}
