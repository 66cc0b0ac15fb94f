//! Updates, deletes, and what writes answer.

use std::collections::BTreeMap;

use serde_dynamo::AttributeValue;

use super::{
    applied, applied_returning, assert_same, attributes, item, key, map, marked, n, put, rejected, s, store, stored,
    update,
};
use crate::item::{Item, Key};
use crate::mark::{MOVED, Marks, OWN, Run, TOMBSTONE};
use crate::ports::{Action, Guard, Returning, Table, Write};

/// Sets `own` to run 1 and takes the tombstone away, beside the application's expression.
fn marking(write: Write) -> Write {
    let Action::Update { expression, .. } = write.action else { panic!("{write:?} is no update") };
    let set = BTreeMap::from([(OWN, n("1"))]);
    Write { action: Action::Update { expression, set, remove: vec![TOMBSTONE] }, ..write }
}

fn mark_only(key: &Key, set: BTreeMap<&'static str, AttributeValue>, remove: Vec<&'static str>) -> Write {
    Write::new(key.clone(), Action::Update { expression: None, set, remove }, Guard::Always)
}

/// Key attributes and the assigned ones; also when there is nothing to assign.
pub async fn an_update_creates_the_item(table: &impl Table) {
    let created = key("updates", "created");
    applied(table, &update(&created, "SET a = :a", [(":a", n("1"))])).await;
    assert_same(stored(table, &created).await.as_ref(), Some(&item(&created, [("a", n("1"))])), "created");
    let stub = key("updates", "stub");
    applied(table, &mark_only(&stub, BTreeMap::from([(MOVED, n("3"))]), vec![])).await;
    let expected = marked(stub.to_item(), Marks { moved: Run(3), ..Marks::default() });
    assert_same(stored(table, &stub).await.as_ref(), Some(&expected), "a stub that holds a mark alone");
    let bare = key("updates", "bare");
    applied(table, &mark_only(&bare, BTreeMap::new(), vec![])).await;
    assert_same(stored(table, &bare).await.as_ref(), Some(&bare.to_item()), "an update that says nothing");
}

/// The first touch of a key in its new table makes an item whatever the application asked for.
pub async fn a_removal_with_a_mark_to_set_creates_the_item(table: &impl Table) {
    let key = key("updates", "removal");
    applied(table, &marking(update(&key, "REMOVE a", []))).await;
    let expected = marked(key.to_item(), Marks { own: Run(1), ..Marks::default() });
    assert_same(stored(table, &key).await.as_ref(), Some(&expected), "stored");
}

/// Whatever clauses the application's expression has, in whatever order and case.
pub async fn marks_join_the_application_s_clauses(table: &impl Table) {
    let ss = |members: &[&str]| AttributeValue::Ss(members.iter().map(|&member| member.to_owned()).collect());
    let before = |key: &Key| {
        let data = item(key, [("a", n("1")), ("b", s("x")), ("c", n("5")), ("d", ss(&["p", "q"]))]);
        marked(data, Marks { own: Run(1), moved: Run(2), tombstone: true, ..Marks::default() })
    };
    type Case<'a> = (&'a str, Vec<(&'a str, AttributeValue)>, Vec<(&'a str, Option<AttributeValue>)>);
    let cases: Vec<Case<'_>> = vec![
        ("SET a = :v", vec![(":v", n("2"))], vec![("a", Some(n("2")))]),
        ("set a = a + :v, e = :v", vec![(":v", n("2"))], vec![("a", Some(n("3"))), ("e", Some(n("2")))]),
        ("REMOVE b", vec![], vec![("b", None)]),
        ("ADD c :v", vec![(":v", n("2"))], vec![("c", Some(n("7")))]),
        ("DELETE d :v", vec![(":v", ss(&["p"]))], vec![("d", Some(ss(&["q"])))]),
        (
            "Delete d :d ADD c :c REMOVE b\tSET a = if_not_exists(zz, :a)",
            vec![(":a", n("9")), (":c", n("-5")), (":d", ss(&["p", "q"]))],
            vec![("a", Some(n("9"))), ("b", None), ("c", Some(n("0"))), ("d", None)],
        ),
    ];
    for (index, (expression, values, changes)) in cases.into_iter().enumerate() {
        let key = key("updates", &format!("clauses-{index}"));
        store(table, &before(&key)).await;
        let mut write = marking(update(&key, expression, []));
        write.values = values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        applied(table, &write).await;
        let mut expected = before(&key);
        for (name, value) in changes {
            expected.0.remove(name);
            expected.0.extend(value.map(|value| (name.to_owned(), value)));
        }
        let expected = marked(expected, Marks { own: Run(1), moved: Run(2), ..Marks::default() });
        assert_same(stored(table, &key).await.as_ref(), Some(&expected), expression);
    }
}

/// The first call of a handoff: one mark more, a TTL attribute's worth less, nothing else touched.
pub async fn marks_alone_keep_the_application_s_attributes(table: &impl Table) {
    let key = key("updates", "mark-only");
    let before = marked(item(&key, [("a", n("1"))]), Marks { own: Run(1), ..Marks::default() });
    store(table, &before).await;
    let write = mark_only(&key, BTreeMap::from([(MOVED, n("2"))]), vec![OWN]);
    let answer = applied_returning(table, write, Returning::AllOld).await;
    assert_same(answer.as_ref(), Some(&before), "the last value");
    let expected = marked(before, Marks { moved: Run(2), ..Marks::default() });
    assert_same(stored(table, &key).await.as_ref(), Some(&expected), "stored");
}

/// DynamoDB's five `ReturnValues`, marks included.
pub async fn every_returning_answers_its_attributes(table: &impl Table) {
    let key = key("updates", "returning");
    let before = item(&key, [("a", n("1")), ("b", s("x")), ("m", map([("x", n("1")), ("y", n("2"))]))]);
    let change = || marking(update(&key, "SET a = :v, m.x = :v, z = :v REMOVE b", [(":v", n("5"))]));
    let after = marked(
        item(&key, [("a", n("5")), ("m", map([("x", n("5")), ("y", n("2"))])), ("z", n("5"))]),
        Marks { own: Run(1), ..Marks::default() },
    );
    let updated_old = attributes([("a", n("1")), ("b", s("x")), ("m", map([("x", n("1"))]))]);
    let updated_new = attributes([("a", n("5")), ("m", map([("x", n("5"))])), ("z", n("5")), (OWN, n("1"))]);
    let cases: [(Returning, Option<&Item>); 5] = [
        (Returning::Nothing, None),
        (Returning::AllOld, Some(&before)),
        (Returning::AllNew, Some(&after)),
        (Returning::UpdatedOld, Some(&updated_old)),
        (Returning::UpdatedNew, Some(&updated_new)),
    ];
    for (returning, expected) in cases {
        store(table, &before).await;
        let answer = applied_returning(table, change(), returning).await;
        assert_same(answer.as_ref(), expected, &format!("{returning:?}"));
        assert_same(stored(table, &key).await.as_ref(), Some(&after), &format!("stored, {returning:?}"));
    }
    // Nothing to show is no attributes at all.
    let fresh = super::key("updates", "returning-fresh");
    for returning in [Returning::AllOld, Returning::UpdatedOld] {
        applied(table, &Write::new(fresh.clone(), Action::Delete, Guard::Always)).await;
        let answer = applied_returning(table, update(&fresh, "SET a = :v", [(":v", n("1"))]), returning).await;
        assert_same(answer.as_ref(), None, &format!("{returning:?} of an item that was not there"));
    }
}

/// Put and delete know the old item or nothing.
pub async fn put_and_delete_answer_the_old_item(table: &impl Table) {
    let key = key("updates", "put-delete");
    let (one, two) = (item(&key, [("a", n("1"))]), item(&key, [("b", n("2"))]));
    let answer = applied_returning(table, put(one.clone()), Returning::AllOld).await;
    assert_same(answer.as_ref(), None, "there was none");
    let answer = applied_returning(table, put(two.clone()), Returning::AllOld).await;
    assert_same(answer.as_ref(), Some(&one), "a put replaces all of it");
    let delete = || Write::new(key.clone(), Action::Delete, Guard::Always);
    let answer = applied_returning(table, delete(), Returning::AllOld).await;
    assert_same(answer.as_ref(), Some(&two), "a delete");
    for returning in [Returning::AllNew, Returning::UpdatedOld, Returning::UpdatedNew] {
        rejected(table, &put(one.clone()).returning(returning)).await;
        rejected(table, &delete().returning(returning)).await;
    }
}

/// Deleting what is not there is applied.
pub async fn a_delete_is_idempotent(table: &impl Table) {
    let key = key("updates", "delete");
    store(table, &item(&key, [])).await;
    for round in ["there", "gone", "still gone"] {
        applied(table, &Write::new(key.clone(), Action::Delete, Guard::Always)).await;
        assert_same(stored(table, &key).await.as_ref(), None, round);
    }
}

/// No change is a success all the same, and answers as one.
pub async fn an_update_without_change_is_applied(table: &impl Table) {
    let key = key("updates", "no-op");
    let same = marked(item(&key, [("a", n("1"))]), Marks { own: Run(1), ..Marks::default() });
    store(table, &same).await;
    for write in [marking(update(&key, "SET a = :a", [(":a", n("1"))])), mark_only(&key, BTreeMap::new(), vec![])] {
        let answer = applied_returning(table, write, Returning::AllNew).await;
        assert_same(answer.as_ref(), Some(&same), "answer");
    }
}

/// Nested documents.
pub async fn sets_lists_and_paths_change_in_place(table: &impl Table) {
    let key = key("updates", "nested");
    let list = |members: &[&str]| AttributeValue::L(members.iter().map(|member| n(member)).collect());
    store(table, &item(&key, [("l", list(&["0", "1", "2", "3"])), ("m", map([("x", n("1"))]))])).await;
    let steps: [(&str, Item); 5] = [
        ("SET l[1] = :v, l[9] = :v", attributes([("l", list(&["0", "7", "2", "3", "7"]))])),
        // The higher index first: the local AWS removes one after the other, see `strict`.
        (
            "REMOVE l[2], l[0] SET m.y = :v",
            attributes([("l", list(&["7", "3", "7"])), ("m", map([("x", n("1")), ("y", n("7"))]))]),
        ),
        ("SET m.x = m.x + m.y REMOVE m.y ADD c :v", attributes([("m", map([("x", n("8"))])), ("c", n("7"))])),
        (
            "SET l = list_append(l, l), c = c - :v",
            attributes([("l", list(&["7", "3", "7", "7", "3", "7"])), ("c", n("0"))]),
        ),
        ("SET swap = m.x, m = :v", attributes([("swap", n("8")), ("m", n("7"))])),
    ];
    let mut expected = stored(table, &key).await.unwrap();
    for (expression, changes) in steps {
        let values: &[(&str, AttributeValue)] = if expression.contains(":v") { &[(":v", n("7"))] } else { &[] };
        let mut write = update(&key, expression, []);
        write.values = values.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        applied(table, &write).await;
        expected.0.extend(changes.0);
        assert_same(stored(table, &key).await.as_ref(), Some(&expected), expression);
    }
}

/// What DynamoDB refuses to do to an item.
pub async fn an_update_that_makes_no_sense_is_rejected(table: &impl Table) {
    let key = key("updates", "senseless");
    let expected = item(&key, [("l", AttributeValue::L(vec![n("1")])), ("c", n("0"))]);
    store(table, &expected).await;
    for expression in ["SET a = nothere", "SET nothere.a = :v", "SET l.a = :v", "SET pk = :v", "DELETE c :v"] {
        let mut write = update(&key, expression, []);
        if expression.contains(":v") {
            write.values = attributes([(":v", n("7"))]).0;
        }
        rejected(table, &write).await;
        assert_same(stored(table, &key).await.as_ref(), Some(&expected), expression);
    }
}
