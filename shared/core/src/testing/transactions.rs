//! Write and read transactions and unconditional batches on the table in memory.
//!
//! Entries for other tables are carried as DynamoDB carries what is fine: a write of one counts as applied, a
//! read of one finds nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::PoisonError;

use super::apply::{apply, check, check_size};
use super::memory::{Hook, Memory, Place, State};
use super::projection::Projection;
use crate::error::Error;
use crate::expression::validation;
use crate::item::{Item, Key, KeySchema};
use crate::ports::transact::{
    Check, Entry, REPLACE_MAX, ReadEntry, Reason, Replacement, Snapshot, TRANSACT_MAX, Transacted, Transaction,
    Transactions,
};
use crate::ports::{Action, Millis, Write, Written};

/// How long a token is remembered: ten minutes, as documented.
const TOKEN_LIFE: Millis = 600_000;

/// The tokens of applied transactions, for one account and Region.
#[derive(Debug, Default)]
pub(super) struct Tokens(BTreeMap<String, Remembered>);

#[derive(Debug)]
struct Remembered {
    table: usize,
    entries: Vec<Entry>,
    until: Millis,
}

impl Tokens {
    /// Whether this very transaction was applied a short while ago.
    ///
    /// # Errors
    /// `IdempotentParameterMismatchException` when another one of the same token was.
    fn recall(&self, table: usize, transaction: &Transaction, now: Millis) -> Result<bool, Error> {
        let remembered = transaction.token.as_ref().and_then(|token| self.0.get(token));
        match remembered.filter(|remembered| now < remembered.until) {
            None => Ok(false),
            Some(same) if same.table == table && same.entries == transaction.entries => Ok(true),
            Some(_) => Err(Error::Rejected {
                name: "IdempotentParameterMismatchException".to_owned(),
                message: "The request was already made with other parameters under the same token".to_owned(),
            }),
        }
    }

    fn remember(&mut self, table: usize, transaction: &Transaction, now: Millis) {
        if let Some(token) = &transaction.token {
            let remembered = Remembered { table, entries: transaction.entries.clone(), until: now + TOKEN_LIFE };
            self.0.insert(token.clone(), remembered);
        }
    }
}

/// An entry for this table, as a write that is judged; a check is one that is not carried out.
struct Own {
    place: Place,
    write: Write,
    carried_out: bool,
}

impl<H: Hook> Memory<H> {
    fn own(&self, entry: &Entry) -> Result<Option<Own>, Error> {
        let (write, carried_out) = match entry {
            Entry::Foreign(_) => return Ok(None),
            Entry::Write(write) => (Write { returning: Default::default(), ..write.clone() }, true),
            Entry::Check(check) => (as_write(check), false),
        };
        check(&self.schema, &write)?;
        Ok(Some(Own { place: self.place(&write.key), write, carried_out }))
    }
}

fn as_write(check: &Check) -> Write {
    Write {
        condition: Some(check.condition.clone()),
        names: check.names.clone(),
        values: check.values.clone(),
        ..Write::new(check.key.clone(), Action::Delete, check.guard.clone())
    }
}

/// What an entry would leave, or why it stands in the way.
fn judge(schema: &KeySchema, state: &State, own: &Own) -> Result<Option<Item>, Reason> {
    let failed = |code: &str, message: String, item| Reason { code: code.to_owned(), message: Some(message), item };
    match apply(schema, state.items.get(&own.place), &own.write) {
        Ok(outcome) => match outcome.written {
            Written::Applied(_) => Ok(outcome.item),
            Written::Refused(stored) => {
                Err(failed("ConditionalCheckFailed", "The conditional request failed".to_owned(), stored))
            }
        },
        Err(Error::Rejected { message, .. }) => Err(failed("ValidationError", message, None)),
        Err(error) => Err(failed("InternalServerError", error.to_string(), None)),
    }
}

fn check_entries(entries: usize) -> Result<(), Error> {
    if (1..=TRANSACT_MAX).contains(&entries) {
        return Ok(());
    }
    Err(validation(format!("Member must have length between 1 and {TRANSACT_MAX}, not {entries}")))
}

fn check_distinct<'a>(places: impl Iterator<Item = &'a Place>, message: &str) -> Result<(), Error> {
    let mut seen = BTreeSet::new();
    for place in places {
        if !seen.insert(place) {
            return Err(validation(message));
        }
    }
    Ok(())
}

impl<H: Hook> Transactions for Memory<H> {
    async fn transact(&self, transaction: &Transaction) -> Result<Transacted, Error> {
        check_entries(transaction.entries.len())?;
        let entries = transaction.entries.iter().map(|entry| self.own(entry)).collect::<Result<Vec<_>, _>>()?;
        let places = entries.iter().flatten().map(|own| &own.place);
        check_distinct(places, "Transaction request cannot include multiple operations on one item")?;
        self.step(|state| {
            let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
            if tokens.recall(self.identity(), transaction, state.now)? {
                return Ok(Transacted::Applied);
            }
            let judged: Vec<_> =
                entries.iter().map(|entry| entry.as_ref().map(|own| judge(&self.schema, state, own))).collect();
            if judged.iter().flatten().any(Result::is_err) {
                let reason =
                    |judged: Option<Result<_, Reason>>| judged.and_then(Result::err).unwrap_or_else(Reason::none);
                return Ok(Transacted::Cancelled(judged.into_iter().map(reason).collect()));
            }
            for (own, left) in entries.into_iter().zip(judged) {
                if let (Some(own), Some(Ok(item))) = (own, left)
                    && own.carried_out
                {
                    state.replace(own.place, own.write.key, item);
                }
            }
            tokens.remember(self.identity(), transaction, state.now);
            Ok(Transacted::Applied)
        })
        .await
    }

    async fn snapshot(&self, entries: &[ReadEntry]) -> Result<Snapshot, Error> {
        check_entries(entries.len())?;
        let mut reads = Vec::new();
        for entry in entries {
            reads.push(match entry {
                ReadEntry::Get(get) => Some((self.place(&get.key), Projection::of(get)?)),
                ReadEntry::Foreign(_) => None,
            });
        }
        let read = |state: &mut State| {
            let found = |(place, projection): &(Place, Projection)| {
                state.items.get(place).map(|item| projection.of_item(item.clone()))
            };
            reads.iter().map(|read| read.as_ref().and_then(found)).collect()
        };
        Ok(Snapshot::Read(self.step(read).await))
    }

    async fn replace(&self, items: &[Replacement]) -> Result<Vec<usize>, Error> {
        if !(1..=REPLACE_MAX).contains(&items.len()) {
            return Err(validation(format!("Member must have length between 1 and {REPLACE_MAX}")));
        }
        let placed = items.iter().map(|item| self.placed(item)).collect::<Result<Vec<_>, _>>()?;
        let places = placed.iter().map(|(place, ..)| place);
        check_distinct(places, "Provided list of item keys contains duplicates")?;
        for (place, key, item) in placed {
            self.step(|state| state.replace(place, key, item)).await;
        }
        Ok(Vec::new())
    }
}

impl<H: Hook> Memory<H> {
    fn placed(&self, replacement: &Replacement) -> Result<(Place, Key, Option<Item>), Error> {
        let (key, item) = match replacement {
            Replacement::Put(item) => {
                check_size(item)?;
                let key = self.schema.key_of(item).map_err(|error| validation(error.to_string()))?;
                (key, Some(item.clone()))
            }
            Replacement::Delete(key) => (key.clone(), None),
        };
        Ok((self.place(&key), key, item))
    }
}
