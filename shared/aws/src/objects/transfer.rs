//! Carrying an object over in one piece, and what is the same for objects in parts.

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::StorageClass;
use livemove_core::error::Error;
use livemove_core::object::bucket::{Expect, Head, Tags, Transferred};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::sync::SemaphorePermit;

use super::{CONTENT_MIB, S3Bucket, is_unmet, quoted, unquoted};
use crate::sdk_error::Effect;

/// One MiB.
pub(super) const MIB: u64 = 1 << 20;
/// The largest object that is carried over in one piece.
pub(super) const WHOLE_MAX: u64 = 16 * MIB;

impl S3Bucket {
    pub(super) async fn put_whole(
        &self,
        from: &S3Bucket,
        key: &str,
        seen: &Head,
        expected: &Expect,
    ) -> Result<Transferred, Error> {
        let _room = self.room_for(seen.size).await?;
        let Some(content) = from.read(key, seen, None).await? else {
            return Ok(Transferred::SourceChanged);
        };
        let about = &seen.description;
        let (absent, matching) = condition(expected);
        let request = self
            .client
            .put_object()
            .bucket(&self.name)
            .key(key)
            .set_if_none_match(absent)
            .set_if_match(matching)
            .set_content_type(about.content_type.clone())
            .set_content_encoding(about.content_encoding.clone())
            .set_content_disposition(about.content_disposition.clone())
            .set_content_language(about.content_language.clone())
            .set_cache_control(about.cache_control.clone())
            .set_website_redirect_location(about.redirect.clone())
            .set_metadata(Some(about.metadata.clone().into_iter().collect()))
            .set_tagging(tagging(&seen.tags))
            .set_storage_class(storage_class(seen))
            .body(content);
        // As it was written, be it a date or not.
        let expires = about.expires.clone();
        let request = request.customize().mutate_request(move |request| {
            if let Some(expires) = &expires {
                request.headers_mut().insert("expires", expires.clone());
            }
        });
        match request.send().await {
            Ok(answer) => Ok(Transferred::Written(unquoted(answer.e_tag())?)),
            Err(error) if is_unmet(&error) => Ok(Transferred::TargetChanged),
            Err(error) => Err(self.failed("s3:PutObject", Effect::Writes, &error)),
        }
    }

    /// Reads the content seen, or a range of its bytes; `None` when it is not that content any more.
    pub(super) async fn read(
        &self,
        key: &str,
        seen: &Head,
        bytes: Option<(u64, u64)>,
    ) -> Result<Option<ByteStream>, Error> {
        let range = bytes.map(|(first, last)| format!("bytes={first}-{last}"));
        let request =
            self.client.get_object().bucket(&self.name).key(key).if_match(quoted(&seen.etag)).set_range(range);
        let answer = match request.send().await {
            Ok(answer) => answer,
            Err(error) if is_unmet(&error) => return Ok(None),
            Err(error) => return Err(self.failed("s3:GetObject", Effect::Reads, &error)),
        };
        let content = answer.body.collect().await;
        let content = content.map_err(|error| Error::Unavailable(format!("{} broke off: {error}", self.resource)))?;
        Ok(Some(ByteStream::from(content.into_bytes())))
    }

    /// Waits until that much content may be held.
    pub(super) async fn room_for(&self, bytes: u64) -> Result<SemaphorePermit<'_>, Error> {
        let mib = u32::try_from(bytes.div_ceil(MIB)).unwrap_or(u32::MAX).clamp(1, CONTENT_MIB);
        self.memory.acquire_many(mib).await.map_err(|error| Error::Invariant(error.to_string()))
    }
}

/// `If-None-Match` and `If-Match`.
pub(super) fn condition(expected: &Expect) -> (Option<String>, Option<String>) {
    match expected {
        Expect::Absent => (Some("*".to_owned()), None),
        Expect::Content(etag) => (None, Some(quoted(etag))),
    }
}

/// The tags as a query string.
pub(super) fn tagging(tags: &Tags) -> Option<String> {
    let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let pairs: Vec<String> = tags.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    (!pairs.is_empty()).then(|| pairs.join("&"))
}

pub(super) fn storage_class(seen: &Head) -> Option<StorageClass> {
    seen.storage_class.as_deref().map(StorageClass::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_become_a_query_string() {
        let tags: Tags = [("a b".to_owned(), "c&d=ü".to_owned()), ("empty".to_owned(), String::new())].into();
        assert_eq!(tagging(&tags).unwrap(), "a%20b=c%26d%3D%C3%BC&empty=");
        assert_eq!(tagging(&Tags::new()), None);
    }
}
