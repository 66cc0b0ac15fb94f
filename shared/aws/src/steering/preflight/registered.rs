//! The plan against what is registered: a plan may change on the way only where nobody acts on it.

use livemove_core::error::Error;
use livemove_core::mark::Run;
use livemove_core::phase::{Kind, Phase, State};
use livemove_core::plan::{Plan, SubjectPlan};
use livemove_core::register::Register;

use super::report::Report;

/// The plans of this plan's subjects that are registered already, with their states.
pub(super) async fn check<R: Register>(
    register: &R,
    plan: &Plan,
    report: &mut Report,
) -> Result<Vec<(SubjectPlan, State)>, Error> {
    let (mut known, mut counts) = (Vec::new(), [0_usize, 0]);
    for subject in plan.subjects() {
        let (list, count) = match subject.kind {
            Kind::Table => ("tables", &mut counts[0]),
            Kind::Bucket => ("buckets", &mut counts[1]),
        };
        let path = format!("$.{list}[{count}]");
        *count += 1;
        if let Some((state, stored)) = register.load(&subject.subject()).await? {
            changes(&path, &stored, &subject, &state, report);
            known.push((stored, state));
        }
    }
    for gone in dropped(register, plan).await? {
        report.problem("$", format!("without {gone}"), "name it in the plan again: its move has begun");
    }
    Ok(known)
}

fn changes(path: &str, stored: &SubjectPlan, wanted: &SubjectPlan, state: &State, report: &mut Report) {
    for (field, stored, wanted) in
        [("source", &stored.source, &wanted.source), ("target", &stored.target, &wanted.target)]
    {
        if stored != wanted {
            let value = format!("{} in {}/{}", wanted.name, wanted.account, wanted.region);
            let remedy = format!(
                "use {} in {}/{}, as registered, or another MigrationId for another move",
                stored.name, stored.account, stored.region
            );
            report.problem(&format!("{path}.{field}"), value, remedy);
        }
    }
    // Positions of a scan mean nothing under another number of segments, and the order of the steps is fixed.
    let under_way = state.phase != Phase::Old;
    if under_way && stored.segments != wanted.segments {
        let remedy = format!("keep {} until the run is over", stored.segments);
        report.problem(&format!("{path}.segments"), wanted.segments.to_string(), remedy);
    }
    if under_way && stored.entry != wanted.entry {
        report.problem(&format!("{path}.entry"), format!("{:?}", wanted.entry), "keep it until the run is over");
    }
    // Processes that read the longer times may still count on them.
    let times = [
        ("lease_ms", stored.timing.lease_ms, wanted.timing.lease_ms),
        ("call_ms", stored.timing.call_ms, wanted.timing.call_ms),
        ("skew_ms", stored.timing.skew_ms, wanted.timing.skew_ms),
    ];
    for (field, stored, wanted) in times {
        if wanted < stored {
            let remedy = format!("use {stored} or more: processes under way may still count on it");
            report.problem(&format!("$.timing.{field}"), wanted.to_string(), remedy);
        }
    }
}

/// Subjects of the plan before that this plan has not, and that have left the first state.
async fn dropped<R: Register>(register: &R, plan: &Plan) -> Result<Vec<String>, Error> {
    let Some(before) = register.plan(&plan.migration).await? else {
        return Ok(Vec::new());
    };
    let wanted: Vec<String> = plan.subjects().iter().map(SubjectPlan::subject).collect();
    let mut gone = Vec::new();
    for id in before.subjects().iter().map(SubjectPlan::subject).filter(|id| !wanted.contains(id)) {
        let state = register.load(&id).await?.map(|(state, _)| state);
        if state.is_some_and(|state| (state.run, state.phase) != (Run(1), Phase::Old)) {
            gone.push(id);
        }
    }
    Ok(gone)
}
