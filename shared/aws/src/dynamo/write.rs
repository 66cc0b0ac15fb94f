//! One conditional write.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue as Sdk, ReturnValue, ReturnValuesOnConditionCheckFailure as OnFailure};
use livemove_core::error::Error;
use livemove_core::expression::update::Clauses;
use livemove_core::item::Item;
use livemove_core::ports::{Action, Returning, Table as _, Write, Written};
use serde_dynamo::AttributeValue;

use super::expressions::Expressions;
use super::guard;
use super::table::DynamoTable;
use super::value::{item_from_sdk, item_to_sdk};
use crate::sdk_error::{Call, Effect};

/// Pauses before a throttled write is sent again; it is sent once more than there are pauses.
const PAUSES: [Duration; 3] = [Duration::from_millis(50), Duration::from_millis(200), Duration::from_millis(800)];

impl DynamoTable {
    /// Sends `write`, again only after throttling, all within the longest time of a call.
    pub(super) async fn write_once(&self, write: &Write) -> Result<Written, Error> {
        let request = Request::of(write, &self.schema().partition)?;
        let attempts = async {
            for pause in PAUSES {
                match self.send(write, &request).await {
                    Err(Error::Throttled(_)) => tokio::time::sleep(pause).await,
                    done => return done,
                }
            }
            self.send(write, &request).await
        };
        match tokio::time::timeout(self.longest, attempts).await {
            Ok(done) => done,
            Err(_) => {
                Err(Error::Ambiguous(format!("no answer for a write to {} within {:?}", self.name, self.longest)))
            }
        }
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

/// The texts of a write, rendered once.
struct Request {
    condition: Option<String>,
    update: Option<String>,
    expressions: Expressions,
}

impl Request {
    fn of(write: &Write, partition: &str) -> Result<Request, Error> {
        let mut expressions = Expressions::of(write)?;
        let condition = guard::condition(&write.guard, write.condition.as_ref(), partition, &mut expressions)?;
        let update = match &write.action {
            Action::Update { expression, set, remove } => {
                update_text(expression.as_deref(), set, remove, &mut expressions)?
            }
            Action::Put(_) | Action::Delete => None,
        };
        Ok(Request { condition, update, expressions })
    }
}

/// The application's update expression with the marks in it; `None` when nothing is to be changed.
fn update_text(
    expression: Option<&str>,
    set: &BTreeMap<&'static str, AttributeValue>,
    remove: &[&'static str],
    to: &mut Expressions,
) -> Result<Option<String>, Error> {
    let clauses = expression.map(Clauses::parse).transpose()?.unwrap_or_default();
    let mut assign = |(mark, value): (&&str, &AttributeValue)| {
        format!("{} = {}", to.name(mark), to.value(&format!("set{mark}"), value))
    };
    let set: Vec<String> = set.iter().map(&mut assign).collect();
    let remove: Vec<String> = remove.iter().map(|mark| to.name(mark)).collect();
    let text = clauses.with(&texts(&set), &texts(&remove));
    Ok(Some(text).filter(|text| !text.is_empty()))
}

fn texts(owned: &[String]) -> Vec<&str> {
    owned.iter().map(String::as_str).collect()
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
