//! Gaps: what a look at a table's stream and at what reads it tells of records that are missing or late.
//!
//! What is written while a stream is off is in no stream. A stream that was switched off and on again has another
//! ARN. What nobody reads for 24 hours is gone. So the first two lose records at once, and a reader that stands
//! still loses nothing yet:
//! <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html>.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::gate::Closed;
use crate::error::Error;
use crate::phase::{Side, State, Stream};
use crate::ports::Millis;
use crate::register::{Canary, States};

/// A stream keeps its records for 24 hours. One that is found this old may have had a predecessor that is gone.
pub const TOO_OLD: Millis = 22 * 60 * 60 * 1000;
/// What was written this long ago should have come through.
pub const SILENT: Millis = 5 * 60 * 1000;
/// The view that replication needs.
pub const VIEW: &str = "NEW_AND_OLD_IMAGES";
/// How often marking a table as broken is tried while others change its state.
const TRIES: u32 = 5;

/// What the watch remembers of one side's stream or events from look to look.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Watch {
    /// When it looked last.
    pub at: Millis,
    /// The ARN of the stream at the first look since everything was copied or compared.
    pub stream: Option<String>,
    /// Since when nobody reads it.
    pub stopped: Option<Millis>,
    /// Of a bucket: the nonce of the last pulse that was written for certain.
    pub written: Option<String>,
}

/// A stream and what reads it, as they are now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Following {
    /// The table's latest stream, whether it is on or not.
    pub stream: Option<String>,
    /// The view of that stream; `None` when it is off.
    pub view: Option<String>,
    /// What invokes the replicator.
    pub mapping: Option<Mapping>,
}

/// An event source mapping of Lambda.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Mapping {
    /// The stream that it reads.
    pub stream: String,
    /// `Enabled`, or another of Lambda's states.
    pub state: String,
    /// What Lambda says of its last batch.
    pub result: Option<String>,
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// What.
    pub reason: String,
    /// What to do about it.
    pub remedy: String,
    /// Records are lost, or cannot be told from lost ones.
    pub lost: bool,
}

impl Gap {
    /// As a gate says it.
    pub fn closed(&self) -> Closed {
        Closed { reason: self.reason.clone(), remedy: self.remedy.clone(), wait_ms: None }
    }
}

/// What a look shows, and what to remember of it. `pulse` is the latest canary of the watch itself.
pub fn judge(side: Side, before: &Watch, now: Millis, seen: &Following, pulse: Option<&Canary>) -> (Watch, Vec<Gap>) {
    let name = name(side);
    let mut gaps = stream_gaps(name, before, seen);
    let reader = Reader { of: format!("stream of the {name} table"), by: "replicator", kept: TOO_OLD };
    let since = reader.stopped(before, now, seen.mapping.as_ref(), &mut gaps);
    let waiting = pulse.filter(|pulse| pulse.seen.is_none()).map(|pulse| now.saturating_sub(pulse.sent));
    if let Some(age) = waiting.filter(|age| *age > SILENT) {
        gaps.push(Gap {
            reason: format!("what was written to the {name} table {} minutes ago has not come through", age / 60_000),
            remedy: "look at its replicator's log, errors and throttles, and at its failure queue".to_owned(),
            lost: age > TOO_OLD,
        });
    }
    let stream = before.stream.clone().or_else(|| seen.stream.clone());
    (Watch { at: now, stream, stopped: since, written: None }, gaps)
}

/// What an event source mapping reads, for which function, and how long it waits there.
pub(super) struct Reader {
    pub(super) of: String,
    pub(super) by: &'static str,
    pub(super) kept: Millis,
}

impl Reader {
    /// Since when nobody reads; adds the gap that it is.
    pub(super) fn stopped(
        &self,
        before: &Watch,
        now: Millis,
        mapping: Option<&Mapping>,
        gaps: &mut Vec<Gap>,
    ) -> Option<Millis> {
        let state = mapping.map(|mapping| mapping.state.as_str());
        if !matches!(state, None | Some("Disabled" | "Disabling" | "Deleting")) {
            return None;
        }
        let since = before.stopped.unwrap_or(now);
        let age = now.saturating_sub(since);
        let (of, by, state) = (&self.of, self.by, state.unwrap_or("missing"));
        gaps.push(Gap {
            reason: format!(
                "nothing reads the {of}: its event source mapping is {state}, for {} minutes",
                age / 60_000
            ),
            remedy: format!("enable the event source mapping of its {by}, or deploy the stack again"),
            lost: age > self.kept,
        });
        Some(since)
    }
}

fn stream_gaps(name: &str, before: &Watch, seen: &Following) -> Vec<Gap> {
    let remedy = "switch it on with NEW_AND_OLD_IMAGES, deploy the stack with its new ARN, then copy and compare again";
    let lost = |reason: String| vec![Gap { reason, remedy: remedy.to_owned(), lost: true }];
    let Some(view) = &seen.view else {
        return lost(format!("the stream of the {name} table is off: what is written now is in no stream"));
    };
    if view != VIEW {
        return lost(format!("the stream of the {name} table has the view {view}, not {VIEW}"));
    }
    let latest = seen.stream.as_deref().unwrap_or_default();
    if before.stream.as_deref().is_some_and(|first| first != latest) {
        return lost(format!("the stream of the {name} table was switched off and on again: it is {latest} now"));
    }
    match &seen.mapping {
        Some(mapping) if mapping.stream != latest => {
            lost(format!("the replicator reads {}, but the stream of the {name} table is {latest}", mapping.stream))
        }
        Some(_) | None => Vec::new(),
    }
}

pub(super) fn name(side: Side) -> &'static str {
    match side {
        Side::Source => "source",
        Side::Target => "target",
    }
}

/// Marks a table or bucket as broken, unless it is already or nothing is replicated from that side any more. Answers whether
/// it is broken now.
///
/// # Errors
/// Those of the states; `Conflict` when others keep changing the state.
pub async fn mark_broken<R: States>(
    register: &R,
    subject: &str,
    side: Side,
    now: Millis,
    why: &str,
) -> Result<bool, Error> {
    let mut last = None;
    for _ in 0..TRIES {
        let Some((state, _)) = register.load(subject).await? else {
            return Ok(false);
        };
        if state.broken.is_some() {
            return Ok(true);
        }
        if !matches!(state.stream(side), Stream::Replicate(_)) {
            return Ok(false);
        }
        let next = State {
            version: state.version.saturating_add(1),
            since: now,
            broken: Some(why.to_owned()),
            ..state.clone()
        };
        tracing::error!(subject, why, "broken: copy and verify again");
        match register.transition(subject, &state, &next, &json!({"broken": why})).await {
            Ok(()) => return Ok(true),
            Err(error @ Error::Conflict(_)) => last = Some(error),
            Err(error) => return Err(error),
        }
    }
    last.map_or(Ok(false), Err)
}

/// What a gate and the gauge say of held keys; nothing without any.
pub fn held(keys: u64) -> Option<Closed> {
    (keys > 0).then(|| Closed {
        reason: format!("{keys} keys are held: the other side does not have what was written to them last"),
        remedy: "mend what their rows in the control table say (hold#…), then run redrive".to_owned(),
        wait_ms: None,
    })
}
