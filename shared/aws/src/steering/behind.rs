//! What keeps the followers of a table or bucket from being complete, as it is now.

use livemove_core::error::Error;
use livemove_core::hold::HOLDS_MAX;
use livemove_core::phase::{Kind, Side, Stream};
use livemove_core::ports::Clock;
use livemove_core::register::{Canary, Register};
use livemove_core::steer::events;
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
                    reason: format!("what follows the {side:?} {} cannot be looked at: {error}", subject.word()),
                    remedy: match subject.plan.kind {
                        Kind::Table => "let control describe the table and list the event source mappings",
                        Kind::Bucket => {
                            "let control read the bucket's notification settings and the attributes of its queue, and list the event source mappings"
                        }
                    }
                    .to_owned(),
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
            let counts = |run| subject.stream(side) == Stream::Replicate(run);
            count += holds.iter().filter(|hold| counts(hold.run)).count() as u64;
        }
        Ok(count)
    }

    /// Looks at one side's stream or events and what reads them; changes nothing.
    pub(super) async fn look(&self, subject: &Subject, side: Side) -> Result<(Watch, Vec<Gap>), Error> {
        if subject.plan.kind == Kind::Bucket {
            let (end, queue) = (subject.plan.end(side), self.objects(side));
            let seen = self.world.delivering(end, &self.copier(side), &queue).await?;
            let before = self.register.watch(&subject.id, side).await?.unwrap_or_default();
            // After the queue: what is in it no more has been told.
            let pulse = self.waiting_pulse(subject, side).await?;
            return Ok(events::judge(side, &before, self.clock.now(), &seen, pulse.as_ref()));
        }
        let seen = self.world.following(subject.plan.end(side), &self.replicator(side)).await?;
        let before = self.register.watch(&subject.id, side).await?.unwrap_or_default();
        let pulse = self.register.pulse(&subject.id, side).await?;
        Ok(judge(side, &before, self.clock.now(), &seen, pulse.as_ref()))
    }

    /// The pulse of a bucket that must still come through. One from before the side was armed for its run does not
    /// count: what was lost with it is copied since.
    pub(super) async fn waiting_pulse(&self, subject: &Subject, side: Side) -> Result<Option<Canary>, Error> {
        let (armed, pulse) =
            (self.register.canary(&subject.id, side).await?, self.register.pulse(&subject.id, side).await?);
        let since = armed.map_or(0, |canary| canary.sent);
        Ok(pulse.filter(|pulse| pulse.seen.is_none() && pulse.sent >= since))
    }

    /// The name of the function that follows that side's bucket, as the template gives it.
    fn copier(&self, side: Side) -> String {
        format!("livemove-{}-{}-copier", self.site.migration, direction(side))
    }

    /// The name of the queue of its events.
    pub(super) fn objects(&self, side: Side) -> String {
        format!("livemove-{}-{}-objects", self.site.migration, direction(side))
    }

    /// The name of the queue of what was given up of them.
    pub(super) fn objects_dead(&self, side: Side) -> String {
        format!("{}-dead", self.objects(side))
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
    /// What the records or events of that side are for, now.
    pub(super) fn stream(&self, side: Side) -> Stream {
        match self.plan.kind {
            Kind::Table => self.state.stream(side),
            Kind::Bucket => self.state.events(side),
        }
    }

    /// Whether they are carried to the other side.
    pub(super) fn follows(&self, side: Side) -> bool {
        matches!(self.stream(side), Stream::Replicate(_))
    }

    /// What it is.
    pub(super) fn word(&self) -> &'static str {
        match self.plan.kind {
            Kind::Table => "table",
            Kind::Bucket => "bucket",
        }
    }
}
