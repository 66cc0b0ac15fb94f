//! The counters as text: <https://prometheus.io/docs/instrumenting/exposition_formats/>.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

use super::operations::OPERATIONS;
use super::{
    CONNECTIONS, CONNECTIONS_REFUSED, DURATION, IN_FLIGHT, Metrics, OUTCOMES, PASSED, RECEIVED, REQUESTS, SENT,
};

/// The content type of that text.
pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4";

impl Metrics {
    /// All counters. Calls that never happened are left out.
    pub fn to_text(&self) -> String {
        let mut text = String::with_capacity(4096);
        self.write_requests(&mut text);
        head(&mut text, PASSED, "counter");
        let _never = writeln!(text, "{PASSED} {}", self.passed.count());
        head(&mut text, DURATION, "histogram");
        self.own.write(&mut text, DURATION, "by=\"livemove\"");
        self.passed.write(&mut text, DURATION, "by=\"dynamodb\"");
        for (name, kind, value) in [
            (IN_FLIGHT, "gauge", &self.in_flight),
            (CONNECTIONS, "gauge", &self.connections),
            (CONNECTIONS_REFUSED, "counter", &self.connections_refused),
            (RECEIVED, "counter", &self.received),
            (SENT, "counter", &self.sent),
        ] {
            single(&mut text, name, kind, value);
        }
        text
    }

    fn write_requests(&self, text: &mut String) {
        head(text, REQUESTS, "counter");
        for (operation, row) in OPERATIONS.iter().zip(&self.requests) {
            for ((_, outcome), count) in OUTCOMES.iter().zip(row) {
                let count = count.load(Ordering::Relaxed);
                if count > 0 {
                    let _never =
                        writeln!(text, "{REQUESTS}{{operation=\"{operation}\",outcome=\"{outcome}\"}} {count}");
                }
            }
        }
    }
}

fn head(text: &mut String, name: &str, kind: &str) {
    let _never = writeln!(text, "# TYPE {name} {kind}");
}

fn single(text: &mut String, name: &str, kind: &str, value: &AtomicU64) {
    head(text, name, kind);
    let _never = writeln!(text, "{name} {}", value.load(Ordering::Relaxed));
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::metrics::Outcome;

    #[test]
    fn every_outcome_has_its_place() {
        for (at, (outcome, _)) in OUTCOMES.iter().enumerate() {
            assert_eq!(*outcome as usize, at);
        }
    }

    #[test]
    fn counters_are_told_by_operation_and_outcome() {
        let metrics = Metrics::new();
        metrics.answered("GetItem", Outcome::Served, Duration::from_millis(3));
        metrics.answered("GetItem", Outcome::Passed, Duration::from_secs(60));
        metrics.answered("orders", Outcome::Refused, Duration::ZERO);
        let text = metrics.to_text();
        for line in [
            "livemove_gateway_requests_total{operation=\"GetItem\",outcome=\"served\"} 1",
            "livemove_gateway_requests_total{operation=\"GetItem\",outcome=\"passed\"} 1",
            "livemove_gateway_requests_total{operation=\"other\",outcome=\"refused\"} 1",
            "livemove_gateway_passed_through_total 1",
            "livemove_gateway_request_duration_seconds_bucket{by=\"livemove\",le=\"0.0025\"} 1",
            "livemove_gateway_request_duration_seconds_bucket{by=\"livemove\",le=\"0.005\"} 2",
            "livemove_gateway_request_duration_seconds_bucket{by=\"dynamodb\",le=\"5\"} 0",
            "livemove_gateway_request_duration_seconds_bucket{by=\"dynamodb\",le=\"+Inf\"} 1",
            "livemove_gateway_request_duration_seconds_sum{by=\"livemove\"} 0.003000",
            "livemove_gateway_request_duration_seconds_count{by=\"dynamodb\"} 1",
        ] {
            assert!(text.lines().any(|one| one == line), "{line} is not in\n{text}");
        }
        assert!(!text.contains("orders"));
    }
}
