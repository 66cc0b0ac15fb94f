//! Held keys: one row for each, changed on condition of its version.

use livemove_core::error::Error;
use livemove_core::hold::{Hold, Holds};
use livemove_core::mark::Run;
use livemove_core::phase::Side;

use super::row::{self, Row, json, n, s};
use super::stragglers::key;
use super::{Control, Order, Outcome};
use crate::dynamo::item_to_sdk;
use crate::sdk_error::Effect;
use aws_sdk_dynamodb::types::AttributeValue;

/// How often a change is tried while others change the same row.
const TRIES: u32 = 8;
/// What an object was, as JSON.
const OBJECT: &str = "object";

impl Holds for Control {
    async fn holds(&self, subject: &str, side: Side, after: Option<&str>, limit: u32) -> Result<Vec<Hold>, Error> {
        let prefix = prefix(side);
        let after = after.map(|name| format!("{prefix}{name}"));
        let rows = self.rows_after(subject, &prefix, after, Order::Forwards, limit).await?;
        rows.iter().map(|row| hold(row, side)).collect()
    }

    async fn hold(&self, subject: &str, news: &Hold) -> Result<(), Error> {
        for _ in 0..TRIES {
            if self.hold_on(subject, news).await? {
                return Ok(());
            }
            if self.put_hold(subject, &Hold { version: 1, ..news.clone() }).await? == Outcome::Applied {
                return Ok(());
            }
        }
        Err(kept_changing())
    }

    async fn hold_on(&self, subject: &str, news: &Hold) -> Result<bool, Error> {
        for _ in 0..TRIES {
            let Some(stored) = self.row(subject, &sort_key(news)).await? else {
                return Ok(false);
            };
            let Some(next) = hold(&stored, news.side)?.after(news) else {
                return Ok(true);
            };
            if self.put_hold(subject, &next).await? == Outcome::Applied {
                return Ok(true);
            }
        }
        Err(kept_changing())
    }

    async fn release(&self, subject: &str, held: &Hold) -> Result<bool, Error> {
        let request = self
            .repeating
            .delete_item()
            .table_name(&self.table)
            .set_key(Some(row::key(subject, &sort_key(held))))
            // Sent again after it had succeeded, it finds nothing.
            .condition_expression("attribute_not_exists(pk) OR (#version = :version AND #run = :run AND #last = :last)")
            .expression_attribute_names("#version", "version")
            .expression_attribute_names("#run", "run")
            .expression_attribute_names("#last", "last")
            .expression_attribute_values(":version", n(held.version))
            .expression_attribute_values(":run", n(held.run.0))
            .expression_attribute_values(":last", s(&held.last));
        match request.send().await {
            Ok(_) => Ok(true),
            Err(error) if error.as_service_error().is_some_and(|e| e.is_conditional_check_failed_exception()) => {
                Ok(false)
            }
            Err(error) => Err(self.call("dynamodb:DeleteItem", Effect::Writes).failed(&error)),
        }
    }
}

impl Control {
    /// Stores an entry over the version before it.
    async fn put_hold(&self, subject: &str, hold: &Hold) -> Result<Outcome, Error> {
        let attributes = [
            ("run", n(hold.run.0)),
            ("key", AttributeValue::M(item_to_sdk(hold.key.attributes()))),
            ("first", s(&hold.first)),
            ("last", s(&hold.last)),
            ("records", n(hold.records)),
            ("error", s(&hold.error)),
            ("message", s(&hold.message)),
            ("since", n(hold.since)),
            ("at", n(hold.at)),
            ("version", n(hold.version)),
        ];
        let mut item = row::item(subject, &sort_key(hold), attributes);
        item.extend(hold.object.as_ref().map(json).transpose()?.map(|seen| (OBJECT.to_owned(), seen)));
        let put = self.once.put_item().table_name(&self.table).set_item(Some(item));
        let put = match hold.version {
            0 | 1 => put.condition_expression("attribute_not_exists(pk)"),
            version => put
                .condition_expression("#version = :before")
                .expression_attribute_names("#version", "version")
                .expression_attribute_values(":before", n(version - 1)),
        };
        match put.send().await {
            Ok(_) => Ok(Outcome::Applied),
            Err(error) if error.as_service_error().is_some_and(|e| e.is_conditional_check_failed_exception()) => {
                Ok(Outcome::Refused)
            }
            Err(error) => Err(self.call("dynamodb:PutItem", Effect::Writes).failed(&error)),
        }
    }
}

fn kept_changing() -> Error {
    Error::Conflict("the entry of a held key kept changing".to_owned())
}

fn prefix(side: Side) -> String {
    format!("hold#{}#", super::signals::name(side))
}

fn sort_key(hold: &Hold) -> String {
    format!("{}{}", prefix(hold.side), Hold::name(&hold.key))
}

fn hold(row: &Row, side: Side) -> Result<Hold, Error> {
    Ok(Hold {
        run: Run(row.number("run")?),
        side,
        key: key(row)?,
        first: row.text("first")?.to_owned(),
        last: row.text("last")?.to_owned(),
        records: row.number("records")?,
        error: row.text("error")?.to_owned(),
        message: row.text("message")?.to_owned(),
        since: row.number("since")?,
        at: row.number("at")?,
        version: row.number("version")?,
        object: if row.0.contains_key(OBJECT) { Some(row.json(OBJECT)?) } else { None },
    })
}
