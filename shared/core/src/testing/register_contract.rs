//! What every register must keep: run on the one in memory and on the control table.

use std::collections::BTreeMap;

use serde_dynamo::AttributeValue;
use serde_json::json;

use crate::canonical::Digest;
use crate::certificate::{Certificate, Direction};
use crate::checkpoint::{Checkpoint, Checkpoints, Counts, Job, Task};
use crate::error::Error;
use crate::hold::{Hold, Seen};
use crate::item::{Item, Key, KeySchema};
use crate::mark::Run;
use crate::phase::{Kind, Phase, Side, State};
use crate::plan::{End, Entry, Plan, SubjectPlan, Timing};
use crate::register::{ApprovalRequest, Canary, JobSummary, Register, Report, States, Straggler};
use crate::segment::Segment;
use crate::steer::watch::Watch;

/// Runs every case. The register must know nothing of subjects whose names begin with `contract`.
pub async fn run_all<R: Register + Checkpoints<Key>>(register: &R) {
    states_change_on_condition_and_leave_a_history(register).await;
    only_one_of_two_changes_wins(register).await;
    the_plan_and_the_approval_are_replaced(register).await;
    a_canary_is_seen_once_and_by_its_nonce(register).await;
    a_pulse_does_not_take_a_canarys_place(register).await;
    a_watch_is_replaced(register).await;
    reports_add_up(register).await;
    stragglers_are_entered_once_and_listed_in_order(register).await;
    a_hold_moves_forward_only(register).await;
    a_hold_is_released_unless_it_moved(register).await;
    every_attempt_at_an_object_is_news(register).await;
    holds_are_listed_by_side_in_pages(register).await;
    certificates_are_kept_by_run(register).await;
    checkpoints_are_saved_on_condition(register).await;
    jobs_are_listed_and_forgotten_one_by_one(register).await;
}

fn plan(name: &str) -> SubjectPlan {
    let end =
        |name: &str| End { account: "111111111111".to_owned(), region: "us-east-1".to_owned(), name: name.to_owned() };
    SubjectPlan {
        kind: Kind::Table,
        source: end(name),
        target: end("contract-target"),
        segments: 4,
        entry: Entry::NewFirst,
        timing: Timing::default(),
        writes_in_flight: 8,
    }
}

fn after(state: &State, phase: Phase) -> State {
    State { version: state.version + 1, phase, since: state.since + 1, ..state.clone() }
}

fn is_conflict<T>(result: Result<T, Error>) -> bool {
    matches!(result, Err(Error::Conflict(_)))
}

async fn states_change_on_condition_and_leave_a_history<R: Register>(register: &R) {
    let (plan, id, first) = (plan("contract-states"), "table#contract-states", State::first(5));
    assert!(States::load(register, id).await.unwrap().is_none());
    let copy = after(&first, Phase::Copy);
    assert!(is_conflict(register.transition(id, &first, &copy, &json!({})).await), "not registered yet");
    register.create(&plan, &first, &json!({"why": "new"})).await.unwrap();
    assert!(is_conflict(register.create(&plan, &first, &json!({})).await), "registered twice");
    assert_eq!(States::load(register, id).await.unwrap(), Some((first.clone(), plan.clone())));
    register.transition(id, &first, &copy, &json!({"facts": [1, "ß"]})).await.unwrap();
    assert!(is_conflict(register.transition(id, &first, &copy, &json!({})).await), "changed twice");
    let broken = State { broken: Some("gap".to_owned()), sealed: true, sealed_at: 9, ..after(&copy, Phase::Guarded) };
    let other = SubjectPlan { segments: 7, ..plan };
    register.replan(&other, &copy, &broken, &json!(null)).await.unwrap();
    assert_eq!(States::load(register, id).await.unwrap(), Some((broken.clone(), other.clone())));
    let mended = State { broken: None, ..after(&broken, Phase::Copy) };
    register.transition(id, &broken, &mended, &json!({})).await.unwrap();
    assert_eq!(States::load(register, id).await.unwrap(), Some((mended.clone(), other)));
    let history = register.history(id, 3).await.unwrap();
    let versions: Vec<_> =
        history.iter().map(|line| (line.from.as_ref().map(|s| s.version), line.to.version)).collect();
    assert_eq!(versions, [(Some(3), 4), (Some(2), 3), (Some(1), 2)]);
    assert_eq!((history[2].at, &history[2].evidence), (copy.since, &json!({"facts": [1, "ß"]})));
    assert_eq!(register.history(id, 9).await.unwrap().last().unwrap().from, None);
}

async fn only_one_of_two_changes_wins<R: Register>(register: &R) {
    let (plan, id, first) = (plan("contract-race"), "table#contract-race", State::first(5));
    register.create(&plan, &first, &json!({})).await.unwrap();
    let (copy, old) = (after(&first, Phase::Copy), after(&first, Phase::Old));
    let evidence = json!({});
    let (one, two) = futures_util::future::join(
        register.transition(id, &first, &copy, &evidence),
        register.transition(id, &first, &old, &evidence),
    )
    .await;
    assert_ne!(one.is_ok(), two.is_ok(), "{one:?} {two:?}");
    assert!(is_conflict(if one.is_ok() { two } else { one }));
    assert_eq!(register.history(id, 9).await.unwrap().len(), 2);
}

async fn the_plan_and_the_approval_are_replaced<R: Register>(register: &R) {
    assert!(register.plan("contract").await.unwrap().is_none());
    assert!(register.approval("contract").await.unwrap().is_none());
    let end = |name: &str| json!({"account": "111111111111", "region": "us-east-1", "table": name});
    let tables = json!([{"source": end("contract"), "target": end("contract-new")}]);
    let plan = Plan::from_value(json!({"migration": "contract", "tables": tables})).unwrap();
    let next = Plan { writes_in_flight: 3, ..plan.clone() };
    for plan in [&plan, &next] {
        register.save_plan(plan).await.unwrap();
        assert_eq!(register.plan("contract").await.unwrap().as_ref(), Some(plan));
    }
    for token in ["a", "b"] {
        let request = ApprovalRequest { token: token.to_owned(), run: Run(2), at: 7 };
        register.request_approval("contract", &request).await.unwrap();
        assert_eq!(register.approval("contract").await.unwrap(), Some(request));
    }
}

async fn a_canary_is_seen_once_and_by_its_nonce<R: Register>(register: &R) {
    let id = "table#contract-canary";
    register.canary_seen(id, Side::Source, "n1", 5).await.unwrap();
    assert!(register.canary(id, Side::Source).await.unwrap().is_none());
    let canary = |nonce: &str, seen| Canary { nonce: nonce.to_owned(), run: Run(1), sent: 4, seen };
    register.canary_sent(id, Side::Source, &canary("n1", None)).await.unwrap();
    register.canary_seen(id, Side::Source, "n0", 5).await.unwrap();
    assert_eq!(register.canary(id, Side::Source).await.unwrap(), Some(canary("n1", None)));
    register.canary_seen(id, Side::Source, "n1", 6).await.unwrap();
    register.canary_seen(id, Side::Source, "n1", 7).await.unwrap();
    register.canary_sent(id, Side::Source, &canary("n1", None)).await.unwrap();
    assert_eq!(register.canary(id, Side::Source).await.unwrap(), Some(canary("n1", Some(6))), "the first sight stays");
    register.canary_sent(id, Side::Source, &canary("n2", None)).await.unwrap();
    assert_eq!(register.canary(id, Side::Source).await.unwrap(), Some(canary("n2", None)));
    assert!(register.canary(id, Side::Target).await.unwrap().is_none(), "sides are told apart");
}

async fn a_pulse_does_not_take_a_canarys_place<R: Register>(register: &R) {
    let id = "table#contract-pulse";
    let canary = |nonce: &str, seen| Canary { nonce: nonce.to_owned(), run: Run(1), sent: 4, seen };
    register.canary_sent(id, Side::Source, &canary("n1", None)).await.unwrap();
    register.canary_seen(id, Side::Source, "n1", 6).await.unwrap();
    assert!(register.pulse(id, Side::Source).await.unwrap().is_none());
    register.canary_sent(id, Side::Source, &canary("pulse-1", None)).await.unwrap();
    assert_eq!(register.canary(id, Side::Source).await.unwrap(), Some(canary("n1", Some(6))));
    assert_eq!(register.pulse(id, Side::Source).await.unwrap(), Some(canary("pulse-1", None)));
    register.canary_seen(id, Side::Source, "pulse-0", 7).await.unwrap();
    register.canary_seen(id, Side::Source, "pulse-1", 8).await.unwrap();
    assert_eq!(register.pulse(id, Side::Source).await.unwrap(), Some(canary("pulse-1", Some(8))));
    assert_eq!(register.canary(id, Side::Source).await.unwrap(), Some(canary("n1", Some(6))));
}

async fn a_watch_is_replaced<R: Register>(register: &R) {
    let id = "table#contract-watch";
    assert!(register.watch(id, Side::Source).await.unwrap().is_none());
    let first =
        Watch { at: 5, stream: Some("arn:1".to_owned()), stopped: Some(3), written: Some("pulse-1".to_owned()) };
    for watch in [first, Watch { at: 6, ..Watch::default() }] {
        register.keep_watch(id, Side::Source, &watch).await.unwrap();
        assert_eq!(register.watch(id, Side::Source).await.unwrap(), Some(watch));
    }
    assert!(register.watch(id, Side::Target).await.unwrap().is_none());
}

async fn reports_add_up<R: Register>(register: &R) {
    let id = "table#contract-report";
    assert!(register.reported(id, Side::Target).await.unwrap().is_none());
    let first = Report {
        at: 9,
        record_at: 8,
        position: Some("p".to_owned()),
        records: 3,
        failed: 1,
        denied: Some("to whom".to_owned()),
    };
    let second = Report { at: 12, record_at: 11, position: None, records: 4, failed: 0, denied: None };
    register.report(id, Side::Target, &first).await.unwrap();
    assert_eq!(register.reported(id, Side::Target).await.unwrap().as_ref(), Some(&first));
    register.report(id, Side::Target, &second).await.unwrap();
    assert_eq!(register.reported(id, Side::Target).await.unwrap(), Some(Report { records: 7, failed: 1, ..second }));
}

fn key(name: &str) -> Key {
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let attributes = BTreeMap::from([
        ("zone".to_owned(), text(name)),
        ("n".to_owned(), AttributeValue::N("12345678901234567890123456789012345678".to_owned())),
    ]);
    KeySchema { partition: "zone".to_owned(), sort: Some("n".to_owned()) }.key(Item(attributes)).unwrap()
}

async fn stragglers_are_entered_once_and_listed_in_order<R: Register>(register: &R) {
    let id = "table#contract-straggler";
    let image = Item(BTreeMap::from([
        ("b".to_owned(), AttributeValue::B(vec![0, 255])),
        ("e".to_owned(), AttributeValue::S(String::new())),
    ]));
    let straggler = |sequence: &str, name: &str, image| Straggler {
        run: Run(1),
        sequence: sequence.to_owned(),
        key: key(name),
        image,
        at: 3,
    };
    let late = straggler("100000000000000000000000", "a", Some(image));
    let early = straggler("99900000000000000000000", "a", None);
    for entry in [&late, &early, &late] {
        register.enter(id, entry).await.unwrap();
    }
    assert_eq!(register.count(id).await.unwrap(), 2);
    assert_eq!(register.list(id, 9).await.unwrap(), [early.clone(), late], "numbers of different length in order");
    assert_eq!(register.list(id, 1).await.unwrap(), [early]);
    assert_eq!(register.count("table#contract-strag").await.unwrap(), 0);
}

fn hold(name: &str, side: Side, first: &str, last: &str) -> Hold {
    Hold {
        run: Run(1),
        side,
        key: key(name),
        first: first.to_owned(),
        last: last.to_owned(),
        records: 2,
        error: "ValidationException".to_owned(),
        message: "Item size has exceeded the maximum \u{df}".to_owned(),
        since: 4,
        at: 4,
        version: 1,
        object: None,
    }
}

async fn only_hold<R: Register>(register: &R, id: &str) -> Hold {
    let mut all = register.holds(id, Side::Source, None, 9).await.unwrap();
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

async fn a_hold_moves_forward_only<R: Register>(register: &R) {
    let id = "table#contract-hold";
    let first = hold("a", Side::Source, "99900000000000000000000", "99900000000000000000001");
    assert!(!register.hold_on(id, &first).await.unwrap(), "nothing is held");
    assert!(register.holds(id, Side::Source, None, 9).await.unwrap().is_empty(), "and nothing is by that");
    register.hold(id, &first).await.unwrap();
    assert_eq!(only_hold(register, id).await, first);
    // Again, an older one, and an older part of it: nothing changes.
    let older = hold("a", Side::Source, "99800000000000000000000", "99800000000000000000000");
    for news in [&first, &older] {
        register.hold(id, news).await.unwrap();
        assert!(register.hold_on(id, news).await.unwrap(), "it is held");
        assert_eq!(only_hold(register, id).await, first);
    }
    // A number of more digits is later, whatever its first digit.
    let later = "100000000000000000000000";
    let news = Hold { at: 9, since: 9, error: "Other".to_owned(), ..hold("a", Side::Source, later, later) };
    assert!(register.hold_on(id, &news).await.unwrap());
    let expected = Hold { first: first.first.clone(), records: 4, since: 4, version: 2, ..news.clone() };
    assert_eq!(only_hold(register, id).await, expected);
    // A later run's numbers may be smaller; what was held before it counts no longer.
    let next = Hold { run: Run(3), at: 11, since: 11, ..hold("a", Side::Source, "5", "5") };
    register.hold(id, &next).await.unwrap();
    assert_eq!(only_hold(register, id).await, Hold { version: 3, ..next });
    register.hold(id, &news).await.unwrap();
    assert_eq!(only_hold(register, id).await.run, Run(3));
}

async fn a_hold_is_released_unless_it_moved<R: Register>(register: &R) {
    let id = "table#contract-release";
    let first = hold("a", Side::Source, "1", "1");
    assert!(register.release(id, &first).await.unwrap(), "a key that is not held is free");
    register.hold(id, &first).await.unwrap();
    register.hold(id, &hold("a", Side::Source, "2", "2")).await.unwrap();
    assert!(!register.release(id, &first).await.unwrap(), "something newer was held");
    let now = only_hold(register, id).await;
    for _ in 0..2 {
        assert!(register.release(id, &now).await.unwrap());
        assert!(register.holds(id, Side::Source, None, 9).await.unwrap().is_empty());
    }
    register.hold(id, &first).await.unwrap();
    assert_eq!(only_hold(register, id).await, first, "held again from the beginning");
    // A release that is sent twice must not free what was held in between, although its version is the same.
    assert!(register.release(id, &first).await.unwrap());
    let later = hold("a", Side::Source, "7", "7");
    register.hold(id, &later).await.unwrap();
    assert!(!register.release(id, &first).await.unwrap(), "another entry of the same version");
    assert_eq!(only_hold(register, id).await, later);
}

async fn every_attempt_at_an_object_is_news<R: Register>(register: &R) {
    let id = "bucket#contract-object";
    let seen = Seen { etag: Some("e1".to_owned()), version: Some("v1".to_owned()) };
    let of = |attempt: &str, seen: &Seen| Hold {
        key: Key::of_object("a/b \u{fc}"),
        object: Some(seen.clone()),
        records: 1,
        ..hold("a", Side::Source, attempt, attempt)
    };
    let first = of("9-one", &seen);
    register.hold(id, &first).await.unwrap();
    assert_eq!(only_hold(register, id).await, first);
    // No attempt is older than another, and what was seen may be nothing.
    let second = of("3-two", &Seen::default());
    register.hold(id, &second).await.unwrap();
    assert!(!register.release(id, &first).await.unwrap(), "something newer was held");
    let now = only_hold(register, id).await;
    assert_eq!(now, Hold { first: first.first.clone(), records: 2, version: 2, ..second });
    assert!(register.release(id, &now).await.unwrap());
    register.hold(id, &of("9-three", &seen)).await.unwrap();
    assert!(!register.release(id, &first).await.unwrap(), "another entry of the same version");
    let earlier = Hold { run: Run(0), ..of("9-four", &seen) };
    register.hold(id, &earlier).await.unwrap();
    assert_eq!(only_hold(register, id).await, of("9-three", &seen), "a run that is over is no news");
}

async fn holds_are_listed_by_side_in_pages<R: Register>(register: &R) {
    let id = "table#contract-holds";
    for name in ["a", "b", "c", "d"] {
        let side = if name == "d" { Side::Target } else { Side::Source };
        register.hold(id, &hold(name, side, "1", "1")).await.unwrap();
    }
    let all = register.holds(id, Side::Source, None, 9).await.unwrap();
    let names: Vec<String> = all.iter().map(|hold| Hold::name(&hold.key)).collect();
    assert!(names.len() == 3 && names.is_sorted(), "{names:?}");
    assert_eq!(register.holds(id, Side::Source, None, 2).await.unwrap(), all[..2]);
    assert_eq!(register.holds(id, Side::Source, Some(&names[1]), 2).await.unwrap(), all[2..]);
    assert_eq!(register.holds(id, Side::Target, None, 9).await.unwrap(), [hold("d", Side::Target, "1", "1")]);
    assert!(register.holds("table#contract-hol", Side::Source, None, 9).await.unwrap().is_empty());
}

async fn certificates_are_kept_by_run<R: Register>(register: &R) {
    let subject = "table#contract-certificate";
    let certificate = |run| Certificate {
        migration: "contract".to_owned(),
        subject: subject.to_owned(),
        run,
        direction: Direction::of(run),
        build: "1".to_owned(),
        issued_at: 3,
        sealed_at: 2,
        segments: 4,
        counts: Counts { read: 9, ..Counts::default() },
        source_digest: Digest::of(b"x"),
        target_digest: Digest::of(b"x"),
        position: None,
    };
    assert!(register.certificate(subject, Run(1)).await.unwrap().is_none());
    for run in [Run(1), Run(2)] {
        register.keep(&certificate(run)).await.unwrap();
    }
    let again = Certificate { issued_at: 8, ..certificate(Run(1)) };
    register.keep(&again).await.unwrap();
    assert_eq!(register.certificate(subject, Run(1)).await.unwrap(), Some(again));
    assert_eq!(register.certificate(subject, Run(2)).await.unwrap(), Some(certificate(Run(2))));
}

fn task(subject: &str, run: u32, job: Job, index: u32) -> Task {
    Task { subject: subject.to_owned(), run: Run(run), job, segment: Segment { index, total: 12 } }
}

async fn checkpoints_are_saved_on_condition<R: Register + Checkpoints<Key>>(register: &R) {
    let task = task("table#contract-checkpoint", 1, Job::Finish, 3);
    let empty: Checkpoint<Key> = Checkpoints::load(register, &task).await.unwrap();
    assert_eq!(empty, Checkpoint::default());
    let counts = Counts { read: 5, source_digest: Digest::of(b"x"), ..Counts::default() };
    let first = Checkpoint {
        version: 1,
        after: Some(key("a'b\"c")),
        second_half: true,
        done: false,
        busy_until: 77,
        counts,
        failure: None,
    };
    let second = Checkpoint { version: 2, after: None, done: true, ..first.clone() };
    assert!(is_conflict(Checkpoints::save(register, &task, &second).await), "version 1 is missing");
    Checkpoints::save(register, &task, &first).await.unwrap();
    assert!(is_conflict(Checkpoints::save(register, &task, &first).await), "saved twice");
    let loaded: Checkpoint<Key> = Checkpoints::load(register, &task).await.unwrap();
    assert_eq!(loaded, first);
    Checkpoints::save(register, &task, &second).await.unwrap();
    let loaded: Checkpoint<Key> = Checkpoints::load(register, &task).await.unwrap();
    assert_eq!(loaded, second);
}

async fn jobs_are_listed_and_forgotten_one_by_one<R: Register + Checkpoints<Key>>(register: &R) {
    let id = "table#contract-jobs";
    for (run, job, index) in [(1, Job::Copy, 10), (1, Job::Copy, 2), (1, Job::Verify, 0), (2, Job::Copy, 0)] {
        let done = index == 2;
        let counts = Counts { read: 5, ..Counts::default() };
        let next: Checkpoint<Key> =
            Checkpoint { version: 1, done, busy_until: 70 + u64::from(index), counts, ..Checkpoint::default() };
        Checkpoints::save(register, &task(id, run, job, index), &next).await.unwrap();
    }
    let segments = register.segments(id, Run(1), Job::Copy).await.unwrap();
    let indexes: Vec<_> =
        segments.iter().map(|status| (status.segment.index, status.segment.total, status.done)).collect();
    assert_eq!(indexes, [(2, 12, true), (10, 12, false)]);
    let summary = JobSummary::of(&segments);
    assert_eq!((summary.segments, summary.done, summary.busy_until, summary.counts.read), (12, 1, 80, 10));
    register.forget(id, Run(1), Job::Copy).await.unwrap();
    register.forget(id, Run(1), Job::Copy).await.unwrap();
    assert!(register.segments(id, Run(1), Job::Copy).await.unwrap().is_empty());
    assert_eq!(register.segments(id, Run(1), Job::Verify).await.unwrap().len(), 1);
    assert_eq!(register.segments(id, Run(2), Job::Copy).await.unwrap().len(), 1);
}
