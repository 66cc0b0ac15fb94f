//! One conditional write.

use std::collections::HashMap;

use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue as Sdk, ReturnValue, ReturnValuesOnConditionCheckFailure as OnFailure};
use livemove_core::error::Error;
use livemove_core::item::Item;
use livemove_core::ports::{Action, Returning, Table as _, Write, Written};

use super::request::Request;
use super::table::DynamoTable;
use super::value::{item_from_sdk, item_to_sdk};
use crate::sdk_error::{Call, Effect};

impl DynamoTable {
    /// Sends `write`, again only after throttling, all within the longest time of a call.
    pub(super) async fn write_once(&self, write: &Write) -> Result<Written, Error> {
        let request = Request::of(write, &self.schema().partition)?;
        self.paced("a write", || self.send(write, &request)).await
    }

    async fn send(&self, write: &Write, request: &Request) -> Result<Written, Error> {
        let (names, values) = request.expressions.clone().into_parts();
        let condition = request.condition.clone();
        match &write.action {
            Action::Put(item) => {
                let put = self
                    .once
                    .put_item()
                    .table_name(&self.name)
                    .set_item(Some(item_to_sdk(&item.0)))
                    .set_condition_expression(condition)
                    .set_expression_attribute_names(names)
                    .set_expression_attribute_values(values)
                    .return_values(return_value(write.returning))
                    .return_values_on_condition_check_failure(OnFailure::AllOld)
                    .set_return_consumed_capacity(self.capacity())
                    .set_return_item_collection_metrics(self.metrics());
                let call = self.call("dynamodb:PutItem", Effect::Writes);
                outcome(
                    &call,
                    put.send().await.map(|answer| {
                        self.consumed(&answer.consumed_capacity);
                        self.collection(answer.item_collection_metrics);
                        answer.attributes
                    }),
                )
            }
            Action::Update { .. } => {
                let update = self
                    .once
                    .update_item()
                    .table_name(&self.name)
                    .set_key(Some(item_to_sdk(write.key.attributes())))
                    .set_update_expression(request.update.clone())
                    .set_condition_expression(condition)
                    .set_expression_attribute_names(names)
                    .set_expression_attribute_values(values)
                    .return_values(return_value(write.returning))
                    .return_values_on_condition_check_failure(OnFailure::AllOld)
                    .set_return_consumed_capacity(self.capacity())
                    .set_return_item_collection_metrics(self.metrics());
                let call = self.call("dynamodb:UpdateItem", Effect::Writes);
                outcome(
                    &call,
                    update.send().await.map(|answer| {
                        self.consumed(&answer.consumed_capacity);
                        self.collection(answer.item_collection_metrics);
                        answer.attributes
                    }),
                )
            }
            Action::Delete => {
                let delete = self
                    .once
                    .delete_item()
                    .table_name(&self.name)
                    .set_key(Some(item_to_sdk(write.key.attributes())))
                    .set_condition_expression(condition)
                    .set_expression_attribute_names(names)
                    .set_expression_attribute_values(values)
                    .return_values(return_value(write.returning))
                    .return_values_on_condition_check_failure(OnFailure::AllOld)
                    .set_return_consumed_capacity(self.capacity())
                    .set_return_item_collection_metrics(self.metrics());
                let call = self.call("dynamodb:DeleteItem", Effect::Writes);
                outcome(
                    &call,
                    delete.send().await.map(|answer| {
                        self.consumed(&answer.consumed_capacity);
                        self.collection(answer.item_collection_metrics);
                        answer.attributes
                    }),
                )
            }
        }
    }
}

fn return_value(returning: Returning) -> ReturnValue {
    match returning {
        Returning::Nothing => ReturnValue::None,
        Returning::AllOld => ReturnValue::AllOld,
        Returning::AllNew => ReturnValue::AllNew,
        Returning::UpdatedOld => ReturnValue::UpdatedOld,
        Returning::UpdatedNew => ReturnValue::UpdatedNew,
    }
}

trait ConditionFailure {
    /// The stored item if this says that the condition does not hold.
    fn refused(&self) -> Option<Attributes>;
}

macro_rules! condition_failure {
    ($($error:ident),*) => {$(
        impl ConditionFailure for $error {
            fn refused(&self) -> Option<Attributes> {
                match self {
                    $error::ConditionalCheckFailedException(exception) => Some(exception.item.clone()),
                    _ => None,
                }
            }
        }
    )*};
}

condition_failure!(PutItemError, UpdateItemError, DeleteItemError);

type Attributes = Option<HashMap<String, Sdk>>;

fn outcome<E>(call: &Call<'_>, answer: Result<Attributes, SdkError<E, HttpResponse>>) -> Result<Written, Error>
where
    E: ConditionFailure + ProvideErrorMetadata + std::error::Error + 'static,
{
    match answer {
        Ok(attributes) => Ok(Written::Applied(some(attributes)?)),
        Err(error) => match error.as_service_error().and_then(ConditionFailure::refused) {
            Some(stored) => Ok(Written::Refused(some(stored)?)),
            None => Err(call.failed(&error)),
        },
    }
}

// DynamoDB leaves an absent item out; some implementations send an empty map. No item is empty.
fn some(attributes: Attributes) -> Result<Option<Item>, Error> {
    attributes.filter(|attributes| !attributes.is_empty()).map(item_from_sdk).transpose()
}
