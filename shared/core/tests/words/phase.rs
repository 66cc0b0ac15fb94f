//! The phase table: every step from every state, and what each stream is for.

use livemove_core::mark::Run;
use livemove_core::phase::{Kind, Phase, Side, State, Step, Stream, source_of, target_of};

const PHASES: [Phase; 6] = [Phase::Old, Phase::Copy, Phase::Guarded, Phase::Handoff, Phase::New, Phase::Final];

fn steps() -> Vec<Step> {
    let moves = PHASES.iter().flat_map(|phase| [Step::Advance(*phase), Step::Retreat(*phase)]);
    moves.chain([Step::Seal, Step::Turn]).collect()
}

fn state(run: u32, phase: Phase, sealed: bool) -> State {
    State { version: 7, run: Run(run), phase, sealed, ..State::first(1) }
}

type Place = (Phase, bool);

/// Every legal step: from (phase, sealed) by step to (phase, sealed).
fn legal(kind: Kind) -> Vec<(Place, Step, Place)> {
    let mut steps = vec![
        ((Phase::Old, false), Step::Advance(Phase::Copy), (Phase::Copy, false)),
        ((Phase::Copy, false), Step::Advance(Phase::Guarded), (Phase::Guarded, false)),
        ((Phase::Copy, false), Step::Retreat(Phase::Old), (Phase::Old, false)),
        ((Phase::Guarded, false), Step::Retreat(Phase::Copy), (Phase::Copy, false)),
        ((Phase::New, false), Step::Advance(Phase::Final), (Phase::Final, false)),
        ((Phase::New, false), Step::Turn, (Phase::Old, false)),
    ];
    match kind {
        Kind::Table => steps.extend([
            ((Phase::Guarded, false), Step::Advance(Phase::Handoff), (Phase::Handoff, false)),
            ((Phase::Handoff, false), Step::Seal, (Phase::Handoff, true)),
            ((Phase::Handoff, true), Step::Advance(Phase::New), (Phase::New, false)),
        ]),
        Kind::Bucket => steps.extend([
            ((Phase::Guarded, false), Step::Seal, (Phase::Guarded, true)),
            ((Phase::Guarded, true), Step::Advance(Phase::New), (Phase::New, false)),
            ((Phase::Guarded, true), Step::Retreat(Phase::Copy), (Phase::Copy, false)),
        ]),
    }
    steps
}

/// The states that can be reached.
fn places(kind: Kind) -> Vec<Place> {
    let mut places: Vec<Place> = legal(kind).into_iter().flat_map(|(from, _, to)| [from, to]).collect();
    places.sort();
    places.dedup();
    places
}

#[test]
fn the_phase_table_is_this_and_nothing_else() {
    for kind in [Kind::Table, Kind::Bucket] {
        let legal = legal(kind);
        for from in places(kind) {
            for step in steps() {
                let to = legal.iter().find(|(place, by, _)| (*place, *by) == (from, step)).map(|(_, _, to)| *to);
                let after = state(1, from.0, from.1).after(kind, step, 99);
                let what = format!("{kind:?}: {step} from {from:?}");
                match (to, after) {
                    (Some(to), Ok(after)) => {
                        assert_eq!((after.phase, after.sealed), to, "{what}");
                        assert_eq!((after.version, after.since), (8, 99), "{what}");
                        assert_eq!(after.run, if step == Step::Turn { Run(2) } else { Run(1) }, "{what}");
                    }
                    (None, Err(error)) => assert_eq!(error.name(), "IllegalStep", "{what}"),
                    (expected, actual) => panic!("{what}: {actual:?} instead of {expected:?}"),
                }
            }
        }
    }
}

#[test]
fn a_refused_step_names_step_phase_and_run() {
    let error = state(3, Phase::Handoff, true).after(Kind::Table, Step::Retreat(Phase::Guarded), 0).unwrap_err();
    let text = error.to_string();
    for part in ["retreat to guarded", "handoff", "run 3", "sealed"] {
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn a_broken_state_stays_broken_through_steps() {
    let broken = State { broken: Some("trimmed".to_owned()), ..state(1, Phase::Guarded, false) };
    let after = broken.after(Kind::Table, Step::Retreat(Phase::Copy), 0).unwrap();
    assert_eq!(after.broken.as_deref(), Some("trimmed"));
}

#[test]
fn runs_swap_the_sides() {
    for run in 1..6 {
        let (source, target) = if run % 2 == 1 { (Side::Source, Side::Target) } else { (Side::Target, Side::Source) };
        assert_eq!((source_of(Run(run)), target_of(Run(run))), (source, target));
        for phase in PHASES {
            let serving = state(run, phase, false).serving();
            let expected = if matches!(phase, Phase::New | Phase::Final) { target } else { source };
            assert_eq!(serving, expected, "{phase} of run {run}");
        }
    }
}

#[test]
fn the_streams_of_the_first_run() {
    use Stream::{Ignore, Replicate, Watch};
    let one = Run(1);
    for (phase, sealed, source, target) in [
        (Phase::Old, false, Ignore, Ignore),
        (Phase::Copy, false, Replicate(one), Ignore),
        (Phase::Guarded, false, Replicate(one), Replicate(Run(2))),
        (Phase::Handoff, false, Replicate(one), Replicate(Run(2))),
        (Phase::Handoff, true, Watch(one), Replicate(Run(2))),
        (Phase::New, false, Watch(one), Replicate(Run(2))),
        (Phase::Final, false, Ignore, Ignore),
    ] {
        let state = state(1, phase, sealed);
        assert_eq!((state.stream(Side::Source), state.stream(Side::Target)), (source, target), "{phase}, {sealed}");
    }
}

#[test]
fn new_of_a_run_and_old_of_the_next_treat_both_streams_alike() {
    for run in 1..5 {
        let new = state(run, Phase::New, false);
        let old = new.after(Kind::Table, Step::Turn, 0).unwrap();
        for side in [Side::Source, Side::Target] {
            assert_eq!(new.stream(side), old.stream(side), "{side:?}, run {run}");
        }
    }
}

#[test]
fn while_keys_can_move_nobody_s_records_are_lost() {
    for run in 1..5 {
        for phase in [Phase::Copy, Phase::Guarded, Phase::Handoff] {
            let state = state(run, phase, false);
            assert_eq!(state.stream(source_of(Run(run))), Stream::Replicate(Run(run)), "{phase} of run {run}");
        }
        for phase in [Phase::Guarded, Phase::Handoff, Phase::New] {
            let state = state(run, phase, false);
            assert_eq!(state.stream(target_of(Run(run))), Stream::Replicate(Run(run + 1)), "{phase} of run {run}");
        }
    }
}

#[test]
fn a_state_survives_json_and_words_are_lower_case() {
    let state = State { broken: Some("why".to_owned()), ..state(2, Phase::Handoff, true) };
    let json = serde_json::to_string(&state).unwrap();
    assert!(json.contains("\"handoff\""), "{json}");
    assert_eq!(serde_json::from_str::<State>(&json).unwrap(), state);
}
