//! Gaps in a bucket's events: what a look at where they are sent, and at what reads them, tells.
//!
//! A bucket keeps no events. While they go nowhere, what happens is told to nobody, and nothing later says so: such a
//! gap loses at once. What has come to the queue is kept for two weeks, so a reader that stands still loses nothing yet:
//! <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html>.
//!
//! Where they go is only to be seen at the far end. So each look writes an object, the pulse, and its event must come:
//! S3 delivers each event at least once, and in a minute or a little more:
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/EventNotifications.html>. A pulse is written once. If it were
//! written again, an outage that is over would go unseen.

use serde::Serialize;

use super::watch::{Gap, Mapping, Reader, SILENT, Watch, name};
use crate::phase::Side;
use crate::ports::Millis;
use crate::register::Canary;

/// The queues keep messages for 14 days; a day before that nothing is lost for certain.
pub const KEPT: Millis = 13 * 24 * 60 * 60 * 1000;

/// Where a bucket's events go, and what reads them, as it is now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Delivery {
    /// The bucket sends its events to EventBridge.
    pub sent: bool,
    /// What invokes the copier.
    pub mapping: Option<Mapping>,
    /// Messages in its queue, those that are being read among them; about, and a minute late.
    pub waiting: u64,
}

/// What a look shows, and what to remember of it. `pulse` is the latest one, read after the rest was, unless it was
/// written before the copy that is under way or done was begun.
pub fn judge(side: Side, before: &Watch, now: Millis, seen: &Delivery, pulse: Option<&Canary>) -> (Watch, Vec<Gap>) {
    let (name, mut gaps) = (name(side), Vec::new());
    if !seen.sent {
        gaps.push(Gap {
            reason: format!(
                "the {name} bucket does not send its events to EventBridge: nobody is told what is written now"
            ),
            remedy: "switch them on in its notification settings, then copy and compare again".to_owned(),
            lost: true,
        });
    }
    let reader = Reader { of: format!("events of the {name} bucket"), by: "copier", kept: KEPT };
    let since = reader.stopped(before, now, seen.mapping.as_ref(), &mut gaps);
    gaps.extend(pulse.and_then(|pulse| silence(name, before, now, seen, pulse)));
    (Watch { at: now, stopped: since, ..before.clone() }, gaps)
}

fn silence(name: &str, before: &Watch, now: Millis, seen: &Delivery, pulse: &Canary) -> Option<Gap> {
    let age = now.saturating_sub(pulse.sent);
    if pulse.seen.is_some() || age <= SILENT {
        return None;
    }
    let minutes = age / 60_000;
    // An event that has arrived waits in the queue until somebody has told of it.
    if seen.waiting == 0 && before.written.as_ref() == Some(&pulse.nonce) {
        return Some(Gap {
            reason: format!(
                "the event of what was written to the {name} bucket {minutes} minutes ago has not come to its queue: others may be lost with it"
            ),
            remedy:
                "look at the rule that takes its events to the queue, and at its targets; then copy and compare again"
                    .to_owned(),
            lost: true,
        });
    }
    Some(Gap {
        reason: format!(
            "what was written to the {name} bucket {minutes} minutes ago has not come through; {} messages wait",
            seen.waiting
        ),
        remedy: "look at its copier's log, errors and throttles, and at the dead-letter queue".to_owned(),
        lost: age > KEPT,
    })
}
