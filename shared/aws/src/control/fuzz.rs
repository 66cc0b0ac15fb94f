//! Rows of the control table as a hand in the console, or another version, may leave them.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use livemove_core::item::Item;
use livemove_core::testing::fuzz::json;
use proptest::prelude::*;
use serde_json::to_value;

use crate::dynamo::{item_from_sdk, item_to_sdk};

/// The row with attributes changed, retyped, renamed, dropped and added, and texts cut.
pub(super) fn damaged(row: HashMap<String, AttributeValue>) -> impl Strategy<Value = HashMap<String, AttributeValue>> {
    let row = to_value(item_from_sdk(row).unwrap()).unwrap();
    json(row).prop_filter_map("not what DynamoDB keeps", |row| {
        serde_json::from_value::<Item>(row).ok().map(|item| item_to_sdk(&item.0))
    })
}
