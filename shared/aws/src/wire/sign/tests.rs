use std::time::{Duration, UNIX_EPOCH};

use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use hyper::Request;

use super::*;
use crate::wire::signature::sha256_hex;

const ENDPOINT: &str = "http://127.0.0.1:8000/";
const BODY: &str = r#"{"TableName":"orders"}"#;

fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(seconds)
}

fn credentials(secret: &str, token: Option<&str>) -> Credentials {
    Credentials::new("AKIDGATEWAY", secret, token.map(str::to_owned), None, "test")
}

fn headers(more: &[(&'static str, &str)]) -> HeaderMap {
    let usual = [
        ("host", "127.0.0.1:8000"),
        ("content-type", "application/x-amz-json-1.0"),
        ("x-amz-target", "DynamoDB_20120810.GetItem"),
    ];
    let header = |(name, value): &(&'static str, &str)| (HeaderName::from_static(name), value.parse().unwrap());
    let mut headers = HeaderMap::new();
    for (name, value) in usual.iter().chain(more).map(header) {
        headers.append(name, value);
    }
    headers
}

/// As the SDK signs the same.
fn by_the_sdk(headers: &HeaderMap, credentials: &Credentials, now: SystemTime, body: &str) -> HeaderMap {
    let mut request = Request::post(ENDPOINT).body(()).unwrap();
    *request.headers_mut() = headers.clone();
    let identity = credentials.clone().into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region("eu-west-1")
        .name("dynamodb")
        .time(now)
        .settings(SigningSettings::default())
        .build()
        .unwrap()
        .into();
    let texts = headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap()));
    let signable = SignableRequest::new("POST", ENDPOINT, texts, SignableBody::Bytes(body.as_bytes())).unwrap();
    let (instructions, _) = sign(signable, &parameters).unwrap().into_parts();
    instructions.apply_to_request_http1x(&mut request);
    request.headers().clone()
}

#[test]
fn calls_are_signed_as_the_sdk_signs_them() {
    let signer = Signer::new("eu-west-1".to_owned());
    let sets: [&[(&'static str, &str)]; 3] =
        [&[], &[("x-amz-user-agent", "  a   b ")], &[("x-amz-meta", "1"), ("x-amz-meta", " 2"), ("x-amz-a", "")]];
    // The key is kept, and another one made for another day and for other credentials.
    for (seconds, secret) in [(1_800_000_000, "one"), (1_800_000_001, "one"), (1_800_086_400, "one"), (0, "two")] {
        for (more, token) in sets.into_iter().flat_map(|more| [(more, None), (more, Some("a/token+"))]) {
            let (mut ours, credentials) = (headers(more), credentials(secret, token));
            let theirs = by_the_sdk(&ours, &credentials, at(seconds), BODY);
            signer.sign(&mut ours, &credentials, at(seconds), &sha256_hex(BODY.as_bytes())).unwrap();
            assert_eq!(ours, theirs, "{seconds} {secret} {more:?} {token:?}");
        }
    }
}

#[test]
fn what_is_not_about_the_call_is_not_signed() {
    let signer = Signer::new("eu-west-1".to_owned());
    let mut signed = headers(&[("user-agent", "a"), ("accept-encoding", "gzip"), ("x-amzn-trace-id", "t")]);
    signed.insert("x-amz-user-agent", HeaderValue::from_bytes(b"\xff").unwrap());
    signer.sign(&mut signed, &credentials("one", None), at(1_800_000_000), "").unwrap();
    let authorization = signed[AUTHORIZATION].to_str().unwrap();
    assert!(authorization.contains("SignedHeaders=content-type;host;x-amz-date;x-amz-target,"), "{authorization}");
}

#[test]
fn secrets_are_not_shown() {
    let signer = Signer::new("eu-west-1".to_owned());
    let mut signed = headers(&[]);
    signer.sign(&mut signed, &credentials("a-secret", Some("a-token")), at(1_800_000_000), "").unwrap();
    let shown = format!("{signer:?} {signed:?}");
    assert!(!shown.contains("a-secret") && !shown.contains("a-token"), "{shown}");
}

#[test]
fn what_cannot_be_signed_is_not_sent() {
    let signer = Signer::new("eu-west-1".to_owned());
    let sign = |headers: &mut HeaderMap, token| signer.sign(headers, &credentials("one", token), at(1), "");
    assert!(matches!(sign(&mut headers(&[]), Some("a\nb")), Err(Unsigned::Credentials(_))));
    let mut opaque = headers(&[]);
    opaque.insert(HOST, HeaderValue::from_bytes(b"\xff").unwrap());
    assert!(matches!(sign(&mut opaque, None), Err(Unsigned::Header)));
    assert!(matches!(basic_format(at(400_000_000_000)), Err(Unsigned::Clock(_))));
}
