//! One table of the world: every call is a scheduling point, may fail, and carries the bug switched in.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use livemove_core::change::Change;
use livemove_core::error::Error;
use livemove_core::item::{Item, Key, KeySchema};
use livemove_core::mark::{ALL, Marks, Position, Run, STAMP};
use livemove_core::ports::{Action, Get, Guard, Inserted, Page, Table, Write, Written};
use livemove_core::segment::Segment;
use livemove_core::testing::memory::Memory;
use shuttle::future::yield_now;
use shuttle::rand::{Rng, thread_rng};

use crate::bug::Bug;

/// What makes the target's scans go in another order than the source's.
const SALT: u64 = 4;

/// One table and the calls on their way to it.
pub(crate) struct Site {
    pub(super) memory: Memory,
    calls: Arc<Mutex<BTreeSet<u64>>>,
    next_call: AtomicU64,
    pub(super) bug: Bug,
    pub(super) faults: bool,
    /// What the replicator wrote last, by key.
    replicas: Mutex<BTreeMap<String, Position>>,
}

/// A scheduling point; now and then a long one, so that races of few steps come up without a million schedules.
pub(crate) async fn pause() {
    let steps = if thread_rng().gen_bool(0.05) { thread_rng().gen_range(1..100) } else { 1 };
    for _ in 0..steps {
        yield_now().await;
    }
}

/// A call on its way: leases wait for those that are not back.
pub(super) struct Call(Arc<Mutex<BTreeSet<u64>>>, u64);

impl Drop for Call {
    fn drop(&mut self) {
        self.0.lock().unwrap().remove(&self.1);
    }
}

impl Site {
    pub(crate) fn new(bug: Bug, faults: bool) -> Site {
        Site::of(Memory::new(KeySchema { partition: "pk".into(), sort: None }), bug, faults)
    }

    /// One in another account. Its scans are in another order.
    pub(crate) fn elsewhere(&self) -> Site {
        Site::of(Memory::new(self.memory.schema().clone()).with_salt(SALT), self.bug, self.faults)
    }

    /// Another one in the same account.
    pub(crate) fn beside(&self) -> Site {
        Site::of(Memory::new(self.memory.schema().clone()).with_salt(SALT).beside(&self.memory), self.bug, self.faults)
    }

    fn of(memory: Memory, bug: Bug, faults: bool) -> Site {
        Site { memory, calls: Arc::default(), next_call: AtomicU64::new(0), bug, faults, replicas: Mutex::default() }
    }

    /// What the replicator wrote last, by key.
    pub(crate) fn replicas(&self) -> BTreeMap<String, Position> {
        self.replicas.lock().unwrap().clone()
    }

    /// Now and then a replica is refused for good, as one that is too large is, with whatever it has become later.
    fn is_poison(&self, write: &Write) -> bool {
        self.faults && matches!(write.guard, Guard::Older(..)) && thread_rng().gen_bool(0.1)
    }

    /// The calls that are on their way.
    pub(crate) fn calls(&self) -> BTreeSet<u64> {
        self.calls.lock().unwrap().clone()
    }

    pub(crate) fn items(&self) -> Vec<Item> {
        self.memory.items()
    }

    pub(crate) fn put_raw(&self, item: Item) {
        self.memory.put_raw(item);
    }

    pub(crate) fn delete_raw(&self, key: &Key) {
        self.memory.delete_raw(key);
    }

    pub(crate) fn records(&self) -> usize {
        self.memory.records_len()
    }

    /// The records from `from` on, `most` at most.
    pub(crate) fn changes(&self, from: usize, most: usize) -> Vec<Change> {
        (from..).map_while(|i| self.memory.record(i)).take(most).collect()
    }

    pub(super) fn begin(&self) -> Call {
        let id = self.next_call.fetch_add(1, Ordering::SeqCst);
        self.calls.lock().unwrap().insert(id);
        Call(self.calls.clone(), id)
    }

    /// Before the call is done: the scheduler may stop here, or the call fails having done nothing.
    pub(super) async fn before(&self) -> Result<(), Error> {
        pause().await;
        if self.faults && thread_rng().gen_bool(0.02) {
            return Err(Error::Throttled("fault".into()));
        }
        Ok(())
    }

    /// After it is done: the scheduler may stop here, or the answer is lost.
    pub(super) async fn after(&self) -> Result<(), Error> {
        pause().await;
        if self.faults && thread_rng().gen_bool(0.03) {
            return Err(Error::Ambiguous("fault".into()));
        }
        Ok(())
    }

    async fn apply(&self, write: &Write) -> Result<Written, Error> {
        match self.mistaken(write) {
            Mistake::Instead(write) => self.memory.write(&write).await,
            Mistake::Pretend => Ok(Written::Applied(None)),
            Mistake::OnlyRead => {
                let stored = self.memory.get(&Get::whole(write.key.clone())).await?;
                Ok(if stored.is_some() { Written::Applied(stored) } else { Written::Refused(None) })
            }
        }
    }

    /// The write with the bug in it.
    fn mistaken(&self, write: &Write) -> Mistake {
        let mut write = write.clone();
        let marks = match &write.action {
            Action::Put(item) => Marks::of(item),
            Action::Update { .. } | Action::Delete => Marks::default(),
        };
        let is_take = matches!(write.guard, Guard::NotNative(_)) && marks.position.is_none();
        let is_replica = matches!(write.guard, Guard::Older(..));
        let is_stub = write.guard == Guard::Absent && marks.moved > Run(0) && marks.tombstone;
        match (self.bug, write.guard.clone()) {
            (Bug::NoPositionGuard, Guard::Older(run, _)) => write.guard = Guard::NotNative(run),
            (Bug::ReplicatorOverNative, Guard::Older(_, position)) => {
                write.guard = Guard::Older(Run(u32::MAX), position)
            }
            (Bug::RedriveBehind, Guard::PositionIs(run, before)) => {
                let position = Some(Position::repaired(run, before));
                redress(&mut write, Marks { position, ..marks });
            }
            (Bug::ReplicatedDeleteIsPhysical, _) if is_replica && marks.tombstone => write.action = Action::Delete,
            (Bug::ReplicaForgetsMove, Guard::Older(..) | Guard::NotNative(_)) if marks.position.is_some() => {
                redress(&mut write, Marks { moved: Run(0), ..marks });
            }
            (Bug::UnguardedPut, Guard::NotMoved(_)) if matches!(write.action, Action::Put(_)) => {
                write.guard = Guard::Always
            }
            (Bug::PartialUpdate, Guard::NativeIn(_)) if matches!(write.action, Action::Update { .. }) => {
                write.guard = Guard::Always;
            }
            (Bug::NativeDeleteIsPhysical, Guard::NativeIn(_) | Guard::NotMoved(_)) if marks.tombstone => {
                write.action = Action::Delete;
            }
            (Bug::ExistenceNotRewritten, _) => {
                if let Some(condition) = &mut write.condition {
                    condition.when_tombstone = None;
                }
            }
            (Bug::NoStub, _) if is_stub => return Mistake::Pretend,
            (Bug::StubWithoutTombstone, _) if is_stub => redress(&mut write, Marks { tombstone: false, ..marks }),
            (Bug::FreezeWithoutMark, Guard::PresentNotMoved(_)) => return Mistake::OnlyRead,
            (Bug::TakeOverNative, _) if is_take => write.guard = Guard::Always,
            (Bug::SweepWithoutGuard, Guard::Invisible) => write.guard = Guard::Always,
            (Bug::RepeatWithoutStamp, _) => write.once = None,
            (Bug::StampLostInHandoff, _) if is_take => redress(&mut write, Marks { stamp: None, ..marks }),
            (Bug::StampLostInReplication, _) if marks.position.is_some() => {
                redress(&mut write, Marks { stamp: None, ..marks });
            }
            (Bug::StampNotTakenAway, _) => {
                // The sweeper takes all of them away.
                if let Action::Update { remove, .. } = &mut write.action
                    && remove.len() < ALL.len()
                {
                    remove.retain(|mark| *mark != STAMP);
                }
            }
            _ => {}
        }
        Mistake::Instead(Box::new(write))
    }
}

/// What the bug makes of a write.
enum Mistake {
    /// Another write.
    Instead(Box<Write>),
    /// Nothing, while saying it was done.
    Pretend,
    /// A read in its place.
    OnlyRead,
}

fn redress(write: &mut Write, marks: Marks) {
    if let Action::Put(item) = &mut write.action {
        *item = marks.onto(std::mem::take(item));
    }
}

impl Table for Site {
    fn schema(&self) -> &KeySchema {
        self.memory.schema()
    }

    async fn get(&self, get: &Get) -> Result<Option<Item>, Error> {
        let _call = self.begin();
        self.before().await?;
        let found = self.memory.get(get).await?;
        if self.bug == Bug::StaleReads && thread_rng().gen_bool(0.5) {
            // What the item was before its last change.
            let changes = self.changes(0, usize::MAX);
            if let Some(last) = changes.iter().rev().find(|change| change.key == get.key) {
                return Ok(last.old.clone());
            }
        }
        self.after().await.map_err(|_| Error::Unavailable("fault".into()))?;
        Ok(found)
    }

    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Item>>, Error> {
        let _call = self.begin();
        self.before().await?;
        let mut found = Vec::new();
        for key in keys {
            found.push(self.memory.get(&Get::whole(key.clone())).await?);
            yield_now().await;
        }
        Ok(found)
    }

    async fn write(&self, write: &Write) -> Result<Written, Error> {
        let _call = self.begin();
        self.before().await?;
        if self.faults && thread_rng().gen_bool(0.01) {
            return Err(Error::Conflict("fault".into()));
        }
        if self.is_poison(write) {
            return Err(Error::Rejected { name: "ValidationException".into(), message: "fault".into() });
        }
        let mut written = self.apply(write).await?;
        if let (Guard::Older(_, position), Written::Applied(_)) = (&write.guard, &written) {
            self.replicas.lock().unwrap().insert(write.key.id(), position.clone());
        }
        if let (Bug::StampOfAnother, Some(_), Written::Refused(Some(item))) = (self.bug, &write.once, &mut written) {
            let marks = Marks::of(item);
            *item = Marks { stamp: marks.stamp.as_ref().and(write.once.clone()), ..marks }.onto(std::mem::take(item));
        }
        if let Err(error) = self.after().await {
            let is_users = matches!(write.guard, Guard::NotMoved(_) | Guard::NativeIn(_) | Guard::Always);
            return if self.bug == Bug::RetryLostAnswer && is_users { self.apply(write).await } else { Err(error) };
        }
        Ok(written)
    }

    async fn insert(&self, items: &[Item]) -> Vec<Inserted> {
        let _call = (self.bug != Bug::ZombieBackfill).then(|| self.begin());
        if self.bug == Bug::ZombieBackfill {
            for _ in 0..thread_rng().gen_range(0..1500) {
                yield_now().await;
            }
        }
        let mut results = Vec::new();
        for item in items {
            results.push(match self.before().await {
                Err(error) => Inserted::Failed(error),
                Ok(()) if self.bug == Bug::BackfillOverwrites => {
                    self.memory.put_raw(item.clone());
                    Inserted::Inserted
                }
                Ok(()) if self.bug == Bug::StampLostInReplication => {
                    let bare = Marks { stamp: None, ..Marks::of(item) }.onto(item.clone());
                    self.memory.insert(&[bare]).await.remove(0)
                }
                Ok(()) => self.memory.insert(std::slice::from_ref(item)).await.remove(0),
            });
        }
        results
    }

    async fn scan(&self, segment: Segment, after: Option<&Key>, limit: u32) -> Result<Page, Error> {
        let _call = self.begin();
        self.before().await?;
        let page = self.memory.scan(segment, after, limit).await;
        yield_now().await;
        page
    }
}
