//! What the event source mappings gave up: each key of it is held, so that redrive puts it right.

use livemove_core::error::Error;
use livemove_core::hold::Hold;
use livemove_core::mark::Run;
use livemove_core::phase::{Kind, Side, Stream};
use livemove_core::ports::{Clock, Table};
use livemove_core::register::Register;
use livemove_core::steer::watch::mark_broken;
use serde::Serialize;

use super::subjects::Subject;
use super::world::GivenUp;
use super::{Steering, World};

/// Messages of one queue that one call looks at: each may stand for a batch.
pub(super) const MESSAGES: usize = 50;

/// What became of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Collected {
    /// Messages done with.
    pub messages: u64,
    /// Keys held by them.
    pub held: u64,
    /// Messages whose records count no longer.
    pub void: u64,
    /// Messages whose records the stream has no more: their tables are broken.
    pub lost: u64,
}

impl<R: Register, W: World, C: Clock> Steering<'_, R, W, C> {
    /// Turns what was given up of a table's records or a bucket's events into holds. A message is removed when
    /// everything of it is told. Idempotent.
    pub(super) async fn collect(&self, subject: &Subject, side: Side, all: &mut Collected) -> Result<(), Error> {
        match subject.plan.kind {
            Kind::Table => self.collect_records(subject, side, all).await,
            Kind::Bucket => self.collect_objects(subject, side, all).await,
        }
    }

    async fn collect_records(&self, subject: &Subject, side: Side, all: &mut Collected) -> Result<(), Error> {
        let (end, queue) = (subject.plan.end(side), self.records_dead(side));
        let mut looked_at = 0;
        while looked_at < MESSAGES {
            let messages = self.world.given_up(end, &queue).await?;
            if messages.is_empty() {
                return Ok(());
            }
            for message in &messages {
                looked_at += 1;
                match subject.state.stream(side) {
                    Stream::Replicate(run) => self.hold_all(subject, side, run, message, all).await?,
                    // What is not replicated now is copied or compared before anything builds on it.
                    Stream::Watch(_) | Stream::Ignore => all.void += 1,
                }
                self.world.settled(end, &queue, &message.receipt).await?;
                all.messages += 1;
            }
        }
        Ok(())
    }

    async fn hold_all(
        &self,
        subject: &Subject,
        side: Side,
        run: Run,
        message: &GivenUp,
        all: &mut Collected,
    ) -> Result<(), Error> {
        let (end, id) = (subject.plan.end(side), &subject.id);
        let table = self.world.open(end, subject.plan.timing.call_ms).await?;
        let now = self.clock.now();
        let Some(keys) = self.world.keys_of(end, table.schema(), message).await? else {
            all.lost += 1;
            let why = format!(
                "records {} to {} of shard {} were given up, and the {side:?} stream has them no more",
                message.first, message.last, message.shard
            );
            return mark_broken(self.register, id, side, now, &why).await.map(drop);
        };
        for lost in keys {
            let hold = Hold {
                run,
                side,
                key: lost.key,
                first: lost.first,
                last: lost.last,
                records: lost.records,
                error: "GivenUp".to_owned(),
                message: "its event source mapping gave the records up; the replicator's log says why".to_owned(),
                since: now,
                at: now,
                version: 1,
                object: None,
            };
            self.register.hold(id, &hold).await?;
            all.held += 1;
        }
        Ok(())
    }
}
