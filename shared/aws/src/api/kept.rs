//! What calls need from the control table, read now and then by one of them for all.

use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use livemove_core::ports::{Clock, Millis};

/// A value that is kept for a while.
#[derive(Debug)]
pub(super) struct Kept<T> {
    held: Mutex<Option<Held<T>>>,
    being_read: AtomicBool,
    life: Millis,
}

#[derive(Debug)]
struct Held<T> {
    value: Arc<T>,
    asked: Millis,
}

/// One caller reads; given back when it is dropped, finished or not.
struct Turn<'a>(&'a AtomicBool);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

impl<T> Kept<T> {
    /// Nothing yet; a value is used for less than `life` milliseconds.
    pub(super) fn new(life: Millis) -> Kept<T> {
        Kept { held: Mutex::new(None), being_read: AtomicBool::new(false), life }
    }

    /// The value. When half of its life is over, one caller reads it anew while the others go on with the one in hand;
    /// without that, all would come to the control table in the moment in which it runs out.
    ///
    /// # Errors
    /// Those of `read`, when there is no value in hand that is young enough.
    pub(super) async fn get<E, R>(&self, clock: &impl Clock, read: impl FnOnce() -> R) -> Result<Arc<T>, E>
    where
        R: Future<Output = Result<T, E>>,
    {
        // Counted from before the read: the answer may be as old as the question.
        let asked = clock.now();
        let mut turn = None;
        if let Some((value, age)) = self.in_hand(asked) {
            turn = self.turn().filter(|_| age >= self.life / 2);
            if turn.is_none() {
                return Ok(value);
            }
        }
        // Boxed: a way that is seldom taken would make the future of every call large.
        let read = Box::pin(read()).await;
        drop(turn);
        match read {
            Ok(value) => Ok(self.keep(value, asked)),
            Err(error) => self.in_hand(clock.now()).map(|(value, _)| value).ok_or(error),
        }
    }

    fn turn(&self) -> Option<Turn<'_>> {
        // Made only for whoever has it: one that is made and dropped gives back what another holds.
        (!self.being_read.swap(true, Ordering::Acquire)).then(|| Turn(&self.being_read))
    }

    fn in_hand(&self, now: Millis) -> Option<(Arc<T>, Millis)> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let held = held.as_ref().filter(|held| now < held.asked.saturating_add(self.life))?;
        Some((held.value.clone(), now.saturating_sub(held.asked)))
    }

    fn keep(&self, value: T, asked: Millis) -> Arc<T> {
        let value = Arc::new(value);
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.as_ref().is_none_or(|held| held.asked <= asked) {
            *held = Some(Held { value: value.clone(), asked });
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use tokio::sync::oneshot;

    use super::*;

    const LIFE: Millis = 200;

    /// A clock that stands still.
    struct At(Millis);

    impl Clock for At {
        fn now(&self) -> Millis {
            self.0
        }

        async fn sleep(&self, _pause: Millis) {}
    }

    /// At so many milliseconds a read that answers `read` would answer this.
    fn at(kept: &Kept<u32>, now: Millis, read: Result<u32, &'static str>) -> Result<u32, &'static str> {
        let clock = At(now);
        kept.get(&clock, || async { read }).now_or_never().unwrap().map(|value| *value)
    }

    #[test]
    fn a_value_is_used_until_it_is_half_as_old_as_it_may_be_and_then_read_anew() {
        let kept = Kept::new(LIFE);
        assert_eq!(at(&kept, 1000, Ok(1)), Ok(1));
        assert_eq!(at(&kept, 1099, Ok(2)), Ok(1));
        assert_eq!(at(&kept, 1100, Ok(3)), Ok(3));
        assert_eq!(at(&kept, 1199, Ok(4)), Ok(3));
        assert_eq!(at(&kept, 5000, Ok(5)), Ok(5));
    }

    #[test]
    fn a_read_that_fails_leaves_what_is_in_hand_until_it_is_too_old() {
        let kept = Kept::new(LIFE);
        assert_eq!(at(&kept, 1000, Err("none")), Err("none"));
        assert_eq!(at(&kept, 1000, Ok(1)), Ok(1));
        assert_eq!(at(&kept, 1199, Err("throttled")), Ok(1));
        assert_eq!(at(&kept, 1200, Err("throttled")), Err("throttled"));
    }

    #[test]
    fn while_one_reads_the_others_go_on_with_what_is_in_hand() {
        let kept = Kept::new(LIFE);
        assert_eq!(at(&kept, 1000, Ok(1)), Ok(1));
        let (answer, waiting) = oneshot::channel();
        let clock = At(1150);
        let mut reading = Box::pin(kept.get(&clock, || async { waiting.await.map_err(|_| "gone") }));
        assert!(reading.as_mut().now_or_never().is_none());
        assert_eq!(at(&kept, 1160, Ok(9)), Ok(1), "nobody else reads");
        assert_eq!(at(&kept, 1200, Ok(2)), Ok(2), "what has run out is not waited for");
        answer.send(3).unwrap();
        assert_eq!(reading.now_or_never().unwrap().map(|value| *value), Ok(3));
        assert_eq!(at(&kept, 1210, Ok(9)), Ok(2), "what was asked for earlier does not replace what came later");
    }

    #[test]
    fn who_has_no_turn_does_not_give_back_that_of_another() {
        let kept = Kept::new(LIFE);
        assert_eq!(at(&kept, 1000, Ok(1)), Ok(1));
        let clock = At(1150);
        let mut reading = Box::pin(kept.get(&clock, std::future::pending::<Result<u32, &str>>));
        assert!(reading.as_mut().now_or_never().is_none());
        assert_eq!([1160, 1161, 1162].map(|now| at(&kept, now, Ok(9))), [Ok(1); 3], "nobody else reads");
    }

    #[test]
    fn a_reader_who_gives_up_leaves_its_turn_to_others() {
        let kept = Kept::new(LIFE);
        assert_eq!(at(&kept, 1000, Ok(1)), Ok(1));
        let clock = At(1150);
        let never = kept.get(&clock, std::future::pending::<Result<u32, &str>>);
        assert!(never.now_or_never().is_none());
        assert_eq!(at(&kept, 1160, Ok(2)), Ok(2));
    }
}
