//! `failures`: why segments of the runs' jobs failed. A map of a state machine tells only that some did.

use std::cmp::Reverse;

use livemove_core::checkpoint::Failure;
use livemove_core::error::Error;
use livemove_core::ports::Clock;
use livemove_core::register::Register;
use serde::Serialize;

use super::status::JOBS;
use super::subjects::Subject;
use super::{Steering, World};

/// As many are told of: the others mostly have the same cause.
const TOLD: usize = 3;
/// Characters of each. The cause of a failed execution has 32,768 at most:
/// <https://docs.aws.amazon.com/step-functions/latest/apireference/API_FailedEventDetails.html>.
const TEXT_MAX: usize = 4_000;

/// How a state machine ends: the form of what its steps fail with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Ending {
    /// Always the same name.
    error: &'static str,
    /// What failed last, and what to do.
    cause: String,
}

/// A segment that was given up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct FailedSegment {
    /// Job, index and subject, in words.
    pub segment: String,
    /// Why.
    #[serde(flatten)]
    pub failure: Failure,
}

impl<R: Register, W: World, C: Clock> Steering<'_, R, W, C> {
    /// Why segments that are not done were given up, the latest first.
    ///
    /// # Errors
    /// `NotRegistered`; those of the register.
    pub(super) async fn failures(&self) -> Result<Ending, Error> {
        let mut failed = Vec::new();
        for subject in self.subjects().await? {
            failed.extend(self.failed_segments(&subject).await?);
        }
        failed.sort_by_key(|one| Reverse(one.failure.at));
        let more = failed.len().saturating_sub(TOLD);
        let mut told: Vec<_> = failed.iter().take(TOLD).map(text).collect();
        match (told.is_empty(), more) {
            (true, _) => told
                .push("the log of backfill or verifier says why, or the failed executions of the map run".to_owned()),
            (false, 0) => {}
            (false, more) => told.push(format!("and {more} more")),
        }
        let cause = format!("{}; mend the cause and start again: finished segments stay finished", told.join(" | "));
        Ok(Ending { error: "SegmentFailed", cause })
    }

    /// The segments of a subject's run that were given up.
    ///
    /// # Errors
    /// Those of the register.
    pub(super) async fn failed_segments(&self, subject: &Subject) -> Result<Vec<FailedSegment>, Error> {
        let mut failed = Vec::new();
        for job in JOBS {
            let segments = self.register.segments(&subject.id, subject.state.run, job).await?;
            failed.extend(segments.into_iter().filter(|status| !status.done).filter_map(|status| {
                let segment = format!("{job:?} of segment {} of {}", status.segment.index, subject.id);
                Some(FailedSegment { segment, failure: status.failure? })
            }));
        }
        Ok(failed)
    }
}

fn text(one: &FailedSegment) -> String {
    format!("{}: {}", one.segment, one.failure.message).chars().take(TEXT_MAX).collect()
}
