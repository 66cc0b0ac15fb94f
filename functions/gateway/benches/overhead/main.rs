//! What the gateway costs: calls through it against the same calls straight to the same backend, in one run.
//!
//! `make bench` starts a local AWS and runs this. For each phase and operation: as ratios the median latency of one
//! client, that of 16 at once and their throughput, and the processor time of the gateway for a call. Direct and
//! through the gateway take turns, so that whatever slows the machine slows both. `LIVEMOVE_BENCH_SOAK=<seconds>` runs
//! a steady load instead and prints the memory of the gateway as it goes on. `LIVEMOVE_BENCH_PHASES=old,new` runs
//! those alone, and `LIVEMOVE_BENCH_OPERATIONS=GetItem` that one.
//!
//! The local AWS answers in less time than any network takes, so each phase is measured a second time with a backend
//! that is as far away as DynamoDB may be (`far`).
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::large_futures,
    reason = "a program of its own: it prints, reads its settings and stops at the first thing that goes wrong"
)]

mod hop;
mod measure;
mod place;
mod row;
mod soak;
mod writes;

use livemove_core::mark::Run;
use livemove_core::phase::Phase;

use measure::{OPERATIONS, Operation, Way, latency, load};
use place::{FAR, MOVING, PLAIN, Place, Ways};
use row::{Against, Row, titles, together};
use writes::With;

const PHASES: [Phase; 6] = [Phase::Old, Phase::Copy, Phase::Guarded, Phase::Handoff, Phase::New, Phase::Final];

#[tokio::main]
async fn main() {
    let place = Place::prepare().await;
    if let Some(seconds) = std::env::var("LIVEMOVE_BENCH_SOAK").ok().and_then(|text| text.parse().ok()) {
        soak::run(&place, seconds).await;
        return;
    }
    println!("latency: median of one client, and of 16 at once, through the gateway / direct");
    println!("throughput: calls a second of 16 clients, through the gateway / direct");
    println!("processor: time that the gateway takes for a call, user and system");
    println!("together: the geometric mean of the operations' ratios");
    println!("far: both ways to the backend are {FAR:?} longer");
    println!("{:<11} {:<11} {}", "phase", "operation", titles());
    let asked = |name: &str| is_asked("LIVEMOVE_BENCH_PHASES", name);
    let plain = Way { client: place.near.direct.clone(), table: PLAIN, with: With::Nothing };
    place.fill().await;
    // The least that a second hop costs: bytes copied by a relay that does not look at them.
    if asked("hop") {
        report("hop", &place.near, &plain, &Way { client: place.relayed.clone(), ..plain.clone() }).await;
    }
    // Calls about a table that does not move: passed on as they are, signed anew.
    if asked("other") {
        report("other", &place.near, &plain, &Way { client: place.near.through.clone(), ..plain.clone() }).await;
    }
    // What the backend itself takes for the condition by which writes are guarded while keys may move, and for the marks
    // that they leave in `new`: direct calls with it against direct calls without.
    for (name, with) in [("guard", With::Guard), ("marks", With::Marks)] {
        if asked(name) {
            report(name, &place.near, &plain, &Way { with, ..plain.clone() }).await;
        }
    }
    for phase in PHASES.into_iter().filter(|phase| asked(&phase.to_string())) {
        place.enter(phase, Run(1)).await;
        for (ways, name) in [(&place.near, phase.to_string()), (&place.far, format!("{phase} far"))] {
            let plain = Way { client: ways.direct.clone(), ..plain.clone() };
            report(&name, ways, &plain, &Way { client: ways.through.clone(), table: MOVING, ..plain.clone() }).await;
        }
    }
    println!("memory of the gateway at the end: {} MiB", place.near.gateway.resident_mib());
}

/// Whether the list in that variable has it; without the variable everything is asked for.
fn is_asked(variable: &str, name: &str) -> bool {
    std::env::var(variable).map_or(true, |list| list.split(',').any(|each| each == name))
}

async fn report(name: &str, ways: &Ways, plain: &Way, way: &Way) {
    let asked = |operation: &Operation| is_asked("LIVEMOVE_BENCH_OPERATIONS", operation.name());
    let mut rows = Vec::new();
    for operation in
        OPERATIONS.into_iter().filter(asked).filter(|operation| operation.is_write() || way.with == With::Nothing)
    {
        let (direct, through) = latency(plain, way, operation).await;
        let before = ways.gateway.cpu_seconds();
        let (direct_load, through_load) = load(plain, way, operation).await;
        let cpu = (ways.gateway.cpu_seconds() - before) / through_load.calls() as f64;
        let throughput = Against { through: through_load.calls_a_second(), direct: direct_load.calls_a_second() };
        let loaded = Against { through: through_load.latency(), direct: direct_load.latency() };
        let row = Row { latency: Against { through, direct }, loaded, throughput, cpu };
        println!("{name:<11} {:<11} {row}", operation.name());
        rows.push(row);
    }
    println!("{name:<11} {:<11} {}", "together", together(&rows));
}
