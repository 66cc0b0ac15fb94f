//! Sending again what was throttled, within the longest time of a call.

use std::future::Future;
use std::time::Duration;

use livemove_core::error::Error;

use super::table::DynamoTable;

/// Pauses before what was throttled or left unprocessed is sent again; it is sent once more than there are pauses.
pub(super) const PAUSES: [Duration; 3] =
    [Duration::from_millis(50), Duration::from_millis(200), Duration::from_millis(800)];

impl DynamoTable {
    /// Makes `attempt`, again only after throttling, which certainly did nothing.
    ///
    /// # Errors
    /// Those of the last attempt; [`Error::Ambiguous`] when all together take longer than a call may.
    pub(super) async fn paced<R, F>(&self, what: &str, attempt: impl Fn() -> F) -> Result<R, Error>
    where
        F: Future<Output = Result<R, Error>>,
    {
        let attempts = again(attempt, |error| matches!(error, Error::Throttled(_)));
        tokio::time::timeout(self.longest, attempts)
            .await
            .unwrap_or_else(|_| Err(Error::Ambiguous(self.no_answer(what))))
    }

    /// Makes `attempt`, which only reads, again after throttling and after lost answers.
    ///
    /// # Errors
    /// Those of the last attempt; [`Error::Unavailable`] when all together take longer than a call may.
    pub(super) async fn repeated<R, F>(&self, what: &str, attempt: impl Fn() -> F) -> Result<R, Error>
    where
        F: Future<Output = Result<R, Error>>,
    {
        let attempts = again(attempt, |error| matches!(error, Error::Throttled(_) | Error::Unavailable(_)));
        tokio::time::timeout(self.longest, attempts)
            .await
            .unwrap_or_else(|_| Err(Error::Unavailable(self.no_answer(what))))
    }

    fn no_answer(&self, what: &str) -> String {
        format!("no answer for {what} of {} within {:?}", self.name, self.longest)
    }
}

async fn again<R, F>(attempt: impl Fn() -> F, is_worth_it: impl Fn(&Error) -> bool) -> Result<R, Error>
where
    F: Future<Output = Result<R, Error>>,
{
    let mut pauses = PAUSES.into_iter();
    loop {
        match (attempt().await, pauses.next()) {
            (Err(error), Some(pause)) if is_worth_it(&error) => tokio::time::sleep(pause).await,
            (done, _) => return done,
        }
    }
}
