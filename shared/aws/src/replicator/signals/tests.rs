use livemove_core::item::{Item, Key, KeySchema};
use livemove_core::mark::Run;
use livemove_core::phase::Phase;
use livemove_core::plan::Plan;
use livemove_core::register::Canary;
use livemove_core::testing::block_on;
use livemove_core::testing::register::MemoryRegister;
use serde_dynamo::AttributeValue;
use serde_json::json;

use super::*;

type Register = MemoryRegister<Key>;

const SUBJECT: &str = "table#orders";
const HOUR: Millis = 60 * 60 * 1000;
const NOW: Millis = 100 * HOUR;

fn copying() -> State {
    State { phase: Phase::Copy, ..State::first(1) }
}

fn register(state: &State) -> Register {
    let end = |name: &str| json!({"account": "111111111111", "region": "us-east-1", "table": name});
    let plan = json!({"migration": "m", "tables": [{"source": end("orders"), "target": end("orders-new")}]});
    let plan = Plan::from_value(plan).expect("a good plan").subjects().remove(0);
    let register = Register::default();
    block_on(register.create(&plan, state, &json!({}))).expect("created");
    register
}

fn change(sequence: &str, at: Millis) -> Change {
    let item = Item([("pk".to_owned(), AttributeValue::S("k".to_owned()))].into());
    let key = KeySchema { partition: "pk".to_owned(), sort: None }.key_of(&item).expect("a key");
    Change { key, old: None, new: Some(item), sequence: sequence.to_owned(), at }
}

fn batch<'a>(state: &'a State, changes: &'a [Change], now: Millis) -> Batch<'a> {
    Batch { subject: SUBJECT, side: Side::Source, state, changes, now }
}

fn stored(register: &Register) -> State {
    block_on(register.load(SUBJECT)).expect("read").expect("registered").0
}

#[test]
fn a_record_that_is_almost_lost_breaks_the_table_once() {
    let (state, changes) = (copying(), [change("1", NOW - 23 * HOUR), change("2", NOW)]);
    let register = register(&state);
    for _ in 0..2 {
        block_on(tell(&register, &Reports::default(), &batch(&state, &changes, NOW), &Outcome::default()))
            .expect("told");
    }
    let broken = stored(&register);
    assert_eq!((broken.version, broken.phase), (state.version + 1, Phase::Copy));
    assert!(broken.broken.expect("a reason").contains("23 hours"));
}

#[test]
fn old_records_break_nothing_while_nothing_is_replicated_or_none_is_lost() {
    let old = State::first(1);
    for (state, at) in [(old, NOW - 23 * HOUR), (copying(), NOW - 21 * HOUR)] {
        let (register, changes) = (register(&state), [change("1", at)]);
        block_on(tell(&register, &Reports::default(), &batch(&state, &changes, NOW), &Outcome::default()))
            .expect("told");
        assert_eq!(stored(&register), state);
    }
}

#[test]
fn canaries_and_late_writes_are_told() {
    let state = State { phase: Phase::New, ..State::first(1) };
    let (register, late) = (register(&state), change("7", NOW));
    let canary = Canary { nonce: "n".to_owned(), run: Run(1), sent: 5, seen: None };
    block_on(register.canary_sent(SUBJECT, Side::Source, &canary)).expect("sent");
    let outcome = Outcome { canaries: vec!["n".to_owned()], stragglers: vec![late.clone()], ..Outcome::default() };
    let changes = [late.clone()];
    block_on(tell(&register, &Reports::default(), &batch(&state, &changes, NOW), &outcome)).expect("told");
    let seen = block_on(register.canary(SUBJECT, Side::Source)).expect("read").expect("a canary").seen;
    assert_eq!(seen, Some(NOW));
    let entered = block_on(register.list(SUBJECT, 9)).expect("read");
    let expected = Straggler { run: Run(1), sequence: "7".to_owned(), key: late.key, image: late.new, at: NOW };
    assert_eq!(entered, [expected]);
}

#[test]
fn reports_come_once_a_second_and_lose_no_figure() {
    let (state, changes) = (copying(), [change("1", NOW - 3), change("2", NOW - 2)]);
    let (register, reports) = (register(&state), Reports::default());
    let told = |now| {
        block_on(tell(&register, &reports, &batch(&state, &changes, now), &Outcome::default())).expect("told");
        block_on(register.reported(SUBJECT, Side::Source)).expect("read").expect("a report")
    };
    assert_eq!(told(NOW).records, 2);
    assert_eq!(told(NOW + 400).records, 2);
    assert_eq!(told(NOW + 999).records, 2);
    let last = told(NOW + 1_000);
    assert_eq!((last.records, last.at, last.record_at), (8, NOW + 1_000, NOW - 2));
    assert_eq!(last.position.as_deref(), Some("2"));
}

#[test]
fn a_canary_is_reported_at_once() {
    let (state, changes) = (copying(), [change("1", NOW)]);
    let (register, reports) = (register(&state), Reports::default());
    let with_canary = Outcome { canaries: vec!["n".to_owned()], ..Outcome::default() };
    block_on(tell(&register, &reports, &batch(&state, &changes, NOW), &Outcome::default())).expect("told");
    block_on(tell(&register, &reports, &batch(&state, &changes, NOW + 1), &with_canary)).expect("told");
    assert_eq!(block_on(register.reported(SUBJECT, Side::Source)).expect("read").expect("a report").at, NOW + 1);
}
