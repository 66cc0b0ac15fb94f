//! S3 behind the core's bucket port, and the copier at the buckets' events.
//!
//! Objects are streamed through the function, not copied by S3: each side is reached with its own account's
//! credentials, and both conditions, on what is read and on what is replaced, are S3's own.

mod copier;
pub mod event;
mod head;
mod multipart;
mod transfer;

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::types::{EncodingType, Tag, Tagging};
use livemove_core::error::Error;
use livemove_core::object::bucket::{Bucket, Entry, Etag, Expect, Head, LIST_MAX, Listing, Removed, Tags, Transferred};
use livemove_core::plan::End;
use percent_encoding::percent_decode_str;
use tokio::sync::Semaphore;

pub use copier::{Copier, Invocation};

use crate::denial::Access;
use crate::sdk_error::{Call, Effect};
use crate::sites::{Calls, Retry, Sites};

/// The longest a call that carries content may take.
const LONGEST: Duration = Duration::from_secs(60);
/// Content that all transfers of one process together may hold, in MiB.
const CONTENT_MIB: u32 = 160;

/// A bucket on S3.
#[derive(Clone, Debug)]
pub struct S3Bucket {
    client: Client,
    name: String,
    resource: String,
    access: Option<Access>,
    memory: Arc<Semaphore>,
}

impl S3Bucket {
    /// The bucket at `end`, reached with the credentials of its account and in its Region.
    ///
    /// # Errors
    /// `NoPeerRole` when it is in another account and the stack has no role for it.
    pub fn open(sites: &Sites, end: &End) -> Result<S3Bucket, Error> {
        // Every write carries a condition: one that is repeated after it had succeeded is refused, and the next
        // look finds its content in place.
        let calls = Calls { longest: LONGEST, retry: Retry::Idempotent };
        let access = Access::to_bucket(sites.role(&end.into()), &end.region, &end.name);
        Ok(S3Bucket { access: Some(access), ..S3Bucket::new(sites.s3(&end.into(), calls)?, &end.name) })
    }

    /// The bucket `name` through `client`, which must be one for the bucket's own Region.
    pub fn new(client: Client, name: &str) -> S3Bucket {
        let memory = Arc::new(Semaphore::new(CONTENT_MIB as usize));
        S3Bucket { client, name: name.to_owned(), resource: format!("bucket {name}"), access: None, memory }
    }

    fn failed<E>(&self, action: &'static str, effect: Effect, error: &SdkError<E, HttpResponse>) -> Error
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let call = Call { action, resource: &self.resource, effect, access: self.access.as_ref() };
        match (status(error), code(error)) {
            // Answers to HEAD have no body, so no code either.
            (Some(403), "") => call.denied(""),
            (Some(503), _) => Error::Throttled(format!("{action} on {}: 503", self.resource)),
            _ => call.failed(error),
        }
    }
}

fn status<E>(error: &SdkError<E, HttpResponse>) -> Option<u16> {
    error.raw_response().map(|response| response.status().as_u16())
}

fn code<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> &str {
    error.as_service_error().and_then(ProvideErrorMetadata::code).unwrap_or_default()
}

/// Whether a condition of the request did not hold. A missing bucket is no condition.
fn is_unmet<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    match status(error) {
        Some(412) => true,
        // Another write of the key was under way.
        Some(409) => code(error) == "ConditionalRequestConflict",
        Some(404) => matches!(code(error), "NoSuchKey" | "NotFound"),
        _ => false,
    }
}

/// An entity tag as S3 wants it in a condition.
fn quoted(etag: &Etag) -> String {
    format!("\"{etag}\"")
}

fn unquoted(etag: Option<&str>) -> Result<Etag, Error> {
    let etag = etag.ok_or_else(|| Error::Invariant("S3 answered without an entity tag".to_owned()))?;
    Ok(Etag(etag.trim_matches('"').to_owned()))
}

impl Bucket for S3Bucket {
    async fn head(&self, key: &str) -> Result<Option<Head>, Error> {
        self.look(key).await
    }

    async fn transfer(&self, from: &Self, key: &str, seen: &Head, expected: &Expect) -> Result<Transferred, Error> {
        // An object of many parts keeps its parts, so that its entity tag stays the same where it can.
        if seen.etag.parts().is_none() && seen.size <= transfer::WHOLE_MAX {
            self.put_whole(from, key, seen, expected).await
        } else {
            self.put_in_parts(from, key, seen, expected).await
        }
    }

    async fn set_tags(&self, key: &str, tags: &Tags) -> Result<(), Error> {
        let invalid = |error: aws_sdk_s3::error::BuildError| Error::Invariant(format!("tags: {error}"));
        let tag = |(name, value): (&String, &String)| Tag::builder().key(name).value(value).build().map_err(invalid);
        let set = tags.iter().map(tag).collect::<Result<Vec<_>, _>>()?;
        let tagging = Tagging::builder().set_tag_set(Some(set)).build().map_err(invalid)?;
        match self.client.put_object_tagging().bucket(&self.name).key(key).tagging(tagging).send().await {
            Ok(_) => Ok(()),
            Err(error) if status(&error) == Some(404) && code(&error) == "NoSuchKey" => Ok(()),
            Err(error) => Err(self.failed("s3:PutObjectTagging", Effect::Writes, &error)),
        }
    }

    async fn remove(&self, key: &str, content: &Etag) -> Result<Removed, Error> {
        match self.client.delete_object().bucket(&self.name).key(key).if_match(quoted(content)).send().await {
            Ok(_) => Ok(Removed::Gone),
            Err(error) if status(&error) == Some(404) && code(&error) == "NoSuchKey" => Ok(Removed::Gone),
            Err(error) if is_unmet(&error) => Ok(Removed::Changed),
            Err(error) => Err(self.failed("s3:DeleteObject", Effect::Writes, &error)),
        }
    }

    async fn list(&self, after: Option<&str>, limit: u32) -> Result<Listing, Error> {
        let request = self
            .client
            .list_objects_v2()
            .bucket(&self.name)
            // Some keys are no XML.
            .encoding_type(EncodingType::Url)
            .max_keys(i32::try_from(limit.min(LIST_MAX)).unwrap_or(i32::MAX))
            .set_start_after(after.map(str::to_owned));
        let answer = request.send().await.map_err(|error| self.failed("s3:ListBucket", Effect::Reads, &error))?;
        let more = answer.is_truncated.unwrap_or_default();
        let entry = |object: aws_sdk_s3::types::Object| {
            let key = object.key().and_then(decode_key);
            let key = key.ok_or_else(|| Error::Invariant("a key of a listing is missing or not UTF-8".to_owned()))?;
            let etag = unquoted(object.e_tag())?;
            Ok(Entry { key, etag, size: u64::try_from(object.size.unwrap_or_default()).unwrap_or_default() })
        };
        let entries = answer.contents.unwrap_or_default().into_iter().map(entry).collect::<Result<_, Error>>()?;
        Ok(Listing { entries, more })
    }

    async fn alive(&self) -> Result<(), Error> {
        let answer = self.client.head_bucket().bucket(&self.name).send().await;
        answer.map_err(|error| match status(&error) {
            Some(404) => Error::Unavailable(format!("{} is not there", self.resource)),
            _ => self.failed("s3:ListBucket", Effect::Reads, &error),
        })?;
        Ok(())
    }
}

/// Undoes the encoding of keys in listings and bucket notifications: that of forms, where a space is a plus. `None`
/// for what is not encoded so, or not UTF-8.
fn decode_key(encoded: &str) -> Option<String> {
    let hex = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_hexdigit);
    let bytes = encoded.as_bytes();
    let whole = |(at, _): (usize, _)| hex(bytes.get(at + 1)) && hex(bytes.get(at + 2));
    if !encoded.match_indices('%').all(whole) {
        return None;
    }
    let spaced = encoded.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8().ok().map(String::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_decoded_as_forms_are() {
        for (encoded, key) in
            [("a+b", "a b"), ("a%2Bb", "a+b"), ("a%2520b", "a%20b"), ("%C3%BC/x", "ü/x"), ("plain", "plain")]
        {
            assert_eq!(decode_key(encoded).unwrap(), key);
        }
        for wrong in ["%FF", "a%", "a%2", "%zz"] {
            assert_eq!(decode_key(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn entity_tags_lose_and_regain_their_quotes() {
        let etag = unquoted(Some("\"abc-2\"")).unwrap();
        assert_eq!((etag.0.as_str(), etag.parts(), quoted(&etag)), ("abc-2", Some(2), "\"abc-2\"".to_owned()));
        assert!(unquoted(None).is_err());
    }
}
