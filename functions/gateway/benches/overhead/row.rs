//! What is printed of one operation, and of all together.

use std::fmt;

/// A figure of calls through the gateway against that of direct ones.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Against {
    pub(crate) through: f64,
    pub(crate) direct: f64,
}

impl Against {
    fn ratio(self) -> f64 {
        self.through / self.direct
    }
}

/// The figures of one operation: times in seconds, rates in calls a second.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    /// Median time of a call of one client.
    pub(crate) latency: Against,
    /// Median time of a call of 16 clients at once.
    pub(crate) loaded: Against,
    /// Of 16 clients.
    pub(crate) throughput: Against,
    /// Processor time of the gateway for a call.
    pub(crate) cpu: f64,
}

/// The titles of what a row prints.
pub(crate) fn titles() -> String {
    format!("{:>27} {:>27} {:>26} {:>9}", "latency", "of 16 clients", "throughput", "processor")
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for time in [self.latency, self.loaded] {
            let (through, direct) = (time.through * 1000.0, time.direct * 1000.0);
            write!(f, "{through:>6.2} ms / {direct:>5.2} ms = {:>4.2} ", time.ratio())?;
        }
        let rate = self.throughput;
        write!(f, "{:>7.0}/s / {:>5.0}/s = {:>4.2} ", rate.through, rate.direct, rate.ratio())?;
        write!(f, "{:>6.0} µs", self.cpu * 1_000_000.0)
    }
}

/// The ratios of all operations as one, each as their geometric mean: that of ratios is the ratio of means.
pub(crate) fn together(rows: &[Row]) -> String {
    let mean = |figure: fn(&Row) -> Against| {
        let logarithms: f64 = rows.iter().map(|row| figure(row).ratio().ln()).sum();
        (logarithms / rows.len() as f64).exp()
    };
    let means = [mean(|row| row.latency), mean(|row| row.loaded), mean(|row| row.throughput)];
    format!("{:>27.2} {:>27.2} {:>26.2}", means[0], means[1], means[2])
}
