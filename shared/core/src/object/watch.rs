//! Watching a bucket that nobody should write to any more.

use super::Pair;
use super::bucket::{Bucket, Etag};
use super::ledger::Ledger;
use crate::error::Error;
use crate::phase::Side;
use crate::ports::Clock;

/// What an event of a watched bucket was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Watched {
    /// A write of our own, or one that was carried over before: no news.
    Ours,
    /// Somebody wrote this content late; `None` = somebody removed the object.
    Straggler(Option<Etag>),
}

/// Tells late writes of applications from the follower's own. Writes nothing.
///
/// # Errors
/// `Conflict` while a worker is at the key and what is there cannot be told yet; those of the ports.
pub async fn watch<B: Bucket, L: Ledger, C: Clock>(
    pair: Pair<'_, B, L, C>,
    side: Side,
    key: &str,
) -> Result<Watched, Error> {
    let head = pair.on(side).head(key).await?;
    if head.is_none() {
        pair.on(side).alive().await?;
    }
    // The row after the object: a write of ours is announced there before it takes place.
    let row = pair.ledger.get(key).await?.unwrap_or_default();
    if row.accounts_for(side, head.as_ref()) {
        return Ok(Watched::Ours);
    }
    if row.is_busy(pair.clock.now(), "") {
        return Err(Error::Conflict(format!("the object is being copied ({row})")));
    }
    Ok(Watched::Straggler(head.map(|head| head.etag)))
}
