//! The finisher and its proof: with the source frozen and its replicator stopped, make the gaining table right
//! for every key it does not own yet, and then show that nothing differs.

use crate::checkpoint::Counts;
use crate::compare::{Repair, Sides, Verdict, put_right};
use crate::error::Error;
use crate::mark::{Run, visible};
use crate::ports::Table;
use crate::route::Pair;
use crate::scan::Half;

/// Puts the keys of a page right: finishes half-done handoffs, corrects copies that differ. Idempotent.
///
/// # Errors
/// Those of the tables.
pub async fn finish<T: Table>(pair: Pair<'_, T>, run: Run, page: Vec<Sides>) -> Result<Counts, Error> {
    let mut counts = Counts { read: page.len() as u64, ..Counts::default() };
    for sides in page {
        match sides.verdict(run) {
            Verdict::Native => counts.native += 1,
            Verdict::Same if sides.bear_one_stamp() => counts.kept += 1,
            Verdict::Same | Verdict::HalfDone | Verdict::Differs => {
                counts.written += u64::from(put_right(pair, run, &sides.key, Repair::Frozen).await?);
            }
        }
    }
    Ok(counts)
}

/// Judges the keys of a page without writing. Digests cover what was compared: the keys that are not native,
/// each once, when the losing table is walked.
///
/// # Errors
/// Those of the tables.
pub async fn certify<T: Table>(pair: Pair<'_, T>, run: Run, half: Half, page: Vec<Sides>) -> Result<Counts, Error> {
    let mut counts = Counts { read: page.len() as u64, ..Counts::default() };
    for mut sides in page {
        if matches!(sides.verdict(run), Verdict::HalfDone | Verdict::Differs) {
            sides = Sides::look(pair, run, sides.key).await?;
        }
        match sides.verdict(run) {
            Verdict::Native => counts.native += 1,
            Verdict::Same => counts.kept += 1,
            Verdict::HalfDone | Verdict::Differs => counts.differing += 1,
        }
        if half == Half::Losing && sides.verdict(run) != Verdict::Native {
            add_digests(&mut counts, &sides);
        }
    }
    Ok(counts)
}

fn add_digests(counts: &mut Counts, sides: &Sides) {
    if let Some(old) = visible(sides.old.clone()) {
        counts.source_digest.add(&old.digest());
    }
    if let Some(new) = visible(sides.new.clone()) {
        counts.target_digest.add(&new.digest());
    }
}
