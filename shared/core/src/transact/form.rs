//! The forms that a transaction takes, one for each table and run.

use crate::error::Error;
use crate::mark::Run;
use crate::ports::transact::{Check, Entry, Transaction};
use crate::ports::{Guard, Returning, Write};
use crate::route::Pair;
use crate::transact::{Part, TransactRequest};
use crate::write::{Dress, WriteRequest};

/// How a transaction is sent: to which table, in which dress, and what is demanded of each of its items.
///
/// A form is made from the request and the run alone, never from what is stored: whoever sends a request again
/// in the same form sends the very same transaction, and the backend knows it by its token.
#[derive(Debug)]
pub(super) struct Form<'a, T> {
    pub(super) table: &'a T,
    pub(super) dress: Dress,
    guard: Guard,
}

impl<'a, T> Form<'a, T> {
    /// For the table that loses its keys in `run`, until it does; so in `new` of the run before, too.
    ///
    /// All phases up to `guarded` send this form, run 1 included, where `old` and `copy` could do without a guard:
    /// what was done in `copy` is then recognised in `guarded`.
    pub(super) fn losing(pair: Pair<'a, T>, run: Run) -> Form<'a, T> {
        Form { table: pair.losing(run), dress: Dress::losing(run), guard: Guard::NotMoved(run) }
    }

    /// For the table that gains the keys in `run`, once it has.
    pub(super) fn gaining(pair: Pair<'a, T>, run: Run) -> Form<'a, T> {
        Form { table: pair.gaining(run), dress: Dress::Native(run), guard: Guard::NativeIn(run) }
    }

    /// For the table that won.
    pub(super) fn last(pair: Pair<'a, T>, run: Run) -> Form<'a, T> {
        Form { table: pair.gaining(run), dress: Dress::Final, guard: Guard::Always }
    }

    /// The request in this form.
    ///
    /// # Errors
    /// A `ValidationException` when an expression cannot be read.
    pub(super) fn of(&self, request: &TransactRequest) -> Result<Transaction, Error> {
        let entries = request.parts.iter().map(|part| self.entry(part)).collect::<Result<_, _>>()?;
        Ok(Transaction { entries, token: request.token.clone() })
    }

    fn entry(&self, part: &Part) -> Result<Entry, Error> {
        Ok(match part {
            Part::Write(request) => Entry::Write(self.write(request)?),
            Part::Check { key, condition, names, values } => Entry::Check(Check {
                key: key.clone(),
                guard: self.guard.clone(),
                condition: self.dress.condition(condition, names, values)?,
                names: names.clone(),
                values: values.clone(),
            }),
            Part::Foreign(entry) => Entry::Foreign(entry.clone()),
        })
    }

    fn write(&self, request: &WriteRequest) -> Result<Write, Error> {
        let (action, guard) = match request.takes_away()? {
            Some(expression) => (self.dress.update_in_place(expression), self.guard_of_an_item()),
            None => (self.dress.action(&request.key, &request.change, None), self.guard.clone()),
        };
        Ok(Write {
            key: request.key.clone(),
            action,
            guard,
            condition: request.condition(self.dress)?,
            names: request.names.clone(),
            values: request.values.clone(),
            returning: Returning::Nothing,
            once: None,
        })
    }

    /// For an update that only takes attributes away: in DynamoDB it creates no item, but the marks set with it
    /// would. So there must be one, be it a tombstone, which such an update leaves as it is.
    fn guard_of_an_item(&self) -> Guard {
        match (&self.guard, self.dress) {
            (Guard::NotMoved(run), Dress::Native(_)) => Guard::PresentNotMoved(*run),
            (guard, Dress::Plain | Dress::Stamped | Dress::Native(_) | Dress::First(_) | Dress::Final) => {
                (*guard).clone()
            }
        }
    }
}
