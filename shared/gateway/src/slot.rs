//! What a call holds from its head to the last byte of its answer.

use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;

use crate::metrics::Metrics;
use crate::patience::Turn;

/// The connection's turn, and for calls one of the places in flight. Given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Slot {
    _turn: Turn,
    _place: Option<Place>,
}

impl Slot {
    pub(crate) fn new(turn: Turn, place: Option<Place>) -> Slot {
        Slot { _turn: turn, _place: place }
    }
}

/// One of the calls that may be in flight at once.
#[derive(Debug)]
pub(crate) struct Place {
    metrics: Arc<Metrics>,
    _permit: OwnedSemaphorePermit,
}

impl Place {
    pub(crate) fn taken(permit: OwnedSemaphorePermit, metrics: &Arc<Metrics>) -> Place {
        metrics.begins();
        Place { metrics: Arc::clone(metrics), _permit: permit }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.metrics.ends();
    }
}
