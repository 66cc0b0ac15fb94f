//! Plans: what is accepted is what was written, and what is refused is named.

use livemove_core::plan::{Plan, SubjectPlan};
use livemove_core::testing::fuzz::{bytes, cases, json, says};
use proptest::prelude::*;
use serde_json::{Value, to_value};

fn fixtures() -> impl Strategy<Value = Value> {
    let read = |name: &str| {
        let path = format!("{}/../../events/{name}.json", env!("CARGO_MANIFEST_DIR"));
        serde_json::from_str::<Value>(&std::fs::read_to_string(path).unwrap()).unwrap()
    };
    prop::sample::select(["plan-table", "plan-bucket", "plan-cross-account", "plan-table-new-first"].map(read).to_vec())
}

fn judge(given: &Value, read: Result<Plan, Vec<livemove_core::plan::PlanProblem>>) -> Result<(), TestCaseError> {
    match read {
        Ok(plan) => {
            let told = to_value(&plan).unwrap();
            // Of a plan, nothing may be null.
            prop_assert!(says(&told, given) && !given.to_string().contains("null"), "{told} for {given}");
            prop_assert_eq!(Plan::from_value(told).unwrap(), plan);
        }
        Err(problems) => {
            prop_assert!(!problems.is_empty());
            for problem in problems {
                prop_assert!(problem.field.starts_with('$') && !problem.value.is_empty() && !problem.remedy.is_empty());
            }
        }
    }
    Ok(())
}

#[test]
fn the_plans_in_events_are_good() {
    proptest!(|(plan in fixtures())| { Plan::from_value(plan).unwrap(); });
}

proptest! {
    #![proptest_config(cases(400))]

    #[test]
    fn a_plan_that_is_read_is_the_one_that_was_given(given in fixtures().prop_flat_map(json)) {
        judge(&given, Plan::from_value(given.clone()))?;
    }

    #[test]
    fn no_bytes_make_the_reader_fall_over(given in fixtures().prop_flat_map(|plan| bytes(plan.to_string().into_bytes()))) {
        if let Ok(text) = String::from_utf8(given) {
            judge(&serde_json::from_str(&text).unwrap_or_default(), Plan::parse(&text))?;
        }
    }

    #[test]
    fn a_subject_s_plan_that_is_read_is_the_one_that_was_given(given in fixtures().prop_flat_map(|plan| json(to_value(&Plan::from_value(plan).unwrap().subjects()[0]).unwrap()))) {
        if let Ok(plan) = SubjectPlan::parse(&given.to_string()) {
            prop_assert!(says(&to_value(plan).unwrap(), &given), "{}", given);
        }
    }
}

#[test]
fn a_kept_plan_beyond_the_rules_is_refused_by_field() {
    let path = format!("{}/../../events/plan-table.json", env!("CARGO_MANIFEST_DIR"));
    let plan = Plan::parse(&std::fs::read_to_string(path).unwrap()).unwrap();
    let kept = to_value(&plan.subjects()[0]).unwrap();
    assert_eq!(SubjectPlan::parse(&kept.to_string()).unwrap(), plan.subjects()[0]);
    let mut list = kept.clone();
    list["timing"] = serde_json::json!([]);
    assert_eq!(
        SubjectPlan::parse(&list.to_string()).unwrap_err()[0].value,
        "not what was kept",
        "a list is no struct of defaults"
    );
    for (place, value, field) in [
        ("/segments", 0, "$.tables[0].segments"),
        ("/timing/lease_ms", u64::MAX, "$.timing.lease_ms"),
        ("/writes_in_flight", 0, "$.writes_in_flight"),
    ] {
        let mut wrong = kept.clone();
        *wrong.pointer_mut(place).unwrap() = value.into();
        assert_eq!(SubjectPlan::parse(&wrong.to_string()).unwrap_err()[0].field, field);
    }
}
