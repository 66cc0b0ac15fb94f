//! Which table serves an application now, and under which rules.

use crate::mark::Run;
use crate::phase::{Phase, Side, State, source_of, target_of};

/// The two tables of a migration, by the plan's names.
#[derive(Debug)]
pub struct Pair<'a, T> {
    /// The plan's source: the old table.
    pub source: &'a T,
    /// The plan's target: the new table.
    pub target: &'a T,
}

impl<T> Clone for Pair<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Pair<'_, T> {}

impl<'a, T> Pair<'a, T> {
    /// The table of that side.
    pub fn side(&self, side: Side) -> &'a T {
        match side {
            Side::Source => self.source,
            Side::Target => self.target,
        }
    }

    /// The table that loses its keys in `run`.
    pub fn losing(&self, run: Run) -> &'a T {
        self.side(source_of(run))
    }

    /// The table that gains the keys in `run`.
    pub fn gaining(&self, run: Run) -> &'a T {
        self.side(target_of(run))
    }
}

/// The rules an application's operation runs under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// The plan's source as it is: before the first `guarded` there are no marks. After it, even a run that was given
    /// up is served as [`Route::Guarded`].
    Plain,
    /// The losing table of `run`, for keys that have not moved in it. A moved key is handed over when
    /// `moving`; otherwise nobody can have moved it by the phase in hand, which is then out of date.
    Guarded {
        /// The run that may take keys away.
        run: Run,
        /// Whether the phase is `guarded`: neighbours may be in `handoff` already.
        moving: bool,
    },
    /// Key by key: the gaining table where the key is native in `run`, else the losing one.
    Handoff {
        /// The run.
        run: Run,
    },
    /// The gaining table of `run`, for good.
    Final {
        /// The last run.
        run: Run,
    },
}

impl State {
    /// How applications are served in this state. `new` of run e is `old` of run e+1.
    pub fn route(&self) -> Route {
        let run = self.run;
        match self.phase {
            Phase::Old | Phase::Copy if run == Run(1) && !self.marked => Route::Plain,
            Phase::Old | Phase::Copy => Route::Guarded { run, moving: false },
            Phase::Guarded => Route::Guarded { run, moving: true },
            Phase::Handoff => Route::Handoff { run },
            Phase::New => Route::Guarded { run: run.next(), moving: false },
            Phase::Final => Route::Final { run },
        }
    }
}
