//! The control table behind the core's control ports: states, history, checkpoints, signals and ledgers.
//!
//! One DynamoDB table, `pk` and `sk` text. All rows of a subject share its id as `pk`, those of the migration as
//! a whole have `migration#<id>`. Reads are strongly consistent. Writes that carry a condition are sent once:
//! sent again by the SDK, one that had succeeded would look refused.

mod certificates;
mod checkpoints;
mod holds;
mod ledger;
mod migrations;
mod row;
mod signals;
mod states;
mod stragglers;

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;
use livemove_core::error::Error;
use livemove_core::lease::Phases;
use livemove_core::phase::State;
use livemove_core::register::States;

use crate::config;
use crate::denial::Access;
use crate::sdk_error::{Call, Effect};
use crate::sites::{Calls, Retry, Sites};
use row::Row;

pub use ledger::BucketLedger;

/// The control table of a migration.
#[derive(Clone, Debug)]
pub struct Control {
    repeating: Client,
    once: Client,
    table: String,
    resource: String,
    access: Option<Access>,
}

impl Control {
    /// The control table that the configuration names; no call takes longer than `longest`.
    ///
    /// # Errors
    /// `NoPeerRole` when it is in another account and the stack has no role for it.
    pub fn open(sites: &Sites, table: &config::ControlTable, longest: Duration) -> Result<Control, Error> {
        let repeating = sites.dynamodb(&table.end, Calls { longest, retry: Retry::Idempotent })?;
        let once = sites.dynamodb(&table.end, Calls { longest, retry: Retry::Never })?;
        let access = Access::to_table(sites.role(&table.end), &table.end, &table.table);
        Ok(Control { access: Some(access), ..Control::new(repeating, once, &table.table) })
    }

    /// The control table `table`; `repeating` may send a request again, `once` must not.
    pub fn new(repeating: Client, once: Client, table: &str) -> Control {
        Control { repeating, once, table: table.to_owned(), resource: format!("control table {table}"), access: None }
    }

    /// The state of one subject, for leases.
    pub fn phases<'a>(&'a self, subject: &'a str) -> SubjectPhases<'a> {
        SubjectPhases { control: self, subject }
    }

    fn call(&self, action: &'static str, effect: Effect) -> Call<'_> {
        Call { action, resource: &self.resource, effect, access: self.access.as_ref() }
    }

    async fn row(&self, pk: &str, sk: &str) -> Result<Option<Row>, Error> {
        let request =
            self.repeating.get_item().table_name(&self.table).set_key(Some(row::key(pk, sk))).consistent_read(true);
        let answer =
            request.send().await.map_err(|error| self.call("dynamodb:GetItem", Effect::Reads).failed(&error))?;
        Ok(answer.item.map(Row))
    }

    /// The rows of `pk` whose `sk` begins with `prefix`, in its order or backwards, at most `limit`.
    async fn rows(&self, pk: &str, prefix: &str, order: Order, limit: u32) -> Result<Vec<Row>, Error> {
        self.rows_after(pk, prefix, None, order, limit).await
    }

    /// As [`Control::rows`], going on after the row of that `sk`.
    async fn rows_after(
        &self,
        pk: &str,
        prefix: &str,
        after: Option<String>,
        order: Order,
        limit: u32,
    ) -> Result<Vec<Row>, Error> {
        let (mut rows, mut after) = (Vec::new(), after.map(|sk| row::key(pk, &sk)));
        let limit = limit as usize;
        while rows.len() < limit {
            let request = self
                .repeating
                .query()
                .table_name(&self.table)
                .consistent_read(true)
                .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
                .expression_attribute_values(":pk", row::s(pk))
                .expression_attribute_values(":prefix", row::s(prefix))
                .scan_index_forward(order == Order::Forwards)
                .limit(i32::try_from(limit - rows.len()).unwrap_or(i32::MAX))
                .set_exclusive_start_key(after);
            let answer =
                request.send().await.map_err(|error| self.call("dynamodb:Query", Effect::Reads).failed(&error))?;
            rows.extend(answer.items.unwrap_or_default().into_iter().map(Row));
            after = answer.last_evaluated_key;
            if after.is_none() {
                break;
            }
        }
        Ok(rows)
    }

    /// Replaces a row, without a condition: idempotent.
    async fn put(&self, item: HashMap<String, AttributeValue>) -> Result<(), Error> {
        let request = self.repeating.put_item().table_name(&self.table).set_item(Some(item));
        request.send().await.map_err(|error| self.call("dynamodb:PutItem", Effect::Writes).failed(&error))?;
        Ok(())
    }
}

/// In which order rows come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    Forwards,
    Backwards,
}

/// What came of a write with a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Applied,
    Refused,
}

/// The state of one subject, read afresh each time.
#[derive(Clone, Copy, Debug)]
pub struct SubjectPhases<'a> {
    control: &'a Control,
    subject: &'a str,
}

impl Phases for SubjectPhases<'_> {
    async fn state(&self) -> Result<State, Error> {
        match self.control.load(self.subject).await? {
            Some((state, _)) => Ok(state),
            None => Err(Error::refused(
                "NotRegistered",
                format!("{} is not part of this migration", self.subject),
                "run preflight with a plan that names it",
            )),
        }
    }
}

#[cfg(test)]
mod fuzz;
