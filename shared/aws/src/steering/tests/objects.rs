//! Held objects and gaps in the events of buckets: what they close, and what opens it again.

use livemove_core::hold::{Hold, Holds, Seen};
use livemove_core::item::Key;

use super::*;
use crate::steering::redrive::RedriveReport;

const MINUTE: Millis = 60_000;
const DAY: Millis = 24 * 60 * MINUTE;
const DEAD: &str = "livemove-orders-forward-objects-dead";

fn hold(name: &str, run: u32, side: Side, attempt: &str) -> Hold {
    Hold {
        run: Run(run),
        side,
        key: Key::of_object(name),
        first: attempt.to_owned(),
        last: attempt.to_owned(),
        records: 1,
        error: "InvalidObjectState".to_owned(),
        message: format!("{name} is not to be shown"),
        since: 3,
        at: 3,
        version: 1,
        object: Some(Seen::default()),
    }
}

impl Stage {
    fn hold_object(&self, name: &str, run: u32, side: Side, attempt: &str) {
        block_on(self.register.hold(BUCKET, &hold(name, run, side, attempt))).unwrap();
    }

    fn delivery(&self, bucket: &str, change: impl FnOnce(&mut Delivery)) {
        change(self.world.delivering.lock().unwrap().entry(bucket.to_owned()).or_insert_with(Made::delivered));
    }

    fn bucket(&self) -> Value {
        self.ask(plain("status")).unwrap()["subjects"][0].clone()
    }

    /// Pulses arrive, but for those of this bucket.
    fn see_all_but(&self, bucket: &str) {
        self.world.canaries.lock().unwrap().retain(|(name, _)| name != bucket);
        self.see_canaries();
    }

    fn look(&self) -> Value {
        self.ask(plain("watch")).unwrap()
    }

    fn dead(&self, receipt: &str, key: &str) {
        let message = Undelivered { receipt: receipt.to_owned(), keys: Some(vec![key.to_owned()]) };
        self.world.undelivered.lock().unwrap().entry(DEAD.to_owned()).or_default().push(message);
    }
}

#[test]
fn a_held_object_closes_the_gate_and_is_shown() {
    let stage = Stage::copying();
    stage.hold_object("secret", 1, Side::Source, "1");
    // A bucket's step of the gate to `guarded` comes with the tables' to `handoff`.
    stage.ask(step("advance", 1, "guarded")).unwrap();
    stage.pass(W);
    stage.ask(arm(1, "target")).unwrap();
    stage.see_canaries();
    let reason = stage.refused(step("advance", 1, "handoff"), "GateClosed");
    assert!(reason.contains("bucket#pictures: 1 keys are held") && reason.contains("redrive"), "{reason}");
    assert_eq!(stage.bucket()["held"], 1);
    assert_eq!(stage.look()["held"], 1);
    stage.pass(W);
    block_on(stage.register.release(BUCKET, &hold("secret", 1, Side::Source, "1"))).unwrap();
    assert_eq!(stage.ask(step("advance", 1, "handoff")).unwrap()["phase"], "handoff");
}

#[test]
fn the_way_back_is_not_claimed_while_an_object_of_it_is_held() {
    let stage = Stage::moved();
    let gauge = || stage.ask(plain("status")).unwrap()["rollback"].clone();
    assert_eq!(gauge()["can_go_back"], true);
    stage.hold_object("k", 1, Side::Source, "1");
    assert_eq!(gauge()["can_go_back"], true, "what was held of the run that is over counts no longer");
    stage.hold_object("k", 2, Side::Target, "1");
    assert_eq!(gauge()["can_go_back"], false);
    assert!(gauge()["why"].as_str().unwrap().contains("1 keys are held"), "{}", gauge());
}

#[test]
fn redrive_has_the_copier_look_again_and_says_what_came_of_it() {
    let stage = Stage::copying();
    for name in ["carried", "refused", "untried"] {
        stage.hold_object(name, 1, Side::Source, "1");
    }
    let steering = stage.steering();
    let mut report = RedriveReport::default();
    let asked = block_on(async {
        let subject = steering.subjects().await.unwrap().remove(0);
        let mut asked = Vec::new();
        for hold in stage.register.holds(BUCKET, Side::Source, None, 9).await.unwrap() {
            asked.extend(steering.ask(&subject, hold, &mut report).await.unwrap());
        }
        asked
    });
    // What the copier does with it.
    block_on(stage.register.release(BUCKET, &hold("carried", 1, Side::Source, "1"))).unwrap();
    stage.hold_object("refused", 1, Side::Source, "2");
    block_on(steering.answers(asked, &mut report)).unwrap();
    let answer = serde_json::to_value(&report).unwrap();
    let mut asked: Vec<String> = stage.world.looks.lock().unwrap().iter().map(|(_, key)| key.clone()).collect();
    asked.sort();
    assert_eq!(asked, ["carried", "refused", "untried"]);
    assert!(stage.world.looks.lock().unwrap().iter().all(|(queue, _)| queue == "livemove-orders-forward-objects"));
    assert_eq!(answer["released"], 1);
    let mut failing: Vec<_> = answer["failing"].as_array().unwrap().iter().map(|one| one["error"].clone()).collect();
    failing.sort_by_key(ToString::to_string);
    assert_eq!(failing, ["InvalidObjectState", "NotTriedYet"]);
    assert!(answer.to_string().contains("restore the object from its archive"), "{answer}");
    assert!(!answer.to_string().contains("to be shown"), "no names: {answer}");
}

#[test]
fn an_object_held_for_what_counts_no_longer_is_released() {
    let stage = Stage::copying();
    stage.hold_object("k", 1, Side::Source, "1");
    stage.ask(step("retreat", 1, "old")).unwrap();
    assert_eq!(stage.bucket()["held"], 0);
    assert_eq!(stage.ask(plain("redrive")).unwrap()["void"], 1);
    assert!(stage.world.looks.lock().unwrap().is_empty());
}

#[test]
fn events_that_were_given_up_hold_their_objects() {
    let stage = Stage::copying();
    stage.dead("one", "k");
    stage.dead("two", "_lm_pulse-1-5");
    assert_eq!(stage.look()["given_up"], json!({"messages": 2, "held": 1, "void": 0, "lost": 0}));
    assert_eq!(stage.bucket()["held"], 1);
    assert!(stage.world.undelivered.lock().unwrap()[DEAD].is_empty());
    stage.ask(step("retreat", 1, "old")).unwrap();
    stage.dead("three", "other");
    assert_eq!(stage.look()["given_up"], json!({"messages": 1, "held": 0, "void": 1, "lost": 0}));
}

#[test]
fn what_is_no_event_in_a_dead_letter_queue_keeps_nobody_from_being_held_and_redriven() {
    let stage = Stage::copying();
    let other = Undelivered { receipt: "other".to_owned(), keys: None };
    stage.world.undelivered.lock().unwrap().insert(DEAD.to_owned(), vec![other]);
    stage.dead("one", "k");
    let found = stage.look();
    assert_eq!((&found["given_up"]["held"], &found["complete"]), (&json!(1), &json!(false)), "{found}");
    assert!(found["failed"][0].as_str().unwrap().contains("MalformedMessage"), "{found}");
    let answer = stage.ask(plain("redrive")).unwrap();
    assert_eq!(answer["failing"][0]["error"], "NotTriedYet", "{answer}");
    assert_eq!(stage.world.undelivered.lock().unwrap()[DEAD].len(), 1, "it is for a person to remove");
}

#[test]
fn a_bucket_whose_events_are_switched_off_is_broken_until_it_is_copied_again() {
    let stage = Stage::copying();
    stage.look();
    stage.delivery("pictures", |delivery| delivery.sent = false);
    assert_eq!(stage.look()["gaps"][0]["lost"], true);
    assert!(stage.bucket()["broken"].as_str().unwrap().contains("does not send its events"), "{}", stage.bucket());
    assert_eq!(stage.ask(plain("health")).unwrap()["healthy"], false);
    stage.delivery("pictures", |delivery| delivery.sent = true);
    stage.ask(step("advance", 1, "guarded")).unwrap();
    stage.pass(W);
    stage.ask(arm(1, "target")).unwrap();
    stage.see_canaries();
    let reason = stage.refused(step("advance", 1, "handoff"), "GateClosed");
    assert!(reason.contains("bucket#pictures: broken"), "{reason}");
}

#[test]
fn a_new_copy_heals_a_bucket_and_forgets_what_was_lost_before_it() {
    let stage = Stage::copying();
    stage.look();
    stage.pass(6 * MINUTE);
    assert!(stage.look()["gaps"].to_string().contains("has not come to its queue"));
    assert!(stage.bucket()["broken"].as_str().unwrap().contains("others may be lost"));
    stage.world.canaries.lock().unwrap().clear();
    stage.ask(step("retreat", 1, "old")).unwrap();
    stage.pass(W);
    stage.ask(arm(1, "source")).unwrap();
    stage.see_canaries();
    stage.ask(step("advance", 1, "copy")).unwrap();
    assert_eq!(stage.bucket()["broken"], Value::Null);
    stage.look();
    stage.see_canaries();
    assert_eq!(stage.look()["complete"], true);
    assert_eq!(stage.bucket()["broken"], Value::Null);
}

#[test]
fn an_outage_of_events_that_is_over_is_found_all_the_same() {
    let stage = Stage::copying();
    stage.look();
    // This pulse goes nowhere; the ones of the tables come through, and nothing is wrong to be seen.
    stage.see_all_but("pictures");
    for _ in 0..5 {
        stage.pass(MINUTE);
        assert_eq!(stage.look()["complete"], true);
        assert!(!stage.world.canaries.lock().unwrap().iter().any(|(name, _)| name == "pictures"), "it is written once");
        stage.see_canaries();
    }
    stage.pass(1);
    assert_eq!(stage.look()["gaps"][0]["lost"], true);
    assert!(stage.bucket()["broken"].as_str().unwrap().contains("5 minutes ago"), "{}", stage.bucket());
}

#[test]
fn a_pulse_that_could_not_be_written_is_written_again_and_no_loss() {
    let stage = Stage::copying();
    *stage.world.no_pulses.lock().unwrap() = true;
    assert_eq!(stage.look()["complete"], false, "it says what it could not do");
    stage.pass(6 * MINUTE);
    stage.look();
    assert_eq!(stage.bucket()["broken"], Value::Null);
    *stage.world.no_pulses.lock().unwrap() = false;
    stage.look();
    stage.see_canaries();
    assert_eq!(stage.look()["complete"], true);
}

#[test]
fn a_copier_that_lags_closes_the_gate_and_loses_nothing() {
    let stage = Stage::moved();
    stage.look();
    stage.delivery("pictures-new", |delivery| delivery.waiting = 3);
    stage.see_all_but("pictures-new");
    stage.pass(5 * MINUTE + 1);
    let found = stage.look();
    assert_eq!(found["gaps"][0]["lost"], false, "{found}");
    assert!(found["gaps"][0]["reason"].as_str().unwrap().contains("3 messages wait"), "{found}");
    let rollback = stage.ask(plain("status")).unwrap()["rollback"].clone();
    assert_eq!(rollback["can_go_back"], false, "{rollback}");
    assert_eq!(stage.bucket()["broken"], Value::Null);
}

#[test]
fn a_mapping_of_a_bucket_that_is_disabled_loses_nothing_for_two_weeks() {
    let stage = Stage::copying();
    stage.delivery("pictures", |delivery| {
        delivery.waiting = 9;
        delivery.mapping = None;
    });
    let found = stage.look();
    assert!(found["gaps"][0]["reason"].as_str().unwrap().contains("is missing"), "{found}");
    stage.pass(13 * DAY);
    stage.see_canaries();
    stage.look();
    assert_eq!(stage.bucket()["broken"], Value::Null);
    stage.pass(1);
    stage.look();
    assert!(stage.bucket()["broken"].as_str().unwrap().contains("is missing"), "{}", stage.bucket());
}
