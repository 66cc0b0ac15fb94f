//! A histogram of durations.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper bounds of the buckets, with the text that Prometheus gets.
const BOUNDS: [(Duration, &str); 13] = [
    (Duration::from_micros(500), "0.0005"),
    (Duration::from_millis(1), "0.001"),
    (Duration::from_micros(2_500), "0.0025"),
    (Duration::from_millis(5), "0.005"),
    (Duration::from_millis(10), "0.01"),
    (Duration::from_millis(25), "0.025"),
    (Duration::from_millis(50), "0.05"),
    (Duration::from_millis(100), "0.1"),
    (Duration::from_millis(250), "0.25"),
    (Duration::from_millis(500), "0.5"),
    (Duration::from_secs(1), "1"),
    (Duration::from_millis(2_500), "2.5"),
    (Duration::from_secs(5), "5"),
];

#[derive(Debug, Default)]
pub(super) struct Histogram {
    // The last is for what is longer than all bounds.
    buckets: [AtomicU64; BOUNDS.len() + 1],
    micros: AtomicU64,
}

impl Histogram {
    pub(super) fn observe(&self, took: Duration) {
        let bucket = BOUNDS.partition_point(|(bound, _)| *bound < took);
        self.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        self.micros.fetch_add(u64::try_from(took.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    pub(super) fn count(&self) -> u64 {
        self.buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed)).sum()
    }

    /// Appends the series of the histogram called `name`, with this label.
    pub(super) fn write(&self, text: &mut String, name: &str, label: &str) {
        let mut below = 0;
        for (bucket, bound) in self.buckets.iter().zip(BOUNDS.iter().map(|(_, bound)| *bound).chain(["+Inf"])) {
            below += bucket.load(Ordering::Relaxed);
            let _never = writeln!(text, "{name}_bucket{{{label},le=\"{bound}\"}} {below}");
        }
        let micros = self.micros.load(Ordering::Relaxed);
        let _never = writeln!(text, "{name}_sum{{{label}}} {}.{:06}", micros / 1_000_000, micros % 1_000_000);
        let _never = writeln!(text, "{name}_count{{{label}}} {below}");
    }
}
