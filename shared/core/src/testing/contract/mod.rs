//! The contract of [`Table`], as one suite for every implementation: what holds for the table in memory
//! must hold for DynamoDB, or else the protocol was proved against the wrong thing.
//!
//! Each case is a function that panics with what went wrong. All cases of a module share one table and keep
//! to keys of their own, those on scans expect an empty table.

pub mod conditions;
pub mod guards;
pub mod indexes;
pub mod inserts;
pub mod pages;
pub mod reads;
pub mod several;
pub mod strict;
pub mod transactions;
pub mod updates;
pub mod values;

use std::collections::{BTreeMap, HashMap};

use serde_dynamo::AttributeValue;

use crate::canonical::canonical_map;
use crate::error::Error;
use crate::item::{Item, Key, KeySchema};
use crate::mark::{Marks, Position, Run};
use crate::ports::pages::Pages;
use crate::ports::transact::Transactions;
use crate::ports::{Action, Condition, Consistency, Get, Guard, Returning, Table, Write, Written};

/// The keys of the tables that `fresh` makes: partition `pk` and sort `sk`, both strings.
pub fn schema() -> KeySchema {
    KeySchema { partition: "pk".to_owned(), sort: Some("sk".to_owned()) }
}

/// Runs every case, each group on a new empty table of [`schema`].
pub async fn run_all<T: Table>(fresh: impl AsyncFn() -> T) {
    let table = fresh().await;
    guards::every_guard_means_what_holds_says(&table).await;
    guards::a_guard_holds_every_action_back(&table).await;
    guards::what_has_been_done_is_not_done_again(&table).await;
    let table = fresh().await;
    conditions::the_condition_counts_beside_the_guard(&table).await;
    conditions::an_absent_item_is_judged_as_dynamodb_does(&table).await;
    conditions::a_tombstone_is_taken_for_an_absent_item(&table).await;
    conditions::or_in_a_condition_cannot_pass_the_guard(&table).await;
    conditions::what_is_no_condition_is_rejected(&table).await;
    let table = fresh().await;
    updates::an_update_creates_the_item(&table).await;
    updates::a_removal_with_a_mark_to_set_creates_the_item(&table).await;
    updates::marks_join_the_application_s_clauses(&table).await;
    updates::marks_alone_keep_the_application_s_attributes(&table).await;
    updates::every_returning_answers_its_attributes(&table).await;
    updates::put_and_delete_answer_the_old_item(&table).await;
    updates::a_delete_is_idempotent(&table).await;
    updates::an_update_without_change_is_applied(&table).await;
    updates::sets_lists_and_paths_change_in_place(&table).await;
    updates::an_update_that_makes_no_sense_is_rejected(&table).await;
    let table = fresh().await;
    inserts::an_insert_never_overwrites(&table).await;
    inserts::answers_are_aligned_with_the_items(&table).await;
    inserts::of_two_items_of_one_key_one_is_inserted(&table).await;
    let table = fresh().await;
    values::every_type_comes_back_as_it_was(&table).await;
    values::arithmetic_is_decimal(&table).await;
    values::an_item_may_have_400_kb_and_not_a_byte_more(&table).await;
    let table = fresh().await;
    reads::a_strong_read_sees_the_write_before_it(&table).await;
    reads::a_projection_keeps_the_marks(&table).await;
    reads::many_reads_are_aligned_with_the_keys(&table).await;
    let table = fresh().await;
    reads::segments_and_pages_cover_every_item_once(&table).await;
}

/// Runs every case of transactions and batches, each group on a new empty table of [`schema`].
pub async fn run_transactions<T: Transactions>(fresh: impl AsyncFn() -> T) {
    let table = fresh().await;
    transactions::a_transaction_does_all_its_entries(&table).await;
    transactions::one_refused_entry_cancels_all(&table).await;
    transactions::every_refused_entry_has_its_reason(&table).await;
    transactions::a_guard_holds_every_entry_back(&table).await;
    transactions::a_tombstone_is_absent_for_a_check(&table).await;
    transactions::a_token_makes_a_repetition_harmless(&table).await;
    transactions::a_token_for_something_else_is_a_mismatch(&table).await;
    transactions::a_cancelled_transaction_leaves_its_token_free(&table).await;
    transactions::what_is_no_transaction_is_rejected(&table).await;
    transactions::an_update_that_does_not_fit_cancels_all(&table).await;
    let table = fresh().await;
    several::a_snapshot_is_aligned_with_its_entries(&table).await;
    several::a_snapshots_projection_keeps_the_marks(&table).await;
    several::a_snapshot_sees_transactions_whole(&table).await;
    several::a_batch_replaces_and_removes(&table).await;
    several::what_is_no_batch_is_rejected(&table).await;
}

/// Runs the cases that DynamoDB passes and the local AWS (MiniStack 1.5.33) does not, on a new empty table of
/// [`schema`]. Nothing in the protocol counts on them; applications may.
pub async fn run_strict<T: Table>(fresh: impl AsyncFn() -> T) {
    let table = fresh().await;
    strict::an_update_that_only_takes_away_creates_nothing(&table).await;
    strict::indices_of_a_removal_are_those_of_before(&table).await;
    strict::arithmetic_is_exact_to_38_digits(&table).await;
    strict::two_missing_attributes_are_not_equal(&table).await;
    strict::a_binary_contains_its_parts(&table).await;
    strict::what_is_no_update_is_rejected(&table).await;
}

/// Runs every case on queries and scans, each group on a new empty table of [`schema`] with the indexes of
/// [`pages::indexes`].
pub async fn run_pages<T: Pages>(fresh: impl AsyncFn() -> T) {
    let table = fresh().await;
    pages::a_query_walks_its_part_in_order(&table).await;
    pages::pages_of_a_query_cover_it_once(&table).await;
    pages::a_filter_keeps_back_what_was_looked_at(&table).await;
    pages::besides_the_filter_come_marked_items(&table).await;
    pages::a_projection_brings_keys_and_marks(&table).await;
    let table = fresh().await;
    pages::pages_of_a_scan_cover_the_table_once(&table).await;
    let table = fresh().await;
    indexes::the_indexes_are_known(&table);
    indexes::an_index_is_in_the_order_of_its_key(&table).await;
    indexes::an_index_shows_what_it_holds(&table).await;
    indexes::pages_of_an_index_cover_it_once(&table).await;
    indexes::a_scan_of_an_index_meets_what_is_in_it(&table).await;
    indexes::tombstones_are_in_indexes_of_table_keys_alone(&table).await;
    indexes::strong_reads_are_for_local_indexes(&table).await;
}

/// Runs the cases on queries and scans that DynamoDB passes and the local AWS (MiniStack 1.5.33) does not.
pub async fn run_pages_strict<T: Pages>(fresh: impl AsyncFn() -> T) {
    let table = fresh().await;
    pages::what_is_no_query_is_refused(&table).await;
    indexes::what_an_index_does_not_hold(&table).await;
    indexes::a_filter_on_the_queried_key_is_refused(&table).await;
}

fn s(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

fn n(number: &str) -> AttributeValue {
    AttributeValue::N(number.to_owned())
}

fn map<const N: usize>(entries: [(&str, AttributeValue); N]) -> AttributeValue {
    AttributeValue::M(entries.map(|(name, value)| (name.to_owned(), value)).into_iter().collect::<HashMap<_, _>>())
}

fn attributes<const N: usize>(entries: [(&str, AttributeValue); N]) -> Item {
    Item(entries.map(|(name, value)| (name.to_owned(), value)).into_iter().collect())
}

fn key(pk: &str, sk: &str) -> Key {
    schema().key(attributes([("pk", s(pk)), ("sk", s(sk))])).unwrap()
}

fn item<const N: usize>(key: &Key, entries: [(&str, AttributeValue); N]) -> Item {
    let mut item = key.to_item();
    item.0.extend(attributes(entries).0);
    item
}

fn marked(item: Item, marks: Marks) -> Item {
    marks.onto(item)
}

fn tombstone(key: &Key) -> Item {
    marked(key.to_item(), Marks { own: Run(1), tombstone: true, ..Marks::default() })
}

fn position(sequence: &str) -> Position {
    Position::new(Run(1), sequence)
}

fn put(item: Item) -> Write {
    let key = schema().key_of(&item).unwrap();
    Write::new(key, Action::Put(item), Guard::Always)
}

/// An update of the application alone.
fn update<const N: usize>(key: &Key, expression: &str, values: [(&str, AttributeValue); N]) -> Write {
    let action = Action::Update { expression: Some(expression.to_owned()), set: BTreeMap::new(), remove: vec![] };
    Write { values: attributes(values).0, ..Write::new(key.clone(), action, Guard::Always) }
}

fn on_condition<const N: usize>(
    write: Write,
    text: &str,
    when_tombstone: Option<bool>,
    values: [(&str, AttributeValue); N],
) -> Write {
    let mut write = write;
    write.condition = Some(Condition { text: text.to_owned(), when_tombstone });
    write.values.extend(attributes(values).0);
    write
}

async fn store(table: &impl Table, item: &Item) {
    let written = table.write(&put(item.clone())).await.unwrap();
    assert_eq!(written, Written::Applied(None), "an unconditional put that answers nothing");
}

async fn stored(table: &impl Table, key: &Key) -> Option<Item> {
    let get = Get { key: key.clone(), consistency: Consistency::Strong, projection: None, names: BTreeMap::new() };
    table.get(&get).await.unwrap()
}

async fn applied(table: &impl Table, write: &Write) -> Option<Item> {
    match table.write(write).await {
        Ok(Written::Applied(attributes)) => attributes,
        other => panic!("{write:?} should be applied, but: {other:?}"),
    }
}

async fn applied_returning(table: &impl Table, write: Write, returning: Returning) -> Option<Item> {
    applied(table, &write.returning(returning)).await
}

async fn refused(table: &impl Table, write: &Write) -> Option<Item> {
    match table.write(write).await {
        Ok(Written::Refused(stored)) => stored,
        other => panic!("{write:?} should be refused, but: {other:?}"),
    }
}

async fn rejected(table: &impl Table, write: &Write) {
    rejected_as_invalid(table.write(write).await, &format!("{write:?}"));
}

fn rejected_as_invalid(answer: Result<impl std::fmt::Debug, Error>, what: &str) {
    match answer {
        Err(Error::Rejected { name, .. }) if name == "ValidationException" => {}
        other => panic!("{what} should be rejected as invalid, but: {other:?}"),
    }
}

/// Equal marks included; numbers by value, sets whatever their order.
fn assert_same(actual: Option<&Item>, expected: Option<&Item>, what: &str) {
    let form = |item: Option<&Item>| item.map(|item| canonical_map(&item.0));
    assert!(form(actual) == form(expected), "{what}: {actual:?} instead of {expected:?}");
}
