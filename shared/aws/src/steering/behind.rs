//! What keeps the followers of a table from being complete, as it is now.

use livemove_core::error::Error;
use livemove_core::hold::HOLDS_MAX;
use livemove_core::phase::{Kind, Side, Stream};
use livemove_core::ports::Clock;
use livemove_core::register::Register;
use livemove_core::steer::gate::Closed;
use livemove_core::steer::watch::{Gap, Watch, held, judge};

use super::subjects::Subject;
use super::{Steering, World};

pub(super) const SIDES: [Side; 2] = [Side::Source, Side::Target];

impl<R: Register, W: World, C: Clock> Steering<'_, R, W, C> {
    /// Held keys, and gaps in what is read of the streams that count now. What cannot be looked at is not known to
    /// be well.
    pub(super) async fn behind(&self, subject: &Subject) -> Result<Vec<Closed>, Error> {
        let mut closed: Vec<Closed> = held(self.held(subject).await?).into_iter().collect();
        for side in SIDES.into_iter().filter(|side| subject.follows(*side)) {
            match self.look(subject, side).await {
                Ok((_, gaps)) => closed.extend(gaps.iter().map(Gap::closed)),
                Err(error) => closed.push(Closed {
                    reason: format!("what reads the stream of the {side:?} table cannot be looked at: {error}"),
                    remedy: "let control describe the table and list the event source mappings".to_owned(),
                    wait_ms: None,
                }),
            }
        }
        Ok(closed)
    }

    /// How many keys are held whose records count now.
    pub(super) async fn held(&self, subject: &Subject) -> Result<u64, Error> {
        let mut count = 0;
        for side in SIDES {
            let holds = self.register.holds(&subject.id, side, None, HOLDS_MAX).await?;
            let counts = |run| subject.state.stream(side) == Stream::Replicate(run);
            count += holds.iter().filter(|hold| counts(hold.run)).count() as u64;
        }
        Ok(count)
    }

    /// Looks at one side's stream and what reads it; changes nothing.
    pub(super) async fn look(&self, subject: &Subject, side: Side) -> Result<(Watch, Vec<Gap>), Error> {
        let seen = self.world.following(subject.plan.end(side), &self.replicator(side)).await?;
        let before = self.register.watch(&subject.id, side).await?.unwrap_or_default();
        let pulse = self.register.pulse(&subject.id, side).await?;
        Ok(judge(side, &before, self.clock.now(), &seen, pulse.as_ref()))
    }

    /// The name of the function that follows that side's table, as the template gives it.
    fn replicator(&self, side: Side) -> String {
        format!("livemove-{}-{}-replicator", self.site.migration, direction(side))
    }

    /// The name of the queue of what its mapping gave up.
    pub(super) fn records_dead(&self, side: Side) -> String {
        format!("livemove-{}-{}-records-dead", self.site.migration, direction(side))
    }
}

fn direction(side: Side) -> &'static str {
    match side {
        Side::Source => "forward",
        Side::Target => "reverse",
    }
}

impl Subject {
    /// Whether the records of that side are replicated now.
    pub(super) fn follows(&self, side: Side) -> bool {
        self.plan.kind == Kind::Table && matches!(self.state.stream(side), Stream::Replicate(_))
    }
}
