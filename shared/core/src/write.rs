//! Writing one item of a migrating table, with the application's own condition.

use std::collections::BTreeMap;

use serde_dynamo::AttributeValue;

use crate::error::Error;
use crate::expression::condition::holds_when_absent;
use crate::expression::update::Clauses;
use crate::handoff::handoff;
use crate::item::{Item, Key};
use crate::mark::{MOVED, Marks, OWN, POSITION, Run, TOMBSTONE, visible};
use crate::phase::State;
use crate::ports::{Action, Condition, Guard, Returning, Table, Write, Written};
use crate::route::{Pair, Route};

/// How often a write is repeated because its key moved under it.
const TRIES: u32 = 8;

/// What an application wants done to an item.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// Replace it.
    Put(Item),
    /// Change attributes by this update expression, creating the item if there is none.
    Update(Option<String>),
    /// Delete it.
    Delete,
}

/// An application's write of one item.
#[derive(Clone, Debug, PartialEq)]
pub struct WriteRequest {
    /// Which item.
    pub key: Key,
    /// What to do.
    pub change: Change,
    /// The condition expression.
    pub condition: Option<String>,
    /// `ExpressionAttributeNames`.
    pub names: BTreeMap<String, String>,
    /// `ExpressionAttributeValues`.
    pub values: BTreeMap<String, AttributeValue>,
    /// `ReturnValues`.
    pub returning: Returning,
}

/// How an item is dressed for the table it is written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dress {
    /// As the application wrote it: no marks, deletes are deletes, there are no tombstones.
    Plain,
    /// Native since that run; deletes leave tombstones.
    Native(Run),
    /// No marks any more, deletes are deletes, but tombstones may still be lying about.
    Final,
}

/// Writes an item as one DynamoDB table would, whatever the phase, and answers the attributes asked for.
/// A write is never repeated after its answer was lost.
///
/// # Errors
/// [`Error::ConditionFailed`] with what the application may see of the item; [`Error::StalePhase`] when the
/// state is out of date and nothing was done; [`Error::Ambiguous`] when it may have been done; else those of
/// the tables.
pub async fn write<T: Table>(pair: Pair<'_, T>, state: &State, request: &WriteRequest) -> Result<Option<Item>, Error> {
    match state.route() {
        Route::Plain => attempt(pair.source, request, Dress::Plain, Guard::Always).await?.or(stale()),
        Route::Final { run } => attempt(pair.gaining(run), request, Dress::Final, Guard::Always).await?.or(stale()),
        Route::Guarded { run, moving } => {
            let dress = if run == Run(1) { Dress::Plain } else { Dress::Native(run.previous()) };
            match attempt(pair.losing(run), request, dress, Guard::NotMoved(run)).await? {
                Attempt::Done(attributes) => Ok(attributes),
                Attempt::NotOurs(_) if moving => across(pair, run, request).await,
                Attempt::NotOurs(_) => stale(),
            }
        }
        Route::Handoff { run } => across(pair, run, request).await,
    }
}

/// What came of an attempt on one table.
enum Attempt {
    /// Written.
    Done(Option<Item>),
    /// The guard does not hold: this table does not own the key.
    NotOurs(Marks),
}

impl Attempt {
    fn or(self, otherwise: Result<Option<Item>, Error>) -> Result<Option<Item>, Error> {
        match self {
            Attempt::Done(attributes) => Ok(attributes),
            Attempt::NotOurs(_) => otherwise,
        }
    }
}

fn stale<R>() -> Result<R, Error> {
    Err(Error::StalePhase)
}

/// On the gaining table, on condition that the key is native there; handed over first where it is not.
async fn across<T: Table>(pair: Pair<'_, T>, run: Run, request: &WriteRequest) -> Result<Option<Item>, Error> {
    for _ in 0..TRIES {
        match attempt(pair.gaining(run), request, Dress::Native(run), Guard::NativeIn(run)).await? {
            Attempt::Done(attributes) => return Ok(attributes),
            Attempt::NotOurs(marks) if marks.own > run => return stale(),
            Attempt::NotOurs(_) => handoff(pair, run, &request.key).await?,
        }
    }
    Err(Error::Unavailable("the key kept moving during the write; try again".to_owned()))
}

async fn attempt<T: Table>(table: &T, request: &WriteRequest, dress: Dress, guard: Guard) -> Result<Attempt, Error> {
    let mut write = Write {
        key: request.key.clone(),
        action: dress.action(request),
        condition: dress.condition(request)?,
        guard,
        names: request.names.clone(),
        values: request.values.clone(),
        returning: request.returning,
    };
    let only_takes_away = dress != Dress::Plain && request.only_takes_away()?;
    if only_takes_away {
        demand_an_item(&mut write, &table.schema().partition);
    }
    match table.write(&write).await? {
        Written::Applied(attributes) => Ok(Attempt::Done(answer(request.returning, attributes))),
        Written::Refused(current) if !write.guard.holds(current.as_ref()) => {
            Ok(Attempt::NotOurs(Marks::of_option(current.as_ref())))
        }
        Written::Refused(current) => match visible(current) {
            None if only_takes_away && request.holds_when_absent()? => Ok(Attempt::Done(None)),
            item => Err(Error::ConditionFailed { item }),
        },
    }
}

/// An update that only takes attributes away creates no item; but the marks set with it would. So it demands
/// an item, and finding none is success, as it is in DynamoDB.
fn demand_an_item(write: &mut Write, partition: &str) {
    let unused = (0u32..).map(|n| format!("#key{n}")).find(|name| !write.names.contains_key(name));
    let placeholder = unused.unwrap_or_default();
    let text = match &write.condition {
        Some(condition) => format!("({}) AND attribute_exists({placeholder})", condition.text),
        None => format!("attribute_exists({placeholder})"),
    };
    write.condition = Some(Condition { text, when_tombstone: Some(false) });
    write.names.insert(placeholder, partition.to_owned());
}

impl WriteRequest {
    /// An update of nothing but `REMOVE` and `DELETE` clauses.
    fn only_takes_away(&self) -> Result<bool, Error> {
        match &self.change {
            Change::Update(Some(text)) => {
                let clauses = Clauses::parse(text)?;
                Ok(clauses.set.is_none() && clauses.add.is_none())
            }
            Change::Update(None) | Change::Put(_) | Change::Delete => Ok(false),
        }
    }

    fn holds_when_absent(&self) -> Result<bool, Error> {
        self.condition.as_ref().map_or(Ok(true), |text| holds_when_absent(text, &self.names, &self.values))
    }
}

/// What the application gets back. Before an update the item may have been a tombstone: then it was absent.
fn answer(returning: Returning, attributes: Option<Item>) -> Option<Item> {
    match returning {
        Returning::Nothing => None,
        Returning::AllOld | Returning::AllNew | Returning::UpdatedOld | Returning::UpdatedNew => {
            visible(attributes).filter(|item| !item.0.is_empty())
        }
    }
}

impl Dress {
    fn action(self, request: &WriteRequest) -> Action {
        let native = |run| Marks { own: run, ..Marks::default() };
        match (&request.change, self) {
            (Change::Put(item), Dress::Plain | Dress::Final) => Action::Put(item.clone()),
            (Change::Put(item), Dress::Native(run)) => Action::Put(native(run).onto(item.clone())),
            (Change::Delete, Dress::Plain | Dress::Final) => Action::Delete,
            (Change::Delete, Dress::Native(run)) => {
                Action::Put(Marks { tombstone: true, ..native(run) }.onto(request.key.to_item()))
            }
            (Change::Update(expression), dress) => {
                let (set, remove) = match dress {
                    Dress::Plain => (BTreeMap::new(), Vec::new()),
                    Dress::Native(run) => {
                        (BTreeMap::from([(OWN, AttributeValue::N(run.to_string()))]), vec![TOMBSTONE])
                    }
                    Dress::Final => (BTreeMap::new(), vec![OWN, MOVED, TOMBSTONE, POSITION]),
                };
                Action::Update { expression: expression.clone(), set, remove }
            }
        }
    }

    fn condition(self, request: &WriteRequest) -> Result<Option<Condition>, Error> {
        let Some(text) = &request.condition else {
            return Ok(None);
        };
        let when_tombstone = match self {
            Dress::Plain => None,
            Dress::Native(_) | Dress::Final => Some(holds_when_absent(text, &request.names, &request.values)?),
        };
        Ok(Some(Condition { text: text.clone(), when_tombstone }))
    }
}
