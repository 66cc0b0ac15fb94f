//! Queries and scans: one call a page.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::{AttributeValue as Sdk, Select};
use livemove_core::error::Error;
use livemove_core::expression::MAX_LENGTH;
use livemove_core::expression::path::projection;
use livemove_core::item::Item;
use livemove_core::mark::{self, CANARY, MOVED, OWN, Run, TOMBSTONE};
use livemove_core::ports::pages::{Besides, Found, Index, PageRequest, Pages, Shown, Walk};
use livemove_core::ports::{Consistency, Table as _};
use livemove_core::segment::Segment;
use serde_dynamo::AttributeValue;
use std::collections::HashMap;

use super::expressions::{Expressions, Names, Values, operand};
use super::table::DynamoTable;
use super::value::{item_from_sdk, item_to_sdk};
use crate::sdk_error::Effect;

impl Pages for DynamoTable {
    fn indexes(&self) -> &BTreeMap<String, Index> {
        &self.indexes
    }

    async fn page(&self, request: &PageRequest) -> Result<Found, Error> {
        let texts = Texts::of(self, request)?;
        match &request.walk {
            Walk::Query { key_condition, forward } => self.query(request, texts, key_condition, *forward).await,
            Walk::Scan { segment } => self.scan_page(request, texts, *segment).await,
        }
    }
}

impl DynamoTable {
    async fn query(
        &self,
        request: &PageRequest,
        texts: Texts,
        key_condition: &str,
        forward: bool,
    ) -> Result<Found, Error> {
        let query = self
            .repeating
            .query()
            .table_name(&self.name)
            .set_index_name(request.index.clone())
            .key_condition_expression(key_condition)
            .scan_index_forward(forward)
            .consistent_read(request.consistency == Consistency::Strong)
            .set_filter_expression(texts.filter)
            .set_projection_expression(texts.projection)
            .set_select(texts.select)
            .set_expression_attribute_names(texts.names)
            .set_expression_attribute_values(texts.values)
            .set_limit(request.limit.map(number))
            .set_exclusive_start_key(request.after.as_ref().map(|key| item_to_sdk(&key.0)))
            .set_return_consumed_capacity(self.capacity());
        let answer = query.send().await.map_err(|error| self.call("dynamodb:Query", Effect::Reads).failed(&error))?;
        self.consumed(&answer.consumed_capacity);
        found(answer.items, answer.count, answer.scanned_count, answer.last_evaluated_key)
    }

    async fn scan_page(&self, request: &PageRequest, texts: Texts, segment: Segment) -> Result<Found, Error> {
        let parallel = (segment != Segment::WHOLE).then_some(segment);
        let scan = self
            .repeating
            .scan()
            .table_name(&self.name)
            .set_index_name(request.index.clone())
            .set_segment(parallel.map(|segment| number(segment.index)))
            .set_total_segments(parallel.map(|segment| number(segment.total)))
            .consistent_read(request.consistency == Consistency::Strong)
            .set_filter_expression(texts.filter)
            .set_projection_expression(texts.projection)
            .set_select(texts.select)
            .set_expression_attribute_names(texts.names)
            .set_expression_attribute_values(texts.values)
            .set_limit(request.limit.map(number))
            .set_exclusive_start_key(request.after.as_ref().map(|key| item_to_sdk(&key.0)))
            .set_return_consumed_capacity(self.capacity());
        let answer = scan.send().await.map_err(|error| self.call("dynamodb:Scan", Effect::Reads).failed(&error))?;
        self.consumed(&answer.consumed_capacity);
        found(answer.items, answer.count, answer.scanned_count, answer.last_evaluated_key)
    }
}

fn number(n: u32) -> i32 {
    i32::try_from(n).unwrap_or(i32::MAX)
}

type Attributes = HashMap<String, Sdk>;

fn found(items: Option<Vec<Attributes>>, count: i32, scanned: i32, next: Option<Attributes>) -> Result<Found, Error> {
    let items = items.unwrap_or_default().into_iter().map(item_from_sdk).collect::<Result<Vec<Item>, _>>()?;
    let next = next.filter(|key| !key.is_empty()).map(item_from_sdk).transpose()?;
    let count_of = |n: i32| u32::try_from(n).unwrap_or_default();
    Ok(Found { items, count: count_of(count), scanned: count_of(scanned), next })
}

/// The expressions of a page, as they are sent.
struct Texts {
    filter: Option<String>,
    projection: Option<String>,
    select: Option<Select>,
    names: Option<Names>,
    values: Option<Values>,
}

impl Texts {
    fn of(table: &DynamoTable, request: &PageRequest) -> Result<Texts, Error> {
        let index = request.index.as_ref().and_then(|name| table.indexes.get(name));
        let holds_marks = index.is_none_or(Index::holds_marks);
        let mut to = Expressions::with(request.names.clone().into_iter().collect(), item_to_sdk(&request.values))?;
        let besides = if holds_marks { request.besides } else { Besides::Nothing };
        let filter = request.filter.as_deref().map(|text| with_besides(text, besides, &mut to)).transpose()?;
        let (projection, select) = match &request.shown {
            Shown::Whole => (None, Some(Select::AllAttributes)),
            Shown::Projected => (None, Some(Select::AllProjectedAttributes)),
            Shown::Count => (None, Some(Select::Count)),
            Shown::Keys => (Some(shown(table, index, None, request, &mut to)?), None),
            Shown::Expression(text) => (Some(shown(table, index, Some(text), request, &mut to)?), None),
        };
        let (names, values) = to.into_parts();
        Ok(Texts { filter, projection, select, names, values })
    }
}

/// The application's paths, the key attributes that are not among them, and the marks that are there.
fn shown(
    table: &DynamoTable,
    index: Option<&Index>,
    asked: Option<&str>,
    request: &PageRequest,
    to: &mut Expressions,
) -> Result<String, Error> {
    let paths = asked.map(projection).transpose()?.unwrap_or_default();
    let mut known: Vec<String> = paths.iter().map(|path| path.resolved(&request.names).top).collect();
    let mut texts: Vec<String> = asked.map(str::to_owned).into_iter().collect();
    let keys = table.schema().names().chain(index.into_iter().flat_map(|index| index.keys.names()));
    for (number, name) in keys.enumerate() {
        // DynamoDB refuses a path twice.
        if !known.iter().any(|other| other == name) {
            known.push(name.to_owned());
            texts.push(to.key_name(number, name));
        }
    }
    if index.is_none_or(Index::holds_marks) {
        texts.extend(mark::ALL.map(|mark| to.name(mark)));
    }
    Ok(texts.join(", "))
}

/// The application's filter, and what comes back besides.
fn with_besides(filter: &str, besides: Besides, to: &mut Expressions) -> Result<String, Error> {
    let text = operand(filter)?;
    let hidden = |to: &mut Expressions| {
        let tombstone = format!("{} = {}", to.name(TOMBSTONE), to.value("true", &AttributeValue::Bool(true)));
        format!("{tombstone} OR attribute_exists({})", to.name(CANARY))
    };
    let text = match besides {
        Besides::Nothing => return Ok(filter.to_owned()),
        Besides::Hidden => format!("{text} OR {}", hidden(to)),
        Besides::HiddenOrMoved(run) => {
            format!("{text} OR {} OR {}", hidden(to), since(run, to))
        }
    };
    if text.len() <= MAX_LENGTH {
        return Ok(text);
    }
    Err(Error::refused(
        "ExpressionTooLong",
        format!(
            "FilterExpression has {} bytes, and what livemove must add to it leaves room for {}",
            filter.len(),
            MAX_LENGTH - (text.len() - filter.len())
        ),
        "use shorter placeholders",
    ))
}

fn since(run: Run, to: &mut Expressions) -> String {
    let run = to.value("run", &AttributeValue::N(run.to_string()));
    format!("{} >= {run} OR {} >= {run}", to.name(MOVED), to.name(OWN))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_back_besides_is_one_more_way_to_pass_the_filter() {
        let mut to = Expressions::default();
        assert_eq!(
            with_besides("a = :b OR c = :d", Besides::HiddenOrMoved(Run(2)), &mut to).unwrap(),
            "(a = :b OR c = :d) OR #_lm_t = :_lm_true OR attribute_exists(#_lm_c) OR #_lm_mv >= :_lm_run \
             OR #_lm_own >= :_lm_run"
        );
        assert_eq!(with_besides("a = :b", Besides::Nothing, &mut to).unwrap(), "a = :b");
    }

    #[test]
    fn a_filter_without_room_for_more_is_refused_with_the_room_there_is() {
        let filter = format!("a = :{}", "b".repeat(4090));
        let error = with_besides(&filter, Besides::Hidden, &mut Expressions::default()).unwrap_err();
        assert_eq!(error.name(), "ExpressionTooLong");
        assert!(error.to_string().contains("4095 bytes"), "{error}");
    }
}
