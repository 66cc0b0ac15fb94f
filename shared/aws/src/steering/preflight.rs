//! `preflight`: check a plan against the stack and the world, then register it. All problems are found before
//! anything is written.

mod buckets;
mod registered;
mod report;
mod tables;
mod wiring;

use livemove_core::error::Error;
use livemove_core::phase::{Kind, State};
use livemove_core::plan::Plan;
use livemove_core::ports::Clock;
use livemove_core::register::Register;
use serde::Serialize;
use serde_json::{Value, json};

use super::{Steering, World};
use report::Report;

/// What was registered, and what an operator should know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Checked {
    /// The migration.
    pub migration: String,
    /// Its tables and buckets.
    pub subjects: Vec<String>,
    /// What does not stand in the way but should be known.
    pub warnings: Vec<String>,
}

impl<R: Register, W: World, C: Clock> Steering<'_, R, W, C> {
    /// Checks and registers a plan. Of one that is registered already only what may change is changed.
    ///
    /// # Errors
    /// `InvalidPlan` with every problem; `TargetNotEmpty` when that is the only one; `Throttled`, `Unavailable`
    /// when the world could not be asked.
    pub(super) async fn preflight(&self, plan: &Value) -> Result<Checked, Error> {
        let plan = Plan::from_value(plan.clone()).map_err(|problems| report::invalid(&problems))?;
        let mut report = Report::default();
        wiring::check(&self.site, &plan, &mut report);
        let known = registered::check(self.register, &plan, &mut report).await?;
        for (index, bucket) in plan.buckets.iter().enumerate() {
            let path = format!("$.buckets[{index}]");
            let source = self.probed(
                &format!("{path}.source"),
                self.world.probe_bucket(&bucket.source).await,
                &bucket.source,
                Kind::Bucket,
                &mut report,
            )?;
            let target = self.probed(
                &format!("{path}.target"),
                self.world.probe_bucket(&bucket.target).await,
                &bucket.target,
                Kind::Bucket,
                &mut report,
            )?;
            let registered = known.iter().any(|(k, _)| k.kind == Kind::Bucket && k.source == bucket.source);
            buckets::check(&path, bucket, source.as_ref(), target.as_ref(), registered, &mut report);
        }
        for (index, table) in plan.tables.iter().enumerate() {
            let path = format!("$.tables[{index}]");
            let source = self.probed(
                &format!("{path}.source"),
                self.world.probe_table(&table.source).await,
                &table.source,
                Kind::Table,
                &mut report,
            )?;
            let target = self.probed(
                &format!("{path}.target"),
                self.world.probe_table(&table.target).await,
                &table.target,
                Kind::Table,
                &mut report,
            )?;
            let registered = known.iter().any(|(k, _)| k.kind == Kind::Table && k.source == table.source);
            tables::check(&path, table, source.as_ref(), target.as_ref(), registered, &mut report);
        }
        let warnings = report.finish()?;
        self.register_plan(&plan).await?;
        let subjects = plan.subjects().iter().map(livemove_core::plan::SubjectPlan::subject).collect();
        Ok(Checked { migration: plan.migration, subjects, warnings })
    }

    /// A probe's answer, or the problem that it met.
    fn probed<T>(
        &self,
        path: &str,
        probe: Result<T, Error>,
        end: &livemove_core::plan::End,
        kind: Kind,
        report: &mut Report,
    ) -> Result<Option<T>, Error> {
        match probe {
            Ok(found) => Ok(Some(found)),
            Err(error) => {
                report.unreachable(path, &self.site, end, kind, error)?;
                Ok(None)
            }
        }
    }

    async fn register_plan(&self, plan: &Plan) -> Result<(), Error> {
        // First the plan: an action between here and the last state says that something is not registered.
        self.register.save_plan(plan).await?;
        let now = self.clock.now();
        for subject in plan.subjects() {
            match self.register.load(&subject.subject()).await? {
                None => self.register.create(&subject, &State::first(now), &json!({"action": "preflight"})).await?,
                Some((_, stored)) if stored == subject => {}
                Some((state, stored)) => {
                    let next = State { version: state.version + 1, since: now, ..state.clone() };
                    let evidence = json!({"action": "preflight", "plan_before": super::to_json(&stored)?});
                    self.register.replan(&subject, &state, &next, &evidence).await?;
                }
            }
        }
        Ok(())
    }
}
