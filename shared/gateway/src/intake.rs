//! Taking in the body of a request, within its bounds of size and time.

use bytes::{Bytes, BytesMut};
use http_body::Body;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;

use crate::coding::too_large;
use crate::limits::Limits;
use crate::wire::WireError;

/// Reads the whole body. One whose announced length is too large is refused before any of it is read.
///
/// # Errors
/// `RequestEntityTooLargeException`, `RequestTimeoutException`; `SerializationException` for a body that breaks off.
pub(crate) async fn body(incoming: Incoming, limits: &Limits) -> Result<Bytes, WireError> {
    let announced = incoming.size_hint().lower();
    if usize::try_from(announced).is_ok_and(|length| length <= limits.max_body_bytes) {
        return tokio::time::timeout(limits.body, gather(incoming, limits.max_body_bytes)).await.unwrap_or_else(|_| {
            Err(WireError::new(408, "RequestTimeoutException", "the body of the request took too long"))
        });
    }
    Err(too_large(limits.max_body_bytes))
}

// A body that arrives in one part, as most do, is not copied.
async fn gather(mut incoming: Incoming, max: usize) -> Result<Bytes, WireError> {
    let mut first = Bytes::new();
    let mut rest = BytesMut::new();
    while let Some(frame) = incoming.frame().await {
        let broken = |_| WireError::new(400, "SerializationException", "the body of the request breaks off");
        let Ok(part) = frame.map_err(broken)?.into_data() else {
            continue;
        };
        if first.len() + rest.len() + part.len() > max {
            return Err(too_large(max));
        }
        if first.is_empty() && rest.is_empty() {
            first = part;
            continue;
        }
        if rest.is_empty() {
            rest.reserve(first.len() + part.len() + usize::try_from(incoming.size_hint().lower()).unwrap_or(0));
            rest.extend_from_slice(&std::mem::take(&mut first));
        }
        rest.extend_from_slice(&part);
    }
    Ok(if rest.is_empty() { first } else { rest.freeze() })
}
