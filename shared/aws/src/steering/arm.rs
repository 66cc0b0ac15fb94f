//! `arm`: prove by a canary that a stream arrives.

use livemove_core::error::Error;
use livemove_core::mark::Run;
use livemove_core::phase::Phase;
use livemove_core::ports::{Clock, Millis};
use livemove_core::register::{Canary, Register};
use livemove_core::steer::{RunEnd, is_current};
use serde::Serialize;

use super::subjects::Subject;
use super::{Steering, World};

/// Whether the stream is known to arrive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Armed {
    /// Of every subject.
    pub armed: bool,
    /// When to ask again; 0 once it is armed.
    pub wait_seconds: u64,
}

/// A canary that has not been seen for so long is written again, with the same nonce: whichever of them comes
/// through counts.
const RESEND: Millis = 30_000;
const ASK_AGAIN_SECONDS: u64 = 2;

impl<R: Register, W: World, C: Clock> Steering<'_, R, W, C> {
    /// Sends canaries where none is under way and says whether all have come through.
    ///
    /// # Errors
    /// `CanaryKeyTaken`, `WrongRun`, `NotRegistered`; those of the register and of AWS.
    pub(super) async fn arm(&self, run: Run, stream: RunEnd) -> Result<Armed, Error> {
        let mut armed = true;
        for subject in self.subjects_of(run, None).await? {
            let past = subject.state.run > run || subject.state.phase >= Phase::New;
            armed &= past || self.arm_one(&subject, stream).await?;
        }
        Ok(Armed { armed, wait_seconds: if armed { 0 } else { ASK_AGAIN_SECONDS } })
    }

    async fn arm_one(&self, subject: &Subject, stream: RunEnd) -> Result<bool, Error> {
        let (run, kind) = (subject.state.run, subject.plan.kind);
        let side = stream.side(run);
        let end = subject.plan.end(side);
        let stored = self.register.canary(&subject.id, side).await?;
        let current = stored.filter(|canary| is_current(&subject.state, stream, canary));
        let now = self.clock.now();
        match current {
            Some(Canary { seen: Some(_), .. }) => {
                self.world.clear_canary(kind, end).await?;
                return Ok(true);
            }
            Some(canary) if now < canary.sent + RESEND => {}
            Some(canary) => self.world.send_canary(kind, end, &canary.nonce).await?,
            None => {
                let canary = Canary { nonce: format!("{run}-{now}"), run, sent: now, seen: None };
                // Kept first: once it is written it may be seen at any moment.
                self.register.canary_sent(&subject.id, side, &canary).await?;
                self.world.send_canary(kind, end, &canary.nonce).await?;
                tracing::info!(subject = subject.id, side = ?side, nonce = canary.nonce, "canary sent");
            }
        }
        Ok(false)
    }
}
