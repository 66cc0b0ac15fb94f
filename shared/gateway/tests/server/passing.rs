//! Calls that are passed on.

use std::time::{Duration, SystemTime};

use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};
use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue};
use livemove_gateway::Limits;
use livemove_gateway::auth::AccessKey;
use sha2::{Digest as _, Sha256};

use crate::backend::{Act, TestBackend, answer, of_note};
use crate::client::{Message, call, request};
use crate::world::{STAYING, World, own_key, sdk_config};

fn signed_with(key: &AccessKey, message: &Message) -> bool {
    let headers: HeaderMap = message
        .headers
        .iter()
        .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), value.parse::<HeaderValue>().unwrap()))
        .collect();
    let sha256: String = Sha256::digest(&message.body).iter().map(|byte| format!("{byte:02x}")).collect();
    key.claim(&headers, SystemTime::now()).is_ok_and(|claim| claim.proven_by(&sha256).is_ok())
}

#[tokio::test]
async fn a_call_of_no_moving_table_arrives_unchanged_and_signed_by_the_gateway() {
    let world = World::start().await;
    let headers = [
        ("user-agent", "aws-sdk-go/2.0"),
        ("amz-sdk-request", "attempt=1; max=3"),
        ("authorization", "AWS4-HMAC-SHA256 Credential=OTHER/20260101/us-east-1/dynamodb/aws4_request"),
        ("x-amz-security-token", "of-the-client"),
        ("x-amz-date", "20260101T000000Z"),
        ("cookie", "of-the-client"),
    ];
    let answered = world.connect().await.exchange(&call("PutItem", &headers, STAYING)).await;
    assert_eq!((answered.status(), answered.text().as_str()), (200, "{}"));
    let arrived = world.backend.only();
    assert_eq!((arrived.first.as_str(), arrived.body.as_slice()), ("POST / HTTP/1.1", STAYING));
    assert_eq!(arrived.headers["x-amz-target"], "DynamoDB_20120810.PutItem");
    assert_eq!(arrived.headers["user-agent"], "aws-sdk-go/2.0");
    assert_eq!(arrived.headers["amz-sdk-request"], "attempt=1; max=3");
    assert_eq!(arrived.headers["host"], world.backend.address.to_string());
    assert!(arrived.headers["authorization"].contains("AKIDOFTHEGATEWAY/") && signed_with(&own_key(), &arrived));
    assert!(arrived.headers["authorization"].contains("/eu-west-1/dynamodb/"));
    assert!(!format!("{:?}", arrived.headers).contains("of-the-client"));
}

#[tokio::test]
async fn a_session_token_of_the_gateways_own_goes_along() {
    let backend = TestBackend::start().await;
    let sdk = sdk_config(&format!("http://{}", backend.address), Some("own-token"));
    let world = World::over(backend, &sdk, Limits::default(), None).await;
    assert_eq!(world.call("ListTables", "{}").await.status(), 200);
    let arrived = world.backend.only();
    assert_eq!(arrived.headers["x-amz-security-token"], "own-token");
    assert!(arrived.headers["authorization"].contains("x-amz-security-token"));
}

#[tokio::test]
async fn a_compressed_body_is_passed_on_compressed() {
    let world = World::start().await;
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    std::io::Write::write_all(&mut packed, STAYING).unwrap();
    let packed = packed.finish().unwrap();
    world.connect().await.exchange(&call("PutItem", &[("content-encoding", "gzip")], &packed)).await;
    let arrived = world.backend.only();
    assert_eq!((arrived.headers["content-encoding"].as_str(), &arrived.body), ("gzip", &packed));
    assert!(signed_with(&own_key(), &arrived));
}

#[tokio::test]
async fn the_answer_comes_back_as_it_is() {
    let world = World::start().await;
    let body = [0x1f, 0x8b, 0, 1, 2, 0xff];
    let kept = [
        ("content-type", "application/x-amz-json-1.0"),
        ("x-amzn-requestid", "ID"),
        ("x-amz-crc32", "17"),
        ("content-encoding", "gzip"),
        ("server", "Server"),
    ];
    let mut sent = kept.to_vec();
    sent.extend([("connection", "keep-alive, x-hop"), ("keep-alive", "timeout=5"), ("x-hop", "1")]);
    world.backend.acts(answer("400 Bad Request", &sent, &body));
    let came = world.connect().await.exchange(&call("PutItem", &[("accept-encoding", "gzip")], STAYING)).await;
    assert_eq!((came.status(), came.body.as_slice()), (400, &body[..]));
    let mut expected: std::collections::BTreeMap<_, _> =
        kept.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    expected.insert("content-length".to_owned(), body.len().to_string());
    assert_eq!(of_note(&came), expected);
}

#[tokio::test]
async fn a_large_answer_passes_through_whole() {
    let world = World::start().await;
    let body: Vec<u8> = (0..5_000_000_u32).map(|at| b"0123456789abcdef"[(at % 13) as usize]).collect();
    world.backend.acts(answer("200 OK", &[], &body));
    assert!(world.call("Scan", r#"{"TableName":"staying"}"#).await.body == body);
}

#[derive(Debug)]
struct StreamsElsewhere(String);

impl LoadServiceConfig for StreamsElsewhere {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        (key.service_id() == "DynamoDB Streams").then(|| self.0.clone())
    }
}

#[tokio::test]
async fn calls_of_streams_go_to_the_endpoint_of_streams() {
    let (tables, streams) = (TestBackend::start().await, TestBackend::start().await);
    let sdk = sdk_config(&format!("http://{}", tables.address), None)
        .into_builder()
        .service_config(StreamsElsewhere(format!("http://{}", streams.address)))
        .build();
    let world = World::over(tables, &sdk, Limits::default(), None).await;
    let headers =
        [("x-amz-target", "DynamoDBStreams_20120810.GetRecords"), ("content-type", "application/x-amz-json-1.0")];
    let came =
        world.connect().await.exchange(&request("POST / HTTP/1.1", &headers, br#"{"TableName":"moving"}"#)).await;
    assert_eq!(came.status(), 200);
    assert_eq!(streams.only().headers["x-amz-target"], "DynamoDBStreams_20120810.GetRecords");
    assert!(signed_with(&own_key(), &streams.only()));
    assert!(world.plane.calls().is_empty() && world.backend.got().is_empty());
}

#[tokio::test]
async fn a_call_whose_answer_is_lost_is_sent_once_and_answered_as_unknown() {
    let world = World::start().await;
    // A connection that has been used before, and a new one.
    assert_eq!(world.call("PutItem", "{}").await.status(), 200);
    world.backend.acts(Act::HangUp);
    for sent in [2, 3] {
        let answer = world.call("PutItem", "{}").await;
        assert_eq!((answer.status(), answer.error().as_str()), (500, "InternalServerError"));
        assert_eq!(world.backend.got().len(), sent);
    }
}

#[tokio::test]
async fn a_backend_that_cannot_be_reached_is_told_from_a_lost_answer() {
    let backend = TestBackend::start().await;
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let world = World::over(backend, &sdk_config(&format!("http://{free}"), None), Limits::default(), None).await;
    let answer = world.call("PutItem", "{}").await;
    assert_eq!((answer.status(), answer.error().as_str()), (503, "ServiceUnavailableException"));
}

#[tokio::test]
async fn a_backend_that_says_nothing_is_not_waited_for_endlessly() {
    let world = World::bounded(|limits| limits.backend = Duration::from_millis(50)).await;
    world.backend.acts(Act::Silence);
    let answer = world.call("PutItem", "{}").await;
    assert_eq!((answer.status(), answer.error().as_str()), (500, "InternalServerError"));
    world.backend.acts(Act::Half);
    let mut connection = world.connect().await;
    connection.send(&call("PutItem", &[], b"{}")).await;
    connection.closed().await;
    world.until("livemove_gateway_requests_in_flight 0").await;
}
