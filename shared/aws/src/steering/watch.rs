//! `watch`: look for gaps in what is replicated, every minute.

use livemove_core::error::Error;
use livemove_core::phase::Side;
use livemove_core::ports::Clock;
use livemove_core::register::Register;
use livemove_core::steer::watch::{Gap, mark_broken};
use serde::Serialize;

use super::behind::SIDES;
use super::given_up::Collected;
use super::subjects::Subject;
use super::{Steering, World};
use crate::metrics::{GAPS, HELD_KEYS, Line};

/// What the watch found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Watched {
    /// Nothing is missing.
    pub complete: bool,
    /// Gaps, by table or bucket, and side.
    pub gaps: Vec<Found>,
    /// Keys that are held.
    pub held: u64,
    /// What was given up of records and events, and what became of it.
    pub given_up: Collected,
    /// What could not be looked at or told.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<String>,
}

/// A gap and where it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Found {
    /// The table or bucket.
    pub subject: String,
    /// Whose stream or events.
    pub side: Side,
    /// What is wrong.
    #[serde(flatten)]
    pub gap: Gap,
}

impl<R: Register, W: World, C: Clock> Steering<'_, R, W, C> {
    /// Looks at every stream and at all events that count now, marks as broken what lost some, holds the keys of
    /// those that were given up, and sends the canaries that the next look asks for. Idempotent; may run at any time.
    ///
    /// One table's, bucket's or side's trouble does not keep the others from being looked at.
    ///
    /// # Errors
    /// Those of the register where it tells what there is to look at; nothing where no plan is registered yet.
    pub(super) async fn watch(&self) -> Result<Watched, Error> {
        let mut watched = Watched::default();
        if self.register.plan(&self.site.migration).await?.is_none() {
            // The schedule runs from the day the stack is there.
            return Ok(Watched { complete: true, ..watched });
        }
        for subject in &self.subjects().await? {
            watched.held += self.held(subject).await?;
            for side in SIDES {
                let (id, at) = (&subject.id, side);
                if let Err(error) = self.collect(subject, side, &mut watched.given_up).await {
                    watched.failed.push(format!("{id}: what was given up of the {at:?}: {error}"));
                }
                if !subject.follows(side) {
                    continue;
                }
                match self.watch_one(subject, side).await {
                    Ok(gaps) => {
                        watched.gaps.extend(gaps.into_iter().map(|gap| Found { subject: id.clone(), side, gap }))
                    }
                    Err(error) => watched.failed.push(format!("{id}: what follows the {at:?}: {error}")),
                }
            }
        }
        for found in &watched.gaps {
            tracing::error!(subject = found.subject, side = ?found.side, lost = found.gap.lost, reason = found.gap.reason, remedy = found.gap.remedy, "gap");
        }
        for failed in &watched.failed {
            tracing::error!(failed, "not watched");
        }
        let now = self.clock.now();
        Line::new([("Migration", self.site.migration.clone())])
            .value(GAPS, (watched.gaps.len() + watched.failed.len()) as u64)
            .value(HELD_KEYS, watched.held)
            .emit(now);
        watched.complete = watched.gaps.is_empty() && watched.failed.is_empty() && watched.held == 0;
        Ok(watched)
    }

    async fn watch_one(&self, subject: &Subject, side: Side) -> Result<Vec<Gap>, Error> {
        let (watch, gaps) = self.look(subject, side).await?;
        if let Some(lost) = gaps.iter().find(|gap| gap.lost) {
            let why = format!("{}; {}", lost.reason, lost.remedy);
            mark_broken(self.register, &subject.id, side, self.clock.now(), &why).await?;
        }
        self.register.keep_watch(&subject.id, side, &watch).await?;
        self.beat(subject, side, watch).await?;
        Ok(gaps)
    }
}
