//! What tests of the protocol need: a table in memory that behaves as DynamoDB does, a wrapper that injects
//! faults, and the contract suite that holds the one and the real table to the same promises.
//!
//! Built for tests only (feature `testing`): none of it is in a deployed function.

// Tests fail by panicking.
#![allow(clippy::panic, clippy::unwrap_used)]

mod apply;
mod arithmetic;
pub mod bucket;
pub mod bucket_contract;
pub mod contract;
pub mod faults;
pub mod fuzz;
mod key_condition;
pub mod ledger;
pub mod memory;
mod modify;
mod pages;
mod projection;
pub mod register;
pub mod register_contract;
mod transactions;

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use crate::ports::{Clock, Millis};

/// Runs a future that needs no runtime to its end. It is polled over and over, so it may yield but must not
/// wait for another thread for long.
pub fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            Poll::Pending => std::thread::yield_now(),
        }
    }
}

/// A clock that stands still, and on which no wait takes any time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Timeless;

impl Clock for Timeless {
    fn now(&self) -> Millis {
        0
    }

    async fn sleep(&self, _: Millis) {}
}
