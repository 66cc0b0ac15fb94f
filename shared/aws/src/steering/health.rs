//! `health`: what a health check or a DNS switch asks.

use livemove_core::error::Error;
use livemove_core::ports::Clock;
use livemove_core::register::Register;
use livemove_core::steer::{Health, health};

use super::{Steering, World};

impl<R: Register, W: World, C: Clock> Steering<'_, R, W, C> {
    /// The health of the whole migration: healthy if nothing is broken, served where its last subject (a table,
    /// if there is one) is served.
    ///
    /// # Errors
    /// `NotRegistered`; those of the register.
    pub(super) async fn health(&self) -> Result<Health, Error> {
        let all: Vec<Health> = self.subjects().await?.iter().map(|subject| health(&subject.state)).collect();
        let last = all.last().copied();
        let last = last.ok_or_else(|| Error::Invariant("a registered plan moves nothing".to_owned()))?;
        Ok(Health { healthy: all.iter().all(|one| one.healthy), ..last })
    }
}
