//! States and their history: a change and its line in the history are one transaction.

use std::collections::HashMap;

use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem, Update};
use livemove_core::error::Error;
use livemove_core::phase::State;
use livemove_core::plan::SubjectPlan;
use livemove_core::register::{States, Transition};
use serde_json::Value;

use super::row::{self, CHECKSUM, Row, checksum, json, n, s, written};
use super::{Control, Order};
use crate::sdk_error::Effect;

const STATE: &str = "state";

impl States for Control {
    async fn load(&self, subject: &str) -> Result<Option<(State, SubjectPlan)>, Error> {
        match self.row(subject, STATE).await? {
            Some(row) => Ok(Some((state(&row, subject)?, plan(&row, subject)?))),
            None => Ok(None),
        }
    }

    async fn create(&self, plan: &SubjectPlan, first: &State, evidence: &Value) -> Result<(), Error> {
        let subject = plan.subject();
        let mut item = row::key(&subject, STATE);
        item.extend(attributes(&subject, first)?.map(|(name, value)| (name.to_owned(), value)));
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
fn attributes(subject: &str, state: &State) -> Result<[(&'static str, AttributeValue); 7], Error> {
    let kept = json(state)?;
    Ok([
        (CHECKSUM, checksum(&[subject, written(&kept)])),
        ("version", n(state.version)),
        ("run", n(state.run.0)),
        ("phase", s(state.phase.to_string())),
        ("sealed", AttributeValue::Bool(state.sealed)),
        ("since", n(state.since)),
        ("state", kept),
    ])
}

const BACK: &str = "put back what its last transition# row says, and change nothing by hand";

/// The state of a row whose attributes all say the same.
///
/// # Errors
/// `UnreadableRow` when somebody changed it by hand.
fn state(row: &Row, subject: &str) -> Result<State, Error> {
    row.check(&[subject, row.text("state")?], BACK)?;
    let state: State = row.json("state")?;
    let shown = (row.number("version")?, row.number("run")?, row.number("since")?, row.boolean("sealed")?);
    let same = shown == (state.version, state.run.0, state.since, state.sealed)
        && row.text("phase")? == state.phase.to_string()
        && row.optional_text("broken")? == state.broken.as_deref();
    if same {
        return Ok(state);
    }
    let problem = format!("the state row of {subject} was changed past livemove: its attributes contradict its state");
    Err(Error::refused("UnreadableRow", problem, BACK))
}

/// The plan of a row, held to the rules of plans.
///
/// # Errors
/// `UnreadableRow` naming the field.
fn plan(row: &Row, subject: &str) -> Result<SubjectPlan, Error> {
    let refused = |problem: String| {
        let remedy = "run preflight with the plan again";
        Err(Error::refused("UnreadableRow", format!("the kept plan of {subject}: {problem}"), remedy))
    };
    match SubjectPlan::parse(row.text("plan")?) {
        Ok(plan) if plan.subject() == subject => Ok(plan),
        Ok(plan) => refused(format!("it is that of {}", plan.subject())),
        Err(problems) => refused(problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")),
    }
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
        let mut set = Vec::from(attributes(subject, to)?);
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
    use livemove_core::plan::Plan;
    use livemove_core::testing::fuzz::cases;
    use proptest::prelude::*;

    use super::*;
    use crate::control::fuzz::damaged;

    const SUBJECT: &str = "table#orders";

    fn kept() -> (State, SubjectPlan) {
        let end = |name: &str| serde_json::json!({"account": "111111111111", "region": "us-east-1", "table": name});
        let tables = serde_json::json!([{"source": end("orders"), "target": end("orders-new")}]);
        let plan = Plan::from_value(serde_json::json!({"migration": "orders", "tables": tables})).unwrap();
        (State { sealed: true, sealed_at: 7, ..State::first(5) }, plan.subjects().remove(0))
    }

    fn stored() -> HashMap<String, AttributeValue> {
        let (state, plan) = kept();
        let mut item = row::item(SUBJECT, STATE, attributes(SUBJECT, &state).unwrap());
        item.insert("plan".to_owned(), json(&plan).unwrap());
        item
    }

    fn read(item: HashMap<String, AttributeValue>) -> Result<(State, SubjectPlan), Error> {
        let row = Row(item);
        Ok((state(&row, SUBJECT)?, plan(&row, SUBJECT)?))
    }

    #[test]
    fn a_phase_that_was_changed_by_hand_moves_nothing() {
        assert_eq!(read(stored()).unwrap(), kept());
        let text = row::written(&stored()["state"]).to_owned();
        for (name, value) in [
            ("phase", s("new")),
            ("sealed", AttributeValue::Bool(false)),
            ("run", n(2_u32)),
            ("broken", s("why")),
            ("state", s(text.replace("true", "false"))),
            ("state", s(format!("{text} "))),
        ] {
            let mut changed = stored();
            changed.insert(name.to_owned(), value);
            assert_eq!(read(changed).unwrap_err().name(), "UnreadableRow", "{name}");
        }
    }

    #[test]
    fn a_plan_of_another_subject_or_beyond_the_rules_is_not_worked_by() {
        let text = row::written(&stored()["plan"]).to_owned();
        for (from, to, says) in
            [("orders\"", "others\"", "table#others"), ("\"segments\":4", "\"segments\":0", "segments")]
        {
            let mut changed = stored();
            changed.insert("plan".to_owned(), s(text.replace(from, to)));
            let error = read(changed).unwrap_err();
            assert!(error.name() == "UnreadableRow" && error.to_string().contains(says), "{error}");
        }
    }

    proptest! {
        #![proptest_config(cases(200))]

        #[test]
        fn a_damaged_state_is_refused_or_says_the_same(row in damaged(stored())) {
            if let Ok((state, plan)) = read(row) {
                prop_assert_eq!(state, kept().0);
                prop_assert_eq!(plan.subject(), SUBJECT);
            }
        }
    }

    #[test]
    fn reasons_of_a_cancelled_transaction_are_told_apart() {
        let name = |codes: &[&str]| cancelled_by(codes, "table#orders").map(|error| error.name().to_owned());
        assert_eq!(name(&["ConditionalCheckFailed", "None"]).as_deref(), Some("Conflict"));
        assert_eq!(name(&["None", "TransactionConflict"]).as_deref(), Some("Conflict"));
        assert_eq!(name(&["ThrottlingError", "None"]).as_deref(), Some("Throttled"));
        assert_eq!(name(&["ValidationError", "None"]), None);
    }
}
