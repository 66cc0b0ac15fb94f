//! The straggler ledger: writes that came past the protocol.

use aws_sdk_dynamodb::types::{AttributeValue, Select};
use livemove_core::error::Error;
use livemove_core::item::{Key, KeySchema};
use livemove_core::mark::Run;
use livemove_core::register::{Straggler, Stragglers};

use super::row::{self, Row, n, s};
use super::{Control, Order};
use crate::dynamo::{item_from_sdk, item_to_sdk};
use crate::sdk_error::Effect;

const PREFIX: &str = "straggler#";

impl Stragglers for Control {
    async fn enter(&self, subject: &str, straggler: &Straggler) -> Result<(), Error> {
        // Padded as in positions, so that the order of rows is that of the stream.
        let sk = format!("{PREFIX}{:0>40}#{}", straggler.sequence, straggler.key.hash());
        let attributes = [
            ("run", n(straggler.run.0)),
            ("sequence", s(&straggler.sequence)),
            ("key", AttributeValue::M(item_to_sdk(straggler.key.attributes()))),
            ("at", n(straggler.at)),
        ];
        let mut item = row::item(subject, &sk, attributes);
        let image = straggler.image.as_ref().map(|image| AttributeValue::M(item_to_sdk(&image.0)));
        item.extend(image.map(|image| ("image".to_owned(), image)));
        self.put(item).await
    }

    async fn list(&self, subject: &str, limit: u32) -> Result<Vec<Straggler>, Error> {
        self.rows(subject, PREFIX, Order::Forwards, limit).await?.iter().map(straggler).collect()
    }

    async fn count(&self, subject: &str) -> Result<u64, Error> {
        let (mut count, mut after) = (0, None);
        loop {
            let request = self
                .repeating
                .query()
                .table_name(&self.table)
                .consistent_read(true)
                .select(Select::Count)
                .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
                .expression_attribute_values(":pk", s(subject))
                .expression_attribute_values(":prefix", s(PREFIX))
                .set_exclusive_start_key(after);
            let answer =
                request.send().await.map_err(|error| self.call("dynamodb:Query", Effect::Reads).failed(&error))?;
            count += u64::try_from(answer.count).unwrap_or_default();
            after = answer.last_evaluated_key;
            if after.is_none() {
                return Ok(count);
            }
        }
    }
}

fn straggler(row: &Row) -> Result<Straggler, Error> {
    let image = row.map("image")?.cloned().map(item_from_sdk).transpose()?;
    Ok(Straggler {
        run: Run(row.number("run")?),
        sequence: row.text("sequence")?.to_owned(),
        key: key(row)?,
        image,
        at: row.number("at")?,
    })
}

pub(super) fn key(row: &Row) -> Result<Key, Error> {
    let attributes = row.map("key")?.cloned().ok_or_else(|| row.broken("key"))?;
    let item = item_from_sdk(attributes)?;
    // The table's own order of key attributes does not matter for a key's identity.
    let mut names = item.0.keys().cloned();
    let schema = KeySchema { partition: names.next().unwrap_or_default(), sort: names.next() };
    schema.key(item).map_err(|_| row.broken("key"))
}
