use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn good() -> Value {
    json!({
        "migration": "orders",
        "tables": [{
            "source": {"account": "111111111111", "region": "us-east-1", "table": "orders"},
            "target": {"account": "222222222222", "region": "eu-west-1", "table": "orders-new"},
            "segments": 8, "entry": "copy-first"
        }],
        "buckets": [{
            "source": {"account": "111111111111", "region": "us-east-1", "bucket": "pictures"},
            "target": {"account": "222222222222", "region": "eu-west-1", "bucket": "pictures-new"}
        }],
        "approval": "automatic",
        "timing": {"lease_ms": 1000},
        "writes_in_flight": 8
    })
}

/// The good plan with one value replaced (or added), by JSON pointer; `Null` removes it.
fn with(parent: &str, field: &str, value: Value) -> Result<Plan, Vec<PlanProblem>> {
    let mut plan = good();
    let object = plan.pointer_mut(parent).and_then(Value::as_object_mut).expect("parent");
    if value.is_null() {
        object.remove(field);
    } else {
        object.insert(field.to_owned(), value);
    }
    Plan::from_value(plan)
}

#[track_caller]
fn refused(parent: &str, field: &str, value: Value, at: &str) {
    let problems = with(parent, field, value.clone()).expect_err("must be refused");
    let problem = problems.iter().find(|p| p.field == at).unwrap_or_else(|| panic!("{at} not among {problems:?}"));
    assert!(!problem.remedy.is_empty() && !problem.value.is_empty());
    assert_eq!(problems.len(), 1, "{problems:?}");
}

#[test]
fn a_good_plan_is_read_with_defaults() {
    let plan = Plan::parse(&good().to_string()).expect("good");
    assert_eq!(plan.timing, Timing { lease_ms: 1_000, call_ms: 3_000, skew_ms: 1_000 });
    assert_eq!(plan.timing.wait_ms(), 5_000);
    assert_eq!(plan.buckets[0].segments, 4);
    let subjects: Vec<_> = plan.subjects().iter().map(SubjectPlan::subject).collect();
    assert_eq!(subjects, ["bucket#pictures", "table#orders"]);
    assert_eq!(plan.subjects()[1].end(Side::Target).name, "orders-new");
    let again: Plan = serde_json::from_value(serde_json::to_value(&plan).expect("json")).expect("plan");
    assert_eq!(again, plan);
    assert_eq!(with("", "approval", Value::Null).expect("good").approval, Approval::Manual);
}

#[test]
fn unknown_fields_are_refused_at_every_level() {
    refused("", "speed", json!(1), "$.speed");
    refused("/tables/0", "order", json!(1), "$.tables[0].order");
    refused("/tables/0/source", "bucket", json!("b"), "$.tables[0].source.bucket");
    refused("/buckets/0", "entry", json!("copy-first"), "$.buckets[0].entry");
    refused("/timing", "lease", json!(1), "$.timing.lease");
}

#[test]
fn wrong_values_are_named() {
    for id in [json!(""), json!("Orders"), json!("a-very-long-migration-id"), json!(7), Value::Null] {
        refused("", "migration", id, "$.migration");
    }
    for account in [json!("11111111111"), json!(111_111_111_111_u64), json!("11111111111x"), Value::Null] {
        refused("/tables/0/source", "account", account, "$.tables[0].source.account");
    }
    for region in ["", "useast1", "us-east", "us-east-1a", "US-EAST-1", "use-east-1"] {
        refused("/tables/0/target", "region", json!(region), "$.tables[0].target.region");
    }
    for table in ["ab", "a b c", "arn:aws:dynamodb:us-east-1:111111111111:table/orders", &"x".repeat(256)] {
        refused("/tables/0/target", "table", json!(table), "$.tables[0].target.table");
    }
    for bucket in ["ab", "Pictures", "a..b", "-abc", "abc-", "10.0.0.1", "s3://abc", &"x".repeat(64)] {
        refused("/buckets/0/target", "bucket", json!(bucket), "$.buckets[0].target.bucket");
    }
    refused("", "approval", json!("auto"), "$.approval");
    refused("/tables/0", "entry", json!("newfirst"), "$.tables[0].entry");
    refused("/tables/0", "source", json!("orders"), "$.tables[0].source");
    refused("", "timing", json!([]), "$.timing");
    refused("", "tables", json!({}), "$.tables");
}

#[test]
fn numbers_out_of_range_are_named() {
    for segments in [json!(0), json!(501), json!(1.5), json!("4"), json!(-1)] {
        refused("/tables/0", "segments", segments, "$.tables[0].segments");
    }
    for lease in [json!(199), json!(60_001)] {
        refused("/timing", "lease_ms", lease, "$.timing.lease_ms");
    }
    refused("/timing", "call_ms", json!(0), "$.timing.call_ms");
    refused("/timing", "skew_ms", json!(-1), "$.timing.skew_ms");
    refused("", "writes_in_flight", json!(0), "$.writes_in_flight");
    refused("/buckets/0", "segments", json!(499), "$..segments");
}

#[test]
fn regions_of_all_partitions_are_known() {
    for region in ["us-gov-west-1", "cn-north-1", "ap-southeast-5", "us-isob-east-1", "mx-central-1"] {
        with("/tables/0/target", "region", json!(region)).expect("a Region");
    }
}

#[test]
fn a_plan_that_moves_nothing_is_refused() {
    let problems = Plan::from_value(json!({"migration": "orders", "tables": []})).expect_err("nothing moves");
    assert_eq!(problems.len(), 1);
    assert!(problems[0].remedy.contains("at least one"));
}

#[test]
fn nothing_has_two_parts_in_a_plan() {
    // Onto itself.
    let itself = good()["tables"][0]["source"].clone();
    refused("/tables/0", "target", itself, "$.tables[0].target.table");
    // Two sources of the same name: they would share one subject id.
    let mut elsewhere = good()["tables"][0].clone();
    elsewhere["source"]["region"] = json!("us-west-2");
    elsewhere["target"]["table"] = json!("orders-west");
    refused("", "tables", json!([good()["tables"][0], elsewhere]), "$.tables[1].source.table");
    // Two into one.
    let mut second = good()["tables"][0].clone();
    second["source"]["table"] = json!("returns");
    refused("", "tables", json!([good()["tables"][0], second]), "$.tables[1].target.table");
    // Bucket names are unique in all accounts.
    refused("/buckets/0/target", "bucket", json!("pictures"), "$.buckets[0].target.bucket");
}

#[test]
fn all_problems_are_reported_at_once() {
    let plan = json!({"migration": "X", "tables": [{"source": {}, "target": 1}], "approval": 1});
    let fields: Vec<_> = Plan::from_value(plan).expect_err("bad").into_iter().map(|p| p.field).collect();
    let expected = [
        "$.migration",
        "$.tables[0].source.account",
        "$.tables[0].source.region",
        "$.tables[0].source.table",
        "$.tables[0].target",
        "$.approval",
    ];
    assert_eq!(fields, expected);
}

#[test]
fn what_is_not_json_is_refused() {
    let problems = Plan::parse("{").expect_err("not JSON");
    assert_eq!(problems[0].field, "$");
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        let field = prop_oneof![
            Just("tables".to_owned()),
            Just("buckets".to_owned()),
            Just("source".to_owned()),
            Just("target".to_owned()),
            Just("timing".to_owned()),
            Just("segments".to_owned()),
            Just("table".to_owned()),
            ".{0,5}",
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(field, inner, 0..5).prop_map(|m| Value::Object(m.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_json_panics(json in any_json()) {
        let _ = Plan::from_value(json.clone());
        let _ = Plan::parse(&json.to_string());
    }

    // The walk and the types agree: what the walk lets through, serde reads.
    #[test]
    fn the_walk_catches_whatever_the_types_refuse(parent in 0..6_usize, field in "[a-z_]{1,12}", value in any_json()) {
        let parent = ["", "/tables/0", "/tables/0/source", "/buckets/0", "/buckets/0/target", "/timing"][parent];
        for field in [field.as_str(), "segments", "approval", "timing", "entry", "tables", "lease_ms", "source"] {
            if let Err(problems) = with(parent, field, value.clone()) {
                prop_assert!(problems.iter().all(|p| p.value != "the plan"), "{:?}", problems);
            }
        }
    }
}
