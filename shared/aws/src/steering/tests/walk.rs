//! There, back and complete, as the state machines walk; every call twice, as after a crash.

use super::*;

impl Stage {
    /// Asks twice: the second call finds everything done and answers the same.
    #[track_caller]
    fn twice(&self, request: Value) -> Value {
        let first = self.ask(request.clone()).unwrap();
        let second = self.ask(request).unwrap();
        assert_eq!(first, second, "a repeated call answers the same");
        first
    }

    #[track_caller]
    fn armed(&self, run: u32, stream: &str) {
        assert_eq!(self.twice(arm(run, stream)), json!({"armed": false, "wait_seconds": 2}));
        self.see_canaries();
        assert_eq!(self.twice(arm(run, stream)), json!({"armed": true, "wait_seconds": 0}));
    }

    fn copied(&self, run: u32) {
        for subject in [TABLE, BUCKET] {
            self.did(subject, run, Job::Copy, Counts::default());
            self.did(subject, run, Job::Verify, Counts::default());
        }
    }

    /// One run from its begin to `new`.
    #[track_caller]
    fn run_through(&self, run: u32, direction: &str) {
        assert_eq!(self.twice(begin(direction)), json!({"run": run, "there": false, "retreat": false}));
        self.armed(run, "source");
        assert_eq!(self.twice(step("advance", run, "copy")), json!({"phase": "copy", "wait_seconds": 1}));
        self.pass(W);
        self.copied(run);
        assert_eq!(
            self.twice(of_run("verified", run)),
            json!({"identical": true, "differences": 0, "large": 0, "held": 0})
        );
        assert_eq!(self.twice(step("advance", run, "guarded"))["phase"], "guarded");
        assert_eq!(self.phase_of(BUCKET), (run, "copy".to_owned()), "a bucket is not frozen for an approval");
        assert_eq!((self.ttl("orders"), self.ttl("orders-new")), (Ttl::Disabled, Ttl::Disabled));
        self.pass(W);
        self.armed(run, "target");
        self.cut_over(run, "bucket", BUCKET);
        assert_eq!(self.phase_of(BUCKET), (run, "new".to_owned()));
        assert_eq!(self.phase_of(TABLE), (run, "guarded".to_owned()), "objects before the items that point at them");
        self.cut_over(run, "table", TABLE);
        let certified = self.twice(of_run("certify", run));
        assert_eq!(certified["certificates"].as_array().map(Vec::len), Some(2));
        assert_eq!(certified["certificates"][1]["counts"]["read"], 10);
    }

    /// From the handoff of one kind to its `new`, as the state machine takes buckets, then tables.
    #[track_caller]
    fn cut_over(&self, run: u32, kind: &str, subject: &str) {
        let only = |mut request: Value| {
            request["only"] = json!(kind);
            request
        };
        assert_eq!(self.twice(only(step("advance", run, "handoff")))["phase"], "handoff");
        self.refused(only(of_run("seal", run)), "TooEarly");
        self.pass(W);
        assert_eq!(self.twice(only(of_run("seal", run))), json!({"phase": "handoff", "wait_seconds": 1}));
        self.refused(only(of_run("certify", run)), "TooEarly");
        self.pass(W);
        self.refused(only(step("advance", run, "new")), "GateClosed");
        self.did(subject, run, Job::Finish, Counts::default());
        self.did(subject, run, Job::Certify, Counts { read: 5, ..Counts::default() });
        assert_eq!(self.twice(only(of_run("certify", run)))["certificates"].as_array().map(Vec::len), Some(1));
        assert_eq!(self.twice(only(step("advance", run, "new")))["phase"], "new");
    }
}

#[test]
fn there_and_back_and_there_again_and_complete() {
    let stage = Stage::new();
    let checked = stage.twice(preflight());
    assert_eq!(checked["subjects"], json!([BUCKET, TABLE]));
    assert_eq!(stage.twice(begin("back")), json!({"run": 1, "there": true, "retreat": false}));
    stage.run_through(1, "forward");
    let expires = Ttl::Enabled("expires".to_owned());
    assert_eq!((stage.ttl("orders"), stage.ttl("orders-new")), (Ttl::Disabled, expires.clone()));
    assert_eq!(stage.twice(begin("forward")), json!({"run": 1, "there": true, "retreat": false}));
    stage.refused(begin("back"), "TooEarly");
    stage.pass(W);
    stage.run_through(2, "back");
    assert_eq!((stage.ttl("orders"), stage.ttl("orders-new")), (expires.clone(), Ttl::Disabled));
    stage.pass(W);
    stage.run_through(3, "forward");
    assert_eq!(stage.twice(plain("health")), json!({"healthy": true, "serving": "target", "phase": "new"}));
    stage.refused(step("advance", 3, "final"), "TooEarly");
    stage.pass(W);
    assert_eq!(stage.twice(step("advance", 3, "final"))["phase"], "final");
    assert_eq!((stage.ttl("orders"), stage.ttl("orders-new")), (Ttl::Disabled, expires));
    stage.refused(begin("back"), "PointOfNoReturn");
    let status = stage.twice(plain("status"));
    assert_eq!(
        (&status["run"], &status["phase"], &status["rollback"]["can_go_back"]),
        (&json!(3), &json!("final"), &json!(false))
    );
}

#[test]
fn a_run_is_given_up_and_begun_anew() {
    let stage = Stage::new();
    stage.ask(preflight()).unwrap();
    stage.ask(begin("forward")).unwrap();
    stage.armed(1, "source");
    stage.ask(step("advance", 1, "copy")).unwrap();
    stage.pass(W);
    stage.copied(1);
    stage.ask(step("advance", 1, "guarded")).unwrap();
    assert_eq!(stage.twice(begin("back")), json!({"run": 1, "there": false, "retreat": true}));
    assert_eq!(stage.twice(step("retreat", 1, "copy"))["phase"], "copy");
    assert_eq!(stage.ttl("orders"), Ttl::Enabled("expires".to_owned()), "items of the source expire again");
    assert_eq!(stage.twice(step("retreat", 1, "old"))["phase"], "old");
    // What was proved before the retreat proves nothing now: writes since then were not replicated.
    stage.refused(step("advance", 1, "copy"), "GateClosed");
    stage.armed(1, "source");
    stage.ask(step("advance", 1, "copy")).unwrap();
    stage.pass(W);
    let reasons = stage.refused(step("advance", 1, "guarded"), "GateClosed");
    assert!(reasons.contains("copy has done 0 of 0") && reasons.contains("verify has done 0 of 0"), "{reasons}");
}

#[test]
fn a_canary_is_sent_again_under_the_same_nonce() {
    let stage = Stage::new();
    stage.ask(preflight()).unwrap();
    stage.ask(arm(1, "source")).unwrap();
    let first = stage.world.canaries.lock().unwrap().clone();
    assert_eq!(first.len(), 2);
    stage.pass(29_000);
    stage.ask(arm(1, "source")).unwrap();
    assert_eq!(stage.world.canaries.lock().unwrap().len(), 2, "it may still come");
    stage.pass(1_000);
    stage.ask(arm(1, "source")).unwrap();
    assert_eq!(stage.world.canaries.lock().unwrap()[2..], first);
}

#[test]
fn time_to_live_that_cannot_be_switched_holds_the_handoff_but_not_the_step_before() {
    let stage = Stage::new();
    stage.ask(preflight()).unwrap();
    stage.armed(1, "source");
    stage.ask(step("advance", 1, "copy")).unwrap();
    stage.pass(W);
    stage.copied(1);
    *stage.world.ttl_is_stuck.lock().unwrap() = true;
    let answer = stage.ask(step("advance", 1, "guarded")).unwrap();
    assert!(answer["warnings"][0].as_str().unwrap().contains("disable time to live"), "{answer}");
    stage.pass(W);
    stage.armed(1, "target");
    let reason = stage.refused(step("advance", 1, "handoff"), "GateClosed");
    assert!(reason.contains("time to live of the run's source is on"), "{reason}");
    assert_eq!(stage.phase_of(BUCKET), (1, "copy".to_owned()), "nothing moves while one gate is closed");
    // The next call switches it by itself.
    *stage.world.ttl_is_stuck.lock().unwrap() = false;
    assert_eq!(stage.ask(step("advance", 1, "handoff")).unwrap()["phase"], "handoff");
}
