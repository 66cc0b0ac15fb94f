//! How what an application writes is dressed for the table it goes to: marks, tombstones, conditions.

use std::collections::BTreeMap;

use serde_dynamo::AttributeValue;

use super::Change;
use crate::error::Error;
use crate::expression::condition::holds_when_absent;
use crate::item::{Item, Key};
use crate::mark::{MOVED, Marks, OWN, POSITION, Run, TOMBSTONE};
use crate::ports::{Action, Condition};

/// How an item is dressed for the table it is written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dress {
    /// As the application wrote it: no marks, deletes are deletes, there are no tombstones.
    Plain,
    /// Native since that run; deletes leave tombstones.
    Native(Run),
    /// No marks any more, deletes are deletes, but tombstones may still be lying about.
    Final,
}

impl Dress {
    /// That of the table that loses its keys in `run`, for keys that have not moved in it.
    pub(crate) fn losing(run: Run) -> Dress {
        if run == Run(1) { Dress::Plain } else { Dress::Native(run.previous()) }
    }

    /// The item as it is put.
    pub(crate) fn item(self, item: Item) -> Item {
        match self {
            Dress::Plain | Dress::Final => item,
            Dress::Native(run) => native(run).onto(item),
        }
    }

    /// What a deleted item leaves, if anything.
    pub(crate) fn tombstone(self, key: &Key) -> Option<Item> {
        match self {
            Dress::Plain | Dress::Final => None,
            Dress::Native(run) => Some(Marks { tombstone: true, ..native(run) }.onto(key.to_item())),
        }
    }

    /// What is done to the item of `key`. An update makes an item of a tombstone.
    pub(crate) fn action(self, key: &Key, change: &Change) -> Action {
        match change {
            Change::Put(item) => Action::Put(self.item(item.clone())),
            Change::Delete => self.tombstone(key).map_or(Action::Delete, Action::Put),
            Change::Update(expression) => {
                let remove = match self {
                    Dress::Plain => vec![],
                    Dress::Native(_) => vec![TOMBSTONE],
                    Dress::Final => vec![OWN, MOVED, TOMBSTONE, POSITION],
                };
                Action::Update { expression: expression.clone(), set: self.marks(), remove }
            }
        }
    }

    /// An update that leaves a tombstone what it is.
    pub(crate) fn update_in_place(self, expression: &str) -> Action {
        Action::Update { expression: Some(expression.to_owned()), set: self.marks(), remove: vec![] }
    }

    /// The marks that an update sets.
    fn marks(self) -> BTreeMap<&'static str, AttributeValue> {
        match self {
            Dress::Plain | Dress::Final => BTreeMap::new(),
            Dress::Native(run) => BTreeMap::from([(OWN, AttributeValue::N(run.to_string()))]),
        }
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
            Dress::Plain => None,
            Dress::Native(_) | Dress::Final => Some(holds_when_absent(text, names, values)?),
        };
        Ok(Condition { text: text.to_owned(), when_tombstone })
    }
}

fn native(run: Run) -> Marks {
    Marks { own: run, ..Marks::default() }
}
