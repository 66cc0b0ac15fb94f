//! How long a token is promised to be known, in phases.

use livemove_core::phase::State;
use livemove_core::route::Route;

/// Whether a token used in one state is still known in another: within a run, to `new` of it and on to `guarded` of
/// the next, and for those who lag behind, from `new` back to `handoff`.
pub(crate) fn is_promised(then: &State, now: &State) -> bool {
    let run = |route| match route {
        Route::Plain => 1,
        Route::Guarded { run, .. } | Route::Handoff { run } => run.0,
        // `final` takes up where `new` was.
        Route::Final { run } => run.0 + 1,
    };
    let (before, after) = (run(then.route()), run(now.route()));
    match (then.route(), now.route()) {
        (Route::Final { .. }, now) => matches!(now, Route::Final { .. }),
        (Route::Guarded { moving: false, .. }, Route::Handoff { .. }) if before == after + 1 => true,
        (_, Route::Guarded { moving: false, .. }) => after == before || after == before + 1,
        (_, _) => after == before,
    }
}
