//! Leases: how long a process may act on the phase it has read.
//!
//! A process reads the control record, may use it for the lease, and starts no backend call later than the
//! moment it began that read plus the lease. The controller, having written the next phase, waits one lease,
//! the longest call and the clock skew, and then knows that nobody acts on the former phase any more.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Mutex, PoisonError};

use crate::error::Error;
use crate::item::{Item, Key, KeySchema};
use crate::phase::State;
use crate::ports::pages::{Found, Index, PageRequest, Pages};
use crate::ports::transact::{ReadEntry, Replacement, Snapshot, Transacted, Transaction, Transactions};
use crate::ports::{Clock, Get, Inserted, Millis, Page, Table, Write, Written};
use crate::segment::Segment;

/// How often an operation is started again because the phase changed under it.
const RESTARTS: u32 = 8;

/// Where the state of one table or bucket is read from.
pub trait Phases: Sync {
    /// The state now; strongly consistent.
    fn state(&self) -> impl Future<Output = Result<State, Error>> + Send;
}

/// A state and how long it may be acted upon.
#[derive(Clone, Debug)]
pub struct View {
    /// The state as it was read.
    pub state: State,
    /// No backend call may start at or after this moment.
    pub until: Millis,
}

/// The last state read, used until its lease ends.
#[derive(Debug)]
pub struct Cache<P, C> {
    phases: P,
    clock: C,
    lease: Millis,
    held: Mutex<Option<View>>,
}

impl<P: Phases, C: Clock> Cache<P, C> {
    /// An empty cache whose views last `lease` milliseconds.
    pub fn new(phases: P, clock: C, lease: Millis) -> Cache<P, C> {
        Cache { phases, clock, lease, held: Mutex::new(None) }
    }

    /// A view that has not run out: the one in hand, or a fresh one.
    ///
    /// # Errors
    /// Those of [`Phases::state`]: without a phase nothing may be done.
    pub async fn view(&self) -> Result<View, Error> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner).clone();
        // Counted from before the read: the answer may be as old as the question.
        let asked = self.clock.now();
        if let Some(view) = held.filter(|view| asked < view.until) {
            return Ok(view);
        }
        // Boxed: a way that is seldom taken would make the future of every call large.
        let state = Box::pin(self.phases.state()).await?;
        let view = View { state, until: asked.saturating_add(self.lease) };
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = Some(view.clone());
        Ok(view)
    }

    /// Drops the view in hand: somebody has seen a mark of a later run.
    pub fn forget(&self) {
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Where the state is read from, for what must not be told from a lease.
    pub fn phases(&self) -> &P {
        &self.phases
    }

    /// The clock that leases are measured by.
    pub fn clock(&self) -> &C {
        &self.clock
    }

    /// Runs `operation` on a current view, and again on a fresh one when it finds its phase out of date.
    /// An operation reports that only at a point from which starting again is harmless.
    ///
    /// # Errors
    /// Those of the operation; `Unavailable` when the phase kept changing.
    pub async fn run<R, F, O>(&self, operation: O) -> Result<R, Error>
    where
        O: Fn(View) -> F,
        F: Future<Output = Result<R, Error>>,
    {
        for _ in 0..RESTARTS {
            match operation(self.view().await?).await {
                Err(Error::StalePhase) => self.forget(),
                result => return result,
            }
        }
        Err(Error::Unavailable(format!("the phase changed {RESTARTS} times during the operation; try again")))
    }
}

/// A table that starts no call at or after a moment: the end of a lease or of an invocation.
#[derive(Debug)]
pub struct Fenced<'a, T, C> {
    table: &'a T,
    clock: &'a C,
    until: Millis,
}

impl<'a, T: Table, C: Clock> Fenced<'a, T, C> {
    /// `table` until `until`.
    pub fn new(table: &'a T, clock: &'a C, until: Millis) -> Fenced<'a, T, C> {
        Fenced { table, clock, until }
    }

    fn check(&self) -> Result<(), Error> {
        if self.clock.now() < self.until { Ok(()) } else { Err(Error::StalePhase) }
    }
}

impl<T: Table, C: Clock> Table for Fenced<'_, T, C> {
    fn schema(&self) -> &KeySchema {
        self.table.schema()
    }

    async fn get(&self, get: &Get) -> Result<Option<Item>, Error> {
        self.check()?;
        self.table.get(get).await
    }

    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Item>>, Error> {
        self.check()?;
        self.table.get_many(keys).await
    }

    async fn write(&self, write: &Write) -> Result<Written, Error> {
        self.check()?;
        self.table.write(write).await
    }

    async fn insert(&self, items: &[Item]) -> Vec<Inserted> {
        match self.check() {
            Ok(()) => self.table.insert(items).await,
            Err(_) => items.iter().map(|_| Inserted::Failed(Error::StalePhase)).collect(),
        }
    }

    async fn scan(&self, segment: Segment, after: Option<&Key>, limit: u32) -> Result<Page, Error> {
        self.check()?;
        self.table.scan(segment, after, limit).await
    }
}

impl<T: Pages, C: Clock> Pages for Fenced<'_, T, C> {
    fn indexes(&self) -> &BTreeMap<String, Index> {
        self.table.indexes()
    }

    async fn page(&self, request: &PageRequest) -> Result<Found, Error> {
        self.check()?;
        self.table.page(request).await
    }
}

impl<T: Transactions, C: Clock> Transactions for Fenced<'_, T, C> {
    async fn transact(&self, transaction: &Transaction) -> Result<Transacted, Error> {
        self.check()?;
        self.table.transact(transaction).await
    }

    async fn snapshot(&self, entries: &[ReadEntry]) -> Result<Snapshot, Error> {
        self.check()?;
        self.table.snapshot(entries).await
    }

    async fn replace(&self, items: &[Replacement]) -> Result<Vec<usize>, Error> {
        self.check()?;
        self.table.replace(items).await
    }
}
