//! A table whose calls fail as a network and a busy backend make them fail.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::Error;
use crate::item::{Item, Key, KeySchema};
use crate::ports::pages::{Found, Index, PageRequest, Pages};
use crate::ports::transact::{ReadEntry, Replacement, Snapshot, Transacted, Transaction, Transactions};
use crate::ports::{Get, Inserted, Page, Table, Write, Written};
use crate::segment::Segment;

/// The kind of call about to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// [`Table::get`]
    Get,
    /// [`Table::get_many`]
    GetMany,
    /// [`Table::write`]
    Write,
    /// One item of [`Table::insert`].
    Insert,
    /// [`Table::scan`]
    Scan,
    /// [`Pages::page`]
    Page,
    /// [`Transactions::transact`]
    Transact,
    /// [`Transactions::snapshot`]
    Snapshot,
    /// One item of [`Transactions::replace`].
    Replace,
}

/// What happens to a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It goes through.
    None,
    /// It is throttled: nothing is done. For an item of `insert` or `replace`: it comes back
    /// unprocessed.
    Reject,
    /// Somebody else is at the item: nothing is done.
    Conflict,
    /// It is done, then the answer gets lost.
    LoseAnswer,
    /// The process dies before the call; see [`Faulty::has_crashed`].
    CrashBefore,
    /// The process dies after the call was done.
    CrashAfter,
}

/// Decides what happens to each call. All chance is in here, so that a run can be repeated.
pub trait Faults: Send + Sync {
    /// What happens to the call about to be made.
    fn decide(&self, call: Call) -> Fault;
}

impl<F: Fn(Call) -> Fault + Send + Sync> Faults for F {
    fn decide(&self, call: Call) -> Fault {
        self(call)
    }
}

/// The message of the error that stands for the death of the process.
pub const CRASH: &str = "crash";

/// `table` as one process sees it, with faults. Clones are the same process: after a crash every call of it
/// answers [`Error::Ambiguous`] with [`CRASH`] and does nothing, so that no flow can go on by retrying.
#[derive(Clone, Debug)]
pub struct Faulty<T, F> {
    table: T,
    faults: F,
    crashed: Arc<AtomicBool>,
}

impl<T, F: Faults> Faulty<T, F> {
    /// A living process.
    pub fn new(table: T, faults: F) -> Faulty<T, F> {
        Faulty::in_process(table, faults, Arc::default())
    }

    /// A table of the process that `crashed` belongs to: all tables of a process die together.
    pub fn in_process(table: T, faults: F, crashed: Arc<AtomicBool>) -> Faulty<T, F> {
        Faulty { table, faults, crashed }
    }

    /// Whether the process is dead.
    pub fn has_crashed(&self) -> bool {
        self.crashed.load(Ordering::SeqCst)
    }

    fn crash(&self) -> Error {
        self.crashed.store(true, Ordering::SeqCst);
        Error::Ambiguous(CRASH.to_owned())
    }

    /// The fault of the next call; the error that comes before the call, if any.
    fn before(&self, call: Call) -> Result<Fault, Error> {
        if self.has_crashed() {
            return Err(self.crash());
        }
        match self.faults.decide(call) {
            Fault::Reject => Err(Error::Throttled("injected".to_owned())),
            Fault::Conflict => Err(Error::Conflict("injected".to_owned())),
            Fault::CrashBefore => Err(self.crash()),
            fault @ (Fault::None | Fault::LoseAnswer | Fault::CrashAfter) => Ok(fault),
        }
    }

    /// The error that takes the answer's place, if any.
    fn after(&self, fault: Fault, call: Call) -> Result<(), Error> {
        match (fault, call) {
            (Fault::None | Fault::Reject | Fault::Conflict | Fault::CrashBefore, _) => Ok(()),
            (Fault::LoseAnswer, Call::Write | Call::Insert | Call::Transact | Call::Replace) => {
                Err(Error::Ambiguous("injected".to_owned()))
            }
            (Fault::LoseAnswer, Call::Get | Call::GetMany | Call::Scan | Call::Page | Call::Snapshot) => {
                Err(Error::Unavailable("injected".to_owned()))
            }
            (Fault::CrashAfter, _) => Err(self.crash()),
        }
    }
}

impl<T: Table, F: Faults> Table for Faulty<T, F> {
    fn schema(&self) -> &KeySchema {
        self.table.schema()
    }

    async fn get(&self, get: &Get) -> Result<Option<Item>, Error> {
        let fault = self.before(Call::Get)?;
        let answer = self.table.get(get).await;
        self.after(fault, Call::Get).and(answer)
    }

    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Item>>, Error> {
        let fault = self.before(Call::GetMany)?;
        let answer = self.table.get_many(keys).await;
        self.after(fault, Call::GetMany).and(answer)
    }

    async fn write(&self, write: &Write) -> Result<Written, Error> {
        let fault = self.before(Call::Write)?;
        let answer = self.table.write(write).await;
        self.after(fault, Call::Write).and(answer)
    }

    async fn insert(&self, items: &[Item]) -> Vec<Inserted> {
        let mut answers = Vec::new();
        for item in items {
            answers.push(match self.before(Call::Insert) {
                Err(error) => Inserted::Failed(error),
                Ok(fault) => {
                    let answer = self.table.insert(std::slice::from_ref(item)).await.pop();
                    match (self.after(fault, Call::Insert), answer) {
                        (Ok(()), Some(answer)) => answer,
                        (Ok(()), None) => Inserted::Failed(Error::Invariant("insert gave no answer".to_owned())),
                        (Err(error), _) => Inserted::Failed(error),
                    }
                }
            });
        }
        answers
    }

    async fn scan(&self, segment: Segment, after: Option<&Key>, limit: u32) -> Result<Page, Error> {
        let fault = self.before(Call::Scan)?;
        let answer = self.table.scan(segment, after, limit).await;
        self.after(fault, Call::Scan).and(answer)
    }
}

impl<T: Pages, F: Faults> Pages for Faulty<T, F> {
    fn indexes(&self) -> &BTreeMap<String, Index> {
        self.table.indexes()
    }

    async fn page(&self, request: &PageRequest) -> Result<Found, Error> {
        let fault = self.before(Call::Page)?;
        let answer = self.table.page(request).await;
        self.after(fault, Call::Page).and(answer)
    }
}

impl<T: Transactions, F: Faults> Transactions for Faulty<T, F> {
    async fn transact(&self, transaction: &Transaction) -> Result<Transacted, Error> {
        let fault = self.before(Call::Transact)?;
        let answer = self.table.transact(transaction).await;
        self.after(fault, Call::Transact).and(answer)
    }

    async fn snapshot(&self, entries: &[ReadEntry]) -> Result<Snapshot, Error> {
        let fault = self.before(Call::Snapshot)?;
        let answer = self.table.snapshot(entries).await;
        self.after(fault, Call::Snapshot).and(answer)
    }

    async fn replace(&self, items: &[Replacement]) -> Result<Vec<usize>, Error> {
        let mut left = Vec::new();
        for (index, item) in items.iter().enumerate() {
            match self.before(Call::Replace) {
                Err(Error::Throttled(_)) => left.push(index),
                Err(error) => return Err(error),
                Ok(fault) => {
                    self.table.replace(std::slice::from_ref(item)).await?;
                    self.after(fault, Call::Replace)?;
                }
            }
        }
        Ok(left)
    }
}
