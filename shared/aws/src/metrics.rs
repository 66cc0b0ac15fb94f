//! Metrics, written as log lines in CloudWatch's embedded metric format (EMF): no call, no delay.
//!
//! Format: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>

use std::io::Write;

use livemove_core::ports::Millis;
use serde_json::{Map, Value, json};

/// The namespace of every metric.
pub const NAMESPACE: &str = "livemove";

/// The age of the newest record a replicator has handled.
pub const LAG_MS: &str = "LagMilliseconds";
/// Stream records handled.
pub const RECORDS: &str = "RecordsCount";
/// Stream records or messages handed back to be tried again.
pub const RETRIED: &str = "RetriedCount";
/// Keys held back, those that were held before among them.
pub const HELD: &str = "HeldCount";
/// Keys that are held, as the watch counts them.
pub const HELD_KEYS: &str = "HeldKeysCount";
/// Gaps that the watch found, and what it could not look at.
pub const GAPS: &str = "GapsCount";
/// Late writes entered in the straggler ledger.
pub const STRAGGLERS: &str = "StragglersCount";
/// Items or objects a job has looked at.
pub const READ: &str = "ReadCount";
/// Items or objects a job has written.
pub const WRITTEN: &str = "WrittenCount";
/// Items or objects that differ after the second look.
pub const DIFFERING: &str = "DifferingCount";
/// One EMF line.
///
/// Dimensions become metrics of their own: keep to few values, such as migration and function.
#[derive(Clone, Debug)]
pub struct Line {
    dimensions: Vec<(&'static str, String)>,
    values: Vec<(&'static str, u64)>,
}

impl Line {
    /// An empty line of these dimensions.
    pub fn new(dimensions: impl IntoIterator<Item = (&'static str, String)>) -> Line {
        Line { dimensions: dimensions.into_iter().collect(), values: Vec::new() }
    }

    /// Adds a value. The unit is in the metric's name.
    #[must_use]
    pub fn value(mut self, name: &'static str, value: u64) -> Line {
        self.values.push((name, value));
        self
    }

    /// The line as CloudWatch reads it.
    pub fn to_json(&self, at: Millis) -> Value {
        let dimensions: Vec<_> = self.dimensions.iter().map(|(name, _)| *name).collect();
        let metrics: Vec<_> = self.values.iter().map(|(name, _)| json!({"Name": name, "Unit": unit(name)})).collect();
        let head = json!({
            "Timestamp": at,
            "CloudWatchMetrics": [{"Namespace": NAMESPACE, "Dimensions": [dimensions], "Metrics": metrics}],
        });
        let mut line = Map::from_iter([("_aws".to_owned(), head)]);
        line.extend(self.dimensions.iter().map(|(name, value)| ((*name).to_owned(), json!(value))));
        line.extend(self.values.iter().map(|(name, value)| ((*name).to_owned(), json!(value))));
        Value::Object(line)
    }

    /// Writes the line to standard output, where Lambda takes logs from. A metric that cannot be written is
    /// lost: no work fails for it.
    pub fn emit(&self, at: Millis) {
        let _lost = writeln!(std::io::stdout().lock(), "{}", self.to_json(at));
    }
}

fn unit(name: &str) -> &'static str {
    if name.ends_with("Milliseconds") { "Milliseconds" } else { "Count" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_declares_every_value_it_carries() {
        let line = Line::new([("Migration", "orders".to_owned())]).value(LAG_MS, 12).value(RECORDS, 3).to_json(1_700);
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(directive["Namespace"], NAMESPACE);
        assert_eq!(directive["Dimensions"], json!([["Migration"]]));
        assert_eq!(
            directive["Metrics"],
            json!([{"Name": "LagMilliseconds", "Unit": "Milliseconds"}, {"Name": "RecordsCount", "Unit": "Count"}])
        );
        assert_eq!((&line["LagMilliseconds"], &line["RecordsCount"]), (&json!(12), &json!(3)));
        assert_eq!((&line["Migration"], &line["_aws"]["Timestamp"]), (&json!("orders"), &json!(1_700)));
    }
}
