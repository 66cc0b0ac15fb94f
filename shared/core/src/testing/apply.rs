//! What one conditional write makes of one item: pure, so that a table in memory is only a map around it.

use crate::error::Error;
use crate::expression::bindings::Bindings;
use crate::expression::condition::Condition;
use crate::expression::path::Path;
use crate::expression::update::Update;
use crate::expression::{Kind, validation};
use crate::item::{Item, KeySchema};
use crate::mark::Marks;
use crate::ports::{Action, Returning, Write, Written};
use crate::size;

use super::modify::modify;
use crate::expression::evaluate::{holds, project};

/// The answer to a write, and the item it leaves.
pub(super) struct Outcome {
    /// What the caller is told.
    pub(super) written: Written,
    /// The item from now on; where the write was refused, the item as it was.
    pub(super) item: Option<Item>,
}

/// Judges `write` against the stored item and carries it out.
///
/// # Errors
/// A `ValidationException` where DynamoDB refuses such a request whatever is stored, or this one for what is.
pub(super) fn apply(schema: &KeySchema, current: Option<&Item>, write: &Write) -> Result<Outcome, Error> {
    let bindings = Bindings { names: &write.names, values: &write.values };
    let (condition, update) = parse(schema, write, bindings)?;
    let allowed = condition.is_none_or(|parsed| {
        let says = holds(&parsed, current, bindings);
        let tombstone = Marks::of_option(current).tombstone;
        match write.condition.as_ref().and_then(|condition| condition.when_tombstone) {
            Some(true) => says || tombstone,
            Some(false) => says && !tombstone,
            None => says,
        }
    });
    if !allowed || !write.guard.holds(current) || write.is_done(current) {
        return Ok(Outcome { written: Written::Refused(current.cloned()), item: current.cloned() });
    }
    let (item, targets) = match &write.action {
        Action::Put(item) => (Some(item.clone()), Vec::new()),
        Action::Delete => (None, Vec::new()),
        Action::Update { .. } => updated(schema, current, write, update, bindings)?,
    };
    item.as_ref().map_or(Ok(()), check_size)?;
    let answer = match write.returning {
        Returning::Nothing => None,
        Returning::AllOld => current.cloned(),
        Returning::AllNew => item.clone(),
        Returning::UpdatedOld => current.map(|old| project(old, &targets)),
        Returning::UpdatedNew => item.as_ref().map(|new| project(new, &targets)),
    };
    let answer = answer.filter(|attributes| !attributes.0.is_empty());
    Ok(Outcome { written: Written::Applied(answer), item })
}

/// What DynamoDB says of an item of more than 400 KB.
///
/// # Errors
/// A `ValidationException`.
pub(super) fn check_size(item: &Item) -> Result<(), Error> {
    if size::of(item) <= size::ITEM_MAX {
        return Ok(());
    }
    Err(validation("Item size has exceeded the maximum allowed size"))
}

/// The checks that do not look at the stored item.
///
/// # Errors
/// A `ValidationException` where DynamoDB refuses such a request whatever is stored.
pub(super) fn check(schema: &KeySchema, write: &Write) -> Result<(), Error> {
    parse(schema, write, Bindings { names: &write.names, values: &write.values }).map(|_| ())
}

/// The application's expressions, and the checks that do not look at the stored item.
fn parse(
    schema: &KeySchema,
    write: &Write,
    bindings: Bindings<'_>,
) -> Result<(Option<Condition>, Option<Update>), Error> {
    let condition = write.condition.as_ref().map(|condition| (Kind::Condition, condition.text.as_str()));
    let update = match &write.action {
        Action::Update { expression, .. } => expression.as_deref().map(|text| (Kind::Update, text)),
        Action::Put(item) if schema.key_of(item).is_ok_and(|key| key == write.key) => None,
        Action::Put(_) => return Err(Error::Invariant("an item is put under another item's key".to_owned())),
        Action::Delete => None,
    };
    let of_updates_only = matches!(write.returning, Returning::AllNew | Returning::UpdatedOld | Returning::UpdatedNew);
    if of_updates_only && !matches!(write.action, Action::Update { .. }) {
        return Err(validation("Return values set to invalid value"));
    }
    let texts: Vec<(Kind, &str)> = condition.into_iter().chain(update).collect();
    let parsed = (
        condition.map(|(_, text)| Condition::parse(text)).transpose()?,
        update.map(|(_, text)| Update::parse(text)).transpose()?,
    );
    texts.iter().try_for_each(|(kind, text)| bindings.check_defined(*kind, text))?;
    bindings.check_used(&texts)?;
    Ok(parsed)
}

fn updated(
    schema: &KeySchema,
    current: Option<&Item>,
    write: &Write,
    update: Option<Update>,
    bindings: Bindings<'_>,
) -> Result<(Option<Item>, Vec<Path>), Error> {
    let Action::Update { set, remove, .. } = &write.action else {
        return Ok((current.cloned(), Vec::new()));
    };
    let mut item = current.cloned().unwrap_or_else(|| write.key.to_item());
    let takes_away = |update: &Update| update.set.is_empty() && update.add.is_empty();
    // An update that only takes away creates no item; one that does nothing at all does.
    let only_takes_away = set.is_empty() && update.as_ref().map_or(!remove.is_empty(), takes_away);
    let mut targets = update.map_or(Ok(Vec::new()), |update| modify(&mut item, &update, bindings, schema))?;
    for (name, value) in set {
        item.0.insert((*name).to_owned(), value.clone());
    }
    for name in remove {
        item.0.remove(*name);
    }
    targets.extend(set.keys().chain(remove).map(|name| Path { top: (*name).to_owned(), rest: Vec::new() }));
    let item = (current.is_some() || !only_takes_away).then_some(item);
    Ok((item, targets))
}
