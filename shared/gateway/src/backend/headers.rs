//! Which headers go through.

use hyper::HeaderMap;
use hyper::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, HeaderName, USER_AGENT};

/// All that is about the call. What is about the client's signature or connection is not the backend's business.
const FORWARDED: [HeaderName; 9] = [
    ACCEPT_ENCODING,
    CONTENT_ENCODING,
    CONTENT_TYPE,
    USER_AGENT,
    HeaderName::from_static("amz-sdk-invocation-id"),
    HeaderName::from_static("amz-sdk-request"),
    HeaderName::from_static("x-amz-target"),
    HeaderName::from_static("x-amz-user-agent"),
    HeaderName::from_static("x-amzn-trace-id"),
];

/// The headers of the call that go on.
pub(super) fn of_request(headers: &HeaderMap) -> HeaderMap {
    let mut forwarded = HeaderMap::with_capacity(16);
    for name in &FORWARDED {
        for value in headers.get_all(name) {
            forwarded.append(name, value.clone());
        }
    }
    forwarded
}
