//! The watch: what it finds, what that closes, and what opens it again.

use super::*;

const MINUTE: Millis = 60_000;
const HOUR: Millis = 60 * MINUTE;

impl Stage {
    fn following(&self, table: &str, change: impl FnOnce(&mut Following)) {
        let mut all = self.world.following.lock().unwrap();
        change(all.entry(table.to_owned()).or_insert_with(|| Made::well(table)));
    }

    fn mapping(&self, table: &str, state: &str) {
        self.following(table, |following| following.mapping.as_mut().unwrap().state = state.to_owned());
    }

    /// One look; pulses arrive after it.
    fn watch(&self) -> Value {
        let found = self.ask(plain("watch")).unwrap();
        self.see_canaries();
        found
    }

    fn broken(&self) -> Option<String> {
        block_on(States::load(&self.register, TABLE)).unwrap().unwrap().0.broken
    }
}

#[test]
fn nothing_is_found_where_all_is_well_and_nothing_is_asked_before_there_is_a_plan() {
    let stage = Stage::new();
    assert_eq!(stage.ask(plain("watch")).unwrap()["complete"], true);
    let stage = Stage::copying();
    for _ in 0..10 {
        assert_eq!(stage.watch()["complete"], true);
        stage.pass(MINUTE);
    }
    assert_eq!(stage.broken(), None);
    assert_eq!(stage.ask(step("advance", 1, "guarded")).unwrap()["phase"], "guarded");
}

#[test]
fn a_stream_that_was_switched_off_breaks_the_table_until_all_is_copied_again() {
    let stage = Stage::copying();
    stage.watch();
    stage.following("orders", |following| following.view = None);
    // The gate does not wait for the watch.
    assert!(stage.refused(step("advance", 1, "guarded"), "GateClosed").contains("is off"));
    assert_eq!(stage.watch()["gaps"][0]["lost"], true);
    assert!(stage.broken().unwrap().contains("the stream of the source table is off"));
    let status = stage.ask(plain("status")).unwrap();
    assert_eq!(status["rollback"]["can_go_back"], false);
    assert_eq!(stage.ask(plain("health")).unwrap()["healthy"], false);
    // On again, with another ARN, and wired: what was missed is missed.
    stage.following("orders", |following| {
        *following = Made::well("orders");
        following.stream = Some("arn:orders/2".to_owned());
        following.mapping.as_mut().unwrap().stream = "arn:orders/2".to_owned();
    });
    stage.watch();
    assert!(stage.refused(step("advance", 1, "guarded"), "GateClosed").contains("broken"));
    stage.ask(step("retreat", 1, "old")).unwrap();
    stage.ask(arm(1, "source")).unwrap();
    stage.see_canaries();
    stage.ask(step("advance", 1, "copy")).unwrap();
    stage.pass(W);
    for job in [Job::Copy, Job::Verify] {
        stage.did(TABLE, 1, job, Counts::default());
        stage.did(BUCKET, 1, job, Counts::default());
    }
    assert_eq!(stage.watch()["complete"], true, "the new stream is the one that counts now");
    assert_eq!(stage.broken(), None);
    assert_eq!(stage.ask(step("advance", 1, "guarded")).unwrap()["phase"], "guarded");
}

#[test]
fn a_stream_that_was_off_between_two_looks_is_found_by_its_arn() {
    let stage = Stage::copying();
    stage.watch();
    stage.following("orders", |following| {
        following.stream = Some("arn:orders/2".to_owned());
        following.mapping.as_mut().unwrap().stream = "arn:orders/2".to_owned();
    });
    stage.watch();
    assert!(stage.broken().unwrap().contains("off and on again"));
}

#[test]
fn a_mapping_of_another_stream_breaks_the_table_even_at_the_first_look() {
    let stage = Stage::copying();
    stage.following("orders", |following| following.mapping.as_mut().unwrap().stream = "arn:orders/0".to_owned());
    stage.watch();
    assert!(stage.broken().unwrap().contains("the replicator reads arn:orders/0"));
}

#[test]
fn a_mapping_that_is_disabled_for_two_minutes_closes_the_gate_and_loses_nothing() {
    let stage = Stage::copying();
    stage.watch();
    stage.mapping("orders", "Disabled");
    for _ in 0..2 {
        assert_eq!(stage.watch()["gaps"][0]["lost"], false);
        stage.pass(MINUTE);
    }
    let reason = stage.refused(step("advance", 1, "guarded"), "GateClosed");
    assert!(reason.contains("is Disabled, for 2 minutes") && reason.contains("enable"), "{reason}");
    stage.mapping("orders", "Enabled");
    assert_eq!(stage.watch()["complete"], true);
    assert_eq!(stage.broken(), None);
    assert_eq!(stage.ask(step("advance", 1, "guarded")).unwrap()["phase"], "guarded");
}

#[test]
fn a_mapping_that_is_missing_for_a_day_breaks_the_table() {
    let stage = Stage::copying();
    stage.following("orders", |following| following.mapping = None);
    stage.watch();
    stage.pass(22 * HOUR);
    stage.watch();
    assert_eq!(stage.broken(), None);
    stage.pass(1);
    stage.watch();
    assert!(stage.broken().unwrap().contains("is missing"));
}

#[test]
fn a_replicator_that_is_silent_while_there_are_writes_is_found_in_minutes() {
    let stage = Stage::copying();
    let look = || stage.ask(plain("watch")).unwrap();
    assert_eq!(look()["complete"], true);
    let sent = stage.world.canaries.lock().unwrap().last().cloned();
    stage.pass(5 * MINUTE);
    assert_eq!(look()["complete"], true);
    stage.pass(1);
    let found = look();
    assert!(found["gaps"][0]["reason"].as_str().unwrap().contains("5 minutes ago"), "{found}");
    assert_eq!(stage.world.canaries.lock().unwrap().last().cloned(), sent, "the same nonce again");
    stage.refused(step("advance", 1, "guarded"), "GateClosed");
    stage.see_canaries();
    assert_eq!(look()["complete"], true);
    assert_eq!(stage.broken(), None);
    stage.pass(23 * HOUR);
    look();
    assert!(stage.broken().unwrap().contains("has not come through"));
}

#[test]
fn a_pulse_does_not_disarm_a_run() {
    let stage = Stage::copying();
    stage.ask(step("advance", 1, "guarded")).unwrap();
    stage.pass(W);
    stage.ask(arm(1, "target")).unwrap();
    stage.see_canaries();
    stage.ask(plain("watch")).unwrap();
    assert_eq!(stage.ask(step("advance", 1, "handoff")).unwrap()["phase"], "handoff");
}

#[test]
fn the_way_back_is_not_claimed_while_nobody_follows() {
    let stage = Stage::moved();
    let gauge = || stage.ask(plain("status")).unwrap()["rollback"].clone();
    assert_eq!(gauge()["can_go_back"], true);
    stage.mapping("orders-new", "Disabled");
    assert_eq!(gauge()["can_go_back"], false);
    assert!(gauge()["why"].as_str().unwrap().contains("target table"), "{}", gauge());
    stage.mapping("orders", "Disabled");
    stage.mapping("orders-new", "Enabled");
    assert_eq!(gauge()["can_go_back"], true, "the stream that nothing is replicated from does not count");
}
