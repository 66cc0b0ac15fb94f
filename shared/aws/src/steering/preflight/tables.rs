//! Two tables against each other.

use livemove_core::plan::TablePlan;
use livemove_core::size::{ITEM_MAX, MARKS_MAX};
use livemove_core::steer::gate::Ttl;

use super::report::Report;
use crate::steering::TableProbe;

/// Sizes of numbers are estimates, and items grow.
const LARGE_BYTES: u64 = 390 * 1024;

pub(super) fn check(
    path: &str,
    plan: &TablePlan,
    source: Option<&TableProbe>,
    target: Option<&TableProbe>,
    registered: bool,
    report: &mut Report,
) {
    for (side, name, probe) in [("source", &plan.source.name, source), ("target", &plan.target.name, target)] {
        if let Some(probe) = probe {
            one(&format!("{path}.{side}.table"), side, name, probe, report);
        }
    }
    if let (Some(source), Some(target)) = (source, target)
        && source.key != target.key
    {
        let remedy = format!("make the target with the source's key schema, {}", key(source));
        report.problem(
            &format!("{path}.target.table"),
            format!("{} with key {}", plan.target.name, key(target)),
            remedy,
        );
    }
    if let (Some(source), Some(target)) = (source, target) {
        indexes(plan, source, target, report);
    }
    // Once registered, what is in the target is what was moved, and marks are livemove's own.
    if registered {
        return;
    }
    if target.is_some_and(|target| target.sample.items > 0) {
        report.not_empty(&format!("{path}.target.table"), "table");
    }
    if let Some(sample) = source.map(|source| &source.sample).filter(|sample| sample.reserved) {
        let value = format!(
            "{} with attributes that begin with _lm_ (seen in a sample of {} items)",
            plan.source.name, sample.items
        );
        report.problem(
            &format!("{path}.source.table"),
            value,
            "rename these attributes, or sweep the marks of an earlier migration",
        );
    }
}

// A matter for whoever uses the index: it may be one that nobody needs at the new place.
fn indexes(plan: &TablePlan, source: &TableProbe, target: &TableProbe, report: &mut Report) {
    for (name, index) in &source.indexes {
        match target.indexes.get(name) {
            None => report.warn(format!(
                "the target table {} has no index {name}: reads of it are refused from guarded on", plan.target.name
            )),
            Some(other) if other != index => report.warn(format!(
                "the index {name} of the target table {} is not that of the source: other keys, other attributes or another kind",
                plan.target.name
            )),
            Some(_) => {}
        }
    }
}

fn one(field: &str, side: &str, name: &str, probe: &TableProbe, report: &mut Report) {
    if probe.status != "ACTIVE" {
        report.problem(field, format!("{name}, {}", probe.status), "wait until the table is ACTIVE");
    }
    match probe.stream_view.as_deref() {
        Some("NEW_AND_OLD_IMAGES") => {}
        view => {
            let value =
                format!("{name} with {}", view.map_or("no stream".to_owned(), |view| format!("a stream of {view}")));
            report.problem(
                field,
                value,
                "enable its stream with view NEW_AND_OLD_IMAGES and deploy the stack with the stream's ARN",
            );
        }
    }
    match &probe.ttl {
        Ttl::Disabled => {}
        Ttl::Changing => report.warn(format!("time to live of the {side} table {name} is being switched")),
        Ttl::Enabled(attribute) if side == "source" => report.warn(format!(
            "time to live of the source table {name} (attribute {attribute}) is switched off while keys move, and on at the target afterwards"
        )),
        Ttl::Enabled(attribute) => report.warn(format!(
            "time to live of the target table {name} (attribute {attribute}) is on already: copies may expire there before they do at the source"
        )),
    }
    let (bytes, items) = (probe.sample.largest_bytes, probe.sample.items);
    if bytes > LARGE_BYTES {
        report.warn(format!(
            "the {side} table {name} has an item of about {bytes} bytes (in a sample of {items}; there may be larger): livemove's marks need {MARKS_MAX} bytes of DynamoDB's {ITEM_MAX}; the verification finds every item that has too little room, and keys do not begin to move before it is smaller"
        ));
    }
}

fn key(probe: &TableProbe) -> String {
    let parts: Vec<_> = probe.key.iter().map(|(name, kind)| format!("{name} ({kind})")).collect();
    parts.join(", ")
}
