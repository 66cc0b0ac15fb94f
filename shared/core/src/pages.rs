//! Queries and scans of a migrating table, as one DynamoDB table would answer them. They write nothing.
//!
//! Where one table owns all keys, it alone is asked, and what applications cannot see is taken out and not
//! counted ([`walk`]). While keys move, the losing table is walked: whatever key moves or is made then leaves an
//! item there with a mark, so that table has every key. Those that say that they have moved are read from the
//! gaining table, and the filter and the projection are applied to them here: never is a filter put to a table
//! where an old row could stand for a newer one.
//!
//! One neighbour of `handoff` does not mark the losing table any more: a process that is in `new` already. It can
//! only be there once the run is sealed; so what was read under a sealed `handoff` counts only if the phase, read
//! again after it, is still the same.
//!
//! The order of a scan is its table's own, and so is the order of equal keys in an index. Hence a read goes on
//! walking the table that it began on, whatever has become of the phase ([`token`]), and each key that it finds
//! there is answered by whoever owns it. An index that is not its owner's is read together with the other
//! table's ([`merge`]).

mod chunk;
mod gather;
mod merge;
mod owner;
mod place;
pub(crate) mod rules;
mod show;
mod token;
mod walk;

use std::collections::BTreeMap;

use serde_dynamo::AttributeValue;

use crate::error::Error;
use crate::item::Item;
use crate::lease::Phases;
use crate::phase::{Phase, State};
use crate::ports::Consistency;
use crate::ports::pages::{Besides, PageRequest, Pages, Shown, Walk};
use crate::route::Pair;

use owner::Owner;
use token::Token;

/// An application's query or scan.
#[derive(Clone, Debug, PartialEq)]
pub struct PageRead {
    /// The secondary index, if not the table itself.
    pub index: Option<String>,
    /// What is walked over.
    pub walk: Walk,
    /// How fresh. While keys may move, every read but that of a global index is strong: else a read could go back
    /// in time.
    pub consistency: Consistency,
    /// `FilterExpression`.
    pub filter: Option<String>,
    /// Which attributes.
    pub shown: Shown,
    /// `ExpressionAttributeNames`.
    pub names: BTreeMap<String, String>,
    /// `ExpressionAttributeValues`.
    pub values: BTreeMap<String, AttributeValue>,
    /// `Limit`: the most items looked at.
    pub limit: Option<u32>,
    /// `ExclusiveStartKey`, as the application gave it: a [`PageAnswer::next`].
    pub start: Option<Item>,
}

/// What the application is told.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PageAnswer {
    /// The items, without marks; none for [`Shown::Count`].
    pub items: Vec<Item>,
    /// How many they are.
    pub count: u32,
    /// How many items that the application can see were looked at, before the filter.
    pub scanned: u32,
    /// `LastEvaluatedKey`: where to go on; `None` at the end. It may hold one reserved attribute, which comes back
    /// in `ExclusiveStartKey`.
    pub next: Option<Item>,
}

/// Reads a page. Each item on its own is as one strong read would see it (or an eventual one, where that is asked
/// for and no key moves), all together not. `phases` is asked anew where the state in hand is not enough.
///
/// As in DynamoDB, a page may be empty and yet not the last.
///
/// # Errors
/// `ValidationException` for what is no query or scan, and for a start key that no answer gave;
/// [`Error::StalePhase`] when the state is out of date; else those of the tables.
pub async fn page<T: Pages, P: Phases>(
    pair: Pair<'_, T>,
    state: &State,
    phases: &P,
    read: &PageRead,
) -> Result<PageAnswer, Error> {
    let owner = Owner::of(state);
    let token = Token::open(read.start.clone())?;
    let answer = match &read.index {
        None => table(pair, owner, read, token).await?,
        Some(name) => index(pair, owner, read, name, token).await?,
    };
    if state.phase == Phase::Handoff && state.sealed {
        let now = phases.state().await?;
        if (now.run, now.phase) != (state.run, state.phase) {
            return Err(Error::StalePhase);
        }
    }
    Ok(answer)
}

async fn table<T: Pages>(pair: Pair<'_, T>, owner: Owner, read: &PageRead, token: Token) -> Result<PageAnswer, Error> {
    let walked = match &read.walk {
        // A query's order is the sort key's, whatever the table.
        Walk::Query { .. } => token.plain(owner.home())?,
        Walk::Scan { .. } => token.side(owner.home())?,
    };
    walk::read(pair, owner, read, walked, token.key).await
}

async fn index<T: Pages>(
    pair: Pair<'_, T>,
    owner: Owner,
    read: &PageRead,
    name: &str,
    token: Token,
) -> Result<PageAnswer, Error> {
    let walked = token.walk.unwrap_or(owner.home());
    match owner {
        Owner::One { side, .. } if side == walked && token.stands.is_none() => {
            walk::read(pair, owner, read, walked, token.key).await
        }
        Owner::One { .. } | Owner::Moving { .. } => merge::read(pair, owner, read, name, walked, token).await,
    }
}

impl PageRead {
    /// The read as DynamoDB would get it from the application, from the beginning.
    fn request(&self) -> PageRequest {
        PageRequest {
            index: self.index.clone(),
            walk: self.walk.clone(),
            consistency: self.consistency,
            filter: self.filter.clone(),
            besides: Besides::Nothing,
            shown: self.shown.clone(),
            names: self.names.clone(),
            values: self.values.clone(),
            limit: self.limit,
            after: None,
        }
    }
}
