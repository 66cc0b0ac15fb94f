//! `verified`: whether the verification found both sides identical.

use livemove_core::checkpoint::Job;
use livemove_core::error::Error;
use livemove_core::mark::Run;
use livemove_core::phase::Phase;
use livemove_core::plan::Entry;
use livemove_core::ports::Clock;
use livemove_core::register::Register;
use serde::Serialize;

use super::{Steering, World};

/// What the verification found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Verified {
    /// Nothing differs, and nothing is too large to move.
    pub identical: bool,
    /// How many items and objects differ.
    pub differences: u64,
    /// How many items leave no room for marks; the gate to `guarded` asks for none.
    pub large: u64,
    /// How many keys are held; the gate to `guarded` asks for none.
    pub held: u64,
}

impl<R: Register, W: World, C: Clock> Steering<'_, R, W, C> {
    /// Adds up what the verify job of the run found. Subjects that are copied in handoff, or past it, are
    /// judged by their certificate instead.
    ///
    /// # Errors
    /// `GateClosed` while a segment is not verified; `WrongRun`, `NotRegistered`; those of the register.
    pub(super) async fn verified(&self, run: Run) -> Result<Verified, Error> {
        let (mut differences, mut large, mut held) = (0, 0, 0);
        for subject in self.subjects_of(run, None).await? {
            let later = subject.state.run > run
                || subject.state.phase >= Phase::Handoff
                || subject.plan.entry == Entry::NewFirst;
            if later {
                continue;
            }
            let verify = self.job(&subject, Job::Verify).await?;
            if !verify.is_done() {
                return Err(Error::refused(
                    "GateClosed",
                    format!("{}: verify has done {} of {} segments", subject.id, verify.done, verify.segments),
                    "run the verify job until all segments are done",
                ));
            }
            differences += verify.counts.differing;
            large += verify.counts.large;
            held += self.held(&subject).await?;
        }
        Ok(Verified { identical: differences == 0 && large == 0, differences, large, held })
    }
}
