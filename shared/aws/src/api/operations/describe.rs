//! DescribeMigration: livemove's own operation, where a table or bucket is served from now.

use livemove_core::error::Error;
use livemove_core::phase::{Kind, Phase, Side};
use livemove_core::plan::{End, SubjectPlan, subject_id};
use livemove_core::register::States;
use serde_json::{Value, json};

use crate::api::parameters::{Parameters, invalid};
use crate::api::tables::registered;

/// The subject asked about, `table#<name>` or `bucket#<name>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DescribeMigration(pub(crate) String);

impl DescribeMigration {
    /// # Errors
    /// `ValidationException` unless one of `TableName` and `Bucket` is given.
    pub(crate) fn decode(mut input: Parameters<'_>) -> Result<DescribeMigration, Error> {
        let (table, bucket): (Option<String>, Option<String>) =
            (input.optional("TableName")?, input.optional("Bucket")?);
        let subject = match (table, bucket) {
            (Some(table), None) => subject_id(Kind::Table, &table),
            (None, Some(bucket)) => subject_id(Kind::Bucket, &bucket),
            (Some(_), Some(_)) => return Err(invalid("TableName and Bucket are both given", "ask for one of them")),
            (None, None) => {
                return Err(invalid("neither TableName nor Bucket is given", "name the source's table or bucket"));
            }
        };
        input.finish()?;
        Ok(DescribeMigration(subject))
    }

    /// Never from a lease: an application may use the answer for a lease of its own.
    pub(crate) async fn serve<S: States>(&self, states: &S) -> Result<Value, Error> {
        let (state, plan) = registered(states, &self.0).await?;
        Ok(json!({
            "subject": self.0,
            "run": state.run,
            "phase": state.phase,
            "sealed": state.sealed,
            "serving": state.serving(),
            "writable": plan.kind == Kind::Table || state.phase != Phase::Guarded,
            "source": place(&plan, plan.end(Side::Source)),
            "target": place(&plan, plan.end(Side::Target)),
            "lease_ms": plan.timing.lease_ms,
        }))
    }
}

fn place(plan: &SubjectPlan, end: &End) -> Value {
    match plan.kind {
        Kind::Table => json!({"account": end.account, "region": end.region, "table": end.name}),
        Kind::Bucket => json!({"account": end.account, "region": end.region, "bucket": end.name}),
    }
}
