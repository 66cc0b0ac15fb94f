//! What an application sees of an item that livemove has looked up itself: the filter, the projection, and what
//! an index holds, applied as DynamoDB would.

use crate::error::Error;
use crate::expression::Kind;
use crate::expression::bindings::Bindings;
use crate::expression::evaluate::{holds, project};
use crate::expression::path::{Path, projection};
use crate::expression::value;
use crate::item::{Item, KeySchema};
use crate::mark::strip;
use crate::ports::Consistency;
use crate::ports::pages::{Index, PageRequest, Shown, Walk};

use super::PageRead;
use super::rules::{Parsed, parse};

/// An application's read, as far as it says what is shown.
pub(super) struct Show<'a> {
    read: &'a PageRead,
    schema: &'a KeySchema,
    index: Option<&'a Index>,
    parsed: Parsed,
}

/// What the application sees of an item that is looked at.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Seen {
    /// There is none for it.
    Nothing,
    /// There is one that the filter keeps back.
    KeptBack,
    /// This one.
    Item(Item),
}

impl<'a> Show<'a> {
    /// For items that the backend has filtered and projected: only what it adds must go.
    ///
    /// # Errors
    /// A `ValidationException` when the projection cannot be read.
    pub(super) fn after_backend(
        schema: &'a KeySchema,
        index: Option<&'a Index>,
        read: &'a PageRead,
    ) -> Result<Show<'a>, Error> {
        let paths = match &read.shown {
            Shown::Expression(text) => Some(projection(text)?.iter().map(|path| path.resolved(&read.names)).collect()),
            Shown::Whole | Shown::Projected | Shown::Keys | Shown::Count => None,
        };
        Ok(Show { read, schema, index, parsed: Parsed { filter: None, paths } })
    }

    /// For items that are filtered and projected here.
    ///
    /// # Errors
    /// What DynamoDB refuses.
    pub(super) fn in_its_place(
        schema: &'a KeySchema,
        index: Option<&'a Index>,
        read: &'a PageRead,
    ) -> Result<Show<'a>, Error> {
        let parsed = parse(schema, index, &read.request())?;
        Ok(Show { read, schema, index, parsed })
    }

    /// A whole item, without marks.
    pub(super) fn whole(&self, item: Option<Item>) -> Seen {
        let Some(item) = item else { return Seen::Nothing };
        // A local index fetches from the table what it does not hold.
        let (filtered, shown) = match self.index {
            Some(index) if !index.local => {
                let held = self.held(index, item);
                (held.clone(), held)
            }
            Some(index) if self.read.shown == Shown::Projected => (item.clone(), self.held(index, item)),
            Some(_) | None => (item.clone(), item),
        };
        let bindings = Bindings { names: &self.read.names, values: &self.read.values };
        if self.parsed.filter.as_ref().is_some_and(|filter| !holds(filter, Some(&filtered), bindings)) {
            return Seen::KeptBack;
        }
        Seen::Item(match &self.parsed.paths {
            Some(paths) => project(&shown, paths),
            None => shown,
        })
    }

    /// An item as the backend shows it.
    pub(super) fn projected(&self, item: Item) -> Seen {
        let mut item = strip(item);
        if let Some(paths) = &self.parsed.paths {
            let keys: Vec<&str> = self.keys().collect();
            let is_asked = |name: &str| paths.iter().any(|path: &Path| path.top == name);
            item.0.retain(|name, _| is_asked(name) || !keys.contains(&name.as_str()));
        }
        Seen::Item(item)
    }

    fn held(&self, index: &Index, item: Item) -> Item {
        Item(item.0.into_iter().filter(|(name, _)| index.holds(self.schema, name)).collect())
    }

    /// The names of the key attributes that a start key has.
    pub(super) fn keys(&self) -> impl Iterator<Item = &'a str> {
        let more = self.index.into_iter().flat_map(|index| index.keys.names());
        let schema = self.schema;
        schema.names().chain(more.filter(|name| schema.names().all(|key| key != *name)))
    }

    /// The start key after `item`.
    pub(super) fn start_key(&self, item: &Item) -> Item {
        let held = self.keys().filter_map(|name| Some((name.to_owned(), item.0.get(name)?.clone())));
        Item(held.collect())
    }

    /// Whether the item is where the index had it: its key in the index is still that of `found`.
    pub(super) fn is_still_at(&self, item: Option<&Item>, found: &Item) -> bool {
        let Some(index) = self.index else { return true };
        index.keys.names().all(|name| value::equal(item.and_then(|item| item.0.get(name)), found.0.get(name)))
    }
}

impl PageRead {
    /// The read of nothing but keys, unfiltered, with the bindings that it needs.
    ///
    /// # Errors
    /// A `ValidationException` when the key condition cannot be read.
    pub(super) fn of_keys(&self, consistency: Consistency) -> Result<PageRequest, Error> {
        let bindings = Bindings { names: &self.names, values: &self.values };
        let (names, values) = match &self.walk {
            Walk::Query { key_condition, .. } => bindings.used_by(Kind::KeyCondition, key_condition)?,
            Walk::Scan { .. } => Default::default(),
        };
        Ok(PageRequest { filter: None, shown: Shown::Keys, names, values, consistency, ..self.request() })
    }
}
