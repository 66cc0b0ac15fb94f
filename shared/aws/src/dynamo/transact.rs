//! One write transaction.

use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::{BuildError, SdkError};
use aws_sdk_dynamodb::operation::transact_write_items::{TransactWriteItemsError, TransactWriteItemsOutput};
use aws_sdk_dynamodb::types::{
    CancellationReason, ConditionCheck, Delete, Put, ReturnValuesOnConditionCheckFailure as OnFailure,
    TransactWriteItem, Update,
};
use livemove_core::error::Error;
use livemove_core::ports::transact::{Check, Entry, Reason, Transacted, Transaction};
use livemove_core::ports::{Action, Table as _, Write};

use super::expressions::{Expressions, invalid};
use super::foreign;
use super::guard;
use super::request::Request;
use super::table::DynamoTable;
use super::value::{item_from_sdk, item_to_sdk};
use crate::sdk_error::Effect;

impl DynamoTable {
    /// Sends `transaction`, again after throttling only. After a lost answer one with a token may be sent again, but
    /// by the caller: were it the SDK, the answer to the second time (throttled, a conflict) would hide that the first
    /// may have done it. (The SDK gives each call without a token one that nobody else knows.)
    pub(super) async fn transact_once(&self, transaction: &Transaction) -> Result<Transacted, Error> {
        let entries = transaction.entries.iter().map(|entry| self.entry(entry)).collect::<Result<Vec<_>, _>>()?;
        self.paced("a transaction", || self.send_transaction(&entries, transaction.token.as_deref())).await
    }

    async fn send_transaction(&self, entries: &[TransactWriteItem], token: Option<&str>) -> Result<Transacted, Error> {
        let request = self
            .once
            .transact_write_items()
            .set_transact_items(Some(entries.to_vec()))
            .set_client_request_token(token.map(str::to_owned))
            .set_return_consumed_capacity(self.capacity())
            .set_return_item_collection_metrics(self.metrics());
        self.outcome(entries.len(), request.send().await)
    }

    fn outcome(
        &self,
        entries: usize,
        answer: Result<TransactWriteItemsOutput, SdkError<TransactWriteItemsError, HttpResponse>>,
    ) -> Result<Transacted, Error> {
        let error = match answer {
            Ok(answer) => {
                self.consumed(answer.consumed_capacity());
                let sizes = answer.item_collection_metrics.and_then(|mut tables| tables.remove(&self.name));
                sizes.into_iter().flatten().for_each(|size| self.collection(size));
                return Ok(Transacted::Applied);
            }
            Err(error) => error,
        };
        match error.as_service_error() {
            Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
                reasons(cancelled.cancellation_reasons(), entries).map(Transacted::Cancelled)
            }
            Some(_) | None => Err(self.call("dynamodb:TransactWriteItems", Effect::Writes).failed(&error)),
        }
    }

    fn entry(&self, entry: &Entry) -> Result<TransactWriteItem, Error> {
        match entry {
            Entry::Write(write) => self.write_entry(write),
            Entry::Check(check) => self.check_entry(check),
            Entry::Foreign(entry) => foreign::write_entry(entry),
        }
    }

    fn write_entry(&self, write: &Write) -> Result<TransactWriteItem, Error> {
        let Request { condition, update, expressions } = Request::of(write, &self.schema().partition)?;
        let (names, values) = expressions.to_sdk();
        let item = TransactWriteItem::builder();
        let item = match &write.action {
            Action::Put(stored) => item.put(built(
                Put::builder()
                    .table_name(&self.name)
                    .set_item(Some(item_to_sdk(&stored.0)))
                    .set_condition_expression(condition)
                    .set_expression_attribute_names(names)
                    .set_expression_attribute_values(values)
                    .return_values_on_condition_check_failure(OnFailure::AllOld)
                    .build(),
            )?),
            Action::Update { .. } => item.update(built(
                Update::builder()
                    .table_name(&self.name)
                    .set_key(Some(item_to_sdk(write.key.attributes())))
                    .set_update_expression(update)
                    .set_condition_expression(condition)
                    .set_expression_attribute_names(names)
                    .set_expression_attribute_values(values)
                    .return_values_on_condition_check_failure(OnFailure::AllOld)
                    .build(),
            )?),
            Action::Delete => item.delete(built(
                Delete::builder()
                    .table_name(&self.name)
                    .set_key(Some(item_to_sdk(write.key.attributes())))
                    .set_condition_expression(condition)
                    .set_expression_attribute_names(names)
                    .set_expression_attribute_values(values)
                    .return_values_on_condition_check_failure(OnFailure::AllOld)
                    .build(),
            )?),
        };
        Ok(item.build())
    }

    fn check_entry(&self, check: &Check) -> Result<TransactWriteItem, Error> {
        let mut expressions = Expressions::with(check.names.clone(), check.values.clone())?;
        let partition = &self.schema().partition;
        let condition = guard::condition(&check.guard, None, Some(&check.condition), partition, &mut expressions)?;
        let (names, values) = expressions.to_sdk();
        let check = built(
            ConditionCheck::builder()
                .table_name(&self.name)
                .set_key(Some(item_to_sdk(check.key.attributes())))
                .set_condition_expression(condition)
                .set_expression_attribute_names(names)
                .set_expression_attribute_values(values)
                .return_values_on_condition_check_failure(OnFailure::AllOld)
                .build(),
        )?;
        Ok(TransactWriteItem::builder().condition_check(check).build())
    }
}

/// A part that DynamoDB requires is missing: an update without an expression, for example.
fn built<R>(result: Result<R, BuildError>) -> Result<R, Error> {
    result.map_err(|error| invalid(error.to_string()))
}

/// The reasons of a cancellation, one for each entry.
///
/// # Errors
/// [`Error::Conflict`] where the answer does not have them; nothing was done.
pub(super) fn reasons(reasons: &[CancellationReason], entries: usize) -> Result<Vec<Reason>, Error> {
    if reasons.len() != entries {
        let (got, message) = (reasons.len(), "a transaction was cancelled with another number of reasons than entries");
        return Err(Error::Conflict(format!("{message}: {got} instead of {entries}")));
    }
    reasons.iter().map(reason).collect()
}

fn reason(reason: &CancellationReason) -> Result<Reason, Error> {
    let stored = reason.item().filter(|item| !item.is_empty());
    Ok(Reason {
        code: reason.code().unwrap_or("None").to_owned(),
        message: reason.message().map(str::to_owned),
        item: stored.map(|item| item_from_sdk(item.clone())).transpose()?,
    })
}
