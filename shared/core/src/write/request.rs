//! What an application asks for.

use std::collections::BTreeMap;

use serde_dynamo::AttributeValue;

use super::Dress;
use crate::error::Error;
use crate::expression::condition::holds_when_absent;
use crate::expression::update::Clauses;
use crate::expression::{Kind, room};
use crate::item::{Item, Key};
use crate::mark::OperationId;
use crate::ports::{Condition, Returning};

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
    /// By what it is known when it is asked for again; a write that may as well be done twice needs none.
    pub operation: Option<Operation>,
}

/// One operation of an application, as often as it is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// The same each time, and another one for every other operation: it is bound to all that is asked for.
    pub id: OperationId,
    /// Whether this is the first time.
    pub asked: Asked,
}

/// Whether an operation may have been asked for before. Who cannot know says [`Asked::First`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// Never: who asks again says so. It is done.
    Never,
    /// For the first time, as far as anybody knows: it is done, unless the item says that it has been.
    First,
    /// Before, and what came of it is not known: it is looked at and never done, for it may have been done and
    /// written over since, or be under way still.
    Again,
}

impl WriteRequest {
    /// Refuses expressions that leave no room for livemove's own, in every phase alike.
    ///
    /// # Errors
    /// `ExpressionTooLong`.
    pub(crate) fn demand_room(&self) -> Result<(), Error> {
        if let Some(condition) = &self.condition {
            room::check(Kind::Condition, condition, room::TO_CONDITION)?;
        }
        match &self.change {
            Change::Update(Some(update)) => room::check(Kind::Update, update, room::TO_UPDATE),
            Change::Update(None) | Change::Put(_) | Change::Delete => Ok(()),
        }
    }

    /// The expression of an update of nothing but `REMOVE` and `DELETE` clauses.
    pub(crate) fn takes_away(&self) -> Result<Option<&str>, Error> {
        match &self.change {
            Change::Update(Some(text)) => {
                let clauses = Clauses::parse(text)?;
                Ok((clauses.set.is_none() && clauses.add.is_none()).then_some(text))
            }
            Change::Update(None) | Change::Put(_) | Change::Delete => Ok(None),
        }
    }

    /// The id that the item must not bear yet, where the operation may have been asked for before.
    pub(super) fn once(&self) -> Option<&OperationId> {
        self.operation.as_ref().filter(|operation| operation.asked != Asked::Never).map(|operation| &operation.id)
    }

    /// The application's condition for a table that is written in this dress.
    pub(crate) fn condition(&self, dress: Dress) -> Result<Option<Condition>, Error> {
        self.condition.as_ref().map(|text| dress.condition(text, &self.names, &self.values)).transpose()
    }

    pub(super) fn holds_when_absent(&self) -> Result<bool, Error> {
        self.condition.as_ref().map_or(Ok(true), |text| holds_when_absent(text, &self.names, &self.values))
    }
}
