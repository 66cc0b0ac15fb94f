//! Events of a bucket that were given up: each object of them is held, so that redrive has it looked at again.

use livemove_core::error::Error;
use livemove_core::hold::{Hold, Seen};
use livemove_core::item::Key;
use livemove_core::object::is_canary;
use livemove_core::phase::{Side, Stream};
use livemove_core::ports::Clock;
use livemove_core::register::Register;
use livemove_core::steer::watch::Watch;

use super::given_up::{Collected, MESSAGES};
use super::subjects::Subject;
use super::{Steering, World};

/// The error of what should not be in a failure queue.
pub(super) const MALFORMED: &str = "MalformedMessage";

impl<R: Register, W: World, C: Clock> Steering<'_, R, W, C> {
    /// As `collect`, of a bucket's dead-letter queue.
    ///
    /// # Errors
    /// `MalformedMessage` when there is something else in the queue, once the rest is done; it stays there.
    pub(super) async fn collect_objects(
        &self,
        subject: &Subject,
        side: Side,
        all: &mut Collected,
    ) -> Result<(), Error> {
        let (end, queue) = (subject.plan.end(side), self.objects_dead(side));
        let (mut looked_at, mut malformed) = (0, 0);
        while looked_at < MESSAGES {
            let messages = self.world.undelivered(end, &queue).await?;
            if messages.is_empty() {
                break;
            }
            for message in &messages {
                looked_at += 1;
                let Some(keys) = &message.keys else {
                    malformed += 1;
                    continue;
                };
                self.hold_objects(subject, side, (keys, &message.receipt), all).await?;
                self.world.settled(end, &queue, &message.receipt).await?;
                all.messages += 1;
            }
        }
        if malformed == 0 {
            return Ok(());
        }
        Err(Error::refused(
            MALFORMED,
            format!("{malformed} messages of queue {queue} are no events of bucket {}", end.name),
            "let nothing but the bucket's events into its queue, and remove what else is in it",
        ))
    }

    async fn hold_objects(
        &self,
        subject: &Subject,
        side: Side,
        (keys, receipt): (&[String], &str),
        all: &mut Collected,
    ) -> Result<(), Error> {
        let Stream::Replicate(run) = subject.stream(side) else {
            // What is not carried over now is copied or compared before anything builds on it.
            all.void += 1;
            return Ok(());
        };
        let now = self.clock.now();
        for key in keys {
            if is_canary(key) {
                // Its event did come from the bucket: it may be written again.
                let before = self.register.watch(&subject.id, side).await?.unwrap_or_default();
                self.register.keep_watch(&subject.id, side, &Watch { written: None, ..before }).await?;
                continue;
            }
            let attempt = format!("{now}-{receipt}");
            let hold = Hold {
                run,
                side,
                key: Key::of_object(key),
                first: attempt.clone(),
                last: attempt,
                records: 1,
                error: "GivenUp".to_owned(),
                message: "its event came to the dead-letter queue; the copier's log says why".to_owned(),
                since: now,
                at: now,
                version: 1,
                object: Some(Seen::default()),
            };
            self.register.hold(&subject.id, &hold).await?;
            all.held += 1;
        }
        Ok(())
    }
}
