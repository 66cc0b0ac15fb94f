//! The replicator: images of one table's stream onto the other table. Images, never operations; redelivery,
//! bisecting and redriving replay old records, and the position keeps them from doing harm.

use std::collections::{HashMap, HashSet};

use futures_util::stream::{self, StreamExt};

use crate::change::{Change, Meaning};
use crate::error::Error;
use crate::item::Key;
use crate::lease::{Cache, Fenced, Phases};
use crate::mark::{Held, Marks, Position, Run, visible};
use crate::phase::{Side, State, Stream};
use crate::ports::{Action, Clock, Get, Guard, Table, Write, Written};
use crate::route::Pair;
use crate::size;

/// What came of one batch. Everything but `failed` is success.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Keys written.
    pub written: u64,
    /// Keys left alone: native there, or a newer image is there already.
    pub stale: u64,
    /// Records that mean nothing for the other table.
    pub skipped: u64,
    /// Nonces of the canaries that came through.
    pub canaries: Vec<String>,
    /// Writes past the protocol, for the straggler ledger.
    pub stragglers: Vec<Change>,
    /// Keys not replicated: the records of each in this batch, and why.
    pub failed: Vec<(Records, Error)>,
    /// Keys left alone because they are held: the records of each in this batch.
    pub held: Vec<Records>,
}

/// The records of one key in a batch that mean something for the other table.
#[derive(Clone, Debug, PartialEq)]
pub struct Records {
    /// The key.
    pub key: Key,
    /// The run that they are replicated for.
    pub run: Run,
    /// Their sequence numbers, in stream order; at least one.
    pub sequences: Vec<String>,
}

impl Records {
    /// Sequence number of the first one: from there it must be tried again.
    pub fn first(&self) -> &str {
        self.sequences.first().map_or("", String::as_str)
    }

    /// Sequence number of the last one.
    pub fn last(&self) -> &str {
        self.sequences.last().map_or("", String::as_str)
    }
}

/// Applies a batch of `side`'s stream, in stream order, to the other table, by what the phase says of it. Keys
/// go in parallel, at most `in_flight`; of each key the last image wins, so the order of a key is kept.
/// Idempotent.
///
/// # Errors
/// Those of reading the phase; failures of single keys are in the outcome.
pub async fn replicate<T: Table, P: Phases, C: Clock>(
    cache: &Cache<P, C>,
    pair: Pair<'_, T>,
    side: Side,
    changes: &[Change],
    in_flight: usize,
) -> Result<Outcome, Error> {
    replicate_around(cache, pair, side, changes, &HashSet::new(), in_flight).await
}

/// As [`replicate`], but for the keys with these ids ([`Key::id`]): they are held, and only told of.
///
/// # Errors
/// As [`replicate`].
pub async fn replicate_around<T: Table, P: Phases, C: Clock>(
    cache: &Cache<P, C>,
    pair: Pair<'_, T>,
    side: Side,
    changes: &[Change],
    held: &HashSet<String>,
    in_flight: usize,
) -> Result<Outcome, Error> {
    cache
        .run(|view| async move {
            let mut outcome = Outcome::default();
            let images = last_images(&view.state, side, changes, &mut outcome);
            let (kept, images): (Vec<_>, Vec<_>) =
                images.into_iter().partition(|image| held.contains(&image.records.key.id()));
            outcome.held = kept.into_iter().map(|image| image.records).collect();
            let (mine, other) = match side {
                Side::Source => (pair.source, pair.target),
                Side::Target => (pair.target, pair.source),
            };
            let mine = Fenced::new(mine, cache.clock(), view.until);
            let other = Fenced::new(other, cache.clock(), view.until);
            let mut results = stream::iter(images)
                .map(|image| async { (image.records.clone(), apply(&mine, &other, image).await) })
                .buffer_unordered(in_flight.max(1));
            while let Some((records, result)) = results.next().await {
                match result {
                    Ok(true) => outcome.written += 1,
                    Ok(false) => outcome.stale += 1,
                    Err(Error::StalePhase) => return Err(Error::StalePhase),
                    Err(error) => outcome.failed.push((records, error)),
                }
            }
            Ok(outcome)
        })
        .await
}

/// The last image of one key in a batch.
struct Image {
    records: Records,
    value: Held,
    /// The last record is a physical removal.
    removed: bool,
}

fn last_images(state: &State, side: Side, changes: &[Change], outcome: &mut Outcome) -> Vec<Image> {
    let stream = state.stream(side);
    let mut images: Vec<Image> = Vec::new();
    let mut by_key: HashMap<String, usize> = HashMap::new();
    for change in changes {
        match (meaning(state, side, change), stream) {
            (Meaning::Canary(nonce), _) => outcome.canaries.push(nonce),
            (meaning @ (Meaning::Value(_) | Meaning::Removed), Stream::Replicate(run)) => {
                let sequence = change.sequence.clone();
                let removed = meaning == Meaning::Removed;
                let item = if let Meaning::Value(item) = meaning { item } else { None };
                let value = Held { item, stamp: Marks::of_option(change.new.as_ref()).stamp };
                let index = *by_key.entry(change.key.id()).or_insert(images.len());
                match images.get_mut(index) {
                    Some(image) => {
                        (image.value, image.removed) = (value, removed);
                        image.records.sequences.push(sequence);
                    }
                    None => {
                        let records = Records { key: change.key.clone(), run, sequences: vec![sequence] };
                        images.push(Image { records, value, removed });
                    }
                }
            }
            (Meaning::Value(_) | Meaning::Removed, Stream::Watch(_)) if change.at + SECOND <= state.sealed_at => {
                outcome.skipped += 1;
            }
            (Meaning::Straggler, _) | (Meaning::Value(_) | Meaning::Removed, Stream::Watch(_)) => {
                outcome.stragglers.push(change.clone());
            }
            (Meaning::Nothing, _) | (Meaning::Value(_) | Meaning::Removed, Stream::Ignore) => outcome.skipped += 1,
        }
    }
    images
}

/// The resolution of a record's time. A record this much older than the seal was written by the protocol and
/// merely came late: the finisher has seen its item.
const SECOND: u64 = 1000;

fn meaning(state: &State, side: Side, change: &Change) -> Meaning {
    match state.stream(side) {
        // Keys move here one by one, and what leaves this side natively leaves a tombstone. So a physical removal
        // is a record of an earlier run that comes again, and the other side may well own its key still.
        Stream::Replicate(run) if state.gains_keys(side) => match change.meaning(run) {
            Meaning::Removed => Meaning::Nothing,
            news @ (Meaning::Value(_) | Meaning::Nothing | Meaning::Straggler | Meaning::Canary(_)) => news,
        },
        Stream::Replicate(run) | Stream::Watch(run) => change.meaning(run),
        // Canaries come through in every phase: they prove the wiring before anything depends on it.
        Stream::Ignore => match change.meaning(Run(u32::MAX)) {
            canary @ Meaning::Canary(_) => canary,
            Meaning::Value(_) | Meaning::Removed | Meaning::Nothing | Meaning::Straggler => Meaning::Nothing,
        },
    }
}

/// Puts the image, or a tombstone, where the key is not native and the stored image is older; answers whether
/// it did. A replica keeps saying that its key had moved in the run before, so that a late client of that run
/// cannot take it back.
async fn apply<T: Table>(losing: &T, gaining: &T, image: Image) -> Result<bool, Error> {
    let Records { key, run, .. } = &image.records;
    let position = Position::new(*run, image.records.last());
    // A removal of an earlier run that is delivered again must not remove what came later; what came later has
    // a record of its own.
    if image.removed && visible(losing.get(&Get::whole(key.clone())).await?).is_some() {
        return Ok(false);
    }
    let marks = Marks { moved: run.previous(), position: Some(position.clone()), ..Marks::default() };
    let item = image.value.with(marks, key);
    let guard = Guard::Older(*run, position);
    let written = gaining.write(&Write::new(key.clone(), Action::Put(item), guard)).await;
    let written = written.map_err(|error| size::named(error, key))?;
    Ok(matches!(written, Written::Applied(_)))
}
