//! Inserting many items that are not there yet.
//!
//! PartiQL's `INSERT` is the one batch call with a condition: 25 items a call, each on its own. What it cannot
//! take goes one by one, as a put on condition that there is no item.

use std::collections::HashSet;

use aws_sdk_dynamodb::types::{BatchStatementError, BatchStatementErrorCodeEnum as Code, BatchStatementRequest};
use livemove_core::error::Error;
use livemove_core::item::Item;
use livemove_core::ports::{Action, Guard, Inserted, Table as _, Write, Written};

use super::table::DynamoTable;
use super::value::to_sdk;
use crate::sdk_error::{Call, Effect};

/// The longest statement DynamoDB takes, in characters.
const STATEMENT_MAX: usize = 8192;

impl DynamoTable {
    /// Inserts each item that is not there yet; one answer for each, in order.
    pub(super) async fn insert_all(&self, items: &[Item]) -> Vec<Inserted> {
        let mut answers: Vec<Option<Inserted>> = items.iter().map(|_| None).collect();
        let batch = self.batch(items);
        if batch.len() > 1 {
            self.insert_batch(batch, &mut answers).await;
        }
        // In order, because a repeated key must find the item that came before it.
        for (answer, item) in answers.iter_mut().zip(items) {
            if answer.is_none() {
                *answer = Some(self.insert_one(item).await);
            }
        }
        answers.into_iter().flatten().collect()
    }

    // The items that can go in one batch, with their places: keys of their own, and a statement that fits.
    fn batch(&self, items: &[Item]) -> Vec<(usize, BatchStatementRequest)> {
        let mut keys = HashSet::new();
        let fits = |(place, item): (usize, &Item)| {
            let is_first = keys.insert(self.schema().key_of(item).ok()?.id());
            is_first.then(|| statement(&self.name, item)).flatten().map(|request| (place, request))
        };
        items.iter().enumerate().filter_map(fits).collect()
    }

    // Leaves the answers of items empty that are to be tried one by one.
    async fn insert_batch(&self, batch: Vec<(usize, BatchStatementRequest)>, answers: &mut [Option<Inserted>]) {
        let call = self.call("dynamodb:PartiQLInsert", Effect::Writes);
        let (places, statements): (Vec<usize>, Vec<BatchStatementRequest>) = batch.into_iter().unzip();
        let sent = self.repeating.batch_execute_statement().set_statements(Some(statements)).send().await;
        let outcomes: Vec<Inserted> = match sent {
            Ok(answer) => {
                let responses = answer.responses.unwrap_or_default();
                responses.into_iter().map(|response| outcome(&call, response.error)).collect()
            }
            // The request as a whole was turned away, for its size for example: its items may still be fine.
            Err(error) if matches!(call.failed(&error), Error::Rejected { .. }) => return,
            Err(error) => places.iter().map(|_| Inserted::Failed(call.failed(&error))).collect(),
        };
        for (place, outcome) in places.into_iter().zip(outcomes) {
            if let Some(answer) = answers.get_mut(place) {
                *answer = Some(outcome);
            }
        }
    }

    async fn insert_one(&self, item: &Item) -> Inserted {
        let key = match self.schema().key_of(item) {
            Ok(key) => key,
            Err(error) => return Inserted::Failed(Error::Invariant(error.to_string())),
        };
        match self.write_once(&Write::new(key, Action::Put(item.clone()), Guard::Absent)).await {
            Ok(Written::Applied(_)) => Inserted::Inserted,
            Ok(Written::Refused(_)) => Inserted::Exists,
            Err(error) => Inserted::Failed(error),
        }
    }
}

/// The statement that inserts `item`; `None` when PartiQL cannot be trusted with it.
fn statement(table: &str, item: &Item) -> Option<BatchStatementRequest> {
    // Quoting rules matter to names with quotes, question marks or control characters only: those go by PutItem.
    let plain = |name: &String| !name.contains(['\'', '"', '?', '\\', '`']) && !name.contains(char::is_control);
    if !item.0.keys().all(plain) {
        return None;
    }
    let pairs: Vec<String> = item.0.keys().map(|name| format!("'{name}': ?")).collect();
    let text = format!("INSERT INTO \"{table}\" VALUE {{{}}}", pairs.join(", "));
    if text.len() > STATEMENT_MAX {
        return None;
    }
    let values = item.0.values().map(to_sdk).collect();
    BatchStatementRequest::builder().statement(text).set_parameters(Some(values)).build().ok()
}

fn outcome(call: &Call<'_>, error: Option<BatchStatementError>) -> Inserted {
    let Some(error) = error else { return Inserted::Inserted };
    let message = error.message.unwrap_or_default();
    match error.code {
        Some(Code::DuplicateItem | Code::ConditionalCheckFailed) => Inserted::Exists,
        Some(Code::AccessDenied) => Inserted::Failed(call.answered(400, "AccessDeniedException", &message)),
        Some(Code::ValidationError) => Inserted::Failed(call.answered(400, "ValidationException", &message)),
        Some(Code::ResourceNotFound) => Inserted::Failed(call.answered(400, "ResourceNotFoundException", &message)),
        Some(code) => Inserted::Failed(call.answered(400, code.as_str(), &message)),
        None => Inserted::Failed(call.answered(500, "", &message)),
    }
}
