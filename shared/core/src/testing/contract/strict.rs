//! Rules of DynamoDB that the local AWS breaks; see [`super::run_strict`].

use serde_dynamo::AttributeValue;

use super::{
    applied, applied_returning, assert_same, attributes, item, key, map, n, on_condition, put, refused, rejected,
    store, stored, update,
};
use crate::ports::{Returning, Table};

/// `REMOVE` alone leaves an absent item absent. (Locally it makes one that holds the key alone.)
pub async fn an_update_that_only_takes_away_creates_nothing(table: &impl Table) {
    let key = key("strict", "take-away");
    let answer = applied_returning(table, update(&key, "REMOVE a", []), Returning::AllNew).await;
    assert_same(answer.as_ref(), None, "answer");
    assert_same(stored(table, &key).await.as_ref(), None, "stored");
}

/// Removing one element does not shift the next one's index. (Locally it does.)
pub async fn indices_of_a_removal_are_those_of_before(table: &impl Table) {
    let key = key("strict", "indices");
    let list = |members: &[&str]| AttributeValue::L(members.iter().map(|member| n(member)).collect());
    store(table, &item(&key, [("l", list(&["0", "1", "2", "3", "4"]))])).await;
    applied(table, &update(&key, "REMOVE l[0], l[2]", [])).await;
    let expected = item(&key, [("l", list(&["1", "3", "4"]))]);
    assert_same(stored(table, &key).await.as_ref(), Some(&expected), "stored");
}

/// Through all 38 digits, which no number type of the machine has. (Locally it is rounded to 28.)
pub async fn arithmetic_is_exact_to_38_digits(table: &impl Table) {
    let key = key("strict", "digits");
    store(table, &item(&key, [("a", n("12345678901234567890123456789012345678"))])).await;
    let write = update(&key, "ADD a :v", [(":v", n("1"))]);
    let answer = applied_returning(table, write, Returning::UpdatedNew).await;
    let expected = attributes([("a", n("12345678901234567890123456789012345679"))]);
    assert_same(answer.as_ref(), Some(&expected), "answer");
}

/// Nor are they anything but unequal. (Locally both are the other way round.)
pub async fn two_missing_attributes_are_not_equal(table: &impl Table) {
    let key = key("strict", "missing");
    assert_same(refused(table, &on_condition(put(item(&key, [])), "q = z", None, [])).await.as_ref(), None, "q = z");
    applied(table, &on_condition(put(item(&key, [])), "q <> z", None, [])).await;
}

/// As strings do. (Locally it is always false.)
pub async fn a_binary_contains_its_parts(table: &impl Table) {
    let key = key("strict", "binary");
    let binary = |bytes: &[u8]| AttributeValue::B(bytes.to_vec());
    store(table, &item(&key, [("a", binary(&[1, 2, 3]))])).await;
    let stays = || put(item(&key, [("a", binary(&[1, 2, 3]))]));
    applied(table, &on_condition(stays(), "contains(a, :v)", None, [(":v", binary(&[2, 3]))])).await;
    refused(table, &on_condition(stays(), "contains(a, :v)", None, [(":v", binary(&[3, 2]))])).await;
}

/// Overlapping targets and sums of what is no number. (Locally they are carried out somehow.)
pub async fn what_is_no_update_is_rejected(table: &impl Table) {
    let key = key("strict", "invalid");
    let before = item(&key, [("l", AttributeValue::L(vec![])), ("m", map([("x", n("1"))]))]);
    store(table, &before).await;
    for expression in ["SET q = :v, q = :v", "SET m.x = :v, m = :v", "SET a = l + :v"] {
        rejected(table, &update(&key, expression, [(":v", n("7"))])).await;
    }
    assert_same(stored(table, &key).await.as_ref(), Some(&before), "left alone");
}
