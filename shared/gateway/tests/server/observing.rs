//! `/health` and `/metrics`.

use std::sync::atomic::Ordering;

use livemove_gateway::Limits;
use serde_json::json;

use crate::world::{World, clients_key};

#[tokio::test]
async fn health_says_whether_calls_can_be_served_and_what_moves() {
    let world = World::start().await;
    let answer = world.get("/health").await;
    assert_eq!((answer.status(), answer.json()), (200, json!({"ready": true, "detail": {"moving": "handoff"}})));
    world.plane.ready.store(false, Ordering::SeqCst);
    while world.get("/health").await.status() == 200 {}
    assert_eq!(world.get("/health").await.json()["ready"], json!(false));
}

#[tokio::test]
async fn whoever_asks_for_health_the_data_plane_is_asked_once_a_second() {
    let world = World::start().await;
    let begun = tokio::time::Instant::now();
    for _ in 0..50 {
        world.get("/health").await;
    }
    let seconds = begun.elapsed().as_secs();
    assert!(u64::from(*world.plane.asked.lock().unwrap()) <= seconds + 1);
}

#[tokio::test]
async fn where_signatures_are_demanded_health_and_metrics_show_no_names() {
    let world = World::with(Limits::default(), Some(clients_key())).await;
    let health = world.get("/health").await;
    assert_eq!((health.status(), health.json()), (200, json!({"ready": true})));
    assert_eq!(world.call("GetItem", r#"{"TableName":"moving"}"#).await.status(), 400);
    let metrics = world.get("/metrics").await;
    assert_eq!(metrics.headers["content-type"], "text/plain; version=0.0.4");
    assert!(!metrics.text().contains("moving") && metrics.text().contains("outcome=\"denied\"} 1"));
}

#[tokio::test]
async fn calls_are_counted_by_operation_and_outcome() {
    let world = World::start().await;
    for (operation, body) in [
        ("GetItem", r#"{"TableName":"moving"}"#),
        ("GetItem", r#"{"TableName":"staying"}"#),
        ("PutItem", r#"{"TableName":"moving"}"#),
        ("PutItem", "{"),
        ("DeleteItem", r#"{"TableName":"moving"}"#),
        ("MadeUpByAnybody", r#"{"TableName":"staying"}"#),
    ] {
        world.call(operation, body).await;
    }
    for line in [
        r#"livemove_gateway_requests_total{operation="GetItem",outcome="served"} 1"#,
        r#"livemove_gateway_requests_total{operation="GetItem",outcome="passed"} 1"#,
        r#"livemove_gateway_requests_total{operation="PutItem",outcome="refused"} 2"#,
        r#"livemove_gateway_requests_total{operation="DeleteItem",outcome="failed"} 1"#,
        r#"livemove_gateway_requests_total{operation="other",outcome="passed"} 1"#,
        "livemove_gateway_passed_through_total 2",
        "livemove_gateway_received_bytes_total 113",
    ] {
        assert!(world.counts(line).await, "{line} is not in\n{}", world.get("/metrics").await.text());
    }
}
