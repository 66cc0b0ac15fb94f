//! The objects' part of `redrive`: have the copier look at them again, and see what came of it.
//!
//! The copier makes the other bucket equal to what its own has now, whatever it is asked for, and frees what it has
//! carried. So control needs no access to the content of buckets, and an object has the copier's time and memory.

use livemove_core::error::Error;
use livemove_core::hold::Hold;
use livemove_core::holding::Desk;
use livemove_core::object::holding::{NOT_A_COPY, TRIED_BEFORE};
use livemove_core::phase::Stream;
use livemove_core::ports::{Clock, Millis};
use livemove_core::register::Register;

use super::redrive::{Failing, RedriveReport, row};
use super::subjects::Subject;
use super::{Steering, World};

/// How long answers are waited for: less than what is left of the function's timeout.
const ANSWER: Millis = 20_000;
/// How long between two looks for them.
const PAUSE: Millis = 500;

/// An object that the copier was asked to look at, and the entry before.
#[derive(Debug)]
pub(super) struct Asked {
    subject: String,
    hold: Hold,
}

impl<R: Register, W: World, C: Clock> Steering<'_, R, W, C> {
    /// Asks for one object; `None` when it counts no longer, and was released.
    pub(super) async fn ask(
        &self,
        subject: &Subject,
        hold: Hold,
        report: &mut RedriveReport,
    ) -> Result<Option<Asked>, Error> {
        if subject.stream(hold.side) != Stream::Replicate(hold.run) {
            report.void += u64::from(self.register.release(&subject.id, &hold).await?);
            return Ok(None);
        }
        let (end, queue) = (subject.plan.end(hold.side), self.objects(hold.side));
        self.world.look_again(end, &queue, hold.key.object().unwrap_or_default()).await?;
        Ok(Some(Asked { subject: subject.id.clone(), hold }))
    }

    /// Waits until each object that was asked for is free, or was tried in vain, or the time is up.
    pub(super) async fn answers(&self, mut asked: Vec<Asked>, report: &mut RedriveReport) -> Result<(), Error> {
        let until = self.clock.now() + ANSWER;
        while !asked.is_empty() {
            let last = self.clock.now() >= until;
            let mut waiting = Vec::new();
            for one in asked {
                let desk = Desk { holds: self.register, subject: &one.subject, side: one.hold.side };
                match desk.find(&one.hold.key).await? {
                    None => report.released += 1,
                    Some(now) if !now.is(&one.hold) => report.failing.push(failing(&one.subject, &now, &now.error)),
                    Some(now) if last => report.failing.push(failing(&one.subject, &now, "NotTriedYet")),
                    Some(_) => waiting.push(one),
                }
            }
            asked = waiting;
            if !asked.is_empty() {
                self.clock.sleep(PAUSE).await;
            }
        }
        Ok(())
    }
}

fn failing(subject: &str, hold: &Hold, error: &str) -> Failing {
    let remedy = match error {
        "NotTriedYet" => {
            "its copier has been asked: see in a few minutes whether it is still held, then look at the copier's log"
        }
        "InvalidObjectState" => "restore the object from its archive, then redrive",
        "AccessDenied" => {
            "let the copier's role read the object and write its copy: bucket policies, ownership, its encryption key; then redrive"
        }
        NOT_A_COPY => "remove or rename what the other bucket has under its name, then redrive",
        TRIED_BEFORE => {
            "start the machine again, whose jobs have more time, or raise the timeout of the copier; then redrive"
        }
        _ => "change the object on the side its events come from, or what the other bucket demands of it; then redrive",
    };
    Failing {
        subject: subject.to_owned(),
        row: row(hold),
        key: hold.key.hash(),
        error: error.to_owned(),
        // What S3 says may name the object.
        message: "see its row".to_owned(),
        held_for: hold.error.clone(),
        records: hold.records,
        since: hold.since,
        remedy: remedy.to_owned(),
    }
}
