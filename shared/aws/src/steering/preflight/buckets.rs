//! Two buckets against each other.

use livemove_core::plan::{BucketPlan, End};

use super::report::Report;
use crate::steering::BucketProbe;

pub(super) fn check(
    path: &str,
    plan: &BucketPlan,
    source: Option<&BucketProbe>,
    target: Option<&BucketProbe>,
    registered: bool,
    report: &mut Report,
) {
    for (side, end, probe) in [("source", &plan.source, source), ("target", &plan.target, target)] {
        if let Some(probe) = probe {
            one(&format!("{path}.{side}"), side, end, probe, report);
        }
    }
    if !registered && target.is_some_and(|target| !target.empty) {
        report.not_empty(&format!("{path}.target.bucket"), "bucket");
    }
}

fn one(path: &str, side: &str, end: &End, probe: &BucketProbe, report: &mut Report) {
    if probe.region != end.region {
        report.problem(
            &format!("{path}.region"),
            &end.region,
            format!("use {}: bucket {} is there", probe.region, end.name),
        );
    }
    if !probe.event_bridge {
        let remedy = "switch on its events to Amazon EventBridge, beside the notifications it has";
        report.problem(&format!("{path}.bucket"), format!("{} without events to EventBridge", end.name), remedy);
    }
    if let Some(versioning) = &probe.versioning {
        report.warn(format!(
            "the {side} bucket {} has versioning ({versioning}): current versions move, earlier ones stay",
            end.name
        ));
    }
}
