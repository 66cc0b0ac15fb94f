//! What is refused, and how it is named.

use livemove_core::checkpoint::Failure;
use livemove_core::item::KeySchema;
use livemove_core::ports::pages::{Index, Projected};

use super::*;

#[test]
fn requests_that_mean_nothing_are_refused() {
    let stage = Stage::new();
    for request in
        [json!({}), json!({"action": "jump", "migration": "orders"}), json!({"action": "health"}), json!("health")]
    {
        stage.refused(request, "InvalidRequest");
    }
    stage.refused(json!({"action": "health", "migration": "orders", "x": 1}), "InvalidRequest");
    stage.refused(json!({"action": "health", "migration": "returns"}), "WrongMigration");
    stage.refused(plain("health"), "NotRegistered");
    stage.ask(preflight()).unwrap();
    stage.refused(step("advance", 2, "copy"), "WrongRun");
    stage.refused(of_run("verified", 1), "GateClosed");
}

#[test]
fn every_problem_is_reported_at_once_and_nothing_is_written() {
    let stage = Stage::new();
    stage.table("orders", |table| table.stream_view = Some("KEYS_ONLY".to_owned()));
    stage.table("orders", |table| table.sample.reserved = true);
    stage.table("orders-new", |table| table.key = vec![("pk".to_owned(), "N".to_owned())]);
    stage.table("orders-new", |table| table.status = "CREATING".to_owned());
    stage.table("orders-new", |table| table.sample.items = 1);
    stage.world.buckets.lock().unwrap().get_mut("pictures").unwrap().event_bridge = false;
    stage.world.buckets.lock().unwrap().remove("pictures-new");
    let text = stage.refused(preflight(), "InvalidPlan");
    for part in [
        "$.tables[0].source.table is orders with a stream of KEYS_ONLY",
        "orders with attributes that begin with _lm_",
        "orders-new with key pk (N)",
        "orders-new, CREATING",
        "$.tables[0].target.table is not empty",
        "pictures without events to EventBridge",
        "$.buckets[0].target is pictures-new (NoSuchBucket",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    stage.refused(plain("status"), "NotRegistered");
}

#[test]
fn a_plan_must_be_that_of_the_stack() {
    let stage = Stage::new();
    let with = |pointer: &str, value: Value| {
        let mut request = preflight();
        *request.pointer_mut(pointer).unwrap() = value;
        stage.refused(request, "InvalidPlan")
    };
    assert!(with("/plan/migration", json!("returns")).contains("MigrationId"));
    assert!(with("/plan/tables/0/source/table", json!("returns")).contains("SourceTable"));
    assert!(with("/plan/buckets/0/target/bucket", json!("others")).contains("TargetBucket"));
    assert!(with("/plan/tables/0/source/region", json!("eu-west-3")).contains("use us-east-1"));
    assert!(with("/plan/tables/0/source/account", json!("333333333333")).contains("use 111111111111"));
    assert!(with("/plan/tables/0/target/account", json!("333333333333")).contains("it is 222222222222"));
    assert!(with("/plan/tables/0/segments", json!(0)).contains("$.tables[0].segments is 0"));
}

#[test]
fn a_target_that_is_not_empty_is_ours_once_it_is_registered() {
    let stage = Stage::new();
    stage.table("orders-new", |table| table.sample.items = 1);
    let text = stage.refused(preflight(), "TargetNotEmpty");
    assert!(text.contains("empty the target"), "{text}");
    stage.table("orders-new", |table| table.sample.items = 0);
    stage.ask(preflight()).unwrap();
    stage.table("orders-new", |table| table.sample.items = 1);
    stage.ask(preflight()).unwrap();
}

#[test]
fn a_denial_names_the_role_and_its_statement() {
    let stage = Stage::new();
    stage.world.tables.lock().unwrap().insert("orders".to_owned(), Err("dynamodb:Scan on table orders"));
    stage
        .world
        .tables
        .lock()
        .unwrap()
        .insert("orders-new".to_owned(), Err("dynamodb:DescribeTable on table orders-new"));
    let text = stage.refused(preflight(), "InvalidPlan");
    for part in [
        "dynamodb:Scan",
        "role livemove-orders-control",
        "statement `tables`",
        "arn:aws:iam::222222222222:role/livemove-orders-peer",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
}

#[test]
fn what_should_be_known_is_warned_of() {
    let stage = Stage::new();
    stage.table("orders", |table| table.sample.largest_bytes = 405_000);
    stage.table("orders-new", |table| table.ttl = Ttl::Enabled("expires".to_owned()));
    stage.world.buckets.lock().unwrap().get_mut("pictures").unwrap().versioning = Some("Enabled".to_owned());
    let warnings = stage.ask(preflight()).unwrap()["warnings"].to_string();
    for part in [
        "about 405000 bytes (in a sample of 100",
        "source table orders (attribute expires)",
        "target table orders-new",
        "versioning (Enabled)",
    ] {
        assert!(warnings.contains(part), "{part} is not in {warnings}");
    }
}

#[test]
fn an_index_that_the_target_does_not_have_alike_is_warned_of() {
    let index = |partition: &str| Index {
        keys: KeySchema { partition: partition.to_owned(), sort: None },
        local: false,
        projected: Projected::All,
    };
    let stage = Stage::new();
    stage.table("orders", |table| {
        table.indexes = ["by-day", "by-state", "both"].map(|name| (name.to_owned(), index("a"))).into();
    });
    stage.table("orders-new", |table| {
        table.indexes = [("by-state".to_owned(), index("b")), ("both".to_owned(), index("a"))].into();
    });
    let warnings = stage.ask(preflight()).unwrap()["warnings"].to_string();
    assert!(warnings.contains("orders-new has no index by-day"), "{warnings}");
    assert!(warnings.contains("the index by-state of the target table orders-new is not that"), "{warnings}");
    assert!(!warnings.contains("index both"), "{warnings}");
}

#[test]
fn a_registered_plan_changes_only_where_nobody_acts_on_it() {
    let stage = Stage::new();
    stage.ask(preflight()).unwrap();
    let changed = |pointer: &str, value: Value| {
        let mut request = preflight();
        *request.pointer_mut(pointer).unwrap() = value;
        stage.ask(request).map_err(|error| error.to_string())
    };
    changed("/plan/tables/0/segments", json!(3)).unwrap();
    changed("/plan/tables/0/segments", json!(2)).unwrap();
    assert!(
        changed("/plan/timing/lease_ms", json!(400)).unwrap_err().contains("$.timing.lease_ms is 400: use 500 or more")
    );
    stage.ask(arm(1, "source")).unwrap();
    stage.see_canaries();
    stage.ask(step("advance", 1, "copy")).unwrap();
    assert!(changed("/plan/tables/0/segments", json!(3)).unwrap_err().contains("keep 2"));
    assert!(changed("/plan/tables", json!([])).unwrap_err().contains("without table#orders"));
    changed("/plan/timing/lease_ms", json!(600)).unwrap();
}

#[test]
fn the_command_to_approve_is_shown_while_it_is_waited_for() {
    let stage = Stage::new();
    stage.ask(preflight()).unwrap();
    assert_eq!(stage.ask(plain("status")).unwrap().get("approval"), None);
    let ask = |approval: &str| json!({"action": "approval", "migration": "orders", "run": 1, "token": "tok", "approval": approval});
    assert_eq!(stage.ask(ask("automatic")).unwrap(), json!({"approval": "automatic", "waiting": false}));
    assert_eq!(stage.ask(plain("status")).unwrap().get("approval"), None);
    assert_eq!(stage.ask(ask("manual")).unwrap(), json!({"approval": "manual", "waiting": true}));
    let shown = stage.ask(plain("status")).unwrap()["approval"]["approve"].clone();
    let expected = "aws stepfunctions send-task-success --region us-east-1 --task-output '{}' --task-token 'tok'";
    assert_eq!(shown, expected);
}

#[test]
fn segments_that_failed_end_the_machine_with_what_was_denied() {
    let stage = Stage::new();
    stage.ask(preflight()).unwrap();
    let cause = |stage: &Stage| stage.ask(plain("failures")).unwrap()["Cause"].as_str().unwrap().to_owned();
    assert!(cause(&stage).contains("the log of backfill"), "nothing is known: {}", cause(&stage));
    for (index, (message, at)) in
        [("an older one", 3), (r#"add to its policy {"Effect":"Allow"}"#, 7)].into_iter().enumerate()
    {
        let segment = Segment { index: u32::try_from(index).unwrap(), total: 2 };
        let task = Task { subject: TABLE.to_owned(), run: Run(1), job: Job::Copy, segment };
        let failure = Failure { error: "AccessDenied".to_owned(), message: message.to_owned(), at };
        let checkpoint: Checkpoint<String> = Checkpoint { version: 1, failure: Some(failure), ..Checkpoint::default() };
        block_on(Checkpoints::save(&stage.register, &task, &checkpoint)).unwrap();
    }
    let ended = stage.ask(plain("failures")).unwrap();
    assert_eq!(ended["Error"], "SegmentFailed");
    let expected = r#"Copy of segment 1 of table#orders: add to its policy {"Effect":"Allow"} | Copy of segment 0"#;
    assert!(cause(&stage).starts_with(expected), "{ended}");
    let shown = stage.ask(plain("status")).unwrap();
    let shown = shown["subjects"].as_array().unwrap().iter().find(|one| one["subject"] == TABLE).unwrap().clone();
    assert_eq!(shown["failures"].as_array().unwrap().len(), 2, "{shown}");
}

#[test]
fn what_differs_is_not_certified() {
    let stage = Stage::new();
    stage.ask(preflight()).unwrap();
    stage.did(TABLE, 1, Job::Verify, Counts { differing: 2, ..Counts::default() });
    stage.did(BUCKET, 1, Job::Verify, Counts::default());
    assert_eq!(
        stage.ask(of_run("verified", 1)).unwrap(),
        json!({"identical": false, "differences": 4, "large": 0, "held": 0})
    );
    stage.pass(W);
    stage.refused(of_run("certify", 1), "NotIdentical");
}
