//! The migrating tables a process has open, each with its lease on the phase.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use livemove_core::error::Error;
use livemove_core::item::KeySchema;
use livemove_core::lease::{Cache, Fenced, Phases};
use livemove_core::phase::{Kind, Side, State};
use livemove_core::plan::{SubjectPlan, subject_id};
use livemove_core::ports::Table as _;
use livemove_core::register::States;
use livemove_core::route::Pair;

use crate::dynamo::DynamoTable;
use crate::sites::Sites;
use crate::startup::SystemClock;

/// A table that calls the backend only while a lease lasts.
pub(super) type Leased<'t> = Fenced<'t, DynamoTable, SystemClock>;

/// Opens migrating tables on their first use and keeps them open.
#[derive(Debug)]
pub(super) struct Tables<'a, S> {
    sites: &'a Sites,
    states: &'a S,
    open: Mutex<BTreeMap<String, Arc<Migrating<'a, S>>>>,
}

/// A migrating table: both ends and the lease.
#[derive(Debug)]
pub(super) struct Migrating<'a, S> {
    lease: Cache<Watched<'a, S>, SystemClock>,
    source: DynamoTable,
    target: DynamoTable,
}

/// The state of a subject, as long as its plan stays the one its tables were opened by.
#[derive(Debug)]
struct Watched<'a, S> {
    states: &'a S,
    subject: String,
    plan: SubjectPlan,
}

const PLAN_CHANGED: &str = "PlanChanged";

impl<'a, S: States> Tables<'a, S> {
    pub(super) fn new(sites: &'a Sites, states: &'a S) -> Tables<'a, S> {
        Tables { sites, states, open: Mutex::new(BTreeMap::new()) }
    }

    /// The states, for what must not be answered from a lease.
    pub(super) fn states(&self) -> &'a S {
        self.states
    }

    /// Runs `operation` on the table that the plan's source calls `name`; a second time if the plan changed
    /// before the first did anything.
    pub(super) async fn run<R, O>(&self, name: &str, operation: O) -> Result<R, Error>
    where
        O: AsyncFn(&KeySchema, Pair<'_, Leased<'_>>, &State) -> Result<R, Error>,
    {
        // Boxed: the futures of flows within flows are large, and deeper than the compiler likes to go.
        let attempt = async || Box::pin(async { self.open(name).await?.run(&operation).await }).await;
        match attempt().await {
            Err(Error::Refused { name: PLAN_CHANGED, .. }) => {
                self.held().remove(name);
                attempt().await
            }
            done => done,
        }
    }

    fn held(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Arc<Migrating<'a, S>>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn open(&self, name: &str) -> Result<Arc<Migrating<'a, S>>, Error> {
        let held = self.held().get(name).cloned();
        if let Some(table) = held {
            return Ok(table);
        }
        let subject = subject_id(Kind::Table, name);
        let (_, plan) = registered(self.states, &subject).await?;
        let table = |side| {
            let end = plan.end(side);
            let longest = Duration::from_millis(plan.timing.call_ms);
            async move { DynamoTable::open(self.sites, &end.into(), &end.name, longest).await }
        };
        let (source, target) = futures_util::try_join!(table(Side::Source), table(Side::Target))?;
        let lease_ms = plan.timing.lease_ms;
        let watched = Watched { states: self.states, subject, plan };
        let table = Arc::new(Migrating { lease: Cache::new(watched, SystemClock, lease_ms), source, target });
        self.held().insert(name.to_owned(), table.clone());
        Ok(table)
    }
}

impl<S: States> Migrating<'_, S> {
    async fn run<R, O>(&self, operation: &O) -> Result<R, Error>
    where
        O: AsyncFn(&KeySchema, Pair<'_, Leased<'_>>, &State) -> Result<R, Error>,
    {
        let on_view = |view: livemove_core::lease::View| async move {
            let clock = self.lease.clock();
            let source = Fenced::new(&self.source, clock, view.until);
            let target = Fenced::new(&self.target, clock, view.until);
            operation(self.source.schema(), Pair { source: &source, target: &target }, &view.state).await
        };
        self.lease.run(on_view).await
    }
}

impl<S: States> Phases for Watched<'_, S> {
    async fn state(&self) -> Result<State, Error> {
        let (state, plan) = registered(self.states, &self.subject).await?;
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
