//! The gateway over real sockets, between a data plane and a backend that tests lead.

#![allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods)]

mod access;
mod backend;
mod bounds;
mod calls;
mod client;
mod fuzz;
mod observing;
mod passing;
mod plane;
mod sdk;
mod stopping;
mod world;
