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
        let attempts = async {
            for pause in PAUSES {
                match attempt().await {
                    Err(Error::Throttled(_)) => tokio::time::sleep(pause).await,
                    done => return done,
                }
            }
            attempt().await
        };
        match tokio::time::timeout(self.longest, attempts).await {
            Ok(done) => done,
            Err(_) => Err(Error::Ambiguous(format!("no answer for {what} to {} within {:?}", self.name, self.longest))),
        }
    }
}
