//! Holds under the explorer: kept in memory, each call a scheduling point, and redrive as an operator would have it.

use std::collections::BTreeMap;

use livemove_core::error::Error;
use livemove_core::hold::{HOLDS_MAX, Hold, Holds};
use livemove_core::holding::Desk;
use livemove_core::phase::Side;
use livemove_core::redrive::redrive;
use shuttle::future::yield_now;
use shuttle::rand::{Rng, thread_rng};

use crate::bug::Bug;
use crate::site::pause;
use crate::world::World;

pub(crate) const SUBJECT: &str = "table#t";

/// The holds of a world, with the bug in it.
pub(crate) struct Held(pub(crate) World);

impl Held {
    /// The answer to something that was done is lost now and then.
    async fn after(&self) -> Result<(), Error> {
        pause().await;
        let lost = self.0.pair().source.faults && thread_rng().gen_bool(0.03);
        if lost { Err(Error::Ambiguous("fault".into())) } else { Ok(()) }
    }

    /// Held keys of a side, with the version of their entries.
    pub(crate) async fn now(&self, side: Side) -> BTreeMap<String, Hold> {
        let all = self.0.holds().holds(SUBJECT, side, None, HOLDS_MAX).await.unwrap();
        all.into_iter().map(|hold| (hold.key.id(), hold)).collect()
    }
}

impl Holds for Held {
    async fn holds(&self, of: &str, side: Side, after: Option<&str>, limit: u32) -> Result<Vec<Hold>, Error> {
        pause().await;
        if self.0.bug() == Bug::HoldOvertaken {
            return Ok(Vec::new());
        }
        let all = self.0.holds().holds(of, side, after, limit).await;
        pause().await;
        all
    }

    async fn hold(&self, of: &str, hold: &Hold) -> Result<(), Error> {
        pause().await;
        if self.0.bug() == Bug::HoldSkipped {
            return Ok(());
        }
        self.0.holds().hold(of, hold).await?;
        self.after().await
    }

    async fn hold_on(&self, of: &str, hold: &Hold) -> Result<bool, Error> {
        pause().await;
        let held = self.0.holds().hold_on(of, hold).await?;
        self.after().await.map(|()| held)
    }

    async fn release(&self, of: &str, hold: &Hold) -> Result<bool, Error> {
        pause().await;
        let now =
            if self.0.bug() == Bug::ReleaseBlindly { self.now(hold.side).await.remove(&hold.key.id()) } else { None };
        let released = self.0.holds().release(of, now.as_ref().unwrap_or(hold)).await?;
        self.after().await.map(|()| released)
    }
}

/// Tries every held key once; answers how many are held still.
pub(crate) async fn redrive_all(world: &World) -> usize {
    let held = Held(world.clone());
    for side in [Side::Source, Side::Target] {
        let cache = world.cache();
        for hold in held.now(side).await.into_values() {
            let desk = Desk { holds: &held, subject: SUBJECT, side };
            // What fails is tried again by whoever comes next.
            let _ = redrive(desk, &cache, world.pair(), &hold).await;
        }
    }
    yield_now().await;
    held.now(Side::Source).await.len() + held.now(Side::Target).await.len()
}
