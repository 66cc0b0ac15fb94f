//! What a gateway takes at once, and how long it waits.

use std::time::Duration;

use crate::backend::Act;
use crate::client::call;
use livemove_aws::api::Invocation;

use crate::world::{MOVING, STAYING, World};

const SHORT: Duration = Duration::from_millis(50);

#[tokio::test]
async fn a_request_that_says_it_is_too_large_is_refused_before_it_is_sent() {
    let world = World::bounded(|limits| limits.max_body_bytes = 1000).await;
    let mut connection = world.connect().await;
    let whole = call("PutItem", &[], &[b' '; 1001]);
    let head = &whole[..whole.len() - 1001];
    let answer = connection.exchange(head).await;
    assert_eq!((answer.status(), answer.error().as_str()), (413, "RequestEntityTooLargeException"));
    let mut largest = MOVING.to_vec();
    largest.resize(1000, b' ');
    assert_eq!(world.connect().await.exchange(&call("GetItem", &[], &largest)).await.status(), 200);
}

#[tokio::test]
async fn a_client_that_sends_too_much_reads_the_refusal() {
    let world = World::bounded(|limits| limits.max_body_bytes = 1000).await;
    for sent in [2_000, 20_000_000] {
        let mut connection = world.connect().await;
        // All of it is taken, long after the refusal was sent; a connection reset would take the refusal away.
        connection.send(&call("PutItem", &[], &vec![b' '; sent])).await;
        assert_eq!(connection.answer().await.status(), 413);
    }
}

#[tokio::test]
async fn a_request_that_turns_out_too_large_is_refused() {
    let world = World::bounded(|limits| limits.max_body_bytes = 1000).await;
    let whole = String::from_utf8(call("PutItem", &[], b"")).unwrap();
    let head = whole.replace("content-length: 0", "transfer-encoding: chunked");
    let mut connection = world.connect().await;
    connection.send(head.as_bytes()).await;
    connection.send(format!("1f4\r\n{0}\r\n1f4\r\n{0}\r\n1f4\r\n", " ".repeat(500)).as_bytes()).await;
    connection.send(" ".repeat(500).as_bytes()).await;
    assert_eq!(connection.answer().await.status(), 413);
    assert!(world.plane.calls().is_empty() && world.backend.got().is_empty());
}

#[tokio::test]
async fn a_body_in_many_parts_arrives_whole() {
    let world = World::start().await;
    let mut body = STAYING.to_vec();
    body.resize(300_000, b' ');
    let mut connection = world.connect().await;
    for part in call("PutItem", &[], &body).chunks(7_001) {
        connection.send(part).await;
        tokio::task::yield_now().await;
    }
    assert_eq!(connection.answer().await.status(), 200);
    assert!(world.backend.only().body == body);
}

#[tokio::test]
async fn one_call_too_many_is_throttled_at_once_and_places_are_given_back() {
    let world = World::bounded(|limits| limits.max_in_flight = 1).await;
    let mut waiting = world.waiting_call().await;
    let throttled = world.call("GetItem", r#"{"TableName":"moving"}"#).await;
    assert_eq!(throttled.status(), 400);
    assert_eq!(throttled.json()["__type"], "com.amazon.coral.availability#ThrottlingException");
    let known = call("GetItem", &[("amz-sdk-invocation-id", "a")], MOVING);
    assert_eq!(world.connect().await.exchange(&known).await.status(), 400);
    let turned_away = world.plane.turned_away.lock().unwrap().clone();
    assert_eq!(turned_away, Vec::from_iter(Invocation::new("a", 1)), "its next attempt is the first to do anything");
    world.plane.gate.add_permits(1);
    assert_eq!(waiting.answer().await.status(), 200);
    world.until("livemove_gateway_requests_in_flight 0").await;
    assert_eq!(world.call("GetItem", r#"{"TableName":"moving"}"#).await.status(), 200);
}

#[tokio::test]
async fn a_client_that_hangs_up_gives_its_place_back() {
    let world = World::bounded(|limits| limits.max_in_flight = 1).await;
    drop(world.waiting_call().await);
    world.until("livemove_gateway_requests_in_flight 0").await;
    assert_eq!(world.call("GetItem", r#"{"TableName":"moving"}"#).await.status(), 200);
}

#[tokio::test]
async fn a_client_that_takes_nothing_of_its_answer_is_given_up() {
    let world = World::bounded(|limits| limits.stalled = SHORT).await;
    world.backend.acts(Act::Endless);
    let mut idle = world.connect().await;
    idle.send(&call("Scan", &[], STAYING)).await;
    world.until("livemove_gateway_passed_through_total 1").await;
    world.until("livemove_gateway_requests_in_flight 0").await;
}

#[tokio::test]
async fn one_connection_too_many_is_closed_and_the_others_go_on() {
    let world = World::bounded(|limits| limits.max_connections = 1).await;
    let mut first = world.connect().await;
    assert_eq!(first.exchange(&call("GetItem", &[], MOVING)).await.status(), 200);
    world.connect().await.closed().await;
    assert_eq!(first.exchange(&call("GetItem", &[], MOVING)).await.status(), 200);
    drop(first);
    // Its place is free as soon as the gateway has noticed.
    loop {
        let mut next = world.connect().await;
        let sent = tokio::io::AsyncWriteExt::write_all(&mut next.0, &call("GetItem", &[], MOVING)).await;
        if sent.is_ok() && crate::client::read_message(&mut next.0).await.is_some() {
            return;
        }
    }
}

#[tokio::test]
async fn a_head_that_comes_too_slowly_ends_the_connection() {
    let world = World::bounded(|limits| limits.head = SHORT).await;
    let mut slow = world.connect().await;
    slow.send(b"POST / HTT").await;
    slow.closed().await;
    // A later request of a connection is held to the same.
    let mut used = world.connect().await;
    assert_eq!(used.exchange(&call("GetItem", &[], MOVING)).await.status(), 200);
    used.send(b"POST / HTT").await;
    used.closed().await;
}

#[tokio::test]
async fn a_connection_may_be_idle_for_longer_than_a_head_may_take() {
    let world = World::bounded(|limits| limits.head = SHORT).await;
    let mut idle = world.connect().await;
    let mut slow = world.connect().await;
    assert_eq!(idle.exchange(&call("GetItem", &[], MOVING)).await.status(), 200);
    slow.send(b"POST / HTT").await;
    slow.closed().await;
    assert_eq!(idle.exchange(&call("GetItem", &[], MOVING)).await.status(), 200);
}

#[tokio::test]
async fn an_idle_connection_is_closed() {
    let world = World::bounded(|limits| limits.idle = SHORT).await;
    let mut idle = world.connect().await;
    assert_eq!(idle.exchange(&call("GetItem", &[], MOVING)).await.status(), 200);
    idle.closed().await;
    world.connect().await.closed().await;
}

#[tokio::test]
async fn a_body_that_comes_too_slowly_is_refused() {
    let world = World::bounded(|limits| limits.body = SHORT).await;
    let whole = call("GetItem", &[], MOVING);
    let answer = world.connect().await.exchange(&whole[..whole.len() - 1]).await;
    assert_eq!((answer.status(), answer.error().as_str()), (408, "RequestTimeoutException"));
    assert!(world.plane.calls().is_empty());
}
