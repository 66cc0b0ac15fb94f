//! Looking at an object without reading its content.

use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use aws_sdk_s3::types::ServerSideEncryption;
use livemove_core::error::Error;
use livemove_core::object::bucket::{Description, Head, Tags};
use livemove_core::ports::Millis;

use super::{S3Bucket, code, status, unquoted};
use crate::sdk_error::Effect;

impl S3Bucket {
    /// See [`livemove_core::object::bucket::Bucket::head`].
    pub(super) async fn look(&self, key: &str) -> Result<Option<Head>, Error> {
        let answer = match self.client.head_object().bucket(&self.name).key(key).send().await {
            Ok(answer) => answer,
            // Whether the object or the bucket is missing, HEAD does not tell.
            Err(error) if status(&error) == Some(404) => return Ok(None),
            Err(error) => return Err(self.failed("s3:GetObject", Effect::Reads, &error)),
        };
        let tags = match answer.tag_count {
            Some(0) => Tags::new(),
            Some(_) | None => match self.tags(key).await? {
                Some(tags) => tags,
                None => return Ok(None),
            },
        };
        head(answer, tags).map(Some)
    }

    /// The tags of an object; `None` when there is no such object.
    async fn tags(&self, key: &str) -> Result<Option<Tags>, Error> {
        match self.client.get_object_tagging().bucket(&self.name).key(key).send().await {
            Ok(answer) => Ok(Some(answer.tag_set.into_iter().map(|tag| (tag.key, tag.value)).collect())),
            Err(error) if status(&error) == Some(404) && code(&error) == "NoSuchKey" => Ok(None),
            Err(error) => Err(self.failed("s3:GetObjectTagging", Effect::Reads, &error)),
        }
    }
}

fn head(answer: HeadObjectOutput, tags: Tags) -> Result<Head, Error> {
    let by_key =
        matches!(answer.server_side_encryption, Some(ServerSideEncryption::AwsKms | ServerSideEncryption::AwsKmsDsse));
    Ok(Head {
        etag: unquoted(answer.e_tag())?,
        size: u64::try_from(answer.content_length.unwrap_or_default()).unwrap_or_default(),
        version: answer.version_id.clone(),
        last_modified: answer
            .last_modified
            .and_then(|at| Millis::try_from(at.to_millis().ok()?).ok())
            .unwrap_or_default(),
        opaque: by_key || answer.sse_customer_algorithm.is_some(),
        storage_class: answer.storage_class.as_ref().map(|class| class.as_str().to_owned()),
        description: Description {
            content_type: answer.content_type,
            content_encoding: answer.content_encoding.filter(|text| !text.is_empty()),
            content_disposition: answer.content_disposition,
            content_language: answer.content_language,
            cache_control: answer.cache_control,
            expires: answer.expires_string,
            redirect: answer.website_redirect_location,
            metadata: answer.metadata.unwrap_or_default().into_iter().collect(),
        },
        tags,
    })
}
