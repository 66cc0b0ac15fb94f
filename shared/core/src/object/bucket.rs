//! The port of a bucket, and what is known of an object without reading its content.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;

use serde::{Deserialize, Serialize};

use crate::canonical::Digest;
use crate::error::Error;
use crate::ports::Millis;

/// An entity tag without its quotes. Equal tags of one bucket mean equal content; it is not a version: content
/// that comes back brings its tag back.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Etag(pub String);

impl Etag {
    /// The number of parts of a multipart upload; `None` when it was put whole.
    pub fn parts(&self) -> Option<u32> {
        self.0.rsplit_once('-').and_then(|(_, parts)| parts.parse().ok())
    }
}

impl fmt::Display for Etag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An object's tags.
pub type Tags = BTreeMap<String, String>;

/// What an object says of itself beside its content: content headers and the application's metadata.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Description {
    /// `Content-Type`.
    pub content_type: Option<String>,
    /// `Content-Encoding`.
    pub content_encoding: Option<String>,
    /// `Content-Disposition`.
    pub content_disposition: Option<String>,
    /// `Content-Language`.
    pub content_language: Option<String>,
    /// `Cache-Control`.
    pub cache_control: Option<String>,
    /// `Expires`, an HTTP date as text.
    pub expires: Option<String>,
    /// `x-amz-website-redirect-location`.
    pub redirect: Option<String>,
    /// The application's metadata, names in lower case and without `x-amz-meta-`.
    pub metadata: BTreeMap<String, String>,
}

impl Description {
    /// A digest of all of it; equal for equal descriptions only.
    pub fn digest(&self) -> Digest {
        // JSON of a struct of ordered fields and a sorted map: one text for one value.
        Digest::of(serde_json::to_string(self).unwrap_or_default().as_bytes())
    }
}

/// What is known of an object without reading its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The entity tag.
    pub etag: Etag,
    /// Bytes of content.
    pub size: u64,
    /// Its version, in a bucket that keeps versions.
    pub version: Option<String>,
    /// When it was written; whole seconds, never an order.
    pub last_modified: Millis,
    /// The entity tag says nothing about the content: encrypted by a key of KMS or of the customer.
    pub opaque: bool,
    /// Its storage class, where it is not the standard one. Carried over, never compared: lifecycle rules
    /// change it.
    pub storage_class: Option<String>,
    /// Content headers and metadata.
    pub description: Description,
    /// Its tags.
    pub tags: Tags,
}

/// An entry of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The key, decoded.
    pub key: String,
    /// The entity tag.
    pub etag: Etag,
    /// Bytes of content.
    pub size: u64,
}

/// A page of a listing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// In ascending order of the keys' UTF-8 bytes.
    pub entries: Vec<Entry>,
    /// There may be more after the last entry.
    pub more: bool,
}

/// What the gaining bucket must hold under the key for a transfer to take place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expect {
    /// No object.
    Absent,
    /// This content.
    Content(Etag),
}

/// What came of a transfer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transferred {
    /// Written and durable; the entity tag it has in the gaining bucket.
    Written(Etag),
    /// Not written: the losing bucket holds something else by now, or nothing.
    SourceChanged,
    /// Not written: the gaining bucket does not hold what was expected.
    TargetChanged,
}

/// What came of a conditional removal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removed {
    /// There is no such object any more, or there was none.
    Gone,
    /// Not removed: it holds other content by now.
    Changed,
}

/// The most entries one [`Bucket::list`] answers with.
pub const LIST_MAX: u32 = 1000;

/// A bucket, or what behaves like one. Reads and listings see every write acknowledged before them.
///
/// Writes that answer an error of [`Error::is_ambiguous`] may have been applied, or may be yet.
pub trait Bucket: Sync {
    /// What is known of the object; `None` when there is none. Tags are read in a second call of the backend
    /// where the first one does not rule them out, so they may be newer than the rest.
    ///
    /// # Errors
    /// A bucket that is missing or does not answer is an error, not an absent object, wherever the backend
    /// tells them apart; see [`Bucket::alive`].
    fn head(&self, key: &str) -> impl Future<Output = Result<Option<Head>, Error>> + Send;

    /// Copies the object `key` of `from`, as it was `seen` there, to this bucket: content, description, tags
    /// and storage class. Conditional on both sides: on the content seen and on what is `expected` here.
    /// Atomic but for tags of objects that need several parts, which are set right after the content.
    fn transfer(
        &self,
        from: &Self,
        key: &str,
        seen: &Head,
        expected: &Expect,
    ) -> impl Future<Output = Result<Transferred, Error>> + Send;

    /// Replaces all tags of the object. Unconditional, idempotent; no error when there is no object.
    fn set_tags(&self, key: &str, tags: &Tags) -> impl Future<Output = Result<(), Error>> + Send;

    /// Removes the object if it holds this content. Idempotent. Where versions are kept, they stay.
    fn remove(&self, key: &str, content: &Etag) -> impl Future<Output = Result<Removed, Error>> + Send;

    /// The keys after `after`, at most `limit` (up to [`LIST_MAX`]) of them.
    fn list(&self, after: Option<&str>, limit: u32) -> impl Future<Output = Result<Listing, Error>> + Send;

    /// Answers without an error if the bucket is there and lets itself be read. Without that proof an absent
    /// object is no evidence of a deletion.
    fn alive(&self) -> impl Future<Output = Result<(), Error>> + Send;
}
