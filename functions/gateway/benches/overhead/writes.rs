//! Writes as an application sends them, and as the gateway sends them on.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::put_item::builders::PutItemFluentBuilder;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure as OnFailure};

use crate::place::{item, key};

/// What livemove adds to a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum With {
    /// Nothing.
    Nothing,
    /// The condition that every write carries in `guarded`.
    Guard,
    /// The marks that a write leaves in `new`.
    Marks,
}

const GUARD: &str = "NOT #_lm_mv >= :_lm_run AND NOT #_lm_own >= :_lm_run";

fn run() -> AttributeValue {
    AttributeValue::N("1".to_owned())
}

/// The placeholders of marks.
fn names<const MARKS: usize>(marks: [&str; MARKS]) -> Option<HashMap<String, String>> {
    Some(marks.map(|mark| (format!("#{mark}"), mark.to_owned())).into())
}

/// Puts an item of about 400 bytes.
pub(crate) fn put(client: &Client, table: &str, number: usize, with: With) -> PutItemFluentBuilder {
    let put = client.put_item().table_name(table).set_item(Some(item(number)));
    match with {
        With::Nothing => put,
        With::Guard => put
            .condition_expression(GUARD)
            .set_expression_attribute_names(names(["_lm_mv", "_lm_own"]))
            .expression_attribute_values(":_lm_run", run())
            .return_values_on_condition_check_failure(OnFailure::AllOld),
        With::Marks => put.item("_lm_own", run()),
    }
}

/// Assigns a number: that may as well be done twice.
pub(crate) fn set(client: &Client, table: &str, number: usize, with: With) -> UpdateItemFluentBuilder {
    let marked = "SET n = :n, #_lm_own = :_lm_own REMOVE #_lm_t, #_lm_o";
    update(client, table, number, with, ["SET n = :n", marked])
}

/// Counts: that may not be done twice, so it bears a stamp.
pub(crate) fn count(client: &Client, table: &str, number: usize, with: With) -> UpdateItemFluentBuilder {
    let marked = "SET #_lm_o = :_lm_o, #_lm_own = :_lm_own REMOVE #_lm_t ADD n :n";
    let update = update(client, table, number, with, ["ADD n :n", marked]);
    match with {
        With::Nothing | With::Guard => update,
        With::Marks => update.expression_attribute_values(":_lm_o", AttributeValue::S(format!("{number:022}"))),
    }
}

fn update(
    client: &Client,
    table: &str,
    number: usize,
    with: With,
    [plain, marked]: [&str; 2],
) -> UpdateItemFluentBuilder {
    let value = AttributeValue::N(number.to_string());
    let update = client.update_item().table_name(table).set_key(Some(key(number)));
    let update = update.expression_attribute_values(":n", value);
    match with {
        With::Nothing => update.update_expression(plain),
        With::Guard => update
            .update_expression(plain)
            .condition_expression(GUARD)
            .set_expression_attribute_names(names(["_lm_mv", "_lm_own"]))
            .expression_attribute_values(":_lm_run", run())
            .return_values_on_condition_check_failure(OnFailure::AllOld),
        With::Marks => update
            .update_expression(marked)
            .set_expression_attribute_names(names(["_lm_own", "_lm_t", "_lm_o"]))
            .expression_attribute_values(":_lm_own", run()),
    }
}
