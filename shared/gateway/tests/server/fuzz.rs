//! Requests damaged on the wire: answered or hung up on, and the next one is served.

use std::time::Duration;

use livemove_core::testing::fuzz::{bytes, cases};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use tokio::io::AsyncWriteExt as _;

use crate::client::{call, read_message};
use crate::world::{MOVING, World};

const LONG: Duration = Duration::from_secs(10);

/// Requests of all kinds that a client may send.
fn requests() -> Vec<Vec<u8>> {
    let chunked = String::from_utf8(call("GetItem", &[], b"")).unwrap();
    let chunked = chunked.replace("content-length: 0", "transfer-encoding: chunked")
        + "16\r\n{\"TableName\":\"moving\"}\r\n0\r\n\r\n";
    let known = [("amz-sdk-invocation-id", "a"), ("amz-sdk-request", "attempt=2; max=3"), ("accept-encoding", "gzip")];
    vec![call("GetItem", &[], MOVING), call("PutItem", &known, MOVING), chunked.into_bytes()]
}

#[tokio::test]
async fn damaged_requests_are_answered_or_hung_up_on_and_the_next_one_is_served() {
    let world = World::bounded(|limits| {
        limits.head = Duration::from_millis(50);
        limits.body = Duration::from_millis(50);
        limits.idle = Duration::from_millis(50);
    })
    .await;
    let mut runner = TestRunner::new(cases(60));
    let damaged = prop::sample::select(requests()).prop_flat_map(bytes);
    for _ in 0..cases(60).cases.min(3_000) {
        let request = damaged.new_tree(&mut runner).unwrap().current();
        let mut connection = world.connect().await;
        // It may have been hung up on already.
        let _ = connection.0.write_all(&request).await;
        let answer = tokio::time::timeout(LONG, read_message(&mut connection.0)).await;
        let answer = answer.unwrap_or_else(|_| panic!("neither an answer nor an end: {request:?}"));
        if let Some(answer) = answer {
            // The data plane of these tests breaks at operations that it does not know.
            let fine = answer.status() != 500 || answer.text().contains("broken");
            assert!((200..=505).contains(&answer.status()) && fine, "{answer:?} to {request:?}");
        }
    }
    assert_eq!(world.call("GetItem", r#"{"TableName":"moving"}"#).await.status(), 200);
    world.until("livemove_gateway_requests_in_flight 0").await;
}

#[tokio::test]
async fn an_attempt_that_is_none_is_refused_and_not_taken_for_the_first_one() {
    let world = World::start().await;
    for wrong in ["attempt=many", "attempt=0", "attempt=4294967296; max=3"] {
        let headers = [("amz-sdk-invocation-id", "a"), ("amz-sdk-request", wrong)];
        let answer = world.connect().await.exchange(&call("PutItem", &headers, MOVING)).await;
        assert_eq!((answer.status(), answer.error().as_str()), (400, "SerializationException"));
    }
    assert!(world.plane.calls().is_empty() && world.backend.got().is_empty());
}
