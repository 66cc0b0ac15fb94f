//! What the controller needs of the tables and buckets themselves.

use std::collections::BTreeMap;
use std::future::Future;

use livemove_core::error::Error;
use livemove_core::item::{Key, KeySchema};
use livemove_core::phase::Kind;
use livemove_core::plan::End;
use livemove_core::ports::pages::Index;
use livemove_core::ports::{Millis, Table};
use livemove_core::steer::events::Delivery;
use livemove_core::steer::gate::Ttl;
use livemove_core::steer::watch::Following;

/// A few items of a table: one page, so what it shows is a hint and not a proof.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sample {
    /// How many items were looked at; canaries do not count.
    pub items: u32,
    /// One of them has an attribute whose name is livemove's.
    pub reserved: bool,
    /// The size of the largest, about, in bytes.
    pub largest_bytes: u64,
}

/// A table as preflight finds it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TableProbe {
    /// `ACTIVE`, or another of DynamoDB's states.
    pub status: String,
    /// Name and type (S, N or B) of each key attribute, partition first.
    pub key: Vec<(String, String)>,
    /// Its secondary indexes, by name.
    pub indexes: BTreeMap<String, Index>,
    /// The view of its stream; `None` without a stream.
    pub stream_view: Option<String>,
    /// Whether its items expire.
    pub ttl: Ttl,
    /// A few of its items.
    pub sample: Sample,
}

/// A bucket as preflight finds it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BucketProbe {
    /// The Region it is in.
    pub region: String,
    /// Its events go to EventBridge.
    pub event_bridge: bool,
    /// `Enabled` or `Suspended`; `None` when it never was.
    pub versioning: Option<String>,
    /// A first page of its listing shows no object; canaries do not count.
    pub empty: bool,
}

/// Records that an event source mapping gave up: where they are in which stream, no data.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GivenUp {
    /// By what the message is removed.
    pub receipt: String,
    /// The stream.
    pub stream: String,
    /// The shard.
    pub shard: String,
    /// Sequence number of the first record.
    pub first: String,
    /// Sequence number of the last one.
    pub last: String,
}

/// The records of one key among those that were given up.
#[derive(Clone, Debug, PartialEq)]
pub struct Lost {
    /// The key.
    pub key: Key,
    /// Sequence number of the first record.
    pub first: String,
    /// Sequence number of the last one.
    pub last: String,
    /// How many.
    pub records: u64,
}

/// A message of a bucket's events that was given up: by the copier's queue, or by what could not deliver to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Undelivered {
    /// By what the message is removed.
    pub receipt: String,
    /// The objects that it tells of; `None` when it is no event of that bucket.
    pub keys: Option<Vec<String>>,
}

/// The tables and buckets of both ends. All calls are safe to repeat.
pub trait World: Sync {
    /// A table whose items can be read and written.
    type Table: Table;

    /// Opens a table; no call of it takes longer than `longest` milliseconds.
    fn open(&self, end: &End, longest: Millis) -> impl Future<Output = Result<Self::Table, Error>> + Send;

    /// Looks at a table's stream and at what has it invoke `function`, which is at the same end.
    fn following(&self, end: &End, function: &str) -> impl Future<Output = Result<Following, Error>> + Send;

    /// Some of what a mapping gave up, from its failure queue at that end. It comes again unless it is removed.
    ///
    /// # Errors
    /// `MalformedMessage` for what no mapping has sent.
    fn given_up(&self, end: &End, queue: &str) -> impl Future<Output = Result<Vec<GivenUp>, Error>> + Send;

    /// The keys of records that were given up; `None` when the stream does not have all of them any more.
    fn keys_of(
        &self,
        end: &End,
        schema: &KeySchema,
        given_up: &GivenUp,
    ) -> impl Future<Output = Result<Option<Vec<Lost>>, Error>> + Send;

    /// Looks at where a bucket's events go and at what has them invoke `function` from `queue`, both at the same end.
    fn delivering(
        &self,
        end: &End,
        function: &str,
        queue: &str,
    ) -> impl Future<Output = Result<Delivery, Error>> + Send;

    /// Some of the events that were given up, from a bucket's dead-letter queue at that end. They come
    /// again unless they are removed.
    fn undelivered(&self, end: &End, queue: &str) -> impl Future<Output = Result<Vec<Undelivered>, Error>> + Send;

    /// Has the copier at that queue look at an object again, as an event of it would. Not idempotent, but an object
    /// may be looked at as often as one likes.
    fn look_again(&self, end: &End, queue: &str, key: &str) -> impl Future<Output = Result<(), Error>> + Send;

    /// Removes a message from a failure queue, by its receipt. Idempotent.
    fn settled(&self, end: &End, queue: &str, receipt: &str) -> impl Future<Output = Result<(), Error>> + Send;

    /// Looks at a table; changes nothing.
    fn probe_table(&self, end: &End) -> impl Future<Output = Result<TableProbe, Error>> + Send;

    /// Looks at a bucket; changes nothing.
    fn probe_bucket(&self, end: &End) -> impl Future<Output = Result<BucketProbe, Error>> + Send;

    /// Whether items of a table expire now.
    fn ttl(&self, end: &End) -> impl Future<Output = Result<Ttl, Error>> + Send;

    /// Lets items of a table expire by `attribute`, or no longer. AWS takes up to an hour over it and refuses
    /// another change meanwhile.
    fn switch_ttl(&self, end: &End, attribute: &str, expire: bool) -> impl Future<Output = Result<(), Error>> + Send;

    /// Makes a record with this nonce appear in the stream of a table or among the events of a bucket.
    ///
    /// # Errors
    /// `CanaryKeyTaken` when an item of the application has the reserved key: it is not touched.
    fn send_canary(&self, kind: Kind, end: &End, nonce: &str) -> impl Future<Output = Result<(), Error>> + Send;

    /// Removes what [`World::send_canary`] has left behind, once it was seen.
    fn clear_canary(&self, kind: Kind, end: &End) -> impl Future<Output = Result<(), Error>> + Send;
}
