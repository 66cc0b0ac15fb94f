//! Coming to an end.

use std::time::Duration;

use livemove_gateway::{Ended, Limits};
use tokio::net::TcpStream;

use crate::client::call;
use crate::world::{MOVING, World};

async fn stops_listening(world: &World) {
    while TcpStream::connect(world.address).await.is_ok() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn calls_under_way_are_finished_and_new_ones_not_taken() {
    let world = World::start().await;
    let mut idle = world.connect().await;
    assert_eq!(idle.exchange(&call("GetItem", &[], MOVING)).await.status(), 200);
    let mut waiting = world.waiting_call().await;
    world.stop.send(()).await.unwrap();
    stops_listening(&world).await;
    idle.closed().await;
    assert!(!world.running.is_finished());
    world.plane.gate.add_permits(1);
    let answer = waiting.answer().await;
    assert_eq!((answer.status(), answer.headers["connection"].as_str()), (200, "close"));
    drop(waiting);
    assert_eq!(world.running.await.unwrap(), Ended::Drained);
}

#[tokio::test]
async fn a_second_stop_ends_it_at_once() {
    let world = World::start().await;
    let _waiting = world.waiting_call().await;
    world.stop.send(()).await.unwrap();
    stops_listening(&world).await;
    world.stop.send(()).await.unwrap();
    assert_eq!(world.running.await.unwrap(), Ended::AtOnce(1));
}

#[tokio::test]
async fn calls_under_way_are_not_waited_for_endlessly() {
    let world = World::with(Limits { drain: Duration::from_millis(50), ..Limits::default() }, None).await;
    let _waiting = world.waiting_call().await;
    world.stop.send(()).await.unwrap();
    assert_eq!(world.running.await.unwrap(), Ended::OutOfTime(1));
}
