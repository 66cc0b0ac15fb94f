//! `redrive`: put held keys right from where their records come from, and release them. Objects are the business of
//! `redrive_objects`.

use livemove_core::error::Error;
use livemove_core::hold::Hold;
use livemove_core::holding::Desk;
use livemove_core::lease::{Cache, Phases};
use livemove_core::phase::{Kind, Side, State};
use livemove_core::ports::{Clock, Millis};
use livemove_core::redrive::{Redriven, redrive};
use livemove_core::register::{Register, States};
use livemove_core::route::Pair;
use serde::Serialize;

use super::behind::SIDES;
use super::given_up::Collected;
use super::given_up_objects::MALFORMED;
use super::request::After;
use super::subjects::Subject;
use super::{Steering, World};

/// Keys of one call, where nothing is said.
const LIMIT: u32 = 100;
/// How often a key is put right again because something newer was held meanwhile.
const AGAIN: u32 = 5;
/// A call begins no key later than this after it began: less than the function's timeout.
const LONGEST: Millis = 30_000;

/// What came of the held keys.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct RedriveReport {
    /// Put right and released.
    pub released: u64,
    /// Released because their records or events count no longer: what is of them is copied or compared anew.
    pub void: u64,
    /// Still held.
    pub failing: Vec<Failing>,
    /// What was found in the failure queues, and held first.
    pub given_up: Collected,
    /// Where to go on; nothing when all were tried.
    pub next: Option<After>,
}

/// A key that is still held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Failing {
    /// The table or bucket.
    pub subject: String,
    /// Its row in the control table, where the key itself is.
    pub row: String,
    /// The key's hash, as logs show it.
    pub key: String,
    /// Why it could not be put right now.
    pub error: String,
    /// What that said.
    pub message: String,
    /// Why it was held.
    pub held_for: String,
    /// Records held back, or how often the object was tried; about.
    pub records: u64,
    /// Since when, in milliseconds since 1970.
    pub since: Millis,
    /// What to do.
    pub remedy: String,
}

impl<R: Register, W: World, C: Clock> Steering<'_, R, W, C> {
    /// Tries held keys in a fixed order, after `after` where it is given. Idempotent, and safe beside replicators,
    /// jobs and another redrive.
    ///
    /// # Errors
    /// `NotRegistered`; those of the register, of opening tables and of the failure queues. What goes wrong with one
    /// key is in the report.
    pub(super) async fn redrive(&self, limit: Option<u32>, after: Option<&After>) -> Result<RedriveReport, Error> {
        let mut report = RedriveReport::default();
        let (until, mut left) = (self.clock.now() + LONGEST, limit.unwrap_or(LIMIT).max(1));
        let mut last = after.cloned();
        let mut subjects = self.subjects().await?;
        subjects.sort_by(|one, other| one.id.cmp(&other.id));
        let mut asked = Vec::new();
        'all: for subject in &subjects {
            for side in SIDES {
                if after.is_none() {
                    match self.collect(subject, side, &mut report.given_up).await {
                        // It stays where it is, and keeps nobody from being redriven.
                        Err(error) if error.name() == MALFORMED => tracing::error!(subject = subject.id, %error),
                        told => told?,
                    }
                }
                let Some(from) = begin(after, &subject.id, side) else { continue };
                let holds = self.register.holds(&subject.id, side, from, left.saturating_add(1)).await?;
                let of_items = !holds.is_empty() && subject.plan.kind == Kind::Table;
                let tables = if of_items { Some(self.tables(subject).await?) } else { None };
                for hold in holds {
                    if left == 0 || self.clock.now() >= until {
                        report.next = last;
                        break 'all;
                    }
                    left -= 1;
                    last = Some(After { subject: subject.id.clone(), side, name: Hold::name(&hold.key) });
                    match &tables {
                        Some((source, target)) => {
                            self.one(subject, Pair { source, target }, hold, &mut report).await?;
                        }
                        None => asked.extend(self.ask(subject, hold, &mut report).await?),
                    }
                }
            }
        }
        self.answers(asked, &mut report).await?;
        Ok(report)
    }

    async fn tables(&self, subject: &Subject) -> Result<(W::Table, W::Table), Error> {
        let longest = subject.plan.timing.call_ms;
        let open = |side| self.world.open(subject.plan.end(side), longest);
        Ok((open(Side::Source).await?, open(Side::Target).await?))
    }

    async fn one(
        &self,
        subject: &Subject,
        pair: Pair<'_, W::Table>,
        mut hold: Hold,
        report: &mut RedriveReport,
    ) -> Result<(), Error> {
        let registered = Registered { states: self.register, subject: &subject.id };
        let cache = Cache::new(registered, Borrowed(&self.clock), subject.plan.timing.lease_ms);
        let desk = Desk { holds: self.register, subject: &subject.id, side: hold.side };
        for _ in 0..AGAIN {
            match redrive(desk, &cache, pair, &hold).await {
                Ok(Redriven::Released) => report.released += 1,
                Ok(Redriven::Void) => report.void += 1,
                Ok(Redriven::Again) => match desk.find(&hold.key).await? {
                    Some(newer) => {
                        hold = newer;
                        continue;
                    }
                    None => report.released += 1,
                },
                Err(error) => report.failing.push(failing(&subject.id, &hold, &error)),
            }
            return Ok(());
        }
        let busy = Error::Conflict("its records came faster than it was put right".to_owned());
        report.failing.push(failing(&subject.id, &hold, &busy));
        Ok(())
    }
}

/// After which name to begin at this table and side: `None` = all of them are done.
fn begin<'a>(after: Option<&'a After>, subject: &str, side: Side) -> Option<Option<&'a str>> {
    let Some(after) = after else { return Some(None) };
    if after.subject == subject && after.side == side {
        return Some(Some(&after.name));
    }
    // In the order of their ids, sides in the order of `SIDES`.
    ((after.subject.as_str(), after.side) < (subject, side)).then_some(None)
}

/// The sort key of its row.
pub(super) fn row(hold: &Hold) -> String {
    let side = match hold.side {
        Side::Source => "source",
        Side::Target => "target",
    };
    format!("hold#{side}#{}", Hold::name(&hold.key))
}

fn failing(subject: &str, hold: &Hold, error: &Error) -> Failing {
    let remedy = match error {
        Error::Rejected { .. } => {
            "change the item on the side its records come from, or what the other table demands of it; then redrive"
        }
        Error::Refused { remedy, .. } => remedy.as_str(),
        Error::Denied(_) => "give the role of control what it lacks, then redrive",
        Error::Throttled(_)
        | Error::Unavailable(_)
        | Error::Ambiguous(_)
        | Error::OldValuesLost(_)
        | Error::Conflict(_)
        | Error::ConditionFailed { .. }
        | Error::Cancelled { .. }
        | Error::StalePhase
        | Error::Invariant(_) => "redrive again",
    };
    Failing {
        subject: subject.to_owned(),
        row: row(hold),
        key: hold.key.hash(),
        error: error.name().to_owned(),
        message: error.to_string(),
        held_for: hold.error.clone(),
        records: hold.records,
        since: hold.since,
        remedy: remedy.to_owned(),
    }
}

/// The registered state of a table, read afresh each time.
struct Registered<'a, R> {
    states: &'a R,
    subject: &'a str,
}

impl<R: States> Phases for Registered<'_, R> {
    async fn state(&self) -> Result<State, Error> {
        let found = self.states.load(self.subject).await?;
        found.map(|(state, _)| state).ok_or_else(|| Error::Invariant(format!("{} is registered no more", self.subject)))
    }
}

/// A clock of somebody else's.
struct Borrowed<'a, C>(&'a C);

impl<C: Clock> Clock for Borrowed<'_, C> {
    fn now(&self) -> Millis {
        self.0.now()
    }

    async fn sleep(&self, pause: Millis) {
        self.0.sleep(pause).await;
    }
}
