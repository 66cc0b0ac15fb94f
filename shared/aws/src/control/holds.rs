//! Held keys: one row for each, changed on condition of its version.

use livemove_core::error::Error;
use livemove_core::hold::{Hold, Holds, Seen};
use livemove_core::mark::Run;
use livemove_core::phase::Side;

use super::row::{self, Row, json, n, s};
use super::stragglers::key;
use super::{Control, Order, Outcome};
use crate::dynamo::item_to_sdk;
use crate::sdk_error::Effect;
use crate::streams::is_sequence;
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
        let mut item = row::item(subject, &sort_key(hold), attributes(hold));
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

fn attributes(hold: &Hold) -> [(&'static str, AttributeValue); 10] {
    [
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
    ]
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
    let key = key(row)?;
    if row.text("sk")?.strip_prefix(&prefix(side)) != Some(Hold::name(&key).as_str()) {
        // Released by its key, such a row would stay for ever.
        return Err(row.broken("key"));
    }
    let object: Option<Seen> = if row.0.contains_key(OBJECT) { Some(row.json(OBJECT)?) } else { None };
    // Attempts at an object have no order, and names of any form.
    let sequence = |name: &str| {
        let text = row.text(name)?;
        if object.is_some() || is_sequence(text) { Ok(text.to_owned()) } else { Err(row.broken(name)) }
    };
    Ok(Hold {
        run: Run::try_from(row.number::<u32>("run")?).map_err(|_| row.broken("run"))?,
        side,
        key,
        first: sequence("first")?,
        last: sequence("last")?,
        records: row.number("records")?,
        error: row.text("error")?.to_owned(),
        message: row.text("message")?.to_owned(),
        since: row.number("since")?,
        at: row.number("at")?,
        version: row.number("version")?,
        object,
    })
}

#[cfg(test)]
mod tests {
    use livemove_core::item::{Item, KeySchema};
    use livemove_core::testing::fuzz::cases;
    use proptest::prelude::*;

    use super::*;
    use crate::control::fuzz::damaged;

    fn held() -> Hold {
        let item: Item = serde_json::from_str(r#"{"pk":{"S":"a"}}"#).unwrap();
        let key = KeySchema { partition: "pk".to_owned(), sort: None }.key(item).unwrap();
        let (first, last) = ("100000000000000000001".to_owned(), "100000000000000000002".to_owned());
        let (error, message) = ("ValidationException".to_owned(), "too large".to_owned());
        Hold {
            run: Run(1),
            side: Side::Source,
            key,
            first,
            last,
            records: 2,
            error,
            message,
            since: 1,
            at: 2,
            version: 1,
            object: None,
        }
    }

    fn stored() -> std::collections::HashMap<String, AttributeValue> {
        row::item("table#orders", &sort_key(&held()), attributes(&held()))
    }

    #[test]
    fn a_hold_whose_key_is_not_that_of_its_row_is_refused_and_not_released_for_another() {
        assert_eq!(hold(&Row(stored()), Side::Source).unwrap(), held());
        let other = AttributeValue::M([("pk".to_owned(), s("b"))].into());
        for (name, value) in [("key", other), ("last", s("")), ("last", s("~")), ("run", n(1_000_000_u32))] {
            let mut changed = stored();
            changed.insert(name.to_owned(), value);
            assert_eq!(hold(&Row(changed), Side::Source).unwrap_err().name(), "InvariantBroken", "{name}");
        }
    }

    proptest! {
        #![proptest_config(cases(200))]

        #[test]
        fn a_damaged_hold_is_refused_or_of_the_same_key(row in damaged(stored())) {
            if let Ok(read) = hold(&Row(row), Side::Source) {
                prop_assert_eq!(&read.key, &held().key);
                let is_in_order = read.object.is_some() || is_sequence(&read.first) && is_sequence(&read.last);
                prop_assert!(is_in_order && read.run <= Run::MAX);
            }
        }
    }
}
