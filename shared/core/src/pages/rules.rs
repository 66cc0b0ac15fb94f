//! What DynamoDB refuses of a query or scan whatever is stored. It judges most requests itself; these are the
//! rules for reads whose filter and projection are applied here and not there.

use crate::error::Error;
use crate::expression::bindings::Bindings;
use crate::expression::condition::Condition;
use crate::expression::path::{Path, projection};
use crate::expression::{Kind, validation};
use crate::item::KeySchema;
use crate::ports::Consistency;
use crate::ports::pages::{Index, PageRequest, Shown, Walk};

/// A page read's expressions, read and checked; placeholders of paths are resolved.
#[derive(Clone, Debug, Default)]
pub(crate) struct Parsed {
    /// The filter.
    pub(crate) filter: Option<Condition>,
    /// The paths of [`Shown::Expression`].
    pub(crate) paths: Option<Vec<Path>>,
}

/// Reads and checks the expressions of `request`, which goes to a table of `schema`, or to that index of it.
///
/// # Errors
/// A `ValidationException` as DynamoDB's.
pub(crate) fn parse(schema: &KeySchema, index: Option<&Index>, request: &PageRequest) -> Result<Parsed, Error> {
    bounds(index, request)?;
    let texts = texts(request);
    let bindings = Bindings { names: &request.names, values: &request.values };
    texts.iter().try_for_each(|(kind, text)| bindings.check_defined(*kind, text))?;
    bindings.check_used(&texts)?;
    let filter = request.filter.as_deref().map(|text| Condition::parse_as(Kind::Filter, text)).transpose()?;
    let paths = match &request.shown {
        Shown::Expression(text) => Some(projection(text)?.iter().map(|path| path.resolved(&request.names)).collect()),
        Shown::Whole | Shown::Projected | Shown::Keys | Shown::Count => None,
    };
    let parsed = Parsed { filter, paths };
    filtered(schema, index, request, &parsed)?;
    held(schema, index, request, &parsed)?;
    Ok(parsed)
}

/// The texts of the request's expressions.
fn texts(request: &PageRequest) -> Vec<(Kind, &str)> {
    let key_condition = match &request.walk {
        Walk::Query { key_condition, .. } => Some((Kind::KeyCondition, key_condition.as_str())),
        Walk::Scan { .. } => None,
    };
    let shown = match &request.shown {
        Shown::Expression(text) => Some((Kind::Projection, text.as_str())),
        Shown::Whole | Shown::Projected | Shown::Keys | Shown::Count => None,
    };
    let filter = request.filter.as_deref().map(|text| (Kind::Filter, text));
    key_condition.into_iter().chain(filter).chain(shown).collect()
}

fn bounds(index: Option<&Index>, request: &PageRequest) -> Result<(), Error> {
    let is_global = index.is_some_and(|index| !index.local);
    if is_global && request.consistency == Consistency::Strong {
        return Err(validation("Consistent reads are not supported on global secondary indexes"));
    }
    if request.limit == Some(0) {
        return Err(validation("Value '0' at 'limit' failed to satisfy constraint: Member must be at least 1"));
    }
    match &request.walk {
        Walk::Scan { segment } if segment.index >= segment.total => Err(validation(format!(
            "The Segment parameter is zero-based and must be less than parameter TotalSegments: Segment: {} is not \
             less than TotalSegments: {}",
            segment.index, segment.total
        ))),
        Walk::Scan { .. } | Walk::Query { .. } => Ok(()),
    }
}

/// The filter of a query may not look at the key that is queried.
fn filtered(schema: &KeySchema, index: Option<&Index>, request: &PageRequest, parsed: &Parsed) -> Result<(), Error> {
    if matches!(request.walk, Walk::Scan { .. }) {
        return Ok(());
    }
    let keys = index.map_or(schema, |index| &index.keys);
    let mut looked_at = filter_tops(request, parsed);
    match looked_at.find(|top| keys.names().any(|name| name == top)) {
        Some(name) => Err(validation(format!(
            "Filter Expression can only contain non-primary key attributes: Primary key attribute: {name}"
        ))),
        None => Ok(()),
    }
}

/// A global index answers only what it holds; a local one fetches the rest from the table.
fn held(schema: &KeySchema, index: Option<&Index>, request: &PageRequest, parsed: &Parsed) -> Result<(), Error> {
    let Some(index) = index else {
        return match request.shown {
            Shown::Projected => {
                Err(validation("ALL_PROJECTED_ATTRIBUTES can be used only when Querying using an IndexName"))
            }
            Shown::Whole | Shown::Expression(_) | Shown::Keys | Shown::Count => Ok(()),
        };
    };
    if index.local {
        return Ok(());
    }
    if request.shown == Shown::Whole && !index.holds_marks() {
        return Err(validation(
            "One or more parameter values were invalid: Select type ALL_ATTRIBUTES is not supported for global \
             secondary indexes whose projection type is not ALL",
        ));
    }
    let shown = parsed.paths.iter().flatten().map(|path| path.top.clone());
    match filter_tops(request, parsed).chain(shown).find(|top| !index.holds(schema, top)) {
        Some(name) => Err(validation(format!(
            "One or more parameter values were invalid: the global secondary index does not project [{name}]"
        ))),
        None => Ok(()),
    }
}

/// The attributes that the filter looks at.
fn filter_tops<'a>(request: &'a PageRequest, parsed: &'a Parsed) -> impl Iterator<Item = String> + 'a {
    parsed.filter.iter().flat_map(Condition::paths).map(|path| path.resolved(&request.names).top)
}
