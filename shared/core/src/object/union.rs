//! The keys of one or of both buckets, in order, batch by batch.

use std::collections::BTreeSet;

use super::bucket::{Bucket, LIST_MAX, Listing};
use super::is_canary;
use super::range::Range;
use crate::error::Error;

/// A batch of keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// In ascending order; canaries are left out.
    pub keys: Vec<String>,
    /// Everything up to here is in this batch or before it; `None` at the end of the range.
    pub next: Option<String>,
}

/// The next keys of `range` after `after`, of all `buckets` together; at most `limit` of each listing.
///
/// A listing that goes on hides what comes after its last key, so the batch ends at the earliest such key.
///
/// # Errors
/// Those of the listings.
pub async fn next_keys<B: Bucket>(
    buckets: &[&B],
    range: &Range,
    after: Option<&str>,
    limit: u32,
) -> Result<Batch, Error> {
    let after = after.or(range.after.as_deref());
    let mut pages = Vec::with_capacity(buckets.len());
    for bucket in buckets {
        pages.push(bucket.list(after, limit.min(LIST_MAX)).await?);
    }
    Ok(merge(&pages, range))
}

fn merge(pages: &[Listing], range: &Range) -> Batch {
    let horizon =
        pages.iter().filter(|page| page.more).filter_map(|page| page.entries.last()).map(|entry| &entry.key).min();
    let keys: BTreeSet<&String> = pages
        .iter()
        .flat_map(|page| &page.entries)
        .map(|entry| &entry.key)
        .filter(|key| range.reaches(key) && horizon.is_none_or(|horizon| *key <= horizon))
        .collect();
    // Beyond the range's end there is nothing left to do, however far the listings go.
    let next = horizon.filter(|horizon| range.until.as_ref().is_none_or(|until| *horizon < until)).cloned();
    Batch { keys: keys.into_iter().filter(|key| !is_canary(key)).cloned().collect(), next }
}
