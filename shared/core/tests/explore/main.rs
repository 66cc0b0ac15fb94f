//! The shipped protocol under a schedule explorer (`shuttle`): clients, replicators, jobs and a conductor run
//! in every interleaving that three schedulers come up with, on tables whose every call is a scheduling point.
//!
//! Checked in each schedule: what clients saw of each key, and of two keys that only transactions touch, is
//! linearizable, ending in what the winning table holds; the follower equals the primary once its stream is drained; nothing reserved leaks; after `final`
//! no mark is left. And for each known mistake, switched in: it is found.
//!
//! `LIVEMOVE_SCHEDULES` is the number of schedules for each goal and scheduler (default 1500), `LIVEMOVE_SEED`
//! where the schedulers' randomness begins (default 1). A run prints its figures with `--nocapture`.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::wildcard_enum_match_arm,
    reason = "a test program: it says what failed, reads its own settings and measures itself"
)]

mod bug;
mod check;
mod client;
mod conduct;
mod held;
mod pair;
mod promise;
mod repeat;
mod site;
mod together;
mod walks;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use livemove_core::mark::{Marks, visible};
use livemove_core::phase::{Phase, Side};
use shuttle::future;
use shuttle::rand::{Rng, thread_rng};
use shuttle::scheduler::{PctScheduler, RandomScheduler, UrwRandomScheduler};

use bug::Bug;
use check::{Value, explained};
use client::{History, client, number};
use conduct::{Goal, Replicator, conduct};
use world::{KEYS, OWN, PAIR, World, item, key};

const CLIENTS: i64 = 2;
const GOALS: [Goal; 5] = [Goal::Copy, Goal::New, Goal::Back, Goal::Forth, Goal::Final];

#[derive(Clone, Copy, Debug)]
enum Scheduler {
    Random,
    Pct,
    UniformWalk,
}

const SCHEDULERS: [Scheduler; 3] = [Scheduler::Random, Scheduler::Pct, Scheduler::UniformWalk];

/// One schedule, from the first read to the last check.
fn schedule(bug: Bug, goal: Goal) {
    future::block_on(async move {
        let world = World::new(bug, bug.needs_faults() || thread_rng().gen_bool(0.5));
        let pair = if thread_rng().gen_bool(0.5) { Some(Some(20)) } else { None };
        let first: [Value; 6] = [Some(Some(10)), Some(None), None, pair, Some(Some(30)), None];
        let own = OWN.iter().zip(first[KEYS.len() + 1..].iter().copied());
        for (name, value) in KEYS.iter().zip(first).chain(PAIR.iter().map(|name| (name, pair))).chain(own) {
            if let Some(value) = value {
                world.pair().source.put_raw(item(name, value));
            }
        }
        let history = History::default();
        let replicators = [Replicator::new(&world, Side::Source), Replicator::new(&world, Side::Target)];
        let streams: Vec<_> =
            replicators.iter().cloned().map(|replicator| future::spawn_local(replicator.run())).collect();
        let spread = [4, 20, 60, 120][thread_rng().gen_range(0..4)];
        let operations = if goal == Goal::Forth { 7 } else { 5 };
        let clients: Vec<_> = (1..=CLIENTS)
            .map(|id| future::spawn_local(client(world.clone(), history.clone(), id, operations, spread)))
            .collect();
        conduct(world.clone(), replicators.clone(), goal).await;
        for client in clients {
            client.await.unwrap();
        }
        for replicator in &replicators {
            replicator.drain().await;
            replicator.quit.store(true, Ordering::SeqCst);
        }
        for stream in streams {
            stream.await.unwrap();
        }
        while held::redrive_all(&world).await > 0 {}
        audit(&world, &history, first);
    });
}

fn audit(world: &World, history: &History, first: [Value; 6]) {
    let state = world.read_state();
    let pair = world.pair();
    let (home, follower) = match (state.phase, state.phase >= Phase::New) {
        (_, true) => (pair.gaining(state.run), pair.losing(state.run)),
        (_, false) => (pair.losing(state.run), pair.gaining(state.run)),
    };
    let stored = |site: &site::Site, name: &str| {
        visible(site.items().into_iter().find(|item| item.0.get("pk") == key(name).attributes().get("pk")))
    };
    let values = |site: &site::Site| -> [Value; 6] {
        let ([a, b, c], [p, q]) = (KEYS.map(|name| stored(site, name)), OWN.map(|name| stored(site, name)));
        let pair = pair::both_of(PAIR.map(|name| stored(site, name)));
        [a, b, c, pair, p, q].map(|item| item.map(|item| number(&item)))
    };
    let last = values(home);
    for (index, last) in last.into_iter().enumerate() {
        let events = history.of(index);
        assert!(
            explained(first[index], last, &events),
            "not linearizable: {index} from {:?} to {last:?}: {events:#?}{}",
            first[index],
            streams(world)
        );
    }
    if state.phase != Phase::Final {
        assert_eq!(values(follower), last, "the follower differs{}", streams(world));
    }
    if state.phase == Phase::Final {
        let marked: Vec<_> = home.items().into_iter().filter(|item| Marks::of(item) != Marks::default()).collect();
        assert!(marked.is_empty(), "marks are left: {marked:?}");
    }
}

/// Both tables' records, for whoever has to understand a failure.
fn streams(world: &World) -> String {
    let mut text = format!("\n{:?}", world.read_state());
    for (side, table) in [(Side::Source, world.pair().source), (Side::Target, world.pair().target)] {
        for change in table.changes(0, usize::MAX) {
            text += &format!("\n{side:?} {} {:?} -> {:?}", change.sequence, change.old, change.new);
        }
    }
    text
}

/// Explores up to `schedules`; answers how many ran, and what was found.
fn explore(bug: Bug, goal: Goal, scheduler: Scheduler, seed: u64, schedules: usize) -> (usize, Option<String>) {
    let ran = Arc::new(AtomicUsize::new(0));
    let counter = ran.clone();
    let run = move || {
        counter.fetch_add(1, Ordering::Relaxed);
        schedule(bug, goal);
    };
    let mut config = shuttle::Config::new();
    config.max_steps = shuttle::MaxSteps::FailAfter(400_000);
    config.stack_size = 0x10_0000;
    if bug != Bug::None {
        config.failure_persistence = shuttle::FailurePersistence::None;
    }
    let result = catch_unwind(AssertUnwindSafe(|| match scheduler {
        Scheduler::Random => shuttle::Runner::new(RandomScheduler::new_from_seed(seed, schedules), config).run(run),
        Scheduler::Pct => shuttle::Runner::new(PctScheduler::new_from_seed(seed, 3, schedules), config).run(run),
        Scheduler::UniformWalk => {
            shuttle::Runner::new(UrwRandomScheduler::new_from_seed(seed, schedules), config).run(run)
        }
    }));
    let found = result.err().map(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
    });
    (ran.load(Ordering::Relaxed), found)
}

/// Schedules of one round of the search for a bug, for each goal; and how many rounds it may take.
const ROUND: usize = 100;
const ROUNDS: usize = 200;

fn number_from(variable: &str, default: u64) -> u64 {
    std::env::var(variable).ok().and_then(|n| n.parse().ok()).unwrap_or(default)
}

fn schedules() -> usize {
    usize::try_from(number_from("LIVEMOVE_SCHEDULES", 1500)).unwrap()
}

fn seed() -> u64 {
    number_from("LIVEMOVE_SEED", 1)
}

/// The protocol as shipped, to one goal.
fn clean(goal: Goal) {
    for scheduler in SCHEDULERS {
        let began = Instant::now();
        let (ran, found) = explore(Bug::None, goal, scheduler, seed(), schedules());
        println!("clean {goal:?} {scheduler:?}: {ran} schedules in {:.1} s", began.elapsed().as_secs_f32());
        assert_eq!(found, None, "{goal:?} under {scheduler:?} after {ran} schedules");
    }
}

/// A mistake must be found to some goal by some scheduler, and by a violation of what is promised.
fn is_found(bug: Bug) {
    let began = Instant::now();
    let mut total = 0;
    for round in 0..ROUNDS {
        for goal in GOALS {
            let scheduler = SCHEDULERS[(round + goal as usize) % SCHEDULERS.len()];
            let (ran, found) = explore(bug, goal, scheduler, seed() + round as u64, ROUND);
            total += ran;
            if let Some(text) = found {
                let kinds = [
                    "not linearizable",
                    "the follower differs",
                    "marks are left",
                    "a reserved attribute leaks",
                    "overtook",
                ];
                let kind = kinds.iter().find(|kind| text.contains(*kind));
                println!(
                    "{bug:?}: {kind:?} to {goal:?} under {scheduler:?} after {total} schedules, {:.1} s",
                    began.elapsed().as_secs_f32()
                );
                assert!(kind.is_some(), "{bug:?} found by something else: {text}");
                return;
            }
        }
    }
    panic!("{bug:?} not found in {total} schedules");
}

macro_rules! clean {
    ($($name:ident: $goal:ident,)*) => { $(#[test] fn $name() { clean(Goal::$goal); })* };
}

clean! {
    copy_and_copy_again_mirrors: Copy,
    new_is_linearizable: New,
    rollback_is_linearizable: Back,
    forward_again_is_linearizable: Forth,
    final_is_linearizable_and_leaves_no_marks: Final,
}

macro_rules! found {
    ($($name:ident: $bug:ident,)*) => {
        $(#[test] fn $name() { is_found(Bug::$bug); })*

        #[test]
        fn every_switch_has_a_test() {
            let tested = [$(Bug::$bug),*];
            assert!(bug::ALL.iter().all(|bug| tested.contains(bug)), "a switch without a test");
        }
    };
}

found! {
    finds_hold_skipped: HoldSkipped,
    finds_hold_overtaken: HoldOvertaken,
    finds_redrive_behind: RedriveBehind,
    finds_release_blindly: ReleaseBlindly,
    finds_backfill_overwrites: BackfillOverwrites,
    finds_scan_before_stream: ScanBeforeStream,
    finds_zombie_backfill: ZombieBackfill,
    finds_no_position_guard: NoPositionGuard,
    finds_replicator_over_native: ReplicatorOverNative,
    finds_replicated_delete_is_physical: ReplicatedDeleteIsPhysical,
    finds_replication_loop: ReplicationLoop,
    finds_replica_forgets_move: ReplicaForgetsMove,
    finds_replicator_not_sealed: ReplicatorNotSealed,
    finds_unguarded_put: UnguardedPut,
    finds_partial_update: PartialUpdate,
    finds_native_delete_is_physical: NativeDeleteIsPhysical,
    finds_existence_not_rewritten: ExistenceNotRewritten,
    finds_no_stub: NoStub,
    finds_stub_without_tombstone: StubWithoutTombstone,
    finds_freeze_without_mark: FreezeWithoutMark,
    finds_take_over_native: TakeOverNative,
    finds_read_old_first: ReadOldFirst,
    finds_stale_reads: StaleReads,
    finds_retry_lost_answer: RetryLostAnswer,
    finds_ttl_drops_mark: TtlDropsMark,
    finds_skip_guarded: SkipGuarded,
    finds_skip_new: SkipNew,
    finds_no_lease_wait: NoLeaseWait,
    finds_skip_finish: SkipFinish,
    finds_finish_half: FinishHalf,
    finds_sweep_early: SweepEarly,
    finds_sweep_without_guard: SweepWithoutGuard,
    finds_partial_transaction: PartialTransaction,
    finds_token_forgotten: TokenForgotten,
    finds_leaked_mark: LeakedMark,
    finds_filter_pushed_to_both_sides: FilterPushedToBothSides,
    finds_raw_token_reused: RawTokenReused,
    finds_tombstone_counted: TombstoneCounted,
    finds_phase_not_read_again: PhaseNotReadAgain,
    finds_repeat_without_stamp: RepeatWithoutStamp,
    finds_repeat_judged_again: RepeatJudgedAgain,
    finds_stamp_of_another: StampOfAnother,
    finds_stamp_lost_in_handoff: StampLostInHandoff,
    finds_stamp_lost_in_replication: StampLostInReplication,
    finds_stamp_not_taken_away: StampNotTakenAway,
    finds_stamp_too_early: StampTooEarly,
    finds_retreat_forgets_stamps: RetreatForgetsStamps,
}
