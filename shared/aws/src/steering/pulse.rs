//! Pulses: what the watch writes at each look, so that the next one knows whether it has come through.

use livemove_core::error::Error;
use livemove_core::phase::{Kind, Side};
use livemove_core::ports::Clock;
use livemove_core::register::{Canary, PULSE, Register};
use livemove_core::steer::watch::Watch;

use super::subjects::Subject;
use super::{Steering, World};

impl<R: Register, W: World, C: Clock> Steering<'_, R, W, C> {
    /// Sends the next pulse, unless one is under way.
    ///
    /// A table's is written again until it has come through, and whichever of them comes counts: a stream has all of
    /// its records for a day. A bucket's is not, once it is known to be written: its own event must come.
    pub(super) async fn beat(&self, subject: &Subject, side: Side, watch: Watch) -> Result<(), Error> {
        let waiting = match subject.plan.kind {
            Kind::Table => self.register.pulse(&subject.id, side).await?.filter(|pulse| pulse.seen.is_none()),
            Kind::Bucket => self.waiting_pulse(subject, side).await?,
        };
        let waiting = waiting.filter(|pulse| pulse.run == subject.state.run);
        let nonce = match waiting {
            Some(pulse) if subject.plan.kind == Kind::Bucket && watch.written.as_ref() == Some(&pulse.nonce) => {
                return Ok(());
            }
            Some(pulse) => pulse.nonce,
            None => {
                let now = self.clock.now();
                let nonce = format!("{PULSE}{}-{now}", subject.state.run);
                let pulse = Canary { nonce: nonce.clone(), run: subject.state.run, sent: now, seen: None };
                // Kept first: once it is written it may be seen at any moment.
                self.register.canary_sent(&subject.id, side, &pulse).await?;
                nonce
            }
        };
        self.world.send_canary(subject.plan.kind, subject.plan.end(side), &nonce).await?;
        match subject.plan.kind {
            Kind::Table => Ok(()),
            Kind::Bucket => {
                let watch = Watch { written: Some(nonce), ..watch };
                self.register.keep_watch(&subject.id, side, &watch).await
            }
        }
    }
}
