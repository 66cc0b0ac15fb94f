//! The migration as a whole: its plan and its request for approval.

use livemove_core::error::Error;
use livemove_core::mark::Run;
use livemove_core::plan::Plan;
use livemove_core::register::{ApprovalRequest, Migrations};

use super::Control;
use super::row::{self, json, n, s};

impl Migrations for Control {
    async fn plan(&self, migration: &str) -> Result<Option<Plan>, Error> {
        let Some(row) = self.row(&partition(migration), "plan").await? else {
            return Ok(None);
        };
        let refused = |problem: String| {
            let problem = format!("the kept plan of {migration}: {problem}");
            Err(Error::refused("UnreadableRow", problem, "run preflight with the plan again"))
        };
        match Plan::parse(row.text("plan")?) {
            Ok(plan) if plan.migration == migration => Ok(Some(plan)),
            Ok(plan) => refused(format!("it is that of {}", plan.migration)),
            Err(problems) => refused(problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")),
        }
    }

    async fn save_plan(&self, plan: &Plan) -> Result<(), Error> {
        self.put(row::item(&partition(&plan.migration), "plan", [("plan", json(plan)?)])).await
    }

    async fn approval(&self, migration: &str) -> Result<Option<ApprovalRequest>, Error> {
        let Some(row) = self.row(&partition(migration), "approval").await? else {
            return Ok(None);
        };
        let token = row.text("token")?.to_owned();
        Ok(Some(ApprovalRequest { token, run: Run(row.number("run")?), at: row.number("at")? }))
    }

    async fn request_approval(&self, migration: &str, request: &ApprovalRequest) -> Result<(), Error> {
        let attributes = [("token", s(&request.token)), ("run", n(request.run.0)), ("at", n(request.at))];
        self.put(row::item(&partition(migration), "approval", attributes)).await
    }
}

fn partition(migration: &str) -> String {
    format!("migration#{migration}")
}
