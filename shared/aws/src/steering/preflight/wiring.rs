//! The plan against the stack: a stack moves what its parameters name, and nothing else.

use livemove_core::plan::{End, Plan};

use super::report::Report;
use crate::steering::Site;

pub(super) fn check(site: &Site, plan: &Plan, report: &mut Report) {
    if plan.migration != site.migration {
        report.problem("$.migration", &plan.migration, format!("use this stack's MigrationId, {}", site.migration));
    }
    let wired = &site.wired;
    for (index, table) in plan.tables.iter().enumerate() {
        let path = format!("$.tables[{index}]");
        name(&format!("{path}.source.table"), &table.source, wired.table_source.as_deref(), "SourceTable", report);
        name(&format!("{path}.target.table"), &table.target, wired.table_target.as_deref(), "TargetTable", report);
        places(&path, site, &table.source, &table.target, report);
    }
    for (index, bucket) in plan.buckets.iter().enumerate() {
        let path = format!("$.buckets[{index}]");
        name(&format!("{path}.source.bucket"), &bucket.source, wired.bucket_source.as_deref(), "SourceBucket", report);
        name(&format!("{path}.target.bucket"), &bucket.target, wired.bucket_target.as_deref(), "TargetBucket", report);
        places(&path, site, &bucket.source, &bucket.target, report);
    }
}

fn name(field: &str, end: &End, wired: Option<&str>, parameter: &str, report: &mut Report) {
    if wired != Some(end.name.as_str()) {
        let stack = wired.map_or("it is empty".to_owned(), |name| format!("it is {name}"));
        report.problem(
            field,
            &end.name,
            format!("deploy the stack with parameter {parameter} set to it ({stack}), or correct the plan"),
        );
    }
}

/// The source is where this controller runs; another account must be the one of the role that is assumed.
fn places(path: &str, site: &Site, source: &End, target: &End, report: &mut Report) {
    if source.account != site.account {
        let remedy = format!(
            "use {}: the source site's stack is deployed there, or deploy it in the source's account",
            site.account
        );
        report.problem(&format!("{path}.source.account"), &source.account, remedy);
    }
    if source.region != site.region {
        let remedy = format!(
            "use {}: the source site's stack is deployed there, or deploy it in the source's Region",
            site.region
        );
        report.problem(&format!("{path}.source.region"), &source.region, remedy);
    }
    let peer = site.peer_role_arn.as_deref().and_then(|arn| arn.split(':').nth(4));
    if target.account != site.account && peer != Some(target.account.as_str()) {
        let stack = peer.unwrap_or("the source's own");
        let remedy =
            format!("deploy both stacks with parameter TargetAccount set to it (it is {stack}), or correct the plan");
        report.problem(&format!("{path}.target.account"), &target.account, remedy);
    }
}
