//! States and their history: a change and its line in the history are one transaction.

use std::collections::HashMap;

use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem, Update};
use livemove_core::error::Error;
use livemove_core::phase::State;
use livemove_core::plan::SubjectPlan;
use livemove_core::register::{States, Transition};
use serde_json::Value;

use super::row::{self, Row, json, n, s};
use super::{Control, Order};
use crate::sdk_error::Effect;

const STATE: &str = "state";

impl States for Control {
    async fn load(&self, subject: &str) -> Result<Option<(State, SubjectPlan)>, Error> {
        match self.row(subject, STATE).await? {
            Some(row) => Ok(Some((row.json("state")?, row.json("plan")?))),
            None => Ok(None),
        }
    }

    async fn create(&self, plan: &SubjectPlan, first: &State, evidence: &Value) -> Result<(), Error> {
        let subject = plan.subject();
        let mut item = row::key(&subject, STATE);
        item.extend(attributes(first)?.map(|(name, value)| (name.to_owned(), value)));
        item.insert("plan".to_owned(), json(plan)?);
        let put = Put::builder()
            .table_name(&self.table)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(pk)");
        let put = TransactWriteItem::builder().put(put.build().map_err(built)?).build();
        self.commit(&subject, put, None, first, evidence).await
    }

    async fn transition(&self, subject: &str, from: &State, to: &State, evidence: &Value) -> Result<(), Error> {
        let update = self.update(subject, from, to, None)?;
        self.commit(subject, update, Some(from), to, evidence).await
    }

    async fn replan(&self, plan: &SubjectPlan, from: &State, to: &State, evidence: &Value) -> Result<(), Error> {
        let subject = plan.subject();
        let update = self.update(&subject, from, to, Some(json(plan)?))?;
        self.commit(&subject, update, Some(from), to, evidence).await
    }

    async fn history(&self, subject: &str, limit: u32) -> Result<Vec<Transition>, Error> {
        let rows = self.rows(subject, "transition#", Order::Backwards, limit).await?;
        rows.iter().map(transition).collect()
    }
}

/// What a state row shows beside the state itself: for people and for other tools.
fn attributes(state: &State) -> Result<[(&'static str, AttributeValue); 6], Error> {
    Ok([
        ("version", n(state.version)),
        ("run", n(state.run.0)),
        ("phase", s(state.phase.to_string())),
        ("sealed", AttributeValue::Bool(state.sealed)),
        ("since", n(state.since)),
        ("state", json(state)?),
    ])
}

fn transition(row: &Row) -> Result<Transition, Error> {
    Ok(Transition {
        at: row.number("at")?,
        from: row.json("from")?,
        to: row.json("to")?,
        evidence: row.json("evidence")?,
    })
}

impl Control {
    fn update(
        &self,
        subject: &str,
        from: &State,
        to: &State,
        plan: Option<AttributeValue>,
    ) -> Result<TransactWriteItem, Error> {
        let mut set = Vec::from(attributes(to)?);
        set.extend(plan.map(|plan| ("plan", plan)));
        let mut remove = "";
        match &to.broken {
            Some(why) => set.push(("broken", s(why))),
            None => remove = " REMOVE #broken",
        }
        let mut names: HashMap<String, String> =
            set.iter().map(|(name, _)| (format!("#{name}"), (*name).to_owned())).collect();
        names.insert("#broken".to_owned(), "broken".to_owned());
        let assignments: Vec<_> = set.iter().map(|(name, _)| format!("#{name} = :{name}")).collect();
        let mut values: HashMap<_, _> = set.into_iter().map(|(name, value)| (format!(":{name}"), value)).collect();
        values.insert(":from".to_owned(), n(from.version));
        let update = Update::builder()
            .table_name(&self.table)
            .set_key(Some(row::key(subject, STATE)))
            .update_expression(format!("SET {}{remove}", assignments.join(", ")))
            .condition_expression("#version = :from")
            .set_expression_attribute_names(Some(names))
            .set_expression_attribute_values(Some(values));
        Ok(TransactWriteItem::builder().update(update.build().map_err(built)?).build())
    }

    async fn commit(
        &self,
        subject: &str,
        change: TransactWriteItem,
        from: Option<&State>,
        to: &State,
        evidence: &Value,
    ) -> Result<(), Error> {
        let line = row::item(
            subject,
            &format!("transition#{:010}", to.version),
            [("at", n(to.since)), ("from", json(&from)?), ("to", json(to)?), ("evidence", json(evidence)?)],
        );
        let put = Put::builder()
            .table_name(&self.table)
            .set_item(Some(line))
            .condition_expression("attribute_not_exists(pk)");
        let line = TransactWriteItem::builder().put(put.build().map_err(built)?).build();
        let request = self.once.transact_write_items().transact_items(change).transact_items(line);
        request.send().await.map(drop).map_err(|error| {
            let call = self.call("dynamodb:TransactWriteItems", Effect::Writes);
            match error.as_service_error() {
                Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
                    let codes: Vec<_> = cancelled.cancellation_reasons().iter().filter_map(|r| r.code()).collect();
                    cancelled_by(&codes, subject).unwrap_or_else(|| call.failed(&error))
                }
                _ => call.failed(&error),
            }
        })
    }
}

/// What a cancelled transaction means, by the reasons of its parts; `None` = nothing that is known here.
fn cancelled_by(codes: &[&str], subject: &str) -> Option<Error> {
    let any = |wanted: &[&str]| codes.iter().any(|code| wanted.contains(code));
    if any(&["ConditionalCheckFailed", "TransactionConflict"]) {
        return Some(Error::Conflict(format!("the state of {subject} was changed by somebody else first")));
    }
    any(&["ThrottlingError", "ProvisionedThroughputExceeded"])
        .then(|| Error::Throttled(format!("dynamodb:TransactWriteItems for the state of {subject}")))
}

fn built(error: aws_sdk_dynamodb::error::BuildError) -> Error {
    Error::Invariant(format!("a request could not be built: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_of_a_cancelled_transaction_are_told_apart() {
        let name = |codes: &[&str]| cancelled_by(codes, "table#orders").map(|error| error.name().to_owned());
        assert_eq!(name(&["ConditionalCheckFailed", "None"]).as_deref(), Some("Conflict"));
        assert_eq!(name(&["None", "TransactionConflict"]).as_deref(), Some("Conflict"));
        assert_eq!(name(&["ThrottlingError", "None"]).as_deref(), Some("Throttled"));
        assert_eq!(name(&["ValidationError", "None"]), None);
    }
}
