//! The expressions of one write, as they are sent.

use std::collections::BTreeMap;

use livemove_core::error::Error;
use livemove_core::expression::update::Clauses;
use livemove_core::mark::RESERVED;
use livemove_core::ports::{Action, Write};
use serde_dynamo::AttributeValue;

use super::expressions::Expressions;
use super::guard;

/// The texts of a write, rendered once.
pub(super) struct Request {
    /// The condition expression: what livemove demands and what the application demands.
    pub(super) condition: Option<String>,
    /// The update expression with the marks in it; `None` when nothing is to be changed.
    pub(super) update: Option<String>,
    /// Names and values of both.
    pub(super) expressions: Expressions,
}

impl Request {
    /// Those of `write`, for a table of this partition key.
    ///
    /// # Errors
    /// `ValidationException` for expressions that cannot be joined to livemove's own.
    pub(super) fn of(write: &Write, partition: &str) -> Result<Request, Error> {
        let mut expressions = Expressions::of(write)?;
        let once = write.once.as_ref();
        let condition = guard::condition(&write.guard, once, write.condition.as_ref(), partition, &mut expressions)?;
        let update = match &write.action {
            Action::Update { expression, set, remove } => {
                update_text(expression.as_deref(), set, remove, &mut expressions)?
            }
            Action::Put(_) | Action::Delete => None,
        };
        Ok(Request { condition, update, expressions })
    }
}

/// The application's update expression with the marks in it; `None` when nothing is to be changed.
fn update_text(
    expression: Option<&str>,
    set: &BTreeMap<&'static str, AttributeValue>,
    remove: &[&'static str],
    to: &mut Expressions,
) -> Result<Option<String>, Error> {
    let clauses = expression.map(Clauses::parse).transpose()?.unwrap_or_default();
    let mut assign = |(mark, value): (&&str, &AttributeValue)| {
        format!("{} = {}", to.name(mark), to.value(mark.trim_start_matches(RESERVED), value))
    };
    let set: Vec<String> = set.iter().map(&mut assign).collect();
    let remove: Vec<String> = remove.iter().map(|mark| to.name(mark)).collect();
    let text = clauses.with(&texts(&set), &texts(&remove));
    Ok(Some(text).filter(|text| !text.is_empty()))
}

fn texts(owned: &[String]) -> Vec<&str> {
    owned.iter().map(String::as_str).collect()
}
