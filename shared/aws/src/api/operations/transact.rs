//! TransactWriteItems, and what it has in common with TransactGetItems.

use std::collections::{BTreeMap, HashSet};

use livemove_core::error::Error;
use livemove_core::expression::{Kind, reserved};
use livemove_core::item::{Item, KeySchema};
use livemove_core::lease::Phases;
use livemove_core::phase::State;
use livemove_core::ports::Clock as _;
use livemove_core::ports::pages::Pages;
use livemove_core::ports::transact::{Reason, TRANSACT_MAX, Transactions};
use livemove_core::register::{Migrations, States};
use livemove_core::route::Pair;
use livemove_core::transact::{Earlier, Part, TransactRequest, transact};
use serde_dynamo::AttributeValue;
use serde_json::{Map, Value};

use super::write::{TableWrite, item_on_failure};
use super::wrong_key;
use crate::api::cost::Cost;
use crate::api::name::TableName;
use crate::api::parameters::{Parameters, invalid};
use crate::api::tables::{Operation, Tables};
use crate::startup::SystemClock;

/// How long after a phase change a transaction of the phase before may still come again: ten minutes of its
/// token, and more than the longest lease and call. Documented for `ClientRequestToken` of TransactWriteItems.
const TOKENS_MS: u64 = 10 * 60_000 + 3 * 60_000;

/// The entries of a transaction; at least one is about the migrating table.
pub(super) struct Entries<W> {
    pub(super) table: String,
    pub(super) entries: Vec<Entry<W>>,
}

/// One entry of a transaction.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Entry<W> {
    /// About the migrating table.
    Ours(W),
    /// About another one, as it came.
    Foreign(Value),
}

impl<W> Entry<W> {
    pub(super) fn is_foreign(&self) -> bool {
        matches!(self, Entry::Foreign(_))
    }
}

impl<W> Entries<W> {
    /// Takes `TransactItems`, each exactly one of `kinds`; `decode` takes the parameters of one but `TableName`.
    pub(super) fn take(
        input: &mut Parameters<'_>,
        operation: &str,
        kinds: &[&str],
        moves: &HashSet<String>,
        decode: impl Fn(&str, &mut Parameters<'_>) -> Result<W, Error>,
    ) -> Result<Entries<W>, Error> {
        let given: Vec<Map<String, Value>> = input.required("TransactItems")?;
        if given.is_empty() || given.len() > TRANSACT_MAX {
            return Err(invalid(
                format!("{operation} has {} entries", given.len()),
                format!("give 1 to {TRANSACT_MAX} entries"),
            ));
        }
        let (mut table, mut entries) = (None, Vec::new());
        for entry in given {
            let (kind, inner) = only_one(operation, &entry, kinds)?;
            let mut inner = Parameters::new(operation, inner);
            let name: String = inner.required("TableName")?;
            if !moves.contains(&name) {
                entries.push(Entry::Foreign(Value::Object(entry)));
                continue;
            }
            let known = table.get_or_insert_with(|| name.clone());
            if TableName::parse(known).name != TableName::parse(&name).name {
                return Err(Error::refused(
                    "SeveralMigratingTables",
                    format!("{operation} names {known} and {name}, which both move, each in its own time"),
                    "split the transaction, or wait until one of the migrations is complete",
                ));
            }
            let ours = decode(kind, &mut inner)?;
            inner.finish()?;
            entries.push(Entry::Ours(ours));
        }
        Ok(Entries { table: table.unwrap_or_default(), entries })
    }
}

fn only_one<'k>(
    operation: &str,
    entry: &Map<String, Value>,
    kinds: &[&'k str],
) -> Result<(&'k str, Map<String, Value>), Error> {
    let mut given = entry.iter().filter(|(_, value)| !value.is_null());
    let (Some((name, Value::Object(inner))), None) = (given.next(), given.next()) else {
        return Err(invalid(
            format!("an entry of {operation} is not exactly one of {}", kinds.join(", ")),
            "give one of them in each entry",
        ));
    };
    let kind = kinds.iter().find(|kind| *kind == name);
    let kind = kind.ok_or_else(|| {
        invalid(format!("an entry of {operation} is `{name}`"), format!("use one of: {}", kinds.join(", ")))
    })?;
    Ok((kind, inner.clone()))
}

/// A decoded call.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TransactWriteItems {
    pub(crate) table: String,
    pub(crate) entries: Writes,
    pub(crate) cost: Cost,
}

/// The entries, in order, and the token.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Writes {
    entries: Vec<Entry<Ours>>,
    token: Option<String>,
}

/// An entry about the migrating table.
#[derive(Clone, Debug, PartialEq)]
enum Ours {
    Write(TableWrite),
    Check(Check),
}

/// A `ConditionCheck`.
#[derive(Clone, Debug, PartialEq)]
struct Check {
    item_on_failure: bool,
    key: Item,
    condition: String,
    names: BTreeMap<String, String>,
    values: BTreeMap<String, AttributeValue>,
}

impl TransactWriteItems {
    /// Decodes a call; `moves` tells the migrating tables.
    ///
    /// # Errors
    /// `ValidationException`, `SerializationException` and `ReservedAttribute`, naming the parameter;
    /// `SeveralMigratingTables`.
    pub(crate) fn decode(mut input: Parameters<'_>, moves: &HashSet<String>) -> Result<TransactWriteItems, Error> {
        let kinds = ["Put", "Update", "Delete", "ConditionCheck"];
        let entries = Entries::take(&mut input, "TransactWriteItems", &kinds, moves, |kind, input| {
            if kind == "ConditionCheck" {
                return Check::take(input).map(Ours::Check);
            }
            TableWrite::of_transaction(kind, input).map(Ours::Write)
        })?;
        let token: Option<String> = input.optional("ClientRequestToken")?;
        if token.as_ref().is_some_and(|token| token.is_empty() || token.len() > 36) {
            return Err(invalid("ClientRequestToken has not 1 to 36 characters", "use a UUID, as the SDKs do"));
        }
        let cost = Cost::of_write(&mut input)?;
        input.finish()?;
        Ok(TransactWriteItems { table: entries.table, entries: Writes { entries: entries.entries, token }, cost })
    }

    /// Whether an entry is about another table.
    pub(crate) fn has_foreign(&self) -> bool {
        self.entries.entries.iter().any(Entry::is_foreign)
    }

    pub(crate) async fn serve<S: States + Migrations + Send>(&self, tables: &Tables<S>) -> Result<Value, Error> {
        let meter = self.cost.meter();
        match tables.run(&self.table, meter.as_ref(), &self.entries).await {
            Ok(()) => {}
            Err(Error::Cancelled { reasons }) => return Err(Error::Cancelled { reasons: self.entries.shown(reasons) }),
            Err(error) => return Err(error),
        }
        let mut answer = Map::new();
        self.cost.tell_all([(self.table.as_str(), meter.as_ref())], &mut answer);
        Ok(Value::Object(answer))
    }
}

impl Check {
    fn take(input: &mut Parameters<'_>) -> Result<Check, Error> {
        let check = Check {
            item_on_failure: item_on_failure(input)?,
            key: input.required("Key")?,
            condition: input.required("ConditionExpression")?,
            names: input.optional("ExpressionAttributeNames")?.unwrap_or_default(),
            values: input.optional("ExpressionAttributeValues")?.unwrap_or_default(),
        };
        reserved::check(Some(&check.key), &[(Kind::Condition, &check.condition)], &check.names, &check.values)?;
        Ok(check)
    }

    fn part(&self, schema: &KeySchema) -> Result<Part, Error> {
        Ok(Part::Check {
            key: schema.key(self.key.clone()).map_err(|error| wrong_key(&error))?,
            condition: self.condition.clone(),
            names: self.names.clone(),
            values: self.values.clone(),
        })
    }
}

impl Writes {
    fn request(&self, schema: &KeySchema, state: &State) -> Result<TransactRequest, Error> {
        let part = |entry: &Entry<Ours>| match entry {
            Entry::Ours(Ours::Write(write)) => write.request(schema).map(Part::Write),
            Entry::Ours(Ours::Check(check)) => check.part(schema),
            Entry::Foreign(entry) => Ok(Part::Foreign(entry.clone())),
        };
        let parts = self.entries.iter().map(part).collect::<Result<_, Error>>()?;
        let settled = SystemClock.now() > state.since + TOKENS_MS;
        let earlier = if settled { Earlier::Impossible } else { Earlier::Possible };
        Ok(TransactRequest { parts, token: self.token.clone(), earlier })
    }

    /// The reasons with no items but those asked for.
    fn shown(&self, reasons: Vec<Reason>) -> Vec<Reason> {
        let asked = |entry: &Entry<Ours>| match entry {
            Entry::Ours(Ours::Write(write)) => write.item_on_failure,
            Entry::Ours(Ours::Check(check)) => check.item_on_failure,
            Entry::Foreign(_) => true,
        };
        let shown = |(reason, entry): (Reason, &Entry<Ours>)| Reason {
            item: reason.item.clone().filter(|_| asked(entry)),
            ..reason
        };
        reasons.into_iter().zip(&self.entries).map(shown).collect()
    }
}

impl Operation for Writes {
    type Answer = ();

    async fn perform<T: Pages + Transactions, P: Phases>(
        &self,
        pair: Pair<'_, T>,
        state: &State,
        _: &P,
    ) -> Result<(), Error> {
        transact(pair, state, &self.request(pair.source.schema(), state)?).await
    }
}
