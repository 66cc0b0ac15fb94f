//! One conditional write.

use livemove_core::error::Error;
use livemove_core::item::{Item, Key};
use livemove_core::ports::{Action, Returning, Table as _, Write, Written};
use serde::{Deserialize, Serialize};

use super::exchange::Answer;
use super::expressions::{Names, Values};
use super::meter::{Collection, Consumed};
use super::request::Request;
use super::table::DynamoTable;
use crate::sdk_error::Effect;

/// `PutItem`, `UpdateItem` and `DeleteItem`.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Body<'a> {
    table_name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    item: Option<&'a Item>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a Key>,
    #[serde(skip_serializing_if = "Option::is_none")]
    update_expression: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    condition_expression: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expression_attribute_names: Option<&'a Names>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expression_attribute_values: Option<&'a Values>,
    #[serde(skip_serializing_if = "Option::is_none")]
    return_values: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    return_values_on_condition_check_failure: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    return_consumed_capacity: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    return_item_collection_metrics: Option<&'static str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Done {
    attributes: Option<Item>,
    consumed_capacity: Option<Consumed>,
    item_collection_metrics: Option<Collection>,
}

impl DynamoTable {
    /// Sends `write`, again only after throttling, all within the longest time of a call.
    pub(super) async fn write_once(&self, write: &Write) -> Result<Written, Error> {
        let Request { condition, update, expressions } = Request::of(write, &self.schema().partition)?;
        let (names, values) = expressions.parts();
        let asks = self.asks();
        let (action, item) = match &write.action {
            Action::Put(item) => ("dynamodb:PutItem", Some(item)),
            Action::Update { .. } => ("dynamodb:UpdateItem", None),
            Action::Delete => ("dynamodb:DeleteItem", None),
        };
        let body = Body {
            table_name: &self.name,
            item,
            key: item.is_none().then_some(&write.key),
            update_expression: update.as_deref(),
            condition_expression: condition.as_deref(),
            expression_attribute_names: names,
            expression_attribute_values: values,
            return_values: return_values(write.returning),
            return_values_on_condition_check_failure: condition.is_some().then_some("ALL_OLD"),
            return_consumed_capacity: asks.capacity,
            return_item_collection_metrics: asks.collections,
        };
        let answer = self.paced("a write", || self.exchange(self.call(action, Effect::Writes), &body)).await?;
        Ok(match answer {
            Answer::Done(Done { attributes, consumed_capacity, item_collection_metrics }) => {
                self.metered_by(consumed_capacity, item_collection_metrics);
                // DynamoDB leaves an absent item out; some implementations send an empty map. No item is empty.
                Written::Applied(attributes.filter(|attributes| !attributes.0.is_empty()))
            }
            Answer::ConditionFailed(stored) => Written::Refused(stored),
        })
    }
}

// Nothing is what DynamoDB answers when it is not asked.
fn return_values(returning: Returning) -> Option<&'static str> {
    match returning {
        Returning::Nothing => None,
        Returning::AllOld => Some("ALL_OLD"),
        Returning::AllNew => Some("ALL_NEW"),
        Returning::UpdatedOld => Some("UPDATED_OLD"),
        Returning::UpdatedNew => Some("UPDATED_NEW"),
    }
}
