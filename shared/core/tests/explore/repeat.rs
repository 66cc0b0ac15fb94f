//! Operations that are asked for again after their answer was lost, by the same id: on keys that all write, and on
//! those that one client alone writes.

use std::sync::atomic::{AtomicBool, Ordering};

use livemove_core::error::Error;
use livemove_core::lease::{Cache, View};
use livemove_core::mark::{OperationId, Run};
use livemove_core::phase::{Phase, State};
use livemove_core::route::{Pair, Route};
use livemove_core::write::{Asked, Operation};
use shuttle::future::yield_now;
use shuttle::rand::{Rng, thread_rng};

use crate::bug::Bug;
use crate::check::{Answer, Op};
use crate::client::{History, any, fenced, perform};
use crate::world::{KEYS, OWN, World};

/// How often an operation is asked for at most.
const ATTEMPTS: u32 = 3;

/// An operation as its client knows it.
struct Plan {
    name: &'static str,
    register: usize,
    op: Op,
    id: OperationId,
    /// How it is asked for when it may have been done.
    then: Asked,
}

/// On a key that all write: whoever asks again must say so, for others may have written over it.
pub(crate) async fn anywhere(
    world: &World,
    history: &History,
    instances: &[Cache<World, World>; 2],
    value: i64,
    spread: u32,
) {
    let (register, op) = any(world.bug(), value);
    let then = if world.bug() == Bug::RepeatJudgedAgain { Asked::First } else { Asked::Again };
    let plan = Plan { name: KEYS[register], register, op, id: id(value), then };
    ask(world, history, instances, &plan, spread).await;
}

/// On a key that nobody else writes: there is no need to say so, and a write that was done is always known.
pub(crate) async fn on_own_key(
    world: &World,
    history: &History,
    instances: &[Cache<World, World>; 2],
    client: i64,
    value: i64,
    spread: u32,
) {
    let mine = usize::try_from(client - 1).unwrap();
    let (whose, op) = match thread_rng().gen_range(0..8) {
        // Reading moves keys that somebody has begun to move.
        0 => (thread_rng().gen_range(0..OWN.len()), Op::Read),
        1 => (mine, Op::Insert(value)),
        2 => (mine, Op::SetExisting(value)),
        3 => (mine, Op::Put(Some(value))),
        _ => (mine, Op::Count),
    };
    let then = if thread_rng().gen_bool(0.6) { Asked::First } else { Asked::Again };
    let plan = Plan { name: OWN[whose], register: KEYS.len() + 1 + whose, op, id: id(value), then };
    ask(world, history, instances, &plan, spread).await;
}

fn id(value: i64) -> OperationId {
    OperationId::new(format!("operation-{value}")).unwrap()
}

async fn ask(world: &World, history: &History, instances: &[Cache<World, World>; 2], plan: &Plan, spread: u32) {
    let begun = history.moment();
    // Whether it was done by an attempt that left a stamp.
    let mut stamped = false;
    let mut before = Before::Nothing;
    let is_own = OWN.contains(&plan.name);
    for attempt in 1..=ATTEMPTS {
        let is_promised = AtomicBool::new(false);
        let result = instances[thread_rng().gen_range(0..2)]
            .run(|view| once(world, plan, view.state, view.until, before, &is_promised))
            .await;
        let is_promised = is_promised.load(Ordering::SeqCst);
        let loses_answers = world.has_faults() && plan.op != Op::Read && attempt < ATTEMPTS;
        match result {
            Ok(_) | Err(Error::ConditionFailed { .. } | Error::OldValuesLost(_))
                if loses_answers && thread_rng().gen_bool(0.6) =>
            {
                // What a refusal says is lost as well; asked for on one's own key, it is said again.
                stamped |= result.is_ok() && is_promised;
                before = before.and(is_promised);
            }
            // (One that is judged once more may lose its answer once more, and the look besides.)
            Err(Error::Ambiguous(_)) if stamped && is_promised && plan.then == Asked::Again && is_own => {
                panic!("not linearizable: a write that was done is not known: {:?} on {}", plan.op, plan.name)
            }
            Err(Error::Ambiguous(_)) if loses_answers => before = before.and(is_promised),
            Err(Error::Throttled(_) | Error::Unavailable(_) | Error::Conflict(_))
                if before != Before::Nothing && attempt < ATTEMPTS => {}
            Err(Error::Throttled(_) | Error::Unavailable(_) | Error::Conflict(_)) if before != Before::Nothing => {
                return history.told(plan.register, plan.op, begun, Err(Error::Ambiguous("no answer".into())));
            }
            result => return history.told(plan.register, plan.op, begun, result),
        }
        for _ in 0..thread_rng().gen_range(0..=[1, 4][thread_rng().gen_range(0..2)] * spread) {
            yield_now().await;
        }
        if thread_rng().gen_bool(0.3) {
            read(world, history, &instances[thread_rng().gen_range(0..2)], plan).await;
        }
    }
    history.told(plan.register, plan.op, begun, Err(Error::Ambiguous("no answer".into())));
}

/// Whoever does not know what came of a write may well read first; that finishes handoffs.
async fn read(world: &World, history: &History, instance: &Cache<World, World>, plan: &Plan) {
    let begun = history.moment();
    let look = |view: View| async move {
        let (source, target) = fenced(world, view.until);
        perform(Pair { source: &source, target: &target }, &view.state, plan.name, Op::Read, None).await
    };
    history.told(plan.register, Op::Read, begun, instance.run(look).await);
}

/// What earlier attempts may have done.
#[derive(Clone, Copy, PartialEq)]
enum Before {
    Nothing,
    /// If anything, then under the operation's stamp.
    Stamped,
    /// Where there are no stamps.
    Unstamped,
}

impl Before {
    fn and(self, is_stamped: bool) -> Before {
        if is_stamped && self != Before::Unstamped { Before::Stamped } else { Before::Unstamped }
    }
}

/// One attempt.
async fn once(
    world: &World,
    plan: &Plan,
    state: State,
    until: u64,
    before: Before,
    is_promised: &AtomicBool,
) -> Result<Answer, Error> {
    // It may have been set in the phase before.
    is_promised.store(false, Ordering::SeqCst);
    let has_marks = !matches!(state.route(), Route::Plain | Route::Final { .. });
    // In the first `guarded`, others may be in `copy` still, and let stamps stand that are not theirs.
    let is_first = state.run == Run(1) && state.phase <= Phase::Guarded;
    let is_settled = !is_first || world.is_settled(&state) || world.bug() == Bug::StampTooEarly;
    // Who says so when he asks again says that he has not asked before, too.
    let asked = match (before, plan.then) {
        (Before::Nothing, Asked::Again) => Asked::Never,
        (Before::Nothing | Before::Stamped | Before::Unstamped, then) => then,
    };
    let is_unknown = asked == Asked::First && (before == Before::Unstamped || !is_settled);
    if before != Before::Nothing && (!has_marks || is_unknown) {
        return Err(Error::Ambiguous("nobody promises to know it".into()));
    }
    let has_id = asked == Asked::Again || is_settled;
    is_promised.store(has_marks && has_id, Ordering::SeqCst);
    let operation = has_id.then(|| Operation { id: plan.id.clone(), asked });
    let (source, target) = fenced(world, until);
    perform(Pair { source: &source, target: &target }, &state, plan.name, plan.op, operation).await
}
