//! The data plane: every operation on the items of a migrating table, whoever asks.

use std::collections::HashSet;
use std::sync::Arc;

use futures_util::future::{BoxFuture, FutureExt as _};
use livemove_core::error::Error;
use livemove_core::phase::Side;
use livemove_core::register::{Migrations, States};
use serde_json::{Map, Value};

use super::elsewhere::Elsewhere;
use super::invocation::{Attempts, Called, Invocation};
use super::operations::batch_get::BatchGetItem;
use super::operations::batch_write::BatchWriteItem;
use super::operations::describe::DescribeMigration;
use super::operations::get::GetItem;
use super::operations::page::ReadPage;
use super::operations::snapshot::TransactGetItems;
use super::operations::transact::TransactWriteItems;
use super::operations::write::{TableWrite, WriteItem};
use super::parameters::Parameters;
use super::partiql;
use super::tables::{Membership, Tables};
use crate::sites::Sites;

/// Serves the operations on items as one DynamoDB table would, whatever the phase.
#[derive(Debug)]
pub struct Plane<S, E> {
    tables: Tables<S>,
    elsewhere: E,
    attempts: Attempts,
}

impl<S: States + Migrations + Send, E: Elsewhere> Plane<S, E> {
    /// The data plane of `migration`, whose tables are found through `states`; what is about other tables goes
    /// to `elsewhere`.
    pub fn new(sites: Arc<Sites>, states: Arc<S>, migration: &str, elsewhere: E) -> Plane<S, E> {
        Plane { tables: Tables::new(sites, states, migration), elsewhere, attempts: Attempts::default() }
    }

    /// Where the calls go that are none of the migration's.
    pub fn elsewhere(&self) -> &E {
        &self.elsewhere
    }

    /// The tables that move now, by their names at the plan's source.
    ///
    /// # Errors
    /// Those of reading the control table.
    pub async fn moving(&self) -> Result<Vec<String>, Error> {
        self.tables.moving().await
    }

    /// Hears of a call that was turned away before it came here.
    pub fn turned_away(&self, invocation: &Invocation) {
        self.attempts.nothing_done(invocation);
    }

    /// Serves a call if it is about a migrating table; `None` when it is not. A write is known by its `invocation`
    /// when it comes again.
    ///
    /// # Errors
    /// DynamoDB's exceptions by their names, and livemove's own refusals.
    pub fn call<'a>(
        &'a self,
        operation: &'a str,
        input: Map<String, Value>,
        invocation: Option<&'a Invocation>,
    ) -> BoxFuture<'a, Result<Option<Value>, Error>> {
        // Its type ends here: the compiler does not follow futures within futures any deeper.
        self.answer(operation, input, invocation).boxed()
    }

    async fn answer(
        &self,
        operation: &str,
        input: Map<String, Value>,
        invocation: Option<&Invocation>,
    ) -> Result<Option<Value>, Error> {
        let named = names(operation, &input);
        let mut moves = HashSet::new();
        for name in named {
            if self.tables.membership(&name).await? == Membership::Moves {
                moves.insert(name);
            }
        }
        if let Some(statements) = partiql::statements(operation, &input) {
            partiql::refuse(operation, &statements, &self.tables.moving().await?)?;
        }
        if moves.is_empty() && operation != DESCRIBE {
            return Ok(None);
        }
        let called = Called::new(operation, &input, invocation, &self.attempts);
        self.serve(Parameters::new(operation, input), &called, &moves).await
    }

    async fn serve(
        &self,
        input: Parameters<'_>,
        called: &Called<'_>,
        moves: &HashSet<String>,
    ) -> Result<Option<Value>, Error> {
        let tables = &self.tables;
        // Boxed one by one: each is large, and only one is ever under way.
        let answer = match called.operation {
            "GetItem" => Box::pin(GetItem::decode(input)?.serve(tables)).await?,
            "PutItem" => Box::pin(WriteItem::decode(input, TableWrite::put)?.serve(tables, called)).await?,
            "UpdateItem" => Box::pin(WriteItem::decode(input, TableWrite::update)?.serve(tables, called)).await?,
            "DeleteItem" => Box::pin(WriteItem::decode(input, TableWrite::delete)?.serve(tables, called)).await?,
            "Query" => Box::pin(ReadPage::query(input)?.serve(tables)).await?,
            "Scan" => Box::pin(ReadPage::scan(input)?.serve(tables)).await?,
            "BatchGetItem" => Box::pin(BatchGetItem::decode(input, moves)?.serve(tables, &self.elsewhere)).await?,
            "BatchWriteItem" => Box::pin(BatchWriteItem::decode(input, moves)?.serve(tables, &self.elsewhere)).await?,
            "TransactGetItems" => {
                let read = TransactGetItems::decode(input, moves)?;
                self.check_together(&read.table, read.has_foreign()).await?;
                Box::pin(read.serve(tables)).await?
            }
            "TransactWriteItems" => {
                let write = TransactWriteItems::decode(input, moves)?;
                self.check_together(&write.table, write.has_foreign()).await?;
                Box::pin(write.serve(tables)).await?
            }
            DESCRIBE => Box::pin(DescribeMigration::decode(input)?.serve(tables.states())).await?,
            // Operations on tables, backups and the like are not about items.
            _ => return Ok(None),
        };
        Ok(Some(answer))
    }

    /// A transaction with other tables goes on working only if the table stays in their account and Region. Said
    /// from the beginning, not when the first key has moved.
    async fn check_together(&self, table: &str, has_foreign: bool) -> Result<(), Error> {
        if !has_foreign {
            return Ok(());
        }
        let plan = self.tables.plan(table).await?;
        let (source, target) = (plan.end(Side::Source), plan.end(Side::Target));
        if (&source.account, &source.region) == (&target.account, &target.region) {
            return Ok(());
        }
        Err(Error::refused(
            "TransactionAcrossPlaces",
            format!(
                "{table} moves from {}/{} to {}/{}, and no transaction spans both",
                source.account, source.region, target.account, target.region
            ),
            "move the other tables of the transaction first, or split it",
        ))
    }
}

/// livemove's own operation.
pub(super) const DESCRIBE: &str = "DescribeMigration";

/// The tables that a call names, in the operations on items.
fn names(operation: &str, input: &Map<String, Value>) -> Vec<String> {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
    match operation {
        "GetItem" | "PutItem" | "UpdateItem" | "DeleteItem" | "Query" | "Scan" => {
            text(input.get("TableName")).into_iter().collect()
        }
        "BatchGetItem" | "BatchWriteItem" => input
            .get("RequestItems")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
            .map(|(name, _)| name.clone())
            .collect(),
        "TransactGetItems" | "TransactWriteItems" => {
            let entries = input.get("TransactItems").and_then(Value::as_array).into_iter().flatten();
            let inner = entries.filter_map(Value::as_object).flat_map(Map::values);
            inner.filter_map(|entry| text(entry.get("TableName"))).collect()
        }
        _ => Vec::new(),
    }
}
