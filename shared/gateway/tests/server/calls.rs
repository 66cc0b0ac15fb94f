//! Calls that the data plane serves, and those that nobody does.

use std::io::{Read as _, Write as _};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use livemove_aws::api::Invocation;
use serde_json::json;

use crate::client::{Message, call, request};
use crate::world::{MOVING, World};

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

fn gunzip(body: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    GzDecoder::new(body).read_to_end(&mut plain).unwrap();
    plain
}

fn checksum_holds(answer: &Message) -> bool {
    answer.headers["x-amz-crc32"] == crc32fast::hash(&answer.body).to_string()
}

#[tokio::test]
async fn a_call_to_a_moving_table_is_answered_by_the_data_plane() {
    let world = World::start().await;
    let mut connection = world.connect().await;
    for kind in ["application/x-amz-json-1.0", "application/x-amz-json-1.1"] {
        let headers = [("x-amz-target", "DynamoDB_20120810.GetItem"), ("content-type", kind)];
        let answer = connection.exchange(&request("POST / HTTP/1.1", &headers, MOVING)).await;
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.json()["Item"]["n"], json!({"N": "1"}));
        assert_eq!(answer.headers["content-type"], kind);
        assert_eq!(answer.headers["x-amzn-requestid"].len(), 52);
        assert!(checksum_holds(&answer));
    }
    assert_eq!(world.plane.calls(), ["GetItem", "GetItem"]);
    assert_eq!(world.backend.got(), []);
}

#[tokio::test]
async fn the_data_plane_hears_which_attempt_of_which_call_it_is() {
    let world = World::start().await;
    let headers = [("amz-sdk-invocation-id", "a"), ("amz-sdk-request", "attempt=2; max=3")];
    for headers in [&headers[..], &[]] {
        world.connect().await.exchange(&call("GetItem", headers, MOVING)).await;
    }
    assert_eq!(*world.plane.invocations.lock().unwrap(), [Invocation::new("a", 2).map(Invocation::sole), None]);
}

#[tokio::test]
async fn an_error_of_the_data_plane_arrives_as_it_is() {
    let world = World::start().await;
    let answer = world.call("PutItem", r#"{"TableName":"moving"}"#).await;
    assert_eq!(answer.status(), 400);
    assert_eq!(
        answer.json(),
        json!({"__type": "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException",
               "message": "The conditional request failed", "Item": {"pk": {"S": "a"}}})
    );
    assert!(checksum_holds(&answer) && answer.headers.contains_key("x-amzn-requestid"));
    assert_eq!(world.call("DeleteItem", r#"{"TableName":"moving"}"#).await.status(), 500);
}

#[tokio::test]
async fn answers_are_compressed_for_who_wants_it_and_worth_it() {
    let world = World::start().await;
    let mut connection = world.connect().await;
    let packed = connection.exchange(&call("Query", &[("accept-encoding", "gzip")], MOVING)).await;
    assert_eq!(packed.headers["content-encoding"], "gzip");
    assert!(checksum_holds(&packed), "the checksum is that of the body as sent");
    let plain = connection.exchange(&call("Query", &[("accept-encoding", "identity")], MOVING)).await;
    assert!(!plain.headers.contains_key("content-encoding") && checksum_holds(&plain));
    assert_eq!(gunzip(&packed.body), plain.body);
    let small = connection.exchange(&call("GetItem", &[("accept-encoding", "gzip")], MOVING)).await;
    assert!(!small.headers.contains_key("content-encoding"));
}

#[tokio::test]
async fn compressed_requests_are_unpacked_within_bounds() {
    let world = World::bounded(|limits| limits.max_body_bytes = 100_000).await;
    let packed = [("content-encoding", "gzip")];
    let answer = world.connect().await.exchange(&call("GetItem", &packed, &gzip(MOVING))).await;
    assert_eq!(answer.json()["Item"]["n"], json!({"N": "1"}));
    let mut bomb = MOVING.to_vec();
    bomb.extend([b' '; 1_000_000]);
    let answer = world.connect().await.exchange(&call("GetItem", &packed, &gzip(&bomb))).await;
    assert_eq!((answer.status(), answer.error().as_str()), (413, "RequestEntityTooLargeException"));
    assert_eq!(world.plane.calls(), ["GetItem"]);
}

#[tokio::test]
async fn what_is_no_call_reaches_nobody() {
    let world = World::start().await;
    let target = ("x-amz-target", "DynamoDB_20120810.GetItem");
    let kind = ("content-type", "application/x-amz-json-1.0");
    let old = ("x-amz-target", "DynamoDB_20111205.GetItem");
    let page = ("origin", "http://example.com");
    for (first, headers, body, status, error) in [
        ("POST / HTTP/1.1", vec![kind], "{}", 400, "UnknownOperationException"),
        ("POST / HTTP/1.1", vec![kind, old], "{}", 400, "UnknownOperationException"),
        ("POST / HTTP/1.1", vec![target], "{}", 400, "UnknownOperationException"),
        ("POST / HTTP/1.1", vec![target, target, kind], "{}", 400, "SerializationException"),
        ("POST / HTTP/1.1", vec![target, kind], "", 400, "SerializationException"),
        ("POST / HTTP/1.1", vec![target, kind], "[]", 400, "SerializationException"),
        (
            "POST / HTTP/1.1",
            vec![target, kind],
            r#"{"TableName":"x","TableName":"moving"}"#,
            400,
            "SerializationException",
        ),
        ("POST / HTTP/1.1", vec![target, kind, page], "{}", 403, "AccessDeniedException"),
        ("POST /tables HTTP/1.1", vec![target, kind], "{}", 404, "UnknownOperationException"),
        ("POST /?X-Amz-Signature=1 HTTP/1.1", vec![target, kind], "{}", 404, "UnknownOperationException"),
    ] {
        let answer = world.connect().await.exchange(&request(first, &headers, body.as_bytes())).await;
        assert_eq!((answer.status(), answer.error().as_str()), (status, error), "{first} {headers:?} {body}");
        assert_eq!(answer.headers["content-type"], "application/x-amz-json-1.0");
    }
    for (first, allowed) in
        [("GET / HTTP/1.1", "POST"), ("OPTIONS / HTTP/1.1", "POST"), ("POST /health HTTP/1.1", "GET")]
    {
        let answer = world.connect().await.exchange(&request(first, &[], b"")).await;
        assert_eq!((answer.status(), answer.headers["allow"].as_str()), (405, allowed), "{first}");
    }
    assert!(world.plane.calls().is_empty() && world.backend.got().is_empty());
}
