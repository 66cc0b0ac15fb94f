//! Key ranges: the parts of a bucket that jobs work on in parallel.

use serde::{Deserialize, Serialize};

use super::Pair;
use super::bucket::{Bucket, LIST_MAX};
use super::ledger::Ledger;
use crate::error::Error;
use crate::mark::Run;

/// The most listing pages that planning reads: 400,000 keys. What comes after them is the last range's.
const PAGES: u32 = 400;
/// The most keys that planning keeps in hand for each range.
const SAMPLES: usize = 64;

/// The keys `k` with `after < k <= until`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Range {
    /// Exclusive; `None` = from the first key on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// Inclusive; `None` = to the last key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
}

/// Whether these ranges, in their order, cover every possible key, each once.
pub fn covers_all(ranges: &[Range]) -> bool {
    let begins = ranges.first().is_some_and(|first| first.after.is_none());
    let ends = ranges.last().is_some_and(|last| last.until.is_none());
    let joined = |pair: &[Range]| pair[0].until.is_some() && pair[0].until == pair[1].after;
    let ascends = |range: &Range| match (&range.after, &range.until) {
        (Some(after), Some(until)) => after < until,
        (None, _) | (_, None) => true,
    };
    begins && ends && ranges.windows(2).all(joined) && ranges.iter().all(ascends)
}

impl Range {
    /// Whether the key is not behind the range's end.
    pub fn reaches(&self, key: &str) -> bool {
        self.until.as_deref().is_none_or(|until| key <= until)
    }
}

/// Every `stride`-th key of a listing; the stride doubles when there are too many.
struct Sample {
    keys: Vec<String>,
    stride: usize,
    seen: usize,
    most: usize,
}

impl Sample {
    fn take(&mut self, key: String) {
        self.seen += 1;
        if !self.seen.is_multiple_of(self.stride) {
            return;
        }
        self.keys.push(key);
        if self.keys.len() > self.most {
            let mut odd = false;
            self.keys.retain(|_| {
                odd = !odd;
                !odd
            });
            self.stride *= 2;
        }
    }
}

/// Cuts the keys of `bucket` into at most `segments` ranges of about equal numbers of keys. Together they
/// cover every possible key, each once. Holds a bounded number of keys whatever the bucket's size.
///
/// # Errors
/// Those of the listing.
pub async fn plan_ranges<B: Bucket>(bucket: &B, segments: u32) -> Result<Vec<Range>, Error> {
    let segments = segments.max(1) as usize;
    let mut sample = Sample { keys: Vec::new(), stride: 1, seen: 0, most: segments * SAMPLES };
    let mut after: Option<String> = None;
    for _ in 0..PAGES {
        let page = bucket.list(after.as_deref(), LIST_MAX).await?;
        after = page.entries.last().map(|entry| entry.key.clone());
        page.entries.into_iter().for_each(|entry| sample.take(entry.key));
        if !page.more || after.is_none() {
            break;
        }
    }
    Ok(cut(&sample.keys, segments))
}

fn cut(sorted: &[String], segments: usize) -> Vec<Range> {
    // The end of part i is the last key of its share; the last part has no end.
    let mut ends: Vec<&String> = (1..segments)
        .filter_map(|part| (part * sorted.len() / segments).checked_sub(1))
        .filter_map(|i| sorted.get(i))
        .collect();
    ends.dedup();
    let afters = std::iter::once(None).chain(ends.iter().map(|end| Some((*end).clone())));
    let untils = ends.iter().map(|end| Some((*end).clone())).chain(std::iter::once(None));
    afters.zip(untils).map(|(after, until)| Range { after, until }).collect()
}

/// The ranges of `run`: those kept, or new ones, kept before they are used. Every worker gets the same.
///
/// # Errors
/// Those of the listing and of the ledger.
pub async fn ranges_of<B: Bucket, L: Ledger, C>(
    pair: Pair<'_, B, L, C>,
    run: Run,
    segments: u32,
) -> Result<Vec<Range>, Error> {
    if let Some(ranges) = pair.ledger.ranges(run).await? {
        return whole(ranges, run);
    }
    let planned = plan_ranges(pair.losing(run), segments).await?;
    pair.ledger.keep_ranges(run, &planned).await?;
    match pair.ledger.ranges(run).await? {
        Some(ranges) => whole(ranges, run),
        None => Err(Error::Conflict("the key ranges just kept are not there".to_owned())),
    }
}

/// Kept ranges, if no key lies between them.
fn whole(ranges: Vec<Range>, run: Run) -> Result<Vec<Range>, Error> {
    if covers_all(&ranges) {
        return Ok(ranges);
    }
    Err(Error::refused(
        "UnreadableRow",
        format!("the {} kept key ranges of run {run} do not cover every key once", ranges.len()),
        "remove the row ranges#… of the bucket from the control table, then plan the job again with restart",
    ))
}
