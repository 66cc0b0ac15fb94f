//! Problems and warnings, collected.

use livemove_core::error::Error;
use livemove_core::phase::Kind;
use livemove_core::plan::{End, PlanProblem};

use crate::steering::Site;

/// What was found so far.
#[derive(Debug, Default)]
pub(super) struct Report {
    problems: Vec<PlanProblem>,
    not_empty: Vec<PlanProblem>,
    warnings: Vec<String>,
}

/// The refusal that names every problem.
pub(super) fn invalid(problems: &[PlanProblem]) -> Error {
    refused("InvalidPlan", problems)
}

fn refused(name: &'static str, problems: &[PlanProblem]) -> Error {
    let list: Vec<_> = problems.iter().map(ToString::to_string).collect();
    Error::refused(name, list.join(" | "), "nothing was changed; correct this and start again")
}

impl Report {
    pub(super) fn problem(&mut self, field: &str, value: impl Into<String>, remedy: impl Into<String>) {
        self.problems.push(PlanProblem { field: field.to_owned(), value: value.into(), remedy: remedy.into() });
    }

    pub(super) fn not_empty(&mut self, field: &str, what: &str) {
        let remedy = format!("empty the target or name a new {what}: what is there would be mixed with what moves");
        self.not_empty.push(PlanProblem { field: field.to_owned(), value: "not empty".to_owned(), remedy });
    }

    pub(super) fn warn(&mut self, text: String) {
        self.warnings.push(text);
    }

    /// A probe that failed is a problem of the plan or of the roles, unless the world only has to be asked again.
    ///
    /// # Errors
    /// Those worth another try.
    pub(super) fn unreachable(
        &mut self,
        path: &str,
        site: &Site,
        end: &End,
        kind: Kind,
        error: Error,
    ) -> Result<(), Error> {
        let (word, statement) = match kind {
            Kind::Table => ("table", "tables"),
            Kind::Bucket => ("bucket", "buckets"),
        };
        let role = if end.account == site.account {
            format!("livemove-{}-control", site.migration)
        } else {
            site.peer_role_arn.clone().unwrap_or_default()
        };
        let (value, remedy) = match error {
            Error::Denied(text) if text.starts_with("sts:AssumeRole") => {
                (text, format!("let role {role} be assumed: deploy the other site's stack, with the same ExternalId"))
            }
            Error::Denied(text) => (
                text,
                format!(
                    "allow this to role {role}, in its statement `{statement}`: deploy the stack of that site with this {word} as parameter"
                ),
            ),
            Error::Refused { reason, remedy, .. } => (reason, remedy),
            Error::Rejected { name, message } => (
                format!("{} ({name}: {message})", end.name),
                format!("name a {word} that exists in account {} and Region {}", end.account, end.region),
            ),
            again @ (Error::Throttled(_)
            | Error::Unavailable(_)
            | Error::Ambiguous(_)
            | Error::Conflict(_)
            | Error::StalePhase) => {
                return Err(again);
            }
            bug @ (Error::Invariant(_)
            | Error::OldValuesLost(_)
            | Error::ConditionFailed { .. }
            | Error::Cancelled { .. }) => return Err(bug),
        };
        self.problem(path, value, remedy);
        Ok(())
    }

    /// The warnings, if there is no problem.
    pub(super) fn finish(mut self) -> Result<Vec<String>, Error> {
        match (self.problems.is_empty(), self.not_empty.is_empty()) {
            (true, true) => Ok(self.warnings),
            (true, false) => Err(refused("TargetNotEmpty", &self.not_empty)),
            (false, _) => {
                self.problems.append(&mut self.not_empty);
                Err(invalid(&self.problems))
            }
        }
    }
}
