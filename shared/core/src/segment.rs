//! Segments of a scan and where their work stands.

use serde::{Deserialize, Serialize};

/// One of `total` parts of a table that are scanned in parallel; DynamoDB's `Segment` and `TotalSegments`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Numbers")]
pub struct Segment {
    /// 0-based.
    pub index: u32,
    /// How many there are. A resumed scan must keep it: a cursor means nothing under another total.
    pub total: u32,
}

/// The numbers of a segment, not checked yet.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Numbers {
    index: u32,
    total: u32,
}

impl TryFrom<Numbers> for Segment {
    type Error = String;

    fn try_from(numbers: Numbers) -> Result<Segment, String> {
        Segment::new(numbers.index, numbers.total)
    }
}

impl Segment {
    /// The whole table.
    pub const WHOLE: Segment = Segment { index: 0, total: 1 };
    /// The most parts of a table, as documented for `TotalSegments`:
    /// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Scan.html>.
    pub const TOTAL_MAX: u32 = 1_000_000;

    /// Part `index` of `total`.
    ///
    /// # Errors
    /// What is wrong, when there is no such part.
    pub fn new(index: u32, total: u32) -> Result<Segment, String> {
        if index < total && total <= Segment::TOTAL_MAX {
            return Ok(Segment { index, total });
        }
        Err(format!(
            "there is no segment {index} of {total}: index is 0 to total - 1, total 1 to {}",
            Segment::TOTAL_MAX
        ))
    }
}
