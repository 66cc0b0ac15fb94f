//! A steady load, and the memory it takes.

use std::time::{Duration, Instant};

use livemove_core::mark::Run;
use livemove_core::phase::Phase;

use crate::measure::{OPERATIONS, Way};
use crate::place::{MOVING, Place};
use crate::writes::With;

const CLIENTS: usize = 16;
const LOOKS: u32 = 10;

/// Runs 16 clients through the gateway for so many seconds, in `handoff`, and prints the memory ten times.
pub(crate) async fn run(place: &Place, seconds: u64) {
    place.enter(Phase::Handoff, Run(1)).await;
    let (began, all) = (Instant::now(), Duration::from_secs(seconds));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|number| {
            let way = Way { client: place.near.through.clone(), table: MOVING, with: With::Nothing };
            tokio::spawn(async move {
                let mut calls = 0usize;
                while began.elapsed() < all {
                    OPERATIONS[calls % OPERATIONS.len()].call(&way, number * 31 + calls).await;
                    calls += 1;
                }
                calls
            })
        })
        .collect();
    for look in 1..=LOOKS {
        tokio::time::sleep_until((began + all * look / LOOKS).into()).await;
        println!("{:>5.0} s: {} MiB", began.elapsed().as_secs_f64(), place.near.gateway.resident_mib());
    }
    let mut calls = 0;
    for client in clients {
        calls += client.await.unwrap();
    }
    println!("{calls} calls, {:.0} a second", calls as f64 / began.elapsed().as_secs_f64());
}
