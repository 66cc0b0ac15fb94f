//! Comparing under live writes, with several looks: a replica that lags is not a difference.

use crate::checkpoint::Counts;
use crate::compare::{Repair, Sides, Verdict, put_right};
use crate::error::Error;
use crate::item::Item;
use crate::mark::{Run, visible};
use crate::ports::{Clock, Millis, Table};
use crate::route::Pair;
use crate::size::is_too_large;

/// Looks at a key that differs before it counts as different.
const LOOKS: u32 = 6;
/// Pause before the second look; each later one waits twice as long: 6.2 s in all.
const PAUSE: Millis = 200;

/// What to do with a key that differs for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnDifference {
    /// Count it.
    Count,
    /// Put it right under live writes.
    Repair,
}

/// Compares the keys of a page and answers what was found. With [`OnDifference::Repair`], `differing` counts
/// what still differs after repair.
///
/// # Errors
/// Those of the tables.
pub async fn verify<T: Table, C: Clock>(
    pair: Pair<'_, T>,
    clock: &C,
    run: Run,
    page: Vec<Sides>,
    on_difference: OnDifference,
) -> Result<Counts, Error> {
    let mut counts = Counts { read: page.len() as u64, ..Counts::default() };
    let mut open: Vec<Suspect> = Vec::new();
    for sides in page {
        match sides.verdict(run) {
            Verdict::Same => counts.kept += 1,
            Verdict::Native => counts.native += 1,
            Verdict::HalfDone | Verdict::Differs => open.push(Suspect::new(sides)),
        }
    }
    let mut pause = PAUSE;
    for _ in 1..LOOKS {
        if open.is_empty() {
            break;
        }
        clock.sleep(pause).await;
        pause *= 2;
        let mut still = Vec::new();
        for mut suspect in open {
            if suspect.look_again(pair, run).await? {
                counts.kept += 1;
            } else if on_difference == OnDifference::Repair && suspect.stands_still {
                match put_right(pair, run, &suspect.sides.key, Repair::Live).await {
                    Ok(written) => counts.written += u64::from(written),
                    // It goes on differing, and is counted as large, too.
                    Err(error) if is_too_large(&error) => {}
                    Err(error) => return Err(error),
                }
                still.push(suspect);
            } else {
                still.push(suspect);
            }
        }
        open = still;
    }
    counts.differing = open.len() as u64;
    Ok(counts)
}

/// A key that differed at the first look.
struct Suspect {
    sides: Sides,
    /// What the losing table showed at earlier looks: a lagging replica equals one of these in the end.
    seen: Vec<Option<Item>>,
    /// The losing table showed the same twice in a row.
    stands_still: bool,
}

impl Suspect {
    fn new(sides: Sides) -> Suspect {
        Suspect { seen: vec![visible(sides.old.clone())], sides, stands_still: false }
    }

    /// Looks again; answers whether the key is cleared: equal, native, or caught up to a value seen before
    /// while the source moved on.
    async fn look_again<T: Table>(&mut self, pair: Pair<'_, T>, run: Run) -> Result<bool, Error> {
        let before = self.sides.new.take();
        self.sides = Sides::look(pair, run, self.sides.key.clone()).await?;
        let old = visible(self.sides.old.clone());
        self.stands_still = self.seen.last().is_some_and(|last| same(last, &old));
        let cleared = match self.sides.verdict(run) {
            Verdict::Same | Verdict::Native => true,
            Verdict::HalfDone => false,
            Verdict::Differs => {
                let new = visible(self.sides.new.clone());
                !same(&visible(before), &new) && self.seen.iter().any(|seen| same(seen, &new))
            }
        };
        self.seen.push(old);
        Ok(cleared)
    }
}

fn same(one: &Option<Item>, other: &Option<Item>) -> bool {
    match (one, other) {
        (None, None) => true,
        (Some(one), Some(other)) => one.same_data(other),
        (Some(_), None) | (None, Some(_)) => false,
    }
}
