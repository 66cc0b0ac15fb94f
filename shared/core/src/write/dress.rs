//! How what an application writes is dressed for the table it goes to: marks, tombstones, conditions.

use std::collections::BTreeMap;

use serde_dynamo::AttributeValue;

use super::Change;
use crate::error::Error;
use crate::expression::condition::holds_when_absent;
use crate::item::{Item, Key};
use crate::mark::{MOVED, Marks, OWN, OperationId, POSITION, Run, STAMP, TOMBSTONE};
use crate::ports::{Action, Condition};

/// How an item is dressed for the table it is written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dress {
    /// As the application wrote it: no marks, deletes are deletes, there are no tombstones.
    Plain,
    /// As [`Dress::Plain`], but with the stamp of its operation.
    Stamped,
    /// Native since that run; deletes leave tombstones. With the stamp.
    Native(Run),
    /// As [`Dress::Native`], over a copy that is to become native by this.
    First(Run),
    /// No marks any more, deletes are deletes, but tombstones may still be lying about.
    Final,
}

impl Dress {
    /// That of the table that loses its keys in `run`, for keys that have not moved in it.
    pub(crate) fn losing(run: Run) -> Dress {
        if run == Run(1) { Dress::Stamped } else { Dress::Native(run.previous()) }
    }

    /// The item as it is put.
    pub(crate) fn item(self, item: Item, stamp: Option<&OperationId>) -> Item {
        match self {
            Dress::Plain | Dress::Final => item,
            Dress::Stamped => Marks { stamp: stamp.cloned(), ..Marks::default() }.onto(item),
            Dress::Native(run) | Dress::First(run) => native(run, stamp).onto(item),
        }
    }

    /// What a deleted item leaves, if anything.
    pub(crate) fn tombstone(self, key: &Key, stamp: Option<&OperationId>) -> Option<Item> {
        match self {
            Dress::Plain | Dress::Stamped | Dress::Final => None,
            Dress::Native(run) | Dress::First(run) => {
                Some(Marks { tombstone: true, ..native(run, stamp) }.onto(key.to_item()))
            }
        }
    }

    /// What is done to the item of `key`. An update makes an item of a tombstone.
    ///
    /// Whoever leaves no stamp takes that of another away: it would speak of a value that is there no more.
    pub(crate) fn action(self, key: &Key, change: &Change, stamp: Option<&OperationId>) -> Action {
        match change {
            Change::Put(item) => Action::Put(self.item(item.clone(), stamp)),
            Change::Delete => self.tombstone(key, stamp).map_or(Action::Delete, Action::Put),
            Change::Update(expression) => {
                let mut remove = match self {
                    Dress::Plain | Dress::Stamped => vec![],
                    Dress::Native(_) => vec![TOMBSTONE],
                    Dress::First(_) => vec![MOVED, TOMBSTONE, POSITION],
                    Dress::Final => vec![OWN, MOVED, TOMBSTONE, POSITION],
                };
                let set = self.marks(stamp);
                if self.takes_stamps_away(expression.as_deref()) && !set.contains_key(STAMP) {
                    remove.push(STAMP);
                }
                Action::Update { expression: expression.clone(), set, remove }
            }
        }
    }

    /// An update that leaves a tombstone what it is.
    pub(crate) fn update_in_place(self, expression: &str) -> Action {
        let remove = if self.takes_stamps_away(Some(expression)) { vec![STAMP] } else { vec![] };
        Action::Update { expression: Some(expression.to_owned()), set: self.marks(None), remove }
    }

    fn takes_stamps_away(self, expression: Option<&str>) -> bool {
        match self {
            Dress::Plain => false,
            // An update of nothing at all makes an item where there is none, but one that takes a mark away does
            // not. It changes no value, so a stamp stays as true as it was.
            Dress::Stamped => expression.is_some(),
            Dress::Native(_) | Dress::First(_) | Dress::Final => true,
        }
    }

    /// The marks that an update sets.
    fn marks(self, stamp: Option<&OperationId>) -> BTreeMap<&'static str, AttributeValue> {
        let own = match self {
            Dress::Plain | Dress::Final => return BTreeMap::new(),
            Dress::Stamped => None,
            Dress::Native(run) | Dress::First(run) => Some((OWN, AttributeValue::N(run.to_string()))),
        };
        let stamp = stamp.map(|stamp| (STAMP, AttributeValue::S(stamp.as_str().to_owned())));
        own.into_iter().chain(stamp).collect()
    }

    /// The application's condition, with what a tombstone is to it.
    ///
    /// # Errors
    /// A `ValidationException` when `text` is no condition.
    pub(crate) fn condition(
        self,
        text: &str,
        names: &BTreeMap<String, String>,
        values: &BTreeMap<String, AttributeValue>,
    ) -> Result<Condition, Error> {
        let when_tombstone = match self {
            Dress::Plain | Dress::Stamped => None,
            Dress::Native(_) | Dress::First(_) | Dress::Final => Some(holds_when_absent(text, names, values)?),
        };
        Ok(Condition { text: text.to_owned(), when_tombstone })
    }
}

fn native(run: Run, stamp: Option<&OperationId>) -> Marks {
    Marks { own: run, stamp: stamp.cloned(), ..Marks::default() }
}
