//! The migrating tables a process has open, each with its lease on the phase.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::FutureExt as _;
use livemove_core::error::Error;
use livemove_core::lease::{Cache, Fenced, Phases, View};
use livemove_core::phase::{Kind, Phase, Side, State};
use livemove_core::plan::{LEASE_MIN_MS, SubjectPlan, Timing, subject_id};
use livemove_core::ports::pages::Pages;
use livemove_core::ports::transact::Transactions;
use livemove_core::register::{Migrations, States};
use livemove_core::route::Pair;

use super::kept::Kept;
use super::name::TableName;
use crate::dynamo::{DynamoTable, Meter};
use crate::sites::{End, Sites};
use crate::startup::SystemClock;

/// What is done to one migrating table, whatever its phase.
pub(super) trait Operation: Sync {
    /// What it answers.
    type Answer: Send;

    /// Does it on a state that is in force for as long as `pair` lets calls through; `phases` tells whether it
    /// still is. It is done again on a fresh state when it answers [`Error::StalePhase`].
    fn perform<T: Pages + Transactions, P: Phases>(
        &self,
        pair: Pair<'_, T>,
        state: &State,
        phases: &P,
    ) -> impl Future<Output = Result<Self::Answer, Error>> + Send;
}

/// Opens migrating tables on their first use and keeps them open.
#[derive(Debug)]
pub(super) struct Tables<S> {
    sites: Arc<Sites>,
    states: Arc<S>,
    migration: String,
    open: Mutex<BTreeMap<String, Arc<Migrating<S>>>>,
    /// The names that mean something to the migration. Not older than the shortest lease allows: nothing that a
    /// table's users must know of happens sooner after its registration.
    known: Kept<BTreeMap<String, Name>>,
}

/// What a table's name means to the migration.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Name {
    /// A table that moves, by its name at the plan's source, which is there.
    Moves(End),
    /// Where the table of that name moves to, which is there.
    TargetOf(String, End),
}

/// Whose business a table is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Membership {
    /// It moves, and this is its name at the plan's source.
    Moves,
    /// It is none of the migration's.
    Foreign,
}

/// A migrating table: both ends and the lease.
#[derive(Debug)]
pub(super) struct Migrating<S> {
    lease: Cache<Watched<S>, SystemClock>,
    plan: SubjectPlan,
    source: DynamoTable,
    target: DynamoTable,
}

/// The state of a subject, as long as its plan stays the one its tables were opened by.
#[derive(Debug)]
struct Watched<S> {
    states: Arc<S>,
    subject: String,
    plan: SubjectPlan,
}

const PLAN_CHANGED: &str = "PlanChanged";

impl<S: States + Migrations + Send> Tables<S> {
    pub(super) fn new(sites: Arc<Sites>, states: Arc<S>, migration: &str) -> Tables<S> {
        let (open, known) = (Mutex::default(), Kept::new(LEASE_MIN_MS));
        Tables { sites, states, migration: migration.to_owned(), open, known }
    }

    /// The states, for what must not be answered from a lease.
    pub(super) fn states(&self) -> &S {
        &self.states
    }

    /// Whether `name` moves.
    ///
    /// # Errors
    /// `MigrationTarget` for the name that a moving table has at its target: whoever used that directly would
    /// write past the migration. After `final` it is a table as any other.
    pub(super) async fn membership(&self, name: &str) -> Result<Membership, Error> {
        let named = TableName::parse(name);
        match self.names().await?.get(named.name) {
            Some(Name::Moves(end)) if named.may_be_at(end) => Ok(Membership::Moves),
            Some(Name::TargetOf(source, end)) if named.is_at(end, &self.sites) => Err(Error::refused(
                "MigrationTarget",
                format!("{} is where {source} is moving to", named.name),
                format!("use the name {source} until the migration is complete"),
            )),
            Some(Name::Moves(_) | Name::TargetOf(..)) | None => Ok(Membership::Foreign),
        }
    }

    /// The tables that move, by their names at the plan's source.
    pub(super) async fn moving(&self) -> Result<Vec<String>, Error> {
        let names = self.names().await?;
        Ok(names.iter().filter(|(_, what)| matches!(what, Name::Moves(_))).map(|(name, _)| name.clone()).collect())
    }

    async fn names(&self) -> Result<Arc<BTreeMap<String, Name>>, Error> {
        self.known.get(&SystemClock, || self.read_names()).await
    }

    async fn read_names(&self) -> Result<BTreeMap<String, Name>, Error> {
        let mut names = BTreeMap::new();
        let Some(plan) = self.states.plan(&self.migration).await? else {
            return Ok(names);
        };
        for table in plan.tables {
            let (source, target) = (End::from(&table.source), End::from(&table.target));
            let name = table.source.name;
            let Some((state, _)) = self.states.load(&subject_id(Kind::Table, &name)).await? else {
                continue;
            };
            if state.phase != Phase::Final {
                names.entry(table.target.name).or_insert_with(|| Name::TargetOf(name.clone(), target));
            }
            names.insert(name, Name::Moves(source));
        }
        Ok(names)
    }

    /// Runs `operation` on the table that the plan's source calls `name`; a second time if the plan changed
    /// before the first did anything. The capacity it uses is counted by `meter`.
    ///
    /// # Errors
    /// `ResourceNotFoundException` when the table is no part of the migration; else those of the operation.
    pub(super) async fn run<O: Operation>(
        &self,
        name: &str,
        meter: Option<&Arc<Meter>>,
        operation: &O,
    ) -> Result<O::Answer, Error> {
        // Boxed: the futures of flows within flows are deeper than the compiler likes to go.
        match self.open(name).await?.run(meter, operation).boxed().await {
            Err(Error::Refused { name: PLAN_CHANGED, .. }) => {
                self.held().remove(TableName::parse(name).name);
                self.open(name).await?.run(meter, operation).boxed().await
            }
            done => done,
        }
    }

    fn held(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Migrating<S>>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The plan of the table that the plan's source calls `name`.
    pub(super) async fn plan(&self, name: &str) -> Result<SubjectPlan, Error> {
        Ok(self.open(name).await?.plan.clone())
    }

    /// The times in the plan of that table.
    pub(super) async fn timing(&self, name: &str) -> Result<Timing, Error> {
        Ok(self.open(name).await?.plan.timing)
    }

    async fn open(&self, name: &str) -> Result<Arc<Migrating<S>>, Error> {
        let name = TableName::parse(name).name;
        let held = self.held().get(name).cloned();
        match held {
            Some(table) => Ok(table),
            // Boxed: a way that is seldom taken would make the future of every call large.
            None => Box::pin(self.open_anew(name)).await,
        }
    }

    async fn open_anew(&self, name: &str) -> Result<Arc<Migrating<S>>, Error> {
        let subject = subject_id(Kind::Table, name);
        let (_, plan) = registered(&*self.states, &subject).await?;
        let table = |side| {
            let end = plan.end(side);
            let longest = Duration::from_millis(plan.timing.call_ms);
            async move { DynamoTable::open(&self.sites, &end.into(), &end.name, longest).await }
        };
        let (source, target) = futures_util::try_join!(table(Side::Source), table(Side::Target))?;
        let watched = Watched { states: self.states.clone(), subject, plan: plan.clone() };
        let lease = Cache::new(watched, SystemClock, plan.timing.lease_ms);
        let table = Arc::new(Migrating { lease, plan, source, target });
        self.held().insert(name.to_owned(), table.clone());
        Ok(table)
    }
}

impl<S: States + Send> Migrating<S> {
    async fn run<O: Operation>(&self, meter: Option<&Arc<Meter>>, operation: &O) -> Result<O::Answer, Error> {
        let metered = meter.map(|meter| (self.source.metered(meter.clone()), self.target.metered(meter.clone())));
        let (source, target) =
            metered.as_ref().map_or((&self.source, &self.target), |(source, target)| (source, target));
        let on_view = |view: View| async move {
            let clock = self.lease.clock();
            let source = Fenced::new(source, clock, view.until);
            let target = Fenced::new(target, clock, view.until);
            let pair = Pair { source: &source, target: &target };
            operation.perform(pair, &view.state, self.lease.phases()).await
        };
        self.lease.run(on_view).await
    }
}

impl<S: States + Send> Phases for Watched<S> {
    async fn state(&self) -> Result<State, Error> {
        let (state, plan) = registered(&*self.states, &self.subject).await?;
        if plan == self.plan {
            return Ok(state);
        }
        Err(Error::refused(PLAN_CHANGED, format!("the plan of {} has changed", self.subject), "try again"))
    }
}

/// The state and plan of a subject.
///
/// # Errors
/// `ResourceNotFoundException` when it is no part of the migration.
pub(super) async fn registered<S: States>(states: &S, subject: &str) -> Result<(State, SubjectPlan), Error> {
    states.load(subject).await?.ok_or_else(|| {
        Error::refused(
            "ResourceNotFoundException",
            format!("{subject} is not part of the migration"),
            "use the name at the plan's source, and run preflight first",
        )
    })
}
