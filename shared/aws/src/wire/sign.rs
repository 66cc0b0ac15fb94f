//! The signature of a request that is passed on.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use hyper::{Request, Uri};

type Failed = Box<dyn std::error::Error + Send + Sync>;

/// What the signature is made with.
pub(super) struct Signing<'a> {
    pub(super) credentials: Credentials,
    pub(super) region: &'a str,
    pub(super) uri: &'a Uri,
    pub(super) now: SystemTime,
}

/// Signs the request with the headers that it has.
///
/// # Errors
/// The signer's own.
pub(super) fn apply<B>(
    with: Signing<'_>,
    request: &mut Request<B>,
    body: &[u8],
    body_sha256: Option<String>,
) -> Result<(), Failed> {
    let identity = with.credentials.into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(with.region)
        .name("dynamodb")
        .time(with.now)
        .settings(SigningSettings::default())
        .build()?
        .into();
    let body = body_sha256.map_or(SignableBody::Bytes(body), SignableBody::Precomputed);
    // A header that is no text goes along unsigned.
    let texts = request.headers().iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
    let signable = SignableRequest::new("POST", with.uri.to_string(), texts, body)?;
    let (instructions, _) = sign(signable, &parameters)?.into_parts();
    instructions.apply_to_request_http1x(request);
    Ok(())
}
