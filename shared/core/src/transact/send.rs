//! Sending a transaction to one table, and what its answer means.

use crate::error::Error;
use crate::item::Key;
use crate::mark::{Marks, visible};
use crate::ports::transact::{Entry, Reason, Transacted, Transaction, Transactions};
use crate::ports::{Action, Guard, Write};
use crate::size;
use crate::transact::TransactRequest;
use crate::transact::form::Form;

/// How often a transaction is sent because items that it takes for granted were not there.
const TRIES: u32 = 8;
/// How often a transaction that has a token is sent when answers get lost.
const SENDS: u32 = 3;

/// What came of a transaction on one table.
pub(super) enum Sent {
    /// It is done, now or before.
    Applied,
    /// Nothing was done: some of its keys are not this table's, by what their items say.
    NotOurs(Vec<(Key, Marks)>),
    /// Nothing was done now: its token stands for something else. The backend's refusal.
    Mismatch(Error),
}

impl<T: Transactions> Form<'_, T> {
    /// Sends `request` in this form; again after a lost answer if it has a token.
    ///
    /// # Errors
    /// [`Error::Cancelled`] with what the application may see of the items; [`Error::Ambiguous`] when it may have
    /// been done; else those of the table, and nothing was done.
    pub(super) async fn send(&self, request: &TransactRequest) -> Result<Sent, Error> {
        let transaction = self.of(request)?;
        for _ in 0..TRIES {
            let reasons = match self.settled(&transaction).await {
                Ok(Transacted::Applied) => return Ok(Sent::Applied),
                Ok(Transacted::Cancelled(reasons)) => reasons,
                Err(error) if is_mismatch(&error) => return Ok(Sent::Mismatch(error)),
                Err(error) => return Err(error),
            };
            let refused = refused(&transaction, &reasons);
            if !refused.not_ours.is_empty() {
                return Ok(Sent::NotOurs(refused.not_ours));
            }
            if refused.absent.is_empty() {
                return Err(Error::Cancelled { reasons: shown(&transaction, reasons) });
            }
            for key in refused.absent {
                self.bury(key).await?;
            }
        }
        Err(Error::Unavailable("items kept changing during the transaction; try again".to_owned()))
    }

    /// The answer to `transaction`; with a token it may be asked for again.
    async fn settled(&self, transaction: &Transaction) -> Result<Transacted, Error> {
        let mut lost = None;
        for _ in 0..SENDS {
            match self.table.transact(transaction).await {
                Err(error) if error.is_ambiguous() && transaction.token.is_some() => lost = Some(error),
                Err(error) if is_mismatch(&error) => return Err(error),
                // Whatever came of this time, the first time may have done it.
                Err(error) => return Err(lost.unwrap_or(error)),
                Ok(Transacted::Cancelled(reasons)) if lost.is_some() && !is_judged(&reasons) => {}
                Ok(answer) => return Ok(answer),
            }
        }
        Err(lost.unwrap_or_else(|| Error::Ambiguous("the transaction was not answered".to_owned())))
    }

    /// Leaves a tombstone where there is nothing, as a delete of the absent item would.
    async fn bury(&self, key: &Key) -> Result<(), Error> {
        let Some(tombstone) = self.dress.tombstone(key, None) else { return Ok(()) };
        let put = Write::new(key.clone(), Action::Put(tombstone), Guard::Absent);
        match self.table.write(&put).await {
            Ok(_) => Ok(()),
            // It is there or not: the next attempt tells.
            Err(error) if error.is_ambiguous() => Ok(()),
            Err(error) => Err(error),
        }
    }
}

fn is_mismatch(error: &Error) -> bool {
    error.name() == "IdempotentParameterMismatchException"
}

/// Whether the backend has looked at the items, and so at what it remembers of the token before. It has not where
/// others were in the way or it had too much to do.
pub(super) fn is_judged(reasons: &[Reason]) -> bool {
    reasons.iter().any(|reason| matches!(reason.code.as_str(), "ConditionalCheckFailed" | "ValidationError"))
}

/// The entries that livemove's own demands refused.
struct Refused<'a> {
    not_ours: Vec<(Key, Marks)>,
    /// Keys of which there is no item, where there must be one.
    absent: Vec<&'a Key>,
}

fn refused<'a>(transaction: &'a Transaction, reasons: &[Reason]) -> Refused<'a> {
    let mut refused = Refused { not_ours: Vec::new(), absent: Vec::new() };
    for (entry, reason) in transaction.entries.iter().zip(reasons) {
        let (key, guard) = match entry {
            Entry::Write(write) => (&write.key, &write.guard),
            Entry::Check(check) => (&check.key, &check.guard),
            Entry::Foreign(_) => continue,
        };
        match (&reason.item, guard) {
            _ if reason.code != "ConditionalCheckFailed" || guard.holds(reason.item.as_ref()) => {}
            (None, Guard::PresentNotMoved(_)) => refused.absent.push(key),
            (item, _) => refused.not_ours.push((key.clone(), Marks::of_option(item.as_ref()))),
        }
    }
    refused
}

/// The reasons as the application may see them.
fn shown(transaction: &Transaction, reasons: Vec<Reason>) -> Vec<Reason> {
    let show = |(entry, reason): (&Entry, Reason)| match entry {
        Entry::Write(_) | Entry::Check(_) => {
            Reason { item: visible(reason.item), message: reason.message.map(size::explained), ..reason }
        }
        Entry::Foreign(_) => reason,
    };
    transaction.entries.iter().zip(reasons).map(show).collect()
}
