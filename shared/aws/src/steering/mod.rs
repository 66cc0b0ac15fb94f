//! The controller's actions, one a file. Every action is idempotent and safe to repeat after any crash: it looks
//! at what is, does what is missing, and answers the same as if it had done all of it.

mod advance;
mod approval;
mod arm;
mod aws;
mod begin;
mod behind;
mod certify;
mod facts;
mod failures;
mod given_up;
mod given_up_objects;
mod health;
mod preflight;
mod pulse;
mod redrive;
mod redrive_objects;
mod request;
mod retreat;
mod seal;
mod status;
mod subjects;
mod ttl;
mod verified;
mod watch;
mod world;

pub use aws::AwsWorld;
pub use request::Request;
pub use world::{BucketProbe, GivenUp, Lost, Sample, TableProbe, Undelivered, World};

use livemove_core::error::Error;
use livemove_core::ports::Clock;
use livemove_core::register::Register;
use serde::Serialize;
use serde_json::Value;

use crate::config::{Config, Wired};

/// What the controller knows of its own stack.
#[derive(Clone, Debug)]
pub struct Site {
    /// The migration that the stack belongs to.
    pub migration: String,
    /// The account that the controller runs in.
    pub account: String,
    /// The Region that it runs in.
    pub region: String,
    /// The role for the other account, where there is one.
    pub peer_role_arn: Option<String>,
    /// What the stack is wired to.
    pub wired: Wired,
}

impl Site {
    /// The site of this configuration.
    pub fn of(config: &Config) -> Site {
        Site {
            migration: config.migration.clone(),
            account: config.home.account.clone(),
            region: config.home.region.clone(),
            peer_role_arn: config.peer.as_ref().map(|peer| peer.role_arn.clone()),
            wired: config.wired.clone(),
        }
    }
}

/// The controller: the only one that changes phases.
#[derive(Debug)]
pub struct Steering<'a, R, W, C> {
    register: &'a R,
    world: W,
    clock: C,
    site: Site,
}

impl<'a, R: Register, W: World, C: Clock> Steering<'a, R, W, C> {
    /// A controller of one migration.
    pub fn new(register: &'a R, world: W, clock: C, site: Site) -> Steering<'a, R, W, C> {
        Steering { register, world, clock, site }
    }

    /// Does what a request asks, and answers as the state machines expect.
    ///
    /// # Errors
    /// `InvalidRequest`, `WrongMigration`; else those of the action.
    pub async fn handle(&self, event: Value) -> Result<Value, Error> {
        let request = Request::read(event)?;
        if request.migration() != self.site.migration {
            return Err(Error::refused(
                "WrongMigration",
                format!(
                    "migration is `{}`, but this stack's MigrationId is `{}`",
                    request.migration(),
                    self.site.migration
                ),
                "start the machine of the stack that was deployed for it",
            ));
        }
        let result = self.act(&request).await;
        match &result {
            Ok(_) => tracing::info!(action = request.name(), migration = %self.site.migration, "done"),
            Err(error) => tracing::warn!(
                action = request.name(), migration = %self.site.migration, error_type = error.name(), %error, "not done"
            ),
        }
        result
    }

    // Boxed: together the actions would make one future larger than the compiler cares to lay out.
    async fn act(&self, request: &Request) -> Result<Value, Error> {
        match request {
            Request::Preflight { plan, .. } => to_json(&Box::pin(self.preflight(plan)).await?),
            Request::Begin { direction, .. } => to_json(&Box::pin(self.begin(*direction)).await?),
            Request::Arm { run, stream, .. } => to_json(&Box::pin(self.arm(*run, *stream)).await?),
            Request::Advance { run, to, only, .. } => to_json(&Box::pin(self.advance(*run, *to, *only)).await?),
            Request::Retreat { run, to, .. } => to_json(&Box::pin(self.retreat(*run, *to)).await?),
            Request::Seal { run, only, .. } => to_json(&Box::pin(self.seal(*run, *only)).await?),
            Request::Verified { run, .. } => to_json(&Box::pin(self.verified(*run)).await?),
            Request::Certify { run, only, .. } => to_json(&Box::pin(self.certify(*run, *only)).await?),
            Request::Approval { run, token, approval, .. } => {
                to_json(&Box::pin(self.approval(*run, token.as_deref(), *approval)).await?)
            }
            Request::Status { .. } => to_json(&Box::pin(self.status()).await?),
            Request::Redrive { limit, after, .. } => to_json(&Box::pin(self.redrive(*limit, after.as_ref())).await?),
            Request::Failures { .. } => to_json(&Box::pin(self.failures()).await?),
            Request::Watch { .. } => to_json(&Box::pin(self.watch()).await?),
            Request::Health { .. } => to_json(&Box::pin(self.health()).await?),
        }
    }
}

fn to_json(answer: &impl Serialize) -> Result<Value, Error> {
    serde_json::to_value(answer).map_err(|error| Error::Invariant(format!("an answer is not JSON: {error}")))
}

/// Seconds that are at least so many milliseconds: what a state machine can wait.
fn seconds(millis: u64) -> u64 {
    millis.div_ceil(1_000)
}

#[cfg(test)]
mod tests;
