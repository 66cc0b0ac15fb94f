//! Held keys: what they close, and how redrive opens it.

use livemove_core::hold::{Hold, Holds};
use livemove_core::item::{Item, Key};
use serde_dynamo::AttributeValue;

use super::*;

fn item(name: &str, value: &str) -> Item {
    let text = |text: &str| AttributeValue::S(text.to_owned());
    Item([("pk".to_owned(), text(name)), ("v".to_owned(), text(value))].into())
}

fn key(name: &str) -> Key {
    KeySchema { partition: "pk".to_owned(), sort: None }.key_of(&item(name, "")).unwrap()
}

pub(super) fn hold(name: &str, run: u32, side: Side) -> Hold {
    Hold {
        run: Run(run),
        side,
        key: key(name),
        first: "5".to_owned(),
        last: "7".to_owned(),
        records: 2,
        error: "ValidationException".to_owned(),
        message: "too large".to_owned(),
        since: 3,
        at: 4,
        version: 1,
        object: None,
    }
}

fn redrive(fields: Value) -> Value {
    let mut request = plain("redrive");
    request.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    request
}

impl Stage {
    fn hold(&self, name: &str, run: u32, side: Side) {
        block_on(self.register.hold(TABLE, &hold(name, run, side))).unwrap();
    }

    /// In `copy` of run 1, all copied and compared.
    pub(super) fn copying() -> Stage {
        let stage = Stage::new();
        stage.ask(preflight()).unwrap();
        stage.ask(arm(1, "source")).unwrap();
        stage.see_canaries();
        stage.ask(step("advance", 1, "copy")).unwrap();
        stage.pass(W);
        for subject in [TABLE, BUCKET] {
            for job in [Job::Copy, Job::Verify] {
                stage.did(subject, 1, job, Counts::default());
            }
        }
        stage
    }

    /// In `new` of run 1.
    pub(super) fn moved() -> Stage {
        let stage = Stage::copying();
        stage.ask(step("advance", 1, "guarded")).unwrap();
        stage.pass(W);
        stage.ask(arm(1, "target")).unwrap();
        stage.see_canaries();
        stage.ask(step("advance", 1, "handoff")).unwrap();
        stage.pass(W);
        stage.ask(of_run("seal", 1)).unwrap();
        stage.pass(W);
        for subject in [TABLE, BUCKET] {
            stage.did(subject, 1, Job::Finish, Counts::default());
            stage.did(subject, 1, Job::Certify, Counts::default());
        }
        stage.ask(of_run("certify", 1)).unwrap();
        stage.ask(step("advance", 1, "new")).unwrap();
        stage.pass(W);
        stage
    }
}

#[test]
fn a_gate_names_the_held_keys_and_opens_when_they_are_put_right() {
    let stage = Stage::copying();
    stage.world.items("orders").put_raw(item("a", "now"));
    stage.hold("a", 1, Side::Source);
    let reason = stage.refused(step("advance", 1, "guarded"), "GateClosed");
    assert!(reason.contains("table#orders: 1 keys are held") && reason.contains("redrive"), "{reason}");
    assert_eq!(
        stage.ask(of_run("verified", 1)).unwrap(),
        json!({"identical": true, "differences": 0, "large": 0, "held": 1})
    );
    let answer = stage.ask(plain("redrive")).unwrap();
    assert_eq!((&answer["released"], &answer["failing"], &answer["next"]), (&json!(1), &json!([]), &Value::Null));
    let copy = livemove_core::mark::visible(stage.world.items("orders-new").peek(&key("a")));
    assert_eq!(copy, Some(item("a", "now")));
    assert_eq!(stage.ask(step("advance", 1, "guarded")).unwrap()["phase"], "guarded");
}

#[test]
fn the_way_back_is_not_claimed_while_keys_of_it_are_held() {
    let stage = Stage::moved();
    let gauge = || stage.ask(plain("status")).unwrap()["rollback"].clone();
    assert_eq!(gauge()["can_go_back"], true);
    stage.world.items("orders-new").put_raw(item("a", "now"));
    stage.hold("a", 2, Side::Target);
    assert_eq!(gauge()["can_go_back"], false);
    assert!(gauge()["why"].as_str().unwrap().contains("1 keys are held"), "{}", gauge());
    assert_eq!(stage.ask(plain("redrive")).unwrap()["released"], 1);
    assert_eq!(gauge()["can_go_back"], true);
}

#[test]
fn holds_of_a_run_that_was_given_up_close_nothing() {
    let stage = Stage::copying();
    stage.hold("a", 1, Side::Source);
    stage.ask(step("retreat", 1, "old")).unwrap();
    let status = stage.ask(plain("status")).unwrap();
    assert_eq!((&status["subjects"][1]["held"], &status["rollback"]["can_go_back"]), (&json!(0), &json!(true)));
    assert_eq!(stage.ask(plain("redrive")).unwrap()["void"], 1);
}

#[test]
fn a_key_that_cannot_be_put_right_says_why_and_what_to_do_and_shows_nothing_of_it() {
    let stage = Stage::copying();
    stage.world.items("orders").put_raw(item("secret", &"x".repeat(409_600)));
    stage.hold("secret", 1, Side::Source);
    let answer = stage.ask(plain("redrive")).unwrap();
    let failing = &answer["failing"][0];
    assert_eq!((&answer["released"], &failing["error"]), (&json!(0), &json!("ItemTooLarge")));
    assert!(failing["remedy"].as_str().unwrap().contains("make it at most 409450 bytes"), "{failing}");
    assert!(failing["row"].as_str().unwrap().starts_with("hold#source#"), "{failing}");
    assert!(!answer.to_string().contains("secret"), "{answer}");
    assert_eq!(stage.ask(of_run("verified", 1)).unwrap()["held"], 1);
}

#[test]
fn redrive_goes_on_where_it_stopped_and_past_what_fails() {
    let stage = Stage::copying();
    for n in 0..5 {
        stage.hold(&n.to_string(), 1, Side::Source);
    }
    let (mut released, mut after, mut calls) = (0, Value::Null, 0);
    loop {
        let answer = stage.ask(redrive(json!({"limit": 2, "after": after}))).unwrap();
        released += answer["released"].as_u64().unwrap();
        calls += 1;
        after = answer["next"].clone();
        if after.is_null() {
            break;
        }
    }
    assert_eq!((released, calls), (5, 3));
}

fn message(first: &str) -> GivenUp {
    GivenUp { receipt: first.to_owned(), first: first.to_owned(), last: first.to_owned(), ..GivenUp::default() }
}

#[test]
fn what_a_mapping_gave_up_is_held_and_redriven() {
    let stage = Stage::copying();
    stage.world.items("orders").put_raw(item("a", "now"));
    let lost = Lost { key: key("a"), first: "5".to_owned(), last: "6".to_owned(), records: 2 };
    let queue = vec![(message("5"), Some(vec![lost]))];
    stage.world.given_up.lock().unwrap().insert("livemove-orders-forward-records-dead".to_owned(), queue);
    let answer = stage.ask(plain("redrive")).unwrap();
    assert_eq!(answer["given_up"], json!({"messages": 1, "held": 1, "void": 0, "lost": 0}));
    assert_eq!(answer["released"], 1);
    let copy = livemove_core::mark::visible(stage.world.items("orders-new").peek(&key("a")));
    assert_eq!(copy, Some(item("a", "now")));
    assert!(stage.world.given_up.lock().unwrap()["livemove-orders-forward-records-dead"].is_empty());
}

#[test]
fn what_a_mapping_gave_up_and_the_stream_has_no_more_breaks_the_table() {
    let stage = Stage::copying();
    let queue = vec![(message("5"), None)];
    stage.world.given_up.lock().unwrap().insert("livemove-orders-forward-records-dead".to_owned(), queue);
    assert_eq!(stage.ask(plain("watch")).unwrap()["given_up"]["lost"], 1);
    let reason = stage.refused(step("advance", 1, "guarded"), "GateClosed");
    assert!(reason.contains("broken") && reason.contains("given up"), "{reason}");
}

#[test]
fn what_was_given_up_while_nothing_is_replicated_is_void() {
    let stage = Stage::new();
    stage.ask(preflight()).unwrap();
    let queue = vec![(message("5"), None)];
    stage.world.given_up.lock().unwrap().insert("livemove-orders-forward-records-dead".to_owned(), queue);
    assert_eq!(stage.ask(plain("watch")).unwrap()["given_up"], json!({"messages": 1, "held": 0, "void": 1, "lost": 0}));
    assert_eq!(stage.ask(plain("health")).unwrap()["healthy"], true);
}
