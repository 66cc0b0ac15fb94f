//! Segments of a scan and where their work stands.

use serde::{Deserialize, Serialize};

/// One of `total` parts of a table that are scanned in parallel; DynamoDB's `Segment` and `TotalSegments`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    /// 0-based.
    pub index: u32,
    /// How many there are. A resumed scan must keep it: a cursor means nothing under another total.
    pub total: u32,
}

impl Segment {
    /// The whole table.
    pub const WHOLE: Segment = Segment { index: 0, total: 1 };
}
