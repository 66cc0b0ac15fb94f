//! Queries and scans: one call a page.

use std::collections::BTreeMap;

use livemove_core::error::Error;
use livemove_core::expression::path::projection;
use livemove_core::expression::{Kind, room};
use livemove_core::item::Item;
use livemove_core::mark::{self, CANARY, MOVED, OWN, Run, TOMBSTONE};
use livemove_core::ports::pages::{Besides, Found, Index, PageRequest, Pages, Shown, Walk};
use livemove_core::ports::{Consistency, Table as _};
use livemove_core::segment::Segment;
use serde::{Deserialize, Serialize};
use serde_dynamo::AttributeValue;

use super::expressions::{Expressions, Names, Values, demand_room, operand};
use super::meter::Consumed;
use super::table::DynamoTable;
use crate::sdk_error::Effect;

impl Pages for DynamoTable {
    fn indexes(&self) -> &BTreeMap<String, Index> {
        &self.indexes
    }

    async fn page(&self, request: &PageRequest) -> Result<Found, Error> {
        self.ask_page(request).await
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Body<'a> {
    table_name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    index_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key_condition_expression: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scan_index_forward: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    segment: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    total_segments: Option<u32>,
    consistent_read: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    filter_expression: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    projection_expression: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    select: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expression_attribute_names: Option<&'a Names>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expression_attribute_values: Option<&'a Values>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exclusive_start_key: Option<&'a Item>,
    #[serde(skip_serializing_if = "Option::is_none")]
    return_consumed_capacity: Option<&'static str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    items: Option<Vec<Item>>,
    #[serde(default)]
    count: u32,
    #[serde(default)]
    scanned_count: u32,
    last_evaluated_key: Option<Item>,
    consumed_capacity: Option<Consumed>,
}

impl DynamoTable {
    async fn ask_page(&self, request: &PageRequest) -> Result<Found, Error> {
        let texts = Texts::of(self, request)?;
        let (names, values) = texts.expressions.parts();
        let (action, key_condition, forward, segment) = match &request.walk {
            Walk::Query { key_condition, forward } => {
                ("dynamodb:Query", Some(key_condition.as_str()), Some(*forward), None)
            }
            Walk::Scan { segment } => {
                ("dynamodb:Scan", None, None, Some(*segment).filter(|segment| *segment != Segment::WHOLE))
            }
        };
        let body = Body {
            table_name: &self.name,
            index_name: request.index.as_deref(),
            key_condition_expression: key_condition,
            scan_index_forward: forward,
            segment: segment.map(|segment| segment.index),
            total_segments: segment.map(|segment| segment.total),
            consistent_read: request.consistency == Consistency::Strong,
            filter_expression: texts.filter.as_deref(),
            projection_expression: texts.projection.as_deref(),
            select: texts.select,
            expression_attribute_names: names,
            expression_attribute_values: values,
            limit: request.limit,
            exclusive_start_key: request.after.as_ref(),
            return_consumed_capacity: self.asks().capacity,
        };
        let answer: Answer = self.repeated("a page", || self.fetch(self.call(action, Effect::Reads), &body)).await?;
        self.metered_by(answer.consumed_capacity, None);
        let next = answer.last_evaluated_key.filter(|key| !key.0.is_empty());
        // Where items were asked for, an answer without any list of them is not an empty page.
        let items = match (answer.items, &request.shown) {
            (Some(items), _) => items,
            (None, Shown::Count) => Vec::new(),
            (None, _) => return Err(self.call(action, Effect::Reads).lost("the answer has no Items")),
        };
        Ok(Found { items, count: answer.count, scanned: answer.scanned_count, next })
    }
}

/// The expressions of a page, as they are sent.
struct Texts {
    filter: Option<String>,
    projection: Option<String>,
    select: Option<&'static str>,
    expressions: Expressions,
}

impl Texts {
    fn of(table: &DynamoTable, request: &PageRequest) -> Result<Texts, Error> {
        let index = request.index.as_ref().and_then(|name| table.indexes.get(name));
        let holds_marks = index.is_none_or(Index::holds_marks);
        let mut to = Expressions::with(request.names.clone(), request.values.clone())?;
        let besides = if holds_marks { request.besides } else { Besides::Nothing };
        let filter = request.filter.as_deref().map(|text| with_besides(text, besides, &mut to)).transpose()?;
        let (projection, select) = match &request.shown {
            Shown::Whole => (None, Some("ALL_ATTRIBUTES")),
            Shown::Projected => (None, Some("ALL_PROJECTED_ATTRIBUTES")),
            Shown::Count => (None, Some("COUNT")),
            Shown::Keys => (Some(shown(table, index, None, request, &mut to)?), None),
            Shown::Expression(text) => (Some(shown(table, index, Some(text), request, &mut to)?), None),
        };
        Ok(Texts { filter, projection, select, expressions: to })
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
    let text = texts.join(", ");
    demand_room(asked, &text)?;
    Ok(text)
}

/// The application's filter, and what comes back besides.
pub(super) fn with_besides(filter: &str, besides: Besides, to: &mut Expressions) -> Result<String, Error> {
    let text = operand(filter)?;
    let hidden = |to: &mut Expressions| {
        let tombstone = format!("{} = {}", to.name(TOMBSTONE), to.value("true", &AttributeValue::Bool(true)));
        format!("{tombstone} OR attribute_exists({})", to.name(CANARY))
    };
    room::check(Kind::Filter, filter.trim(), room::TO_FILTER)?;
    Ok(match besides {
        Besides::Nothing => filter.to_owned(),
        Besides::Hidden => format!("{text} OR {}", hidden(to)),
        Besides::HiddenOrMoved(run) => format!("{text} OR {} OR {}", hidden(to), since(run, to)),
    })
}

fn since(run: Run, to: &mut Expressions) -> String {
    let run = to.value("run", &AttributeValue::N(run.to_string()));
    format!("{} >= {run} OR {} >= {run}", to.name(MOVED), to.name(OWN))
}

#[cfg(test)]
mod tests {
    use livemove_core::expression::MAX_LENGTH;

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
    fn a_filter_has_the_same_room_in_every_phase() {
        let with = |length: usize, besides| {
            let filter = format!("a = :{}", "b".repeat(length - 5));
            with_besides(&filter, besides, &mut Expressions::default())
        };
        let all = [Besides::Nothing, Besides::Hidden, Besides::HiddenOrMoved(Run(2))];
        let longest = all.map(|besides| with(3997, besides).unwrap().len()).into_iter().max();
        assert_eq!(longest, Some(MAX_LENGTH), "not a byte is kept free for nothing");
        for besides in all {
            let error = with(3998, besides).unwrap_err();
            assert_eq!(error.name(), "ExpressionTooLong");
            assert!(error.to_string().contains("3998 bytes") && error.to_string().contains("room for 3997"), "{error}");
        }
    }
}
