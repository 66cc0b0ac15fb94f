//! Jobs on segments: claims, checkpoints, deadlines.

use std::sync::atomic::{AtomicU32, Ordering};

use livemove_core::checkpoint::{Checkpoint, Checkpoints, Job};
use livemove_core::drive::{Limits, Progress, note};
use livemove_core::error::Error;
use livemove_core::item::Key;
use livemove_core::job::{allowed, run};
use livemove_core::mark::Run;
use livemove_core::phase::{Phase, State};
use livemove_core::ports::{Clock, Millis, Table};
use livemove_core::route::Pair;
use livemove_core::testing::block_on;
use livemove_core::testing::faults::{Call, Fault, Faulty};
use livemove_core::testing::register::MemoryRegister;

use crate::world::{Hands, Still, World, item, state, task};

type Register = MemoryRegister<Key>;

const DEADLINE: Millis = 10_000;
const CALL: Millis = 100;

fn limits(page_items: u32) -> Limits {
    Limits { deadline: DEADLINE, call: CALL, page_items, in_flight: 2 }
}

fn work<T: Table, C: Clock>(
    pair: Pair<'_, T>,
    register: &Register,
    clock: &C,
    job: Job,
    phase: &State,
) -> Result<Progress, Error> {
    block_on(run(pair, &Still(phase.clone()), clock, register, &task(job), limits(10)))
}

fn checkpoint(register: &Register, job: Job) -> Checkpoint<Key> {
    block_on(register.load(&task(job))).expect("read")
}

fn filled(items: u32) -> World {
    let world = World::new();
    for number in 0..items {
        world.source.put_raw(item(&format!("k{number}"), "v"));
    }
    world
}

fn sealed() -> State {
    State { sealed: true, sealed_at: 1, ..state(Phase::Handoff) }
}

#[test]
fn a_segment_is_worked_off_and_stays_done() {
    let (world, register, clock) = (filled(35), Register::default(), Hands::at(1));
    let first = work(world.pair(), &register, &clock, Job::Copy, &state(Phase::Copy)).expect("worked");
    assert_eq!((first.done, first.counts.read, first.counts.written), (true, 35, 35));
    let version = checkpoint(&register, Job::Copy).version;
    world.source.put_raw(item("later", "v"));
    assert_eq!(work(world.pair(), &register, &clock, Job::Copy, &state(Phase::Copy)).expect("done"), first);
    assert_eq!(checkpoint(&register, Job::Copy).version, version);
}

#[test]
fn finish_then_certify_walk_both_tables() {
    let (world, register, clock) = (filled(25), Register::default(), Hands::at(1));
    world.target.put_raw(item("extra", "v"));
    let finished = work(world.pair(), &register, &clock, Job::Finish, &sealed()).expect("finished");
    assert_eq!((finished.done, finished.counts.written), (true, 26));
    let certified = work(world.pair(), &register, &clock, Job::Certify, &sealed()).expect("certified");
    assert_eq!((certified.done, certified.counts.differing, certified.counts.read), (true, 0, 25 + 26));
    assert_eq!(certified.counts.source_digest, certified.counts.target_digest);
}

/// Lets `calls` calls through, then every one is answered by `fault`.
fn after(calls: u32, call: Call, fault: Fault) -> impl Fn(Call) -> Fault + Send + Sync {
    let left = AtomicU32::new(calls);
    move |this| {
        let spent =
            this == call && left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_err();
        if spent { fault } else { Fault::None }
    }
}

#[test]
fn a_copy_goes_on_from_its_checkpoint() {
    let (world, register) = (filled(35), Register::default());
    let faults = after(2, Call::Scan, Fault::Reject);
    let failing = (Faulty::new(world.source.clone(), &faults), Faulty::new(world.target.clone(), &faults));
    let pair = Pair { source: &failing.0, target: &failing.1 };
    work(pair, &register, &Hands::at(1), Job::Copy, &state(Phase::Copy)).expect_err("throttled");
    let saved = checkpoint(&register, Job::Copy);
    assert_eq!((saved.counts.read, saved.done), (20, false));
    let scans = AtomicU32::new(0);
    let counting = |call| {
        scans.fetch_add(u32::from(call == Call::Scan), Ordering::SeqCst);
        Fault::None
    };
    let counted = (Faulty::new(world.source.clone(), &counting), Faulty::new(world.target.clone(), &counting));
    let pair = Pair { source: &counted.0, target: &counted.1 };
    let rest = work(pair, &register, &Hands::at(1_000), Job::Copy, &state(Phase::Copy)).expect("worked");
    assert_eq!((rest.done, rest.counts.read, scans.load(Ordering::SeqCst)), (true, 35, 2));
    assert_eq!(world.target.len(), 35);
}

/// A clock that moves with every look at it.
struct Ticking(AtomicU32, u32);

impl Clock for Ticking {
    fn now(&self) -> Millis {
        u64::from(self.0.fetch_add(self.1, Ordering::SeqCst))
    }

    async fn sleep(&self, _pause: Millis) {}
}

#[test]
fn a_worker_stops_before_its_deadline_and_frees_its_segment() {
    let (world, register) = (filled(200), Register::default());
    let clock = Ticking(AtomicU32::new(1), 500);
    let first = work(world.pair(), &register, &clock, Job::Copy, &state(Phase::Copy)).expect("worked");
    assert!(!first.done && first.counts.read > 0, "{first:?}");
    assert!(clock.now() < DEADLINE);
    let saved = checkpoint(&register, Job::Copy);
    assert_eq!((saved.busy_until, saved.counts.read), (0, first.counts.read));
    // Saved is what was acknowledged: all of it is there.
    assert_eq!(world.target.len() as u64, first.counts.read);
}

#[test]
fn a_second_worker_is_told_that_the_segment_is_busy() {
    let (world, register) = (filled(5), Register::default());
    let held: Checkpoint<Key> = Checkpoint { version: 1, busy_until: 700, ..Checkpoint::default() };
    block_on(register.save(&task(Job::Copy), &held)).expect("saved");
    let early = work(world.pair(), &register, &Hands::at(699), Job::Copy, &state(Phase::Copy)).expect_err("busy");
    assert_eq!(early.name(), "SegmentBusy");
    assert!(world.target.is_empty());
    assert!(work(world.pair(), &register, &Hands::at(700), Job::Copy, &state(Phase::Copy)).expect("free").done);
}

#[test]
fn a_worker_that_lost_its_segment_stops() {
    let (world, register) = (filled(35), Register::default());
    let stolen = AtomicU32::new(0);
    let steal = |call| {
        if call == Call::Scan && stolen.fetch_add(1, Ordering::SeqCst) == 1 {
            let mut other = checkpoint(&register, Job::Copy);
            other.version += 1;
            block_on(register.save(&task(Job::Copy), &other)).expect("saved");
        }
        Fault::None
    };
    let tables = (Faulty::new(world.source.clone(), &steal), Faulty::new(world.target.clone(), &steal));
    let pair = Pair { source: &tables.0, target: &tables.1 };
    let error = work(pair, &register, &Hands::at(1), Job::Copy, &state(Phase::Copy)).expect_err("lost");
    assert_eq!(error.name(), "Conflict");
    assert_eq!(checkpoint(&register, Job::Copy).counts.read, 10);
}

#[test]
fn a_failed_page_frees_its_segment_once_its_calls_are_over() {
    // It kept the segment until the deadline: a throttled page cost minutes.
    let (world, register) = (filled(35), Register::default());
    let faults = after(0, Call::Insert, Fault::Reject);
    let tables = (Faulty::new(world.source.clone(), &faults), Faulty::new(world.target.clone(), &faults));
    let pair = Pair { source: &tables.0, target: &tables.1 };
    let clock = Hands::at(1);
    let error = work(pair, &register, &clock, Job::Copy, &state(Phase::Copy)).expect_err("throttled");
    assert_eq!(error.name(), "Throttled");
    let free = clock.now() + CALL;
    assert!(checkpoint(&register, Job::Copy).busy_until == free && free < DEADLINE);
    assert!(work(world.pair(), &register, &Hands::at(free), Job::Copy, &state(Phase::Copy)).expect("free").done);
}

#[test]
fn a_mark_of_a_later_run_ends_the_job_instead_of_spinning_to_the_deadline() {
    let (world, register) = (World::new(), Register::default());
    let later = livemove_core::mark::Marks { moved: Run(3), ..Default::default() };
    world.source.put_raw(later.onto(item("a", "1")));
    let error = work(world.pair(), &register, &Hands::at(1), Job::Finish, &sealed()).expect_err("a later run");
    assert_eq!(error.name(), "StalePhase");
    assert!(checkpoint(&register, Job::Finish).version <= 2);
}

#[test]
fn each_job_has_its_phases() {
    use Phase::{Copy, Final, Guarded, Handoff, New, Old};
    let cases: [(Job, bool, &[Phase]); 6] = [
        (Job::Copy, false, &[Copy, Guarded, Handoff]),
        (Job::Verify, false, &[Copy, Guarded]),
        (Job::Repair, false, &[Copy, Guarded]),
        (Job::Finish, true, &[Guarded, Handoff]),
        (Job::Certify, true, &[Guarded, Handoff]),
        (Job::Sweep, false, &[Final]),
    ];
    for (job, sealed, phases) in cases {
        for phase in [Old, Copy, Guarded, Handoff, New, Final] {
            let state = State { sealed, ..state(phase) };
            assert_eq!(allowed(&task(job), &state).is_ok(), phases.contains(&phase), "{job:?} in {phase}");
            let another = State { run: Run(2), ..state };
            assert_eq!(allowed(&task(job), &another).expect_err("another run").name(), "WrongPhase");
        }
    }
    assert!(allowed(&task(Job::Copy), &sealed()).is_err(), "no copy after the seal");
    assert!(allowed(&task(Job::Finish), &state(Handoff)).is_err(), "no finish before the seal");
}

#[test]
fn a_job_of_another_phase_touches_nothing() {
    let (world, register) = (filled(5), Register::default());
    let error = work(world.pair(), &register, &Hands::at(1), Job::Copy, &state(Phase::New)).expect_err("refused");
    assert_eq!(error.name(), "WrongPhase");
    assert!(world.target.is_empty());
    assert_eq!(checkpoint(&register, Job::Copy).version, 0);
}

#[test]
fn a_segment_that_was_given_up_says_why_until_it_is_taken_again() {
    let (world, register, clock) = (filled(35), Register::default(), Hands::at(1));
    let faults = after(2, Call::Scan, Fault::Reject);
    let failing = (Faulty::new(world.source.clone(), &faults), Faulty::new(world.target.clone(), &faults));
    let pair = Pair { source: &failing.0, target: &failing.1 };
    let error = work(pair, &register, &clock, Job::Copy, &state(Phase::Copy)).expect_err("throttled");
    let failure = checkpoint(&register, Job::Copy).failure.expect("why");
    assert_eq!((failure.error.as_str(), failure.message, failure.at), ("Throttled", error.to_string(), 1));
    clock.now.store(1 + CALL, Ordering::SeqCst);
    assert!(work(world.pair(), &register, &clock, Job::Copy, &state(Phase::Copy)).expect("done").done);
    assert_eq!(checkpoint(&register, Job::Copy).failure, None);
}

#[test]
fn why_a_segment_could_not_begin_is_noted_but_not_while_somebody_works_on_it() {
    let (register, denied) = (Register::default(), Error::Denied("to whom".to_owned()));
    block_on(note(&register, &task(Job::Copy), &denied, 5)).expect("noted");
    let noted = checkpoint(&register, Job::Copy);
    assert_eq!(noted.failure.as_ref().map(|failure| failure.error.as_str()), Some("AccessDenied"));
    let busy = Checkpoint { version: noted.version + 1, busy_until: 9, failure: None, ..noted };
    block_on(register.save(&task(Job::Copy), &busy)).expect("saved");
    block_on(note(&register, &task(Job::Copy), &denied, 8)).expect("left alone");
    assert_eq!(checkpoint(&register, Job::Copy), busy);
}
