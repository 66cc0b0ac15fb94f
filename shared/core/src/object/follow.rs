//! Following a bucket: a batch of its events, by what the phase says of them.

use std::collections::BTreeMap;

use futures_util::stream::{self, StreamExt};

use super::bucket::{Bucket, Etag};
use super::holding::{Book, Carried};
use super::ledger::{Ledger, Sequencer};
use super::sync::{Cause, Outcome, Turn};
use super::watch::{Watched, watch};
use super::{CANARY_KEY, Pair, pulse_nonce};
use crate::error::Error;
use crate::hold::Holds;
use crate::holding::Desk;
use crate::lease::{Cache, Phases, View};
use crate::mark::Run;
use crate::phase::{Phase, Side, Stream};
use crate::ports::{Clock, Millis};

/// The metadata of a canary object that tells it from earlier ones.
pub const CANARY_NONCE: &str = "livemove-nonce";

/// Something happened to a key; what exactly does not matter, the bucket is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// The message that told it: what is handed back when the key fails.
    pub message: String,
    /// The key, decoded.
    pub key: String,
    /// Its place among the events of the key, where the event has one.
    pub sequencer: Option<Sequencer>,
    /// How often the message was delivered, this time included.
    pub tries: u32,
}

/// A write to a bucket that nobody should write to any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Late {
    /// The run in which nobody should have written there any more.
    pub run: Run,
    /// The key.
    pub key: String,
    /// The content found; `None` when the object was removed.
    pub content: Option<Etag>,
    /// The messages that told it: to be handed back unless the write is entered durably.
    pub messages: Vec<String>,
}

/// What came of a batch. Everything but `failed` is success.
#[derive(Debug, Default)]
pub struct Followed {
    /// Keys written or removed.
    pub written: u64,
    /// Keys that needed nothing.
    pub kept: u64,
    /// Keys that cannot be carried as things are, and are held.
    pub held: u64,
    /// Keys left because the other bucket holds something that is not known to be a copy, with no room for a hold.
    pub foreign: u64,
    /// Nonces of the canaries that came through, and the messages that told of them.
    pub canaries: Vec<(String, Vec<String>)>,
    /// For the straggler ledger.
    pub late: Vec<Late>,
    /// Messages to be delivered again, and why.
    pub failed: Vec<(String, Error)>,
}

/// By whom and how long.
#[derive(Clone, Copy, Debug)]
pub struct Follower<'a> {
    /// One invocation; different for every one.
    pub holder: &'a str,
    /// When the invocation is ended from outside: its writes are over by then.
    pub deadline: Millis,
    /// The longest a backend call may take: nothing is begun later than this before the deadline.
    pub call: Millis,
    /// Keys in parallel.
    pub in_flight: usize,
}

/// Handles a batch of events of the desk's side. Each key once, for its highest sequencer; keys in parallel. Idempotent.
///
/// A key that cannot be carried is held, and its messages are done with; see [`Book::carry`].
pub async fn follow<B: Bucket, L: Ledger, C: Clock, P: Phases, D: Clock, H: Holds>(
    desk: Desk<'_, H>,
    cache: &Cache<P, D>,
    pair: Pair<'_, B, L, C>,
    follower: Follower<'_>,
    notices: &[Notice],
) -> Followed {
    let mut followed = Followed::default();
    // Applications write to the gaining bucket as soon as it is `new`, and what was read before these events came
    // may say `guarded` still. Should it not be readable, each key says so below.
    if cache.view().await.is_ok_and(|view| view.state.phase == Phase::Guarded) {
        cache.forget();
    }
    let book = match Book::open(desk).await {
        Ok(book) => book,
        Err(error) => {
            let text = error.to_string();
            followed.failed = notices.iter().map(|notice| (notice.message.clone(), again(&error, &text))).collect();
            return followed;
        }
    };
    let book = &book;
    let mut results = stream::iter(by_key(notices))
        .map(|(key, seen)| async move {
            let result = cache.run(|view| one(book, desk.side, pair, follower, view, &key, &seen)).await;
            (key, seen.messages, result)
        })
        .buffer_unordered(follower.in_flight.max(1));
    while let Some((key, messages, result)) = results.next().await {
        match result {
            Ok(Handled::Synced(Outcome::Written | Outcome::Removed)) => followed.written += 1,
            Ok(Handled::Held) => followed.held += 1,
            Ok(Handled::Synced(Outcome::Foreign)) => {
                tracing::warn!(key = %crate::canonical::Digest::of(key.as_bytes()), "left: not known to be a copy");
                followed.foreign += 1;
            }
            Ok(Handled::Synced(Outcome::Kept | Outcome::Duplicate | Outcome::Ours) | Handled::Nothing) => {
                followed.kept += 1
            }
            Ok(Handled::Canary(nonce)) => followed.canaries.push((nonce, messages)),
            Ok(Handled::Late(run, content)) => followed.late.push(Late { run, key, content, messages }),
            Err(error) => {
                let text = error.to_string();
                followed.failed.extend(messages.into_iter().map(|message| (message, again(&error, &text))));
            }
        }
    }
    followed
}

// Errors cannot be copied; what matters to the queue is whether trying again may help.
fn again(error: &Error, text: &str) -> Error {
    match error {
        Error::Denied(_) => Error::Denied(text.to_owned()),
        Error::Rejected { name, message } => Error::Rejected { name: name.clone(), message: message.clone() },
        Error::Throttled(_) => Error::Throttled(text.to_owned()),
        Error::Conflict(_) => Error::Conflict(text.to_owned()),
        Error::Invariant(_) => Error::Invariant(text.to_owned()),
        Error::Unavailable(_) | Error::Ambiguous(_) | Error::StalePhase => Error::Unavailable(text.to_owned()),
        Error::OldValuesLost(_) | Error::ConditionFailed { .. } | Error::Cancelled { .. } | Error::Refused { .. } => {
            Error::Unavailable(text.to_owned())
        }
    }
}

#[derive(Default)]
struct Seen {
    messages: Vec<String>,
    sequencer: Option<Sequencer>,
    unordered: bool,
    tries: u32,
}

/// The notices by key. One without a sequencer must be looked at whatever the ledger says.
fn by_key(notices: &[Notice]) -> BTreeMap<String, Seen> {
    let mut keys: BTreeMap<String, Seen> = BTreeMap::new();
    for notice in notices {
        let seen = keys.entry(notice.key.clone()).or_default();
        seen.messages.push(notice.message.clone());
        seen.unordered |= notice.sequencer.is_none();
        seen.tries = seen.tries.max(notice.tries);
        seen.sequencer = seen.sequencer.take().max(notice.sequencer.clone()).filter(|_| !seen.unordered);
    }
    keys
}

enum Handled {
    Synced(Outcome),
    Held,
    Canary(String),
    Late(Run, Option<Etag>),
    Nothing,
}

async fn one<B: Bucket, L: Ledger, C: Clock, H: Holds>(
    book: &Book<'_, H>,
    side: Side,
    pair: Pair<'_, B, L, C>,
    follower: Follower<'_>,
    view: View,
    key: &str,
    seen: &Seen,
) -> Result<Handled, Error> {
    if let Some(nonce) = pulse_nonce(key) {
        return Ok(Handled::Canary(nonce.to_owned()));
    }
    if key == CANARY_KEY {
        let head = pair.on(side).head(key).await?;
        let nonce = head.and_then(|mut head| head.description.metadata.remove(CANARY_NONCE));
        return Ok(nonce.map_or(Handled::Nothing, Handled::Canary));
    }
    match view.state.events(side) {
        Stream::Ignore => Ok(Handled::Nothing),
        Stream::Replicate(run) => {
            let time_up = follower.deadline.saturating_sub(follower.call);
            if pair.clock.now() >= time_up {
                return Err(Error::Unavailable("no time left in this invocation".to_owned()));
            }
            let turn =
                Turn { run, holder: follower.holder, act_until: view.until.min(time_up), dead_by: follower.deadline };
            let cause = Cause::Event(seen.sequencer.as_ref());
            Ok(match book.carry(pair, turn, key, cause, seen.tries).await? {
                Carried::Done(outcome) => Handled::Synced(outcome),
                Carried::Held => Handled::Held,
            })
        }
        Stream::Watch(run) => Ok(match watch(pair, side, key).await? {
            Watched::Ours => Handled::Nothing,
            Watched::Straggler(content) => Handled::Late(run, content),
        }),
    }
}
