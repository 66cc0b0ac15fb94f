use super::gate::{Facts, Ttl, gate, may_work, refusal};
use super::*;
use crate::canonical::Digest;
use crate::certificate::{Certificate, Direction};
use crate::checkpoint::Counts;
use crate::phase::Step;
use crate::plan::Entry;
use crate::register::JobSummary;

const SINCE: Millis = 100_000;
const W: Millis = 9_000;

fn state(run: u32, phase: Phase, sealed: bool) -> State {
    State {
        version: 5,
        run: Run(run),
        phase,
        sealed,
        sealed_at: if sealed { SINCE } else { 0 },
        marked: phase >= Phase::Guarded,
        since: SINCE,
        broken: None,
    }
}

fn done() -> JobSummary {
    JobSummary { segments: 4, done: 4, busy_until: 0, counts: Counts::default() }
}

fn certificate(state: &State) -> Certificate {
    Certificate {
        migration: "orders".to_owned(),
        subject: "table#orders".to_owned(),
        run: state.run,
        direction: Direction::of(state.run),
        build: "0".to_owned(),
        issued_at: SINCE,
        sealed_at: state.sealed_at,
        segments: 1,
        counts: Counts::default(),
        source_digest: Digest::default(),
        target_digest: Digest::default(),
        position: None,
    }
}

/// Facts under which every gate of that state is open.
fn open(state: &State) -> Facts {
    let canary = Canary { nonce: "n".to_owned(), run: state.run, sent: SINCE, seen: Some(SINCE + 1) };
    Facts {
        now: SINCE + W,
        source_canary: Some(canary.clone()),
        target_canary: Some(canary),
        copy: done(),
        verify: done(),
        certificate: Some(certificate(state)),
        ..Facts::default()
    }
}

#[track_caller]
fn closed(kind: Kind, state: &State, step: Step, change: impl Fn(&mut Facts), name: &str, part: &str) {
    let mut facts = open(state);
    gate(kind, state, step, &facts).expect("open before the change");
    change(&mut facts);
    let error = refusal(&gate(kind, state, step, &facts).expect_err("closed"));
    assert_eq!(error.name(), name, "{error}");
    assert!(error.to_string().contains(part), "{error}");
}

fn early(facts: &mut Facts) {
    facts.now -= 1;
}

#[test]
fn copy_needs_the_source_stream_armed_in_this_state() {
    for (kind, run) in [(Kind::Table, 1), (Kind::Table, 2), (Kind::Bucket, 1)] {
        let (old, step) = (state(run, Phase::Old, false), Step::Advance(Phase::Copy));
        let set = |canary: Option<Canary>| move |facts: &mut Facts| facts.source_canary.clone_from(&canary);
        let canary = Canary { nonce: "n".to_owned(), run: Run(run), sent: SINCE, seen: Some(SINCE) };
        closed(kind, &old, step, set(None), "GateClosed", "canary");
        closed(kind, &old, step, set(Some(Canary { seen: None, ..canary.clone() })), "GateClosed", "canary");
        closed(kind, &old, step, set(Some(Canary { run: Run(run + 1), ..canary.clone() })), "GateClosed", "canary");
        closed(kind, &old, step, set(Some(Canary { sent: SINCE - 1, ..canary })), "GateClosed", "canary");
        closed(kind, &old, step, |facts| facts.copy.busy_until = facts.now + 5, "TooEarly", "worker of copy");
        closed(kind, &old, step, |facts| facts.verify.busy_until = facts.now + 5, "TooEarly", "worker of verify");
        closed(kind, &old, step, |facts| facts.repair.busy_until = facts.now + 5, "TooEarly", "worker of repair");
    }
}

#[test]
fn guarded_needs_a_whole_copy_and_an_identical_verification() {
    for kind in [Kind::Table, Kind::Bucket] {
        let (copy, step) = (state(1, Phase::Copy, false), Step::Advance(Phase::Guarded));
        closed(kind, &copy, step, early, "TooEarly", "others may still act");
        closed(kind, &copy, step, |facts| facts.copy.done = 3, "GateClosed", "copy has done 3 of 4");
        closed(kind, &copy, step, |facts| facts.copy = JobSummary::default(), "GateClosed", "copy has done 0 of 0");
        closed(kind, &copy, step, |facts| facts.copy.busy_until = facts.now + 1, "TooEarly", "worker of copy");
        closed(kind, &copy, step, |facts| facts.repair.busy_until = facts.now + 1, "TooEarly", "worker of repair");
        closed(kind, &copy, step, |facts| facts.verify.done = 0, "GateClosed", "verify has done 0 of 4");
        closed(kind, &copy, step, |facts| facts.verify.counts.differing = 2, "GateClosed", "2 differ");
        closed(kind, &copy, step, |facts| facts.verify.counts.large = 3, "GateClosed", "3 items have more than 409450");
    }
    let facts = Facts { now: SINCE + W, entry: Entry::NewFirst, ..Facts::default() };
    gate(Kind::Table, &state(1, Phase::Copy, false), Step::Advance(Phase::Guarded), &facts)
        .expect("new-first copies later");
}

#[test]
fn handoff_needs_the_lease_over_a_follower_and_no_expiry() {
    let (guarded, step) = (state(1, Phase::Guarded, false), Step::Advance(Phase::Handoff));
    let table = |change: &dyn Fn(&mut Facts), name, part| closed(Kind::Table, &guarded, step, change, name, part);
    table(&early, "TooEarly", "others may still act");
    table(&|facts| facts.target_canary = None, "GateClosed", "run's target");
    table(&|facts| facts.target_canary.as_mut().expect("canary").run = Run(3), "GateClosed", "run's target");
    table(&|facts| facts.copy.done = 0, "GateClosed", "copy has done");
    table(
        &|facts| facts.ttl[0] = Ttl::Enabled("expires".to_owned()),
        "GateClosed",
        "time to live of the run's source is on",
    );
    table(
        &|facts| facts.ttl[1] = Ttl::Enabled("expires".to_owned()),
        "GateClosed",
        "time to live of the run's target is on",
    );
    table(&|facts| facts.ttl[1] = Ttl::Changing, "TooEarly", "being switched");
    let mut facts = Facts { entry: Entry::NewFirst, copy: JobSummary::default(), ..open(&guarded) };
    gate(Kind::Table, &guarded, step, &facts).expect("new-first hands off into an empty table");
    facts.entry = Entry::CopyFirst;
    gate(Kind::Table, &guarded, step, &facts).expect_err("copy-first does not");
}

#[test]
fn seal_and_new_need_the_lease_the_copy_and_the_certificate_of_this_seal() {
    for (kind, last) in [(Kind::Table, Phase::Handoff), (Kind::Bucket, Phase::Guarded)] {
        let unsealed = state(1, last, false);
        closed(kind, &unsealed, Step::Seal, early, "TooEarly", "others may still act");
        closed(kind, &unsealed, Step::Seal, |facts| facts.copy.done = 1, "GateClosed", "copy has done 1 of 4");
        let (sealed, step) = (state(1, last, true), Step::Advance(Phase::New));
        closed(kind, &sealed, step, |facts| facts.certificate = None, "GateClosed", "certificate");
        let other = |change: fn(&mut Certificate)| {
            move |facts: &mut Facts| change(facts.certificate.as_mut().expect("certificate"))
        };
        closed(kind, &sealed, step, other(|c| c.run = Run(3)), "GateClosed", "certificate");
        closed(kind, &sealed, step, other(|c| c.sealed_at -= 1), "GateClosed", "certificate");
        closed(kind, &sealed, step, |facts| facts.finish.busy_until = facts.now + 1, "TooEarly", "worker of finish");
        gate(kind, &unsealed, step, &open(&unsealed)).expect_err("not sealed");
    }
}

#[test]
fn turning_and_completing_wait_for_the_lease() {
    for kind in [Kind::Table, Kind::Bucket] {
        closed(kind, &state(1, Phase::New, false), Step::Turn, early, "TooEarly", "others may still act");
        closed(
            kind,
            &state(1, Phase::New, false),
            Step::Advance(Phase::Final),
            early,
            "TooEarly",
            "others may still act",
        );
    }
}

#[test]
fn no_step_skips_a_phase_whatever_the_facts() {
    use Phase::{Copy, Final, Guarded, Handoff, New, Old};
    let phases = [Old, Copy, Guarded, Handoff, New, Final];
    let mut steps: Vec<Step> = phases.into_iter().flat_map(|p| [Step::Advance(p), Step::Retreat(p)]).collect();
    steps.extend([Step::Seal, Step::Turn]);
    for kind in [Kind::Table, Kind::Bucket] {
        for (from, sealed) in phases.into_iter().flat_map(|phase| [(phase, false), (phase, true)]) {
            let state = state(1, from, sealed);
            for step in &steps {
                if let Ok(next) = gate(kind, &state, *step, &open(&state)) {
                    assert_eq!(next, State { broken: None, ..state.after(kind, *step, SINCE + W).expect("legal") });
                    assert_eq!(next.version, state.version + 1);
                }
            }
        }
    }
    let all = open(&state(1, Old, false));
    let jump = gate(Kind::Table, &state(1, Old, false), Step::Advance(New), &all).expect_err("a jump");
    assert!(jump[0].reason.contains("not a step"), "{jump:?}");
}

#[test]
fn a_broken_state_only_goes_where_everything_is_compared_again() {
    let broken = |phase, sealed| State { broken: Some("stream gap".to_owned()), ..state(1, phase, sealed) };
    for (phase, to) in [(Phase::Copy, Phase::Guarded), (Phase::Guarded, Phase::Handoff), (Phase::New, Phase::Final)] {
        let state = broken(phase, false);
        let reasons = gate(Kind::Table, &state, Step::Advance(to), &open(&state)).expect_err("broken");
        assert!(reasons[0].reason.contains("stream gap") && reasons[0].wait_ms.is_none());
    }
    let kept = [
        (Phase::Copy, false, Step::Retreat(Phase::Old)),
        (Phase::Guarded, false, Step::Retreat(Phase::Copy)),
        (Phase::Handoff, false, Step::Seal),
        (Phase::Handoff, true, Step::Advance(Phase::New)),
        (Phase::New, false, Step::Turn),
    ];
    for (phase, sealed, step) in kept {
        let state = broken(phase, sealed);
        let next = gate(Kind::Table, &state, step, &open(&state)).expect("a way out");
        assert!(next.broken.is_some(), "{step} does not heal");
    }
    let old = broken(Phase::Old, false);
    let healed = gate(Kind::Table, &old, Step::Advance(Phase::Copy), &open(&old)).expect("a new copy");
    assert_eq!(healed.broken, None);
}

#[test]
fn all_reasons_come_at_once() {
    let guarded = state(1, Phase::Guarded, false);
    let facts = Facts { now: SINCE, ttl: [Ttl::Enabled("a".to_owned()), Ttl::Changing], ..Facts::default() };
    let reasons = gate(Kind::Table, &guarded, Step::Advance(Phase::Handoff), &facts).expect_err("closed");
    assert_eq!(reasons.len(), 5, "{reasons:?}");
    assert!(reasons.iter().all(|closed| !closed.remedy.is_empty()));
    assert_eq!(refusal(&reasons).name(), "GateClosed");
}

#[test]
fn work_starts_when_nobody_acts_on_the_state_before() {
    let copy = state(1, Phase::Copy, false);
    let wait = |now| may_work(&copy, &Timing::default(), now).err().and_then(|closed| closed.wait_ms);
    assert_eq!((wait(SINCE), wait(SINCE + W - 1), wait(SINCE + W)), (Some(W), Some(1), None));
}

#[test]
fn a_bucket_freezes_only_when_the_tables_hand_off() {
    use Phase::{Copy, Guarded, Handoff, New};
    assert_eq!(
        [Copy, Guarded, Handoff, New].map(|p| phase_for(Kind::Bucket, p)),
        [Some(Copy), None, Some(Guarded), Some(New)]
    );
    assert!([Copy, Guarded, Handoff, New].iter().all(|p| phase_for(Kind::Table, *p) == Some(*p)));
}

#[test]
fn ends_swap_with_the_direction() {
    assert_eq!((RunEnd::Source.side(Run(1)), RunEnd::Target.side(Run(1))), (Side::Source, Side::Target));
    assert_eq!((RunEnd::Source.side(Run(2)), RunEnd::Target.side(Run(2))), (Side::Target, Side::Source));
}

#[test]
fn the_gauge_and_health_say_where_one_is() {
    let go = |run, phase| gauge(&state(run, phase, false), &[]).can_go_back;
    assert!(go(1, Phase::Old) && go(1, Phase::Copy) && go(1, Phase::Guarded) && go(1, Phase::New) && go(2, Phase::Old));
    assert!(!go(1, Phase::Handoff) && !go(1, Phase::Final));
    let broken = State { broken: Some("gap".to_owned()), ..state(1, Phase::New, false) };
    assert!(!gauge(&broken, &[]).can_go_back && gauge(&broken, &[]).why.contains("gap"));
    assert_eq!(health(&broken), Health { healthy: false, serving: Side::Target, phase: Phase::New });
    assert_eq!(health(&state(2, Phase::New, false)).serving, Side::Source);
}

fn course(states: &[(u32, Phase)], direction: Direction) -> Result<Begin, String> {
    let states: Vec<_> =
        states.iter().enumerate().map(|(i, (run, phase))| (format!("table#{i}"), state(*run, *phase, false))).collect();
    begin(&states, direction).map_err(|error| error.name().to_owned())
}

fn expected(run: u32, there: bool, retreat: bool, turn: &[usize]) -> Result<Begin, String> {
    Ok(Begin { run: Run(run), there, retreat, turn: turn.to_vec() })
}

#[test]
fn begin_leads_from_every_single_state() {
    use Direction::{Back, Forward};
    use Phase::{Copy, Final, Guarded, Handoff, New, Old};
    for (with, against, run) in [(Forward, Back, 1), (Back, Forward, 2), (Forward, Back, 3)] {
        for phase in [Old, Copy, Guarded, Handoff] {
            assert_eq!(course(&[(run, phase)], with), expected(run, false, false, &[]));
        }
        assert_eq!(course(&[(run, New)], with), expected(run, true, false, &[]));
        assert_eq!(course(&[(run, Old)], against), expected(run, true, false, &[]));
        assert_eq!(course(&[(run, Copy)], against), expected(run, false, true, &[]));
        assert_eq!(course(&[(run, Guarded)], against), expected(run, false, true, &[]));
        assert_eq!(course(&[(run, Handoff)], against), Err("FinishFirst".to_owned()));
        assert_eq!(course(&[(run, New)], against), expected(run + 1, false, false, &[0]));
        assert_eq!(course(&[(run, Final)], with), Err("PointOfNoReturn".to_owned()));
        assert_eq!(course(&[(run, Final)], against), Err("PointOfNoReturn".to_owned()));
    }
}

#[test]
fn begin_goes_on_from_what_a_crash_between_two_subjects_leaves() {
    use Direction::{Back, Forward};
    use Phase::{Copy, Guarded, Handoff, New, Old};
    assert_eq!(course(&[(1, New), (1, Handoff)], Forward), expected(1, false, false, &[]), "one has arrived");
    assert_eq!(course(&[(2, Old), (1, New)], Back), expected(2, false, false, &[1]), "one has turned");
    assert_eq!(course(&[(1, Old), (1, Copy)], Back), expected(1, false, true, &[]), "one has retreated");
    assert_eq!(
        course(&[(2, Old), (1, New)], Forward),
        expected(2, true, false, &[]),
        "one has turned, and is not wanted"
    );
    assert_eq!(course(&[(1, Guarded), (1, New)], Back), Err("FinishFirst".to_owned()), "keys have arrived for one");
    assert_eq!(course(&[(1, Guarded), (1, Handoff)], Back), Err("FinishFirst".to_owned()));
    assert_eq!(course(&[(1, Old), (3, Copy)], Forward), Err("RunsDiffer".to_owned()));
}
