//! The writer: PutItem, UpdateItem and DeleteItem on migrating tables.

use lambda_runtime::Diagnostic;
use livemove_core::error::Error;
use livemove_core::item::Item;
use livemove_core::register::States;
use livemove_core::write;
use serde_json::{Value, json};

use super::answer::answer;
use super::payload::{Call, open};
use super::requests::write_operation;
use super::tables::Tables;
use crate::sites::Sites;

/// Writes as one DynamoDB table would, whatever the phase.
#[derive(Debug)]
pub struct Writer<'a, S> {
    tables: Tables<'a, S>,
}

impl<'a, S: States> Writer<'a, S> {
    /// A writer that finds its tables through `states`.
    pub fn new(sites: &'a Sites, states: &'a S) -> Writer<'a, S> {
        Writer { tables: Tables::new(sites, states) }
    }

    /// Answers one invocation.
    ///
    /// # Errors
    /// For direct invocations, DynamoDB's exceptions and livemove's refusals by name.
    pub async fn answer(&self, payload: Value) -> Result<Value, Diagnostic> {
        let (door, call) = open(payload);
        let operation = call.as_ref().map(|call| call.operation.clone()).unwrap_or_default();
        let result = match call {
            Ok(call) => self.serve(call).await,
            Err(error) => Err(error),
        };
        answer(door, &operation, result)
    }

    async fn serve(&self, call: Call) -> Result<Value, Error> {
        let asked = write_operation(call)?;
        let written = self
            .tables
            .run(&asked.table, async |schema, pair, state| write::write(pair, state, &asked.request(schema)?).await)
            .await;
        match written {
            Ok(None) => Ok(json!({})),
            Ok(Some(attributes)) => Ok(json!({"Attributes": attributes})),
            Err(Error::ConditionFailed { item }) => {
                Err(Error::ConditionFailed { item: shown(item, asked.item_on_failure) })
            }
            Err(error) => Err(error),
        }
    }
}

fn shown(item: Option<Item>, asked_for: bool) -> Option<Item> {
    item.filter(|_| asked_for)
}
