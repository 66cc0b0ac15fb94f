//! What the head of a request says about its body and its answer.

use hyper::HeaderMap;
use hyper::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, HeaderName, HeaderValue, ORIGIN};

use livemove_aws::api::Invocation;

use crate::coding::{Coding, accepts_gzip};
use crate::target::{Target, unknown};
use crate::wire::WireError;

/// The operation's header.
pub(crate) const TARGET: HeaderName = HeaderName::from_static("x-amz-target");

/// An SDK's id of a call, the same for all its attempts.
const INVOCATION: HeaderName = HeaderName::from_static("amz-sdk-invocation-id");
/// Which attempt it is.
const ATTEMPT: HeaderName = HeaderName::from_static("amz-sdk-request");

const JSON_1_0: &str = "application/x-amz-json-1.0";
const JSON_1_1: &str = "application/x-amz-json-1.1";

/// The head of a call, understood in full.
#[derive(Debug, PartialEq)]
pub(crate) struct Head<'a> {
    pub(crate) target: Target<'a>,
    /// Of the request, and so of its answer.
    pub(crate) content_type: HeaderValue,
    pub(crate) coding: Coding,
    /// Whether the answer may be compressed.
    pub(crate) accepts_gzip: bool,
    /// By what an SDK knows the call, and how often it has sent it.
    pub(crate) invocation: Option<Invocation>,
}

impl Head<'_> {
    /// Reads the headers of a call. A header that decides something counts only if it stands there once.
    ///
    /// # Errors
    /// `UnknownOperationException`, `SerializationException`; `AccessDeniedException` for a call from a web page:
    /// a page of any origin could reach a gateway on the loopback address of the machine that shows it.
    pub(crate) fn read(headers: &HeaderMap) -> Result<Head<'_>, WireError> {
        if headers.contains_key(ORIGIN) {
            return Err(WireError::new(403, "AccessDeniedException", "calls from web pages are not served"));
        }
        let target = Target::parse(one(headers, &TARGET)?.ok_or_else(unknown)?)?;
        let content_type = content_type(one(headers, &CONTENT_TYPE)?)?;
        let coding = Coding::parse(one(headers, &CONTENT_ENCODING)?)?;
        let accepts_gzip = headers.get_all(ACCEPT_ENCODING).iter().any(|value| value.to_str().is_ok_and(accepts_gzip));
        let invocation = Invocation::of_sdk(one(headers, &INVOCATION)?, one(headers, &ATTEMPT)?)
            .map_err(|problem| WireError::new(400, "SerializationException", problem))?;
        Ok(Head { target, content_type, coding, accepts_gzip, invocation })
    }
}

/// The text of a header that may stand there once.
///
/// # Errors
/// `SerializationException` when it stands there twice or is no text.
pub(crate) fn one<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, WireError> {
    let mut values = headers.get_all(name).iter();
    let (first, second) = (values.next(), values.next());
    let wrong = || WireError::new(400, "SerializationException", format!("header {name} is given twice or is no text"));
    match (first, second) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(|_| wrong()),
        (Some(_), Some(_)) => Err(wrong()),
    }
}

fn content_type(given: Option<&str>) -> Result<HeaderValue, WireError> {
    let given = given.unwrap_or_default();
    let essence = given.split(';').next().unwrap_or_default().trim();
    match essence {
        JSON_1_0 => Ok(HeaderValue::from_static(JSON_1_0)),
        JSON_1_1 => Ok(HeaderValue::from_static(JSON_1_1)),
        _ => Err(WireError::new(400, "UnknownOperationException", format!("send Content-Type {JSON_1_0}"))),
    }
}

/// The content type of answers to requests that gave none worth repeating.
pub(crate) fn default_content_type() -> HeaderValue {
    HeaderValue::from_static(JSON_1_0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::target::Api;

    fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
        let pair = |(name, value): &(&str, &str)| (name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        let mut headers = HeaderMap::new();
        for (name, value) in pairs.iter().map(pair) {
            headers.append(name, value);
        }
        headers
    }

    const GET: (&str, &str) = ("x-amz-target", "DynamoDB_20120810.GetItem");
    const JSON: (&str, &str) = ("content-type", "application/x-amz-json-1.0");

    #[test]
    fn the_head_says_operation_codings_and_content_type() {
        let plain = headers(&[GET, JSON]);
        let head = Head::read(&plain).unwrap();
        assert_eq!((head.target.api, head.target.operation), (Api::Tables, "GetItem"));
        assert_eq!((head.coding, head.accepts_gzip), (Coding::Plain, false));
        let packed = headers(&[
            GET,
            ("content-type", "application/x-amz-json-1.1; charset=utf-8"),
            ("content-encoding", "gzip"),
            ("accept-encoding", "br, gzip;q=0.5"),
        ]);
        let head = Head::read(&packed).unwrap();
        assert_eq!((head.coding, head.accepts_gzip), (Coding::Gzip, true));
        assert_eq!(head.content_type, JSON_1_1);
    }

    #[test]
    fn a_head_that_can_be_read_in_two_ways_is_refused() {
        let other = ("x-amz-target", "DynamoDB_20120810.PutItem");
        let name = |pairs: &[(&str, &str)]| Head::read(&headers(pairs)).unwrap_err().name().to_owned();
        assert_eq!(name(&[GET, other, JSON]), "SerializationException");
        assert_eq!(name(&[GET, JSON, JSON]), "SerializationException");
        assert_eq!(
            name(&[GET, JSON, ("content-encoding", "identity"), ("content-encoding", "gzip")]),
            "SerializationException"
        );
        assert_eq!(name(&[GET, JSON, ("content-encoding", "br")]), "SerializationException");
        assert_eq!(name(&[JSON]), "UnknownOperationException");
        assert_eq!(name(&[GET]), "UnknownOperationException");
        assert_eq!(name(&[GET, ("content-type", "text/plain")]), "UnknownOperationException");
    }

    #[test]
    fn the_head_says_which_attempt_of_which_call_it_is() {
        let id = ("amz-sdk-invocation-id", "a");
        let read = |pairs: &[(&str, &str)]| Head::read(&headers(pairs)).map(|head| head.invocation);
        assert_eq!(read(&[GET, JSON]).unwrap(), None);
        assert_eq!(read(&[GET, JSON, id]).unwrap(), Invocation::new("a", 1));
        assert_eq!(
            read(&[GET, JSON, id, ("amz-sdk-request", "attempt=2; max=3")]).unwrap(),
            Invocation::new("a", 2).map(Invocation::sole)
        );
        assert_eq!(read(&[GET, JSON, id, id]).unwrap_err().name(), "SerializationException");
    }

    #[test]
    fn a_call_from_a_web_page_is_refused() {
        let error = Head::read(&headers(&[GET, JSON, ("origin", "https://example.com")])).unwrap_err();
        assert_eq!((error.status, error.name()), (403, "AccessDeniedException"));
    }

    proptest! {
        #[test]
        fn any_headers_are_read_or_refused(
            target in "(DynamoDB_20120810\\.)?[ -~]{0,30}",
            kind in "(application/x-amz-json-1\\.[01])?[ -~]{0,10}",
            coding in proptest::option::of("(gzip|identity|[ -~]{0,8})"),
            accepted in proptest::collection::vec("[ -~]{0,20}", 0..3),
        ) {
            let mut pairs = vec![("x-amz-target", target.as_str()), ("content-type", kind.as_str())];
            pairs.extend(coding.as_deref().map(|coding| ("content-encoding", coding)));
            pairs.extend(accepted.iter().map(|accepted| ("accept-encoding", accepted.as_str())));
            if let Ok(head) = Head::read(&headers(&pairs)) {
                prop_assert!(target.ends_with(head.target.operation));
                prop_assert!(kind.trim().starts_with("application/x-amz-json-1."));
            }
        }
    }
}
