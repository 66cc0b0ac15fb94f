//! Signals of the system. In a process of its own, since they are for the whole of it.

#![allow(clippy::unwrap_used)]

use std::process::{Command, id};

use livemove_gateway::stop;

fn send(signal: &str) {
    assert!(Command::new("kill").args([signal, &id().to_string()]).status().unwrap().success());
}

#[tokio::test]
async fn every_signal_to_stop_is_told_and_ends_nothing_by_itself() {
    let mut stops = stop::signals().unwrap();
    for signal in ["-TERM", "-INT", "-TERM"] {
        send(signal);
        assert_eq!(stops.recv().await, Some(()), "{signal}");
    }
}
