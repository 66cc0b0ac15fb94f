//! Query and Scan.

use std::collections::BTreeMap;

use livemove_core::error::Error;
use livemove_core::expression::{Kind, reserved};
use livemove_core::item::Item;
use livemove_core::lease::Phases;
use livemove_core::pages::{PageAnswer, PageRead, page};
use livemove_core::phase::State;
use livemove_core::ports::pages::{Pages, Shown, Walk};
use livemove_core::ports::transact::Transactions;
use livemove_core::register::{Migrations, States};
use livemove_core::route::Pair;
use livemove_core::segment::Segment;
use serde_dynamo::AttributeValue;
use serde_json::{Map, Value, json};

use super::get::consistency;
use crate::api::cost::Cost;
use crate::api::json::of_item;
use crate::api::parameters::{Parameters, invalid};
use crate::api::tables::{Operation, Tables};

/// The most segments of a parallel scan, as documented for `TotalSegments`.
const SEGMENTS_MAX: u32 = 1_000_000;

/// A decoded call.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ReadPage {
    pub(crate) table: String,
    pub(crate) page: TablePage,
    pub(crate) cost: Cost,
}

/// A read of a page of a table.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct TablePage(pub(crate) PageRead);

impl ReadPage {
    /// # Errors
    /// `ValidationException`, `SerializationException` and `ReservedAttribute`, naming the parameter.
    pub(crate) fn query(mut input: Parameters<'_>) -> Result<ReadPage, Error> {
        let forward: Option<bool> = input.optional("ScanIndexForward")?;
        let walk =
            Walk::Query { key_condition: input.required("KeyConditionExpression")?, forward: forward != Some(false) };
        ReadPage::take(input, walk)
    }

    /// # Errors
    /// As [`ReadPage::query`].
    pub(crate) fn scan(mut input: Parameters<'_>) -> Result<ReadPage, Error> {
        let segment = segment(&mut input)?;
        ReadPage::take(input, Walk::Scan { segment })
    }

    fn take(mut input: Parameters<'_>, walk: Walk) -> Result<ReadPage, Error> {
        let index: Option<String> = input.optional("IndexName")?;
        let projection: Option<String> = input.optional("ProjectionExpression")?;
        let limit: Option<u32> = input.optional("Limit")?;
        if limit == Some(0) {
            return Err(invalid("Limit is 0", "ask for at least 1 item, or leave it out"));
        }
        let page = PageRead {
            shown: shown(&mut input, index.is_some(), projection)?,
            index,
            walk,
            consistency: consistency(&mut input)?,
            filter: input.optional("FilterExpression")?,
            names: input.optional("ExpressionAttributeNames")?.unwrap_or_default(),
            values: input.optional("ExpressionAttributeValues")?.unwrap_or_default(),
            limit,
            start: input.optional::<Item>("ExclusiveStartKey")?,
        };
        let table = input.required("TableName")?;
        let cost = Cost::of_read(&mut input)?;
        input.finish()?;
        check_reserved(&page)?;
        Ok(ReadPage { table, page: TablePage(page), cost })
    }

    pub(crate) async fn serve<S: States + Migrations + Send>(&self, tables: &Tables<S>) -> Result<Value, Error> {
        let meter = self.cost.meter();
        let read = tables.run(&self.table, meter.as_ref(), &self.page).await?;
        let mut answer =
            Map::from_iter([("Count".to_owned(), json!(read.count)), ("ScannedCount".to_owned(), json!(read.scanned))]);
        if self.page.0.shown != Shown::Count {
            answer.insert("Items".to_owned(), read.items.into_iter().map(of_item).collect());
        }
        answer.extend(read.next.map(|next| ("LastEvaluatedKey".to_owned(), of_item(next))));
        self.cost.tell(&self.table, meter.as_ref(), &mut answer);
        Ok(Value::Object(answer))
    }
}

impl Operation for TablePage {
    type Answer = PageAnswer;

    async fn perform<T: Pages + Transactions, P: Phases>(
        &self,
        pair: Pair<'_, T>,
        state: &State,
        phases: &P,
    ) -> Result<PageAnswer, Error> {
        page(pair, state, phases, &self.0).await
    }
}

/// `Select` together with `ProjectionExpression`.
fn shown(input: &mut Parameters<'_>, index: bool, projection: Option<String>) -> Result<Shown, Error> {
    let usual = if index { "ALL_PROJECTED_ATTRIBUTES" } else { "ALL_ATTRIBUTES" };
    let select: Option<String> = input.optional("Select")?;
    let select = select.unwrap_or_else(|| if projection.is_some() { "SPECIFIC_ATTRIBUTES" } else { usual }.to_owned());
    match (select.as_str(), projection) {
        ("ALL_ATTRIBUTES", None) => Ok(Shown::Whole),
        ("ALL_PROJECTED_ATTRIBUTES", None) if index => Ok(Shown::Projected),
        ("COUNT", None) => Ok(Shown::Count),
        ("SPECIFIC_ATTRIBUTES", Some(projection)) => Ok(Shown::Expression(projection)),
        ("SPECIFIC_ATTRIBUTES", None) => {
            Err(invalid("Select is SPECIFIC_ATTRIBUTES without ProjectionExpression", "name the attributes"))
        }
        ("ALL_PROJECTED_ATTRIBUTES", None) => {
            Err(invalid("Select is ALL_PROJECTED_ATTRIBUTES without IndexName", "name the index"))
        }
        ("ALL_ATTRIBUTES" | "ALL_PROJECTED_ATTRIBUTES" | "COUNT", Some(_)) => Err(invalid(
            format!("Select is {select} together with ProjectionExpression"),
            "leave one of them out, or select SPECIFIC_ATTRIBUTES",
        )),
        (other, _) => Err(invalid(
            format!("Select is `{other}`"),
            "use ALL_ATTRIBUTES, ALL_PROJECTED_ATTRIBUTES, SPECIFIC_ATTRIBUTES or COUNT",
        )),
    }
}

/// `Segment` and `TotalSegments`.
fn segment(input: &mut Parameters<'_>) -> Result<Segment, Error> {
    match (input.optional::<u32>("Segment")?, input.optional::<u32>("TotalSegments")?) {
        (None, None) => Ok(Segment::WHOLE),
        (Some(index), Some(total)) if index < total && total <= SEGMENTS_MAX => Ok(Segment { index, total }),
        (Some(index), Some(total)) => Err(invalid(
            format!("there is no Segment {index} of TotalSegments {total}"),
            format!("Segment is 0 up to TotalSegments - 1, TotalSegments 1 to {SEGMENTS_MAX}"),
        )),
        (Some(_), None) | (None, Some(_)) => {
            Err(invalid("only one of Segment and TotalSegments is given", "give both or neither"))
        }
    }
}

fn check_reserved(page: &PageRead) -> Result<(), Error> {
    let mut expressions: Vec<(Kind, &str)> = Vec::new();
    if let Walk::Query { key_condition, .. } = &page.walk {
        expressions.push((Kind::KeyCondition, key_condition));
    }
    expressions.extend(page.filter.iter().map(|text| (Kind::Filter, text.as_str())));
    if let Shown::Expression(text) = &page.shown {
        expressions.push((Kind::Projection, text));
    }
    let values: &BTreeMap<String, AttributeValue> = &page.values;
    reserved::check(None, &expressions, &page.names, values)
}
