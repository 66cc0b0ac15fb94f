//! Queries and scans of the table in memory.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use serde_dynamo::AttributeValue;

use super::key_condition::KeyCondition;
use super::memory::{Hook, Memory, Place, segment_of};
use crate::canonical::canonical_value;
use crate::error::Error;
use crate::expression::bindings::Bindings;
use crate::expression::evaluate::{holds, project};
use crate::expression::{validation, value};
use crate::item::{Item, KeySchema};
use crate::mark::{Marks, RESERVED};
use crate::pages::rules::{Parsed, parse};
use crate::ports::pages::{Besides, Found, Index, PageRequest, Pages, Shown, Walk};
use crate::size;

/// A page ends with the item that reaches it:
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Query.Pagination.html>.
const PAGE_BYTES: usize = 1 << 20;

/// Where an item stands in a table or index: by a hash of the partition key, then by the sort key. Items of
/// equal keys of an index stand in an order of the table's own.
struct Spot {
    hash: u64,
    partition: Vec<u8>,
    sort: Option<AttributeValue>,
    place: Place,
}

impl Spot {
    fn order(&self, other: &Spot) -> Ordering {
        let sorts = self.sort.as_ref().zip(other.sort.as_ref());
        let by_sort = || sorts.and_then(|(mine, theirs)| value::order(mine, theirs)).unwrap_or(Ordering::Equal);
        self.hash
            .cmp(&other.hash)
            .then_with(|| self.partition.cmp(&other.partition))
            .then_with(by_sort)
            .then_with(|| self.place.cmp(&other.place))
    }
}

/// A page request that has been read and checked.
struct Reading<'a> {
    request: &'a PageRequest,
    index: Option<&'a Index>,
    /// The key that is walked by.
    keys: &'a KeySchema,
    parsed: Parsed,
    condition: Option<KeyCondition>,
}

impl Reading<'_> {
    fn bindings(&self) -> Bindings<'_> {
        Bindings { names: &self.request.names, values: &self.request.values }
    }

    fn is_forward(&self) -> bool {
        !matches!(self.request.walk, Walk::Query { forward: false, .. })
    }

    /// Whether the item is in the part of the table that is walked over.
    fn covers(&self, spot: &Spot, item: &Item) -> bool {
        match &self.request.walk {
            Walk::Query { .. } => {
                self.condition.as_ref().is_some_and(|condition| condition.holds(item, self.bindings()))
            }
            Walk::Scan { segment } => segment_of(spot.hash, segment.total) == segment.index,
        }
    }

    /// Whether the item comes back, as the index holds it.
    fn matches(&self, item: &Item) -> bool {
        let Some(filter) = &self.parsed.filter else { return true };
        let marks = match self.index {
            Some(index) if !index.holds_marks() => Marks::default(),
            Some(_) | None => Marks::of(item),
        };
        let hidden = marks.tombstone || marks.canary.is_some();
        let besides = match self.request.besides {
            Besides::Nothing => false,
            Besides::Hidden => hidden,
            Besides::HiddenOrMoved(run) => hidden || marks.moved >= run || marks.own >= run,
        };
        besides || holds(filter, Some(item), self.bindings())
    }
}

impl<H: Hook> Memory<H> {
    fn reading<'a>(&'a self, request: &'a PageRequest) -> Result<Reading<'a>, Error> {
        let no_index = |name: &String| validation(format!("The table does not have the specified index: {name}"));
        let find = |name: &String| self.indexes.get(name).ok_or_else(|| no_index(name));
        let index = request.index.as_ref().map(find).transpose()?;
        let keys = index.map_or(self.schema.as_ref(), |index| &index.keys);
        let parsed = parse(&self.schema, index, request)?;
        let bindings = Bindings { names: &request.names, values: &request.values };
        let condition = match &request.walk {
            Walk::Query { key_condition, .. } => Some(KeyCondition::parse(key_condition, keys, bindings)?),
            Walk::Scan { .. } => None,
        };
        Ok(Reading { request, index, keys, parsed, condition })
    }

    /// Where an item or start key stands; `None` if it has not the keys for it.
    fn spot(&self, keys: &KeySchema, item: &Item) -> Option<Spot> {
        let key = self.schema.key_of(item).ok()?;
        let walked = keys.key_of(item).ok()?;
        let partition = walked.attributes().get(&keys.partition).map(canonical_value)?;
        let sort = keys.sort.as_ref().and_then(|sort| walked.attributes().get(sort)).cloned();
        Some(Spot { hash: self.spread(&partition), partition, sort, place: self.place(&key) })
    }

    /// Where the page begins.
    fn after(&self, reading: &Reading<'_>) -> Result<Option<Spot>, Error> {
        let invalid = || validation("The provided starting key is invalid");
        let Some(after) = &reading.request.after else { return Ok(None) };
        let known = |name: &String| self.schema.names().chain(reading.keys.names()).any(|key| key == name);
        let spot = self.spot(reading.keys, after).ok_or_else(invalid)?;
        let outside = reading.condition.as_ref().is_some_and(|condition| {
            let partition = after.0.get(&reading.keys.partition);
            !value::equal(partition, Some(&condition.partition))
        });
        match after.0.keys().all(known) && !outside {
            true => Ok(Some(spot)),
            false => Err(invalid()),
        }
    }

    /// The item as the table or index holds it; local indexes fetch the rest from the table.
    fn held(&self, index: Option<&Index>, item: &Item) -> Item {
        match index {
            Some(index) if !index.local => {
                Item(item.0.clone().into_iter().filter(|(name, _)| index.holds(&self.schema, name)).collect())
            }
            Some(_) | None => item.clone(),
        }
    }

    /// The attributes that were asked for, keys, and the marks that are held.
    fn shown(&self, reading: &Reading<'_>, item: &Item) -> Item {
        let holds = |name: &str| reading.index.is_none_or(|index| index.holds(&self.schema, name));
        let is_key = |name: &str| self.schema.names().chain(reading.keys.names()).any(|key| key == name);
        let always = |name: &str| is_key(name) || (name.starts_with(RESERVED) && holds(name));
        let cut = |keep: &dyn Fn(&str) -> bool| item.0.iter().filter(|(name, _)| keep(name)).map(clone).collect();
        let mut shown: BTreeMap<_, _> = match (&reading.request.shown, &reading.parsed.paths) {
            (Shown::Whole, _) => return item.clone(),
            (Shown::Projected, _) => cut(&holds),
            (Shown::Expression(_), Some(paths)) => project(item, paths).0,
            (Shown::Expression(_) | Shown::Keys | Shown::Count, _) => BTreeMap::new(),
        };
        shown.extend(cut(&always));
        Item(shown)
    }
}

fn clone((name, value): (&String, &AttributeValue)) -> (String, AttributeValue) {
    (name.clone(), value.clone())
}

impl<H: Hook> Pages for Memory<H> {
    fn indexes(&self) -> &BTreeMap<String, Index> {
        &self.indexes
    }

    async fn page(&self, request: &PageRequest) -> Result<Found, Error> {
        let reading = self.reading(request)?;
        let after = self.after(&reading)?;
        let asked = request.limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX);
        let most = asked.min(self.page_items);
        let walked: Vec<Item> = self
            .step(|state| {
                let spots = state.items.values().filter_map(|item| Some((self.spot(reading.keys, item)?, item)));
                let mut spots: Vec<_> = spots.filter(|(spot, item)| reading.covers(spot, item)).collect();
                spots.sort_by(|(a, _), (b, _)| a.order(b));
                if !reading.is_forward() {
                    spots.reverse();
                }
                let wanted = if reading.is_forward() { Ordering::Greater } else { Ordering::Less };
                let is_next = |spot: &Spot| after.as_ref().is_none_or(|after| spot.order(after) == wanted);
                let rest = spots.into_iter().filter(|(spot, _)| is_next(spot));
                let mut bytes = 0;
                let fits = |(_, item): &(Spot, &Item)| {
                    let has_room = bytes < PAGE_BYTES;
                    bytes += size::of(item);
                    has_room
                };
                rest.take(most).take_while(fits).map(|(_, item)| self.held(reading.index, item)).collect()
            })
            .await;
        // As DynamoDB, a full page has a key to go on after even if nothing comes after it.
        let bytes: usize = walked.iter().map(size::of).sum();
        let last = walked.last().filter(|_| walked.len() == most || bytes >= PAGE_BYTES);
        let is_key = |name: &String| self.schema.names().chain(reading.keys.names()).any(|key| key == name);
        let next = last.map(|item| Item(item.0.iter().filter(|(name, _)| is_key(name)).map(clone).collect()));
        let scanned = u32::try_from(walked.len()).unwrap_or(u32::MAX);
        let found: Vec<Item> = walked.iter().filter(|item| reading.matches(item)).cloned().collect();
        let count = u32::try_from(found.len()).unwrap_or(u32::MAX);
        let items = match request.shown {
            Shown::Count => Vec::new(),
            Shown::Whole | Shown::Projected | Shown::Expression(_) | Shown::Keys => {
                found.iter().map(|item| self.shown(&reading, item)).collect()
            }
        };
        Ok(Found { items, count, scanned, next })
    }
}
