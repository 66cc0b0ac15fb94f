//! The objects' ledger: one row a key, beside the key ranges of a run.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use livemove_core::error::Error;
use livemove_core::mark::Run;
use livemove_core::object::ledger::{Ledger, Row, Swept};
use livemove_core::object::range::Range;
use livemove_core::segment::Segment;

use super::Control;
use super::row::{self, CHECKSUM, checksum, json, n, s, written};
use crate::sdk_error::Effect;

const SORT_KEY: &str = "ledger";
/// Rows removed at a time.
const REMOVALS: usize = 8;

/// The ledger of one bucket's move.
#[derive(Clone, Copy, Debug)]
pub struct BucketLedger<'a> {
    control: &'a Control,
    bucket: &'a str,
}

impl Control {
    /// The ledger of the bucket of that name at the plan's source.
    pub fn ledger<'a>(&'a self, bucket: &'a str) -> BucketLedger<'a> {
        BucketLedger { control: self, bucket }
    }
}

impl BucketLedger<'_> {
    fn prefix(&self) -> String {
        // Bucket names hold no '#': no prefix is that of another bucket.
        format!("object#{}#", self.bucket)
    }

    fn partition(&self, key: &str) -> String {
        format!("{}{key}", self.prefix())
    }

    fn ranges_key(&self, run: Run) -> (String, String) {
        (format!("bucket#{}", self.bucket), format!("ranges#{:06}", run.0))
    }

    async fn remove(&self, pk: &str) -> Result<(), Error> {
        let request =
            self.control.repeating.delete_item().table_name(&self.control.table).set_key(Some(row::key(pk, SORT_KEY)));
        let answer = request.send().await;
        answer.map_err(|error| self.control.call("dynamodb:DeleteItem", Effect::Writes).failed(&error))?;
        Ok(())
    }
}

impl Ledger for BucketLedger<'_> {
    async fn get(&self, key: &str) -> Result<Option<Row>, Error> {
        match self.control.row(&self.partition(key), SORT_KEY).await? {
            Some(row) => kept(&row).map(Some),
            None => Ok(None),
        }
    }

    async fn put(&self, key: &str, row: &Row) -> Result<(), Error> {
        let partition = self.partition(key);
        let item = row::item(&partition, SORT_KEY, attributes(&partition, row)?);
        // Repeated after it had succeeded, it is refused: then the reader of the row finds its own holder there.
        let put = self.control.repeating.put_item().table_name(&self.control.table).set_item(Some(item));
        let put = match row.version {
            0 | 1 => put.condition_expression("attribute_not_exists(pk)"),
            version => put
                .condition_expression("#version = :before")
                .expression_attribute_names("#version", "version")
                .expression_attribute_values(":before", n(version - 1)),
        };
        match put.send().await {
            Ok(_) => Ok(()),
            Err(error) if error.as_service_error().is_some_and(|e| e.is_conditional_check_failed_exception()) => {
                Err(Error::Conflict("another worker changed the ledger row of the object first".to_owned()))
            }
            Err(error) => Err(self.control.call("dynamodb:PutItem", Effect::Writes).failed(&error)),
        }
    }

    async fn sweep(&self, segment: Segment, after: Option<&str>, limit: u32) -> Result<Swept, Error> {
        let after: Option<(String, String)> = after.map(position).transpose()?;
        let request = self
            .control
            .repeating
            .scan()
            .table_name(&self.control.table)
            .consistent_read(true)
            .segment(i32::try_from(segment.index).unwrap_or(i32::MAX))
            .total_segments(i32::try_from(segment.total).unwrap_or(i32::MAX))
            .limit(i32::try_from(limit).unwrap_or(i32::MAX))
            .filter_expression("begins_with(pk, :prefix) AND sk = :ledger")
            .expression_attribute_values(":prefix", s(self.prefix()))
            .expression_attribute_values(":ledger", s(SORT_KEY))
            .projection_expression("pk, sk")
            .set_exclusive_start_key(after.map(|(pk, sk)| row::key(&pk, &sk)));
        let answer = request.send().await;
        let answer = answer.map_err(|error| self.control.call("dynamodb:Scan", Effect::Reads).failed(&error))?;
        let keys: Vec<String> =
            answer.items.unwrap_or_default().into_iter().filter_map(|item| text(&item, "pk")).collect();
        let removed = keys.len() as u64;
        let removals = stream::iter(keys).map(|pk| async move { self.remove(&pk).await });
        removals.buffer_unordered(REMOVALS).try_collect::<Vec<()>>().await?;
        let next = answer.last_evaluated_key.and_then(|key| Some((text(&key, "pk")?, text(&key, "sk")?)));
        let next = next.map(|key| serde_json::to_string(&key)).transpose();
        Ok(Swept { removed, next: next.map_err(|error| Error::Invariant(error.to_string()))? })
    }

    async fn ranges(&self, run: Run) -> Result<Option<Vec<Range>>, Error> {
        let (pk, sk) = self.ranges_key(run);
        match self.control.row(&pk, &sk).await? {
            Some(row) => row.json("ranges").map(Some),
            None => Ok(None),
        }
    }

    async fn keep_ranges(&self, run: Run, ranges: &[Range]) -> Result<(), Error> {
        let (pk, sk) = self.ranges_key(run);
        let item = row::item(&pk, &sk, [("ranges", json(&ranges)?)]);
        let put = self.control.repeating.put_item().table_name(&self.control.table).set_item(Some(item));
        match put.condition_expression("attribute_not_exists(pk)").send().await {
            Ok(_) => Ok(()),
            Err(error) if error.as_service_error().is_some_and(|e| e.is_conditional_check_failed_exception()) => Ok(()),
            Err(error) => Err(self.control.call("dynamodb:PutItem", Effect::Writes).failed(&error)),
        }
    }
}

fn attributes(partition: &str, row: &Row) -> Result<[(&'static str, AttributeValue); 4], Error> {
    let kept = json(row)?;
    let sum = checksum(&[partition, written(&kept)]);
    Ok([("row", kept), ("version", n(row.version)), ("run", n(row.run.0)), (CHECKSUM, sum)])
}

/// A row as it was put. One that was changed could take an event for an old one, or foreign content for a copy.
fn kept(row: &row::Row) -> Result<Row, Error> {
    let remedy = "remove the row from the control table: the object is looked at anew";
    row.check(&[row.text("pk")?, row.text("row")?], remedy)?;
    row.json("row")
}

fn position(text: &str) -> Result<(String, String), Error> {
    serde_json::from_str(text)
        .map_err(|error| Error::Invariant(format!("the position of a sweep is not readable: {error}")))
}

fn text(item: &HashMap<String, AttributeValue>, name: &str) -> Option<String> {
    item.get(name).and_then(|value| value.as_s().ok()).cloned()
}

#[cfg(test)]
mod tests {
    use livemove_core::object::ledger::Sequencer;
    use livemove_core::testing::fuzz::cases;
    use proptest::prelude::*;

    use super::*;
    use crate::control::fuzz::damaged;

    fn seen() -> Row {
        Row { version: 2, run: Run(1), sequencer: Sequencer::new("00617F08"), ..Row::default() }
    }

    fn stored() -> HashMap<String, AttributeValue> {
        let partition = "object#files#a/b.jpg";
        row::item(partition, SORT_KEY, attributes(partition, &seen()).unwrap())
    }

    #[test]
    fn a_sequencer_that_was_changed_by_hand_makes_no_event_an_old_one() {
        assert_eq!(kept(&row::Row(stored())).unwrap(), seen());
        let mut changed = stored();
        let later = written(&changed["row"]).replace("00617F08", "FF617F08");
        changed.insert("row".to_owned(), s(later));
        let error = kept(&row::Row(changed)).unwrap_err();
        assert!(error.name() == "UnreadableRow" && !error.to_string().contains("a/b"), "{error}");
    }

    proptest! {
        #![proptest_config(cases(200))]

        #[test]
        fn a_damaged_row_is_refused_or_says_the_same(row in damaged(stored())) {
            if let Ok(read) = kept(&row::Row(row)) {
                prop_assert_eq!(read, seen());
            }
        }
    }
}
