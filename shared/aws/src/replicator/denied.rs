//! Records whose writes are denied: tried again within the invocation.
//!
//! A denial concerns every key and is mended by somebody who first has to be told. Each try of the event source mapping
//! is one of those after which it gives records up, and it makes the next one at once; so none is spent in a second.

use std::collections::HashSet;

use livemove_core::change::Change;
use livemove_core::error::Error;
use livemove_core::ports::{Clock, Millis};
use livemove_core::replicate::Outcome;

/// The first pause, …
const PAUSE: Millis = 500;
/// … twice as long each time, at most this long, …
const PAUSE_MAX: Millis = 4_000;
/// … and no longer than this in all: a third of the function's time.
const PATIENCE: Millis = 20_000;

/// What came of a batch in the end: denied keys go through `again` until nothing is denied or patience ends. Idempotent
/// as `again` is.
///
/// # Errors
/// Those of `again`: then the whole batch must be delivered again.
pub(super) async fn bear<C: Clock>(
    clock: &C,
    first: Outcome,
    changes: &[Change],
    again: impl AsyncFn(&[Change]) -> Result<Outcome, Error>,
) -> Result<Outcome, Error> {
    let (mut outcome, mut pause) = (first, PAUSE);
    let until = clock.now() + PATIENCE;
    while clock.now() + pause <= until {
        let (denied, others): (Vec<_>, Vec<_>) =
            std::mem::take(&mut outcome.failed).into_iter().partition(|(_, error)| matches!(error, Error::Denied(_)));
        let Some((_, error)) = denied.first() else {
            outcome.failed = others;
            return Ok(outcome);
        };
        tracing::error!(keys = denied.len(), pause_ms = pause, %error, "denied: tried again after a pause");
        let keys: HashSet<String> = denied.iter().map(|(records, _)| records.key.id()).collect();
        let left: Vec<Change> = changes.iter().filter(|change| keys.contains(&change.key.id())).cloned().collect();
        clock.sleep(pause).await;
        let next = again(&left).await?;
        outcome.failed = others;
        add(&mut outcome, next);
        pause = (2 * pause).min(PAUSE_MAX);
    }
    Ok(outcome)
}

// Records that mean nothing were counted, and late writes and canaries told of, the first time; but meanwhile the phase
// may have made a late write of a record.
fn add(outcome: &mut Outcome, next: Outcome) {
    outcome.written += next.written;
    outcome.stale += next.stale;
    outcome.failed.extend(next.failed);
    outcome.held.extend(next.held);
    let known: HashSet<String> = outcome.stragglers.iter().map(|change| change.sequence.clone()).collect();
    outcome.stragglers.extend(next.stragglers.into_iter().filter(|change| !known.contains(&change.sequence)));
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

    use livemove_core::item::{Item, KeySchema};
    use livemove_core::mark::Run;
    use livemove_core::replicate::Records;
    use serde_dynamo::AttributeValue;

    use super::*;

    #[derive(Default)]
    struct Hands(AtomicU64);

    impl Clock for Hands {
        fn now(&self) -> Millis {
            self.0.load(Ordering::SeqCst)
        }

        async fn sleep(&self, pause: Millis) {
            self.0.fetch_add(pause, Ordering::SeqCst);
        }
    }

    fn change(key: &str) -> Change {
        let mut item = Item::default();
        item.0.insert("pk".to_owned(), AttributeValue::S(key.to_owned()));
        let schema = KeySchema { partition: "pk".to_owned(), sort: None };
        Change { key: schema.key_of(&item).unwrap(), sequence: key.to_owned(), at: 1, old: None, new: Some(item) }
    }

    fn failing(changes: &[Change], error: impl Fn() -> Error) -> Outcome {
        let records = |change: &Change| Records {
            key: change.key.clone(),
            run: Run(1),
            sequences: vec![change.sequence.clone()],
        };
        Outcome { failed: changes.iter().map(|change| (records(change), error())).collect(), ..Outcome::default() }
    }

    fn denied() -> Error {
        Error::Denied("to whom".to_owned())
    }

    #[tokio::test]
    async fn denied_keys_go_on_by_themselves_and_the_others_are_not_done_again() {
        let changes = [change("a"), change("b")];
        let mut first = failing(&changes[..1], denied);
        first.failed.extend(failing(&changes[1..], || Error::Throttled(String::new())).failed);
        let tries = AtomicU32::new(0);
        let clock = Hands::default();
        let outcome = bear(&clock, first, &changes, async |left| {
            assert_eq!(left.iter().map(|change| change.sequence.as_str()).collect::<Vec<_>>(), ["a"]);
            let allowed = tries.fetch_add(1, Ordering::SeqCst) == 2;
            Ok(if allowed { Outcome { written: 1, ..Outcome::default() } } else { failing(left, denied) })
        });
        let outcome = outcome.await.unwrap();
        assert_eq!((outcome.written, tries.load(Ordering::SeqCst)), (1, 3));
        assert_eq!(outcome.failed.iter().map(|(_, error)| error.name()).collect::<Vec<_>>(), ["Throttled"]);
    }

    #[tokio::test]
    async fn what_stays_denied_is_handed_back_within_the_functions_time() {
        let (changes, clock) = ([change("a")], Hands::default());
        let outcome = bear(&clock, failing(&changes, denied), &changes, async |left| Ok(failing(left, denied))).await;
        assert_eq!(outcome.unwrap().failed.len(), 1);
        assert!((PATIENCE - PAUSE_MAX..=PATIENCE).contains(&clock.now()), "{} ms", clock.now());
    }

    #[tokio::test]
    async fn a_record_that_has_become_a_late_write_meanwhile_is_told_of() {
        let changes = [change("a")];
        let late = async |left: &[Change]| Ok(Outcome { stragglers: left.to_vec(), ..Outcome::default() });
        let outcome = bear(&Hands::default(), failing(&changes, denied), &changes, late).await.unwrap();
        assert_eq!((outcome.failed.len(), outcome.stragglers.len()), (0, 1));
    }
}
