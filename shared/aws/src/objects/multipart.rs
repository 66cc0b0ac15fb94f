//! Carrying an object over in parts, of the same sizes as the original's where they can be told.

use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use livemove_core::error::Error;
use livemove_core::object::bucket::{Bucket as _, Expect, Head, Transferred};

use super::transfer::{MIB, condition, storage_class, tagging};
use super::{S3Bucket, is_unmet, unquoted};
use crate::sdk_error::Effect;

/// Size of parts where the original's are unknown or too large to hold.
const PART: u64 = 16 * MIB;
/// The largest part that is held in memory.
const PART_MAX: u64 = 64 * MIB;
/// The most parts that S3 takes.
const PARTS_MAX: u64 = 10_000;
/// Parts of one object on their way at a time.
const PARTS_IN_FLIGHT: usize = 2;

impl S3Bucket {
    pub(super) async fn put_in_parts(
        &self,
        from: &S3Bucket,
        key: &str,
        seen: &Head,
        expected: &Expect,
    ) -> Result<Transferred, Error> {
        let Some(part_size) = from.part_size(key, seen).await? else {
            return Ok(Transferred::SourceChanged);
        };
        let upload = self.begin(key, seen).await?;
        let result = self.fill(from, key, seen, expected, &upload, part_size).await;
        if !matches!(result, Ok(Transferred::Written(_))) {
            self.abort(key, &upload).await;
        }
        if matches!(result, Ok(Transferred::Written(_))) && !seen.tags.is_empty() {
            // Not every backend keeps the tags of the upload's beginning.
            self.set_tags(key, &seen.tags).await?;
        }
        result
    }

    /// The size of the original's parts, or of our own choice; `None` when the original has changed.
    async fn part_size(&self, key: &str, seen: &Head) -> Result<Option<u64>, Error> {
        let own = PART.max(seen.size.div_ceil(PARTS_MAX).next_multiple_of(MIB));
        let Some(parts) = seen.etag.parts() else {
            return Ok(Some(own));
        };
        // GET, whose content is not read: a HEAD of a part is not understood by everything that speaks S3.
        let request =
            self.client.get_object().bucket(&self.name).key(key).part_number(1).if_match(super::quoted(&seen.etag));
        let first = match request.send().await {
            Ok(answer) => u64::try_from(answer.content_length.unwrap_or_default()).unwrap_or_default(),
            Err(error) if is_unmet(&error) => return Ok(None),
            Err(error) => return Err(self.failed("s3:GetObject", Effect::Reads, &error)),
        };
        let regular = first > 0 && seen.size.div_ceil(first) == u64::from(parts);
        Ok(Some(if regular && first <= PART_MAX { first } else { own }))
    }

    async fn begin(&self, key: &str, seen: &Head) -> Result<String, Error> {
        let about = &seen.description;
        let expires = about.expires.clone();
        let request = self
            .client
            .create_multipart_upload()
            .bucket(&self.name)
            .key(key)
            .set_content_type(about.content_type.clone())
            .set_content_encoding(about.content_encoding.clone())
            .set_content_disposition(about.content_disposition.clone())
            .set_content_language(about.content_language.clone())
            .set_cache_control(about.cache_control.clone())
            .set_website_redirect_location(about.redirect.clone())
            .set_metadata(Some(about.metadata.clone().into_iter().collect()))
            .set_tagging(tagging(&seen.tags))
            .set_storage_class(storage_class(seen))
            .customize()
            .mutate_request(move |request| {
                if let Some(expires) = &expires {
                    request.headers_mut().insert("expires", expires.clone());
                }
            });
        let answer = request.send().await.map_err(|error| self.failed("s3:PutObject", Effect::Writes, &error))?;
        answer.upload_id.ok_or_else(|| Error::Invariant("S3 began an upload without an id".to_owned()))
    }

    async fn fill(
        &self,
        from: &S3Bucket,
        key: &str,
        seen: &Head,
        expected: &Expect,
        upload: &str,
        part_size: u64,
    ) -> Result<Transferred, Error> {
        let starts = (0..seen.size.div_ceil(part_size).max(1)).map(|part| part * part_size);
        let parts: Result<Vec<CompletedPart>, Stop> = stream::iter(starts.enumerate())
            .map(|(index, start)| async move {
                let end = (start + part_size).min(seen.size);
                self.part(from, key, seen, upload, index, (start, end)).await
            })
            .buffered(PARTS_IN_FLIGHT)
            .try_collect()
            .await;
        let parts = match parts {
            Ok(parts) => parts,
            Err(Stop::SourceChanged) => return Ok(Transferred::SourceChanged),
            Err(Stop::Failed(error)) => return Err(error),
        };
        let (absent, matching) = condition(expected);
        let request = self
            .client
            .complete_multipart_upload()
            .bucket(&self.name)
            .key(key)
            .upload_id(upload)
            .set_if_none_match(absent)
            .set_if_match(matching)
            .multipart_upload(CompletedMultipartUpload::builder().set_parts(Some(parts)).build());
        match request.send().await {
            Ok(answer) => Ok(Transferred::Written(unquoted(answer.e_tag())?)),
            Err(error) if is_unmet(&error) => Ok(Transferred::TargetChanged),
            Err(error) => Err(self.failed("s3:PutObject", Effect::Writes, &error)),
        }
    }

    async fn part(
        &self,
        from: &S3Bucket,
        key: &str,
        seen: &Head,
        upload: &str,
        index: usize,
        (start, end): (u64, u64),
    ) -> Result<CompletedPart, Stop> {
        let _room = self.room_for(end - start).await?;
        let bytes = (end > start).then(|| (start, end - 1));
        let content = from.read(key, seen, bytes).await?.ok_or(Stop::SourceChanged)?;
        let number = i32::try_from(index + 1).map_err(|_| Error::Invariant("too many parts".to_owned()))?;
        let request = self.client.upload_part().bucket(&self.name).key(key).upload_id(upload).part_number(number);
        let answer = request.body(content).send().await;
        let answer = answer.map_err(|error| self.failed("s3:PutObject", Effect::Writes, &error))?;
        Ok(CompletedPart::builder()
            .part_number(number)
            .set_e_tag(answer.e_tag)
            .set_checksum_crc32(answer.checksum_crc32)
            .set_checksum_crc32_c(answer.checksum_crc32_c)
            .set_checksum_crc64_nvme(answer.checksum_crc64_nvme)
            .build())
    }

    /// Best effort: what stays behind costs storage until a lifecycle rule removes it, nothing else.
    async fn abort(&self, key: &str, upload: &str) {
        let request = self.client.abort_multipart_upload().bucket(&self.name).key(key).upload_id(upload);
        if let Err(error) = request.send().await {
            let error = self.failed("s3:AbortMultipartUpload", Effect::Writes, &error);
            tracing::warn!(%error, "an unfinished upload stays behind");
        }
    }
}

enum Stop {
    SourceChanged,
    Failed(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Stop {
        Stop::Failed(error)
    }
}
