use std::time::{Duration, UNIX_EPOCH};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use hyper::Request;
use hyper::header::HeaderValue;
use livemove_aws::wire::signature::sha256_hex;
use proptest::prelude::*;

use super::*;

const BODY: &str = r#"{"TableName":"orders"}"#;

fn key() -> AccessKey {
    AccessKey { id: "AKIDCLIENT".to_owned(), secret: "a-secret-of-many-letters".to_owned() }
}

fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

fn later(seconds: u64) -> SystemTime {
    now() + Duration::from_secs(seconds)
}

/// The headers of a request as the AWS SDK signs it.
fn signed_by(key: &AccessKey, token: Option<&str>) -> HeaderMap {
    let mut request = Request::post("http://127.0.0.1:8000/")
        .header("host", "127.0.0.1:8000")
        .header("content-type", "application/x-amz-json-1.0")
        .header("x-amz-target", "DynamoDB_20120810.GetItem")
        .header("x-amz-user-agent", "  a   b ")
        .body(())
        .unwrap();
    let identity = Credentials::new(&key.id, &key.secret, token.map(str::to_owned), None, "test").into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region("eu-west-1")
        .name("dynamodb")
        .time(now())
        .settings(SigningSettings::default())
        .build()
        .unwrap()
        .into();
    let headers = request.headers().iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap()));
    let body = SignableBody::Bytes(BODY.as_bytes());
    let signable = SignableRequest::new("POST", "http://127.0.0.1:8000/", headers, body).unwrap();
    let (instructions, _) = sign(signable, &parameters).unwrap().into_parts();
    instructions.apply_to_request_http1x(&mut request);
    request.headers().clone()
}

fn signed() -> HeaderMap {
    signed_by(&key(), None)
}

fn judge(headers: &HeaderMap, body: &str, at: SystemTime) -> Result<(), String> {
    let judged = key().claim(headers, at).and_then(|claim| claim.proven_by(&sha256_hex(body.as_bytes())));
    judged.map_err(|error| {
        assert_eq!(error.status, 400);
        error.name().to_owned()
    })
}

fn err(name: &str) -> Result<(), String> {
    Err(name.to_owned())
}

#[test]
fn a_request_signed_by_the_sdk_with_the_right_key_is_accepted() {
    assert_eq!(judge(&signed(), BODY, now()), Ok(()));
    assert_eq!(judge(&signed(), BODY, later(300)), Ok(()));
    assert_eq!(judge(&signed(), BODY, now() - Duration::from_secs(300)), Ok(()));
}

#[test]
fn a_request_of_another_time_is_refused() {
    assert_eq!(judge(&signed(), BODY, later(301)), err("InvalidSignatureException"));
    assert_eq!(judge(&signed(), BODY, now() - Duration::from_secs(301)), err("InvalidSignatureException"));
}

#[test]
fn another_body_is_refused() {
    assert_eq!(judge(&signed(), r#"{"TableName":"others"}"#, now()), err("InvalidSignatureException"));
    let mut unsigned_payload = signed();
    unsigned_payload.insert("x-amz-content-sha256", HeaderValue::from_static("UNSIGNED-PAYLOAD"));
    assert_eq!(judge(&unsigned_payload, "{}", now()), err("InvalidSignatureException"));
}

#[test]
fn every_header_under_the_signature_is_held_to_it() {
    for name in ["host", "content-type", "x-amz-target", "x-amz-user-agent"] {
        let mut changed = signed();
        assert!(changed.insert(name, HeaderValue::from_static("other")).is_some());
        assert_eq!(judge(&changed, BODY, now()), err("InvalidSignatureException"), "{name} changed");
        changed.remove(name);
        assert_eq!(judge(&changed, BODY, now()), err("InvalidSignatureException"), "{name} removed");
        let mut twice = signed();
        twice.append(name, HeaderValue::from_static("other"));
        assert_eq!(judge(&twice, BODY, now()), err("InvalidSignatureException"), "{name} twice");
    }
}

#[test]
fn other_keys_are_refused_by_id_and_by_secret() {
    let other = |change: fn(&mut AccessKey)| {
        let mut other = key();
        change(&mut other);
        signed_by(&other, None)
    };
    let by_id = other(|key| key.id.push('X'));
    assert_eq!(judge(&by_id, BODY, now()), err("UnrecognizedClientException"));
    let by_secret = other(|key| key.secret.push('x'));
    assert_eq!(judge(&by_secret, BODY, now()), err("InvalidSignatureException"));
    assert_eq!(judge(&signed_by(&key(), Some("token")), BODY, now()), err("UnrecognizedClientException"));
}

#[test]
fn a_request_without_a_whole_signature_is_refused_by_name() {
    assert_eq!(judge(&HeaderMap::new(), BODY, now()), err("MissingAuthenticationTokenException"));
    let header = signed()[AUTHORIZATION].to_str().unwrap().to_owned();
    let with = |authorization: &str| {
        let mut headers = signed();
        headers.insert(AUTHORIZATION, HeaderValue::from_str(authorization).unwrap());
        judge(&headers, BODY, now())
    };
    assert_eq!(with(&header), Ok(()));
    for (from, to) in [
        ("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"),
        ("AWS4-HMAC-SHA256", "Bearer"),
        ("/dynamodb/", "/s3/"),
        ("/aws4_request", "/aws4"),
        ("host;", ""),
        (";x-amz-target", ""),
        (";x-amz-date", ""),
        ("SignedHeaders=", "SignedHeaders=zzz;"),
        ("Signature=", "Signature="),
        ("Signature=", "Signature=0"),
        ("Signature=", "Other="),
        ("Signature=", "Signature=x, Signature="),
        ("AKIDCLIENT/", "/"),
    ] {
        let changed = header.replacen(from, to, 1);
        let expected = if changed == header { Ok(()) } else { err("IncompleteSignatureException") };
        assert_eq!(with(&changed), expected, "{from} to {to}");
    }
    assert_eq!(with(&header.to_uppercase()), err("IncompleteSignatureException"));
    let mut undated = signed();
    undated.remove(DATE);
    assert_eq!(judge(&undated, BODY, now()), err("IncompleteSignatureException"));
    let mut of_another_day = signed();
    of_another_day.insert(DATE, HeaderValue::from_static("20270114T080000Z"));
    assert_eq!(judge(&of_another_day, BODY, now()), err("IncompleteSignatureException"));
}

#[test]
fn a_key_never_shows_its_secret() {
    assert!(!format!("{:?}", key()).contains("a-secret"));
}

#[test]
fn times_are_of_one_form_and_of_the_calendar() {
    assert_eq!(Timestamp::parse("20270115T080000Z").unwrap().instant(), now());
    for wrong in [
        "",
        "20270115T080000",
        "2027-01-15T08:00:00Z",
        "20271315T080000Z",
        "20270230T080000Z",
        "20270115T250000Z",
        "20270115t080000z",
        "２0270115T08000Z",
    ] {
        assert_eq!(Timestamp::parse(wrong), None, "{wrong}");
    }
}

proptest! {
    #[test]
    fn no_changed_authorization_is_accepted(at in 0_usize..400, byte in 0x20_u8..0x7f) {
        let mut headers = signed();
        let mut text = headers[AUTHORIZATION].as_bytes().to_vec();
        let at = at % text.len();
        let was = std::mem::replace(&mut text[at], byte);
        headers.insert(AUTHORIZATION, HeaderValue::from_bytes(&text).unwrap());
        // Spaces between the parts mean nothing.
        let same = was == byte || (was == b' ' && byte == b'\t');
        prop_assert_eq!(judge(&headers, BODY, now()).is_ok(), same);
    }

    #[test]
    fn no_made_up_authorization_is_accepted(
        header in "(AWS4-HMAC-SHA256 )?(Credential=AKIDCLIENT/[0-9]{0,8}/[a-z]{0,3}/dynamodb/aws4_request)?[ -~]{0,80}",
        date in "[0-9]{8}T[0-9]{6}Z|[ -~]{0,20}",
    ) {
        let mut headers = signed();
        headers.insert(AUTHORIZATION, HeaderValue::from_str(&header).unwrap());
        headers.insert(DATE, HeaderValue::from_str(&date).unwrap());
        prop_assert!(judge(&headers, BODY, now()).is_err());
    }
}
