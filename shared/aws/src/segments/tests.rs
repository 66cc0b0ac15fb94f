use livemove_core::checkpoint::{Checkpoint, Checkpoints};
use livemove_core::item::Key;
use livemove_core::phase::Step;
use livemove_core::plan::Plan;
use livemove_core::testing::block_on;
use livemove_core::testing::register::MemoryRegister;
use serde_json::json;

use super::*;

type Register = MemoryRegister<Key>;

const NOW: Millis = 1_000;

/// A bucket of 1 segment, a copy-first table of 2, a new-first table of 1; all in `copy` of run 1.
fn register() -> Register {
    let end = |kind: &str, name: &str| json!({"account": "111111111111", "region": "us-east-1", kind: name});
    let table = |name: &str, segments: u32, entry: &str| {
        let (source, target) = (end("table", name), end("table", &format!("{name}-new")));
        json!({"source": source, "target": target, "segments": segments, "entry": entry})
    };
    let plan = Plan::from_value(json!({
        "migration": "orders",
        "tables": [table("orders", 2, "copy-first"), table("events", 1, "new-first")],
        "buckets": [{"source": end("bucket", "pictures"), "target": end("bucket", "pictures-new"), "segments": 1}],
    }));
    let register = Register::default();
    let plan = plan.expect("a good plan");
    block_on(async {
        register.save_plan(&plan).await.expect("saved");
        for subject in plan.subjects() {
            let old = State::first(NOW);
            let copy = old.after(subject.kind, Step::Advance(Phase::Copy), NOW).expect("a step");
            register.create(&subject, &old, &json!({})).await.expect("created");
            register.transition(&subject.subject(), &old, &copy, &json!({})).await.expect("advanced");
        }
    });
    register
}

fn request(job: Job, restart: bool) -> PlanRequest {
    PlanRequest { job, migration: "orders".to_owned(), run: Run(1), only: None, restart }
}

fn task(job: Job, index: u32, total: u32) -> Task {
    Task { subject: "table#orders".to_owned(), run: Run(1), job, segment: Segment { index, total } }
}

fn save(register: &Register, task: &Task, done: bool, busy_until: Millis) {
    let checkpoint: Checkpoint<Key> = Checkpoint { version: 1, done, busy_until, ..Checkpoint::default() };
    block_on(register.save(task, &checkpoint)).expect("saved");
}

fn planned(register: &Register, request: &PlanRequest) -> Result<Vec<(String, u32, u32)>, Error> {
    let tasks = block_on(plan(register, request, NOW))?;
    Ok(tasks.into_iter().map(|it| (it.task.subject, it.task.segment.index, it.task.segment.total)).collect())
}

fn of(subject: &str, index: u32, total: u32) -> (String, u32, u32) {
    (subject.to_owned(), index, total)
}

#[test]
fn buckets_come_first_and_a_new_first_table_waits_for_handoff() {
    let expected = vec![of("bucket#pictures", 0, 1), of("table#orders", 0, 2), of("table#orders", 1, 2)];
    assert_eq!(planned(&register(), &request(Job::Copy, false)).expect("planned"), expected);
}

#[test]
fn what_is_done_is_left_out_and_a_begun_scan_keeps_its_total() {
    let register = register();
    save(&register, &task(Job::Copy, 0, 3), true, 0);
    save(&register, &task(Job::Copy, 1, 3), false, 0);
    let expected = vec![of("bucket#pictures", 0, 1), of("table#orders", 1, 3), of("table#orders", 2, 3)];
    assert_eq!(planned(&register, &request(Job::Copy, false)).expect("planned"), expected);
}

#[test]
fn a_restart_forgets_this_job_only_and_takes_the_planned_total() {
    let register = register();
    save(&register, &task(Job::Verify, 0, 1), true, 0);
    save(&register, &task(Job::Copy, 0, 2), true, 0);
    let all = planned(&register, &request(Job::Verify, true)).expect("planned");
    assert!(all.contains(&of("table#orders", 0, 2)) && all.contains(&of("table#orders", 1, 2)), "{all:?}");
    assert!(block_on(register.segments("table#orders", Run(1), Job::Verify)).expect("read").is_empty());
    assert_eq!(block_on(register.segments("table#orders", Run(1), Job::Copy)).expect("read").len(), 1);
}

#[test]
fn a_restart_waits_for_a_worker_that_may_be_writing() {
    let register = register();
    save(&register, &task(Job::Verify, 0, 2), false, NOW + 1);
    assert_eq!(planned(&register, &request(Job::Verify, true)).expect_err("busy").name(), "SegmentBusy");
    assert_eq!(block_on(register.segments("table#orders", Run(1), Job::Verify)).expect("read").len(), 1);
}

#[test]
fn a_job_of_another_phase_run_or_migration_is_refused() {
    let register = register();
    let wrong_run = PlanRequest { run: Run(3), ..request(Job::Copy, false) };
    let unknown = PlanRequest { migration: "others".to_owned(), ..request(Job::Copy, false) };
    let cases = [
        (request(Job::Finish, false), "WrongPhase"),
        (request(Job::Sweep, true), "WrongPhase"),
        (wrong_run, "WrongPhase"),
        (unknown, "UnknownMigration"),
    ];
    for (request, name) in cases {
        assert_eq!(planned(&register, &request).expect_err("must be refused").name(), name);
    }
}

#[test]
fn a_task_goes_through_the_state_machine_unchanged() {
    let task = SegmentTask { migration: "orders".to_owned(), task: task(Job::Copy, 1, 8) };
    let json =
        json!({"migration": "orders", "job": "copy", "run": 1, "subject": "table#orders", "index": 1, "total": 8});
    assert_eq!(serde_json::to_value(&task).expect("JSON"), json);
    assert_eq!(serde_json::from_value::<SegmentTask>(json).expect("a task"), task);
}

/// A controller that was stopped between two subjects left one in `new` and the other before it; started
/// again, the machine asked to certify both anew, and the one in `new` refused.
#[test]
fn a_subject_that_went_on_is_left_out_when_the_machine_starts_again() {
    let register = register();
    block_on(async {
        for (subject, steps) in [
            ("bucket#pictures", [Step::Advance(Phase::Guarded), Step::Seal, Step::Advance(Phase::New)].as_slice()),
            ("table#orders", [Step::Advance(Phase::Guarded), Step::Advance(Phase::Handoff), Step::Seal].as_slice()),
            ("table#events", [Step::Advance(Phase::Guarded), Step::Advance(Phase::Handoff), Step::Seal].as_slice()),
        ] {
            for step in steps {
                let (from, plan) = States::load(&register, subject).await.expect("loaded").expect("registered");
                let to = from.after(plan.kind, *step, NOW).expect("a step");
                register.transition(subject, &from, &to, &json!({})).await.expect("advanced");
            }
        }
    });
    let left = planned(&register, &request(Job::Certify, true)).expect("planned");
    assert_eq!(left, [of("table#orders", 0, 2), of("table#orders", 1, 2), of("table#events", 0, 1)]);
    assert_eq!(planned(&register, &request(Job::Verify, true)).expect("planned"), []);
}

#[test]
fn one_kind_is_planned_by_itself() {
    let register = register();
    let only = |kind| PlanRequest { only: Some(kind), ..request(Job::Copy, false) };
    assert_eq!(planned(&register, &only(Kind::Bucket)).expect("planned"), [of("bucket#pictures", 0, 1)]);
    let tables = planned(&register, &only(Kind::Table)).expect("planned");
    assert!(!tables.is_empty() && tables.iter().all(|(subject, ..)| subject.starts_with("table#")), "{tables:?}");
}

#[test]
fn the_largest_plan_stays_below_what_step_functions_passes_between_states() {
    // 256 KB: https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
    let longest = SegmentTask {
        migration: "m".repeat(20),
        task: Task { subject: format!("table#{}", "t".repeat(255)), ..task(Job::Certify, 499, 500) },
    };
    let most = usize::try_from(livemove_core::plan::SEGMENTS_MAX).expect("a number");
    let answer = json!({"segments": vec![longest; most]});
    // The rest of the state is the plan's request and what small actions answered.
    assert!(answer.to_string().len() < 256 * 1024 - 20_000, "{}", answer.to_string().len());
}
