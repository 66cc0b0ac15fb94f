//! Comparing a key of both buckets: bytes by entity tag or by the ledger's proof, description, tags.

use super::Pair;
use super::bucket::{Bucket, Etag, Head};
use super::judge::same_content;
use super::ledger::{Ledger, Row};
use crate::canonical::Digest;
use crate::error::Error;
use crate::mark::Run;
use crate::ports::{Clock, Millis};

/// Looks at a key that differs before it counts as different.
const LOOKS: u32 = 5;
/// Pause before the second look; each later one waits twice as long: 3 s in all.
const PAUSE: Millis = 200;

/// One look at both sides of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comparison {
    /// Both hold the same, or nothing.
    pub same: bool,
    /// The losing bucket's content then.
    pub losing: Option<Etag>,
    /// Digest of key, content, description and tags on the losing side; zero when there is no object.
    pub losing_digest: Digest,
    /// The same of the gaining side. Content that the ledger proves to be a copy counts under the entity tag
    /// that it has in the losing bucket, so equal objects have equal digests whatever their parts.
    pub gaining_digest: Digest,
}

/// Looks at both sides of a key once. Writes nothing.
///
/// # Errors
/// Those of the ports.
pub async fn look<B: Bucket, L: Ledger, C: Clock>(
    pair: Pair<'_, B, L, C>,
    run: Run,
    key: &str,
) -> Result<Comparison, Error> {
    let losing = pair.losing(run).head(key).await?;
    let gaining = pair.gaining(run).head(key).await?;
    if losing.is_none() {
        pair.losing(run).alive().await?;
    }
    // Tags that differ may still be the same content: only then the ledger is needed.
    let row = match (&losing, &gaining) {
        (Some(one), Some(other)) if one.etag != other.etag => pair.ledger.get(key).await?.unwrap_or_default(),
        _ => Row::default(),
    };
    Ok(compare(&row, run, key, losing.as_ref(), gaining.as_ref()))
}

fn compare(row: &Row, run: Run, key: &str, losing: Option<&Head>, gaining: Option<&Head>) -> Comparison {
    let copied = matches!((losing, gaining), (Some(one), Some(other)) if same_content(row, run, one, other));
    let losing_digest = losing.map_or_else(Digest::default, |head| digest(key, &head.etag, head));
    let gaining_digest = gaining.map_or_else(Digest::default, |head| {
        digest(key, losing.filter(|_| copied).map_or(&head.etag, |one| &one.etag), head)
    });
    Comparison {
        same: losing_digest == gaining_digest,
        losing: losing.map(|head| head.etag.clone()),
        losing_digest,
        gaining_digest,
    }
}

fn digest(key: &str, content: &Etag, head: &Head) -> Digest {
    // A JSON array of texts: no two values share a form.
    let parts = [key, &content.0, &head.size.to_string(), &head.description.digest().to_string()];
    let tags: Vec<_> = head.tags.iter().collect();
    Digest::of(serde_json::json!([parts, tags]).to_string().as_bytes())
}

/// Looks until both sides are the same, the losing side has moved on (a copy that lags is not a difference),
/// or the looks are used up. Writes nothing.
///
/// # Errors
/// Those of the ports.
pub async fn compare_patiently<B: Bucket, L: Ledger, C: Clock>(
    pair: Pair<'_, B, L, C>,
    run: Run,
    key: &str,
) -> Result<Comparison, Error> {
    let mut last = look(pair, run, key).await?;
    let first = last.losing.clone();
    let mut pause = PAUSE;
    for _ in 1..LOOKS {
        if last.same || last.losing != first {
            break;
        }
        pair.clock.sleep(pause).await;
        pause *= 2;
        last = look(pair, run, key).await?;
    }
    let moved_on = last.losing != first;
    Ok(Comparison { same: last.same || moved_on, ..last })
}
