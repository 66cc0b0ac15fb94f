//! Where a request to go forward or back leads from the states as they are.

use crate::certificate::Direction;
use crate::error::Error;
use crate::mark::Run;
use crate::phase::{Phase, State};

/// What one subject must do to go that way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Course {
    /// Go on with this run.
    Go(Run),
    /// Turn round first, into this run.
    Turn(Run),
    /// Give this run up: no key has moved in it.
    Retreat(Run),
    /// Nothing: it is there.
    There(Run),
    /// Finish the run of the other direction first: its keys are moving.
    FinishFirst(Run),
    /// Nothing can be done any more.
    Over,
}

/// What the migration as a whole must do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Begin {
    /// The run to work on.
    pub run: Run,
    /// Everything is there already.
    pub there: bool,
    /// The run is to be given up.
    pub retreat: bool,
    /// Which of the subjects must turn round first, by their place in the question.
    pub turn: Vec<usize>,
}

impl Course {
    /// The course of one subject.
    pub fn of(state: &State, direction: Direction) -> Course {
        let (run, same) = (state.run, Direction::of(state.run) == direction);
        match (state.phase, same) {
            (Phase::Final, _) => Course::Over,
            (Phase::New, true) | (Phase::Old, false) => Course::There(run),
            (Phase::New, false) => Course::Turn(run.next()),
            (Phase::Old | Phase::Copy | Phase::Guarded | Phase::Handoff, true) => Course::Go(run),
            (Phase::Copy | Phase::Guarded, false) => Course::Retreat(run),
            (Phase::Handoff, false) => Course::FinishFirst(run),
        }
    }
}

/// The course of the whole migration. Subjects may differ by what a crash between two of them leaves: some
/// have turned and some not, some have arrived and some not.
///
/// # Errors
/// `PointOfNoReturn`; `FinishFirst` when keys are moving the other way, or have arrived for some subjects while
/// others are under way; `RunsDiffer` when the subjects cannot be brought into one run.
pub fn begin(states: &[(String, State)], direction: Direction) -> Result<Begin, Error> {
    let courses: Vec<Course> = states.iter().map(|(_, state)| Course::of(state, direction)).collect();
    let any = |wanted: fn(&Course) -> bool| courses.iter().any(wanted);
    if any(|course| *course == Course::Over) {
        return Err(Error::refused(
            "PointOfNoReturn",
            "the migration is complete",
            "plan a new migration to move the data again",
        ));
    }
    let retreating = any(|course| matches!(course, Course::Retreat(_)));
    let turning = any(|course| matches!(course, Course::Turn(_)));
    if any(|course| matches!(course, Course::FinishFirst(_))) || (retreating && turning) {
        return Err(Error::refused(
            "FinishFirst",
            "keys of the run in progress have moved already",
            "start the machine of the run in progress again and let it finish, then turn round",
        ));
    }
    let there = courses.iter().all(|course| matches!(course, Course::There(_)));
    let run = one_run(states, &courses, there || retreating)?;
    let turn =
        courses.iter().enumerate().filter(|(_, c)| matches!(c, Course::Turn(_))).map(|(index, _)| index).collect();
    Ok(Begin { run, there, retreat: retreating, turn })
}

fn one_run(states: &[(String, State)], courses: &[Course], passive: bool) -> Result<Run, Error> {
    let run = |course: &Course| match course {
        Course::Go(run) | Course::Turn(run) | Course::Retreat(run) | Course::There(run) | Course::FinishFirst(run) => {
            Some(*run)
        }
        Course::Over => None,
    };
    // One that is there beside others that go on has arrived in the same run.
    let runs: Vec<Run> = courses.iter().filter_map(run).collect();
    let first = runs.first().copied();
    match first {
        Some(run) if runs.iter().all(|other| *other == run) => Ok(run),
        // Everything is there, though some have not been turned since: nothing to do but to say so.
        Some(run) if passive => Ok(runs.iter().copied().max().unwrap_or(run)),
        Some(_) | None => {
            let list: Vec<_> =
                states.iter().map(|(subject, s)| format!("{subject} in {} of run {}", s.phase, s.run)).collect();
            Err(Error::refused(
                "RunsDiffer",
                format!("the tables and buckets of the plan are in different runs: {}", list.join(", ")),
                "move what was added later by a migration of its own",
            ))
        }
    }
}
