//! The bucket adapter and the ledger against S3 and DynamoDB at `LIVEMOVE_TEST_ENDPOINT`, and the flows on both.
#![allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods, missing_docs)]

use std::time::{SystemTime, UNIX_EPOCH};

use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use aws_sdk_dynamodb::types::{AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{BucketLocationConstraint, CompletedMultipartUpload, CompletedPart, CreateBucketConfiguration};
use livemove_aws::control::Control;
use livemove_aws::objects::S3Bucket;
use livemove_aws::startup::SystemClock;
use livemove_core::error::Error;
use livemove_core::mark::Run;
use livemove_core::object::bucket::{Bucket, Description, Etag, Expect, Head, Listing, Removed, Tags, Transferred};
use livemove_core::object::ledger::{Known, Ledger, Row};
use livemove_core::object::range::Range;
use livemove_core::object::sync::{Cause, Outcome, Turn, sync};
use livemove_core::object::{Pair, compare};
use livemove_core::ports::Clock;
use livemove_core::segment::Segment;
use livemove_core::testing::bucket_contract::{self, Application};

/// A new bucket, with the application's own way to it.
struct Tested {
    bucket: S3Bucket,
    client: aws_sdk_s3::Client,
    name: String,
}

fn endpoint() -> String {
    std::env::var("LIVEMOVE_TEST_ENDPOINT")
        .unwrap_or_else(|_| panic!("LIVEMOVE_TEST_ENDPOINT is not set; `make test-aws` starts a local AWS and sets it"))
}

fn unique(name: &str) -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    format!("{name}-{}", since.as_nanos())
}

async fn config(account: &str, region: &str) -> aws_config::SdkConfig {
    let http = aws_smithy_http_client::Builder::new().build_http();
    aws_config::defaults(BehaviorVersion::latest())
        .endpoint_url(endpoint())
        .http_client(http)
        .region(Region::new(region.to_owned()))
        // Of a local AWS: the 12 digits are the account.
        .credentials_provider(Credentials::new(account, "test", None, None, "test"))
        .load()
        .await
}

async fn bucket(name: &str, account: &str, region: &str) -> Tested {
    let config = aws_sdk_s3::config::Builder::from(&config(account, region).await).force_path_style(true).build();
    let client = aws_sdk_s3::Client::from_conf(config);
    let name = unique(name);
    let mut request = client.create_bucket().bucket(&name);
    if region != "us-east-1" {
        let place = CreateBucketConfiguration::builder().location_constraint(BucketLocationConstraint::from(region));
        request = request.create_bucket_configuration(place.build());
    }
    request.send().await.unwrap();
    Tested { bucket: S3Bucket::new(client.clone(), &name), client, name }
}

async fn two_buckets() -> (Tested, Tested) {
    (bucket("source", "111111111111", "us-east-1").await, bucket("target", "222222222222", "eu-west-1").await)
}

async fn control() -> Control {
    let client = aws_sdk_dynamodb::Client::new(&config("111111111111", "us-east-1").await);
    let name = unique("control");
    let attribute = |name: &str| {
        AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S).build().unwrap()
    };
    let key = |name: &str, kind| KeySchemaElement::builder().attribute_name(name).key_type(kind).build().unwrap();
    let request = client.create_table().table_name(&name).billing_mode(BillingMode::PayPerRequest);
    let request = request.attribute_definitions(attribute("pk")).attribute_definitions(attribute("sk"));
    request.key_schema(key("pk", KeyType::Hash)).key_schema(key("sk", KeyType::Range)).send().await.unwrap();
    Control::new(client.clone(), client, &name)
}

impl Application for Tested {
    async fn put(&self, key: &str, content: &[u8], about: &Description, tags: &Tags) {
        let expires = about.expires.clone();
        let request = self
            .client
            .put_object()
            .bucket(&self.name)
            .key(key)
            .body(ByteStream::from(content.to_vec()))
            .set_content_type(about.content_type.clone())
            .set_content_encoding(about.content_encoding.clone())
            .set_content_disposition(about.content_disposition.clone())
            .set_content_language(about.content_language.clone())
            .set_cache_control(about.cache_control.clone())
            .set_metadata(Some(about.metadata.clone().into_iter().collect()));
        let request = request.customize().mutate_request(move |request| {
            if let Some(expires) = &expires {
                request.headers_mut().insert("expires", expires.clone());
            }
        });
        request.send().await.unwrap();
        if !tags.is_empty() {
            self.bucket.set_tags(key, tags).await.unwrap();
        }
    }

    async fn read(&self, key: &str) -> Option<Vec<u8>> {
        match self.client.get_object().bucket(&self.name).key(key).send().await {
            Ok(answer) => Some(answer.body.collect().await.unwrap().to_vec()),
            Err(error) if error.as_service_error().is_some_and(|error| error.is_no_such_key()) => None,
            Err(error) => panic!("{error:?}"),
        }
    }
}

impl Bucket for Tested {
    async fn head(&self, key: &str) -> Result<Option<Head>, Error> {
        self.bucket.head(key).await
    }

    async fn transfer(&self, from: &Self, key: &str, seen: &Head, expected: &Expect) -> Result<Transferred, Error> {
        self.bucket.transfer(&from.bucket, key, seen, expected).await
    }

    async fn set_tags(&self, key: &str, tags: &Tags) -> Result<(), Error> {
        self.bucket.set_tags(key, tags).await
    }

    async fn remove(&self, key: &str, content: &Etag) -> Result<Removed, Error> {
        self.bucket.remove(key, content).await
    }

    async fn list(&self, after: Option<&str>, limit: u32) -> Result<Listing, Error> {
        self.bucket.list(after, limit).await
    }

    async fn alive(&self) -> Result<(), Error> {
        self.bucket.alive().await
    }
}

#[tokio::test]
async fn the_adapter_keeps_the_contract() {
    let (source, target) = two_buckets().await;
    bucket_contract::check(&source, &target).await.unwrap();
}

#[tokio::test]
async fn a_missing_bucket_is_no_evidence() {
    let (source, _) = two_buckets().await;
    let nowhere = S3Bucket::new(source.client.clone(), &unique("nowhere"));
    assert_eq!(nowhere.alive().await.unwrap_err().name(), "Unavailable");
    assert!(nowhere.list(None, 10).await.is_err());
}

/// An upload in parts of 5 MiB; 12 MiB in all.
async fn put_in_parts(tested: &Tested, key: &str, fill: u8) -> Vec<u8> {
    let content: Vec<u8> = (0..12 << 20).map(|i: u32| u8::try_from(i % 251).unwrap() ^ fill).collect();
    let begun = tested.client.create_multipart_upload().bucket(&tested.name).key(key).content_type("video/x-test");
    let upload = begun.metadata("m", "v").send().await.unwrap().upload_id.unwrap();
    let mut parts = Vec::new();
    for (number, part) in (1..).zip(content.chunks(5 << 20)) {
        let request = tested.client.upload_part().bucket(&tested.name).key(key).upload_id(&upload).part_number(number);
        let answer = request.body(ByteStream::from(part.to_vec())).send().await.unwrap();
        let part = CompletedPart::builder().part_number(number).set_e_tag(answer.e_tag);
        parts.push(part.set_checksum_crc32(answer.checksum_crc32).build());
    }
    let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
    let request = tested.client.complete_multipart_upload().bucket(&tested.name).key(key).upload_id(upload);
    request.multipart_upload(parts).send().await.unwrap();
    tested.bucket.set_tags(key, &[("t".to_owned(), "parts".to_owned())].into()).await.unwrap();
    content
}

#[tokio::test]
async fn an_object_in_parts_keeps_its_parts_and_its_conditions() {
    let (source, target) = two_buckets().await;
    let content = put_in_parts(&source, "big", 0).await;
    let seen = source.head("big").await.unwrap().unwrap();
    assert_eq!((seen.size, seen.etag.parts()), (12 << 20, Some(3)));
    let written = target.transfer(&source, "big", &seen, &Expect::Absent).await.unwrap();
    assert_eq!(written, Transferred::Written(seen.etag.clone()));
    let copy = target.head("big").await.unwrap().unwrap();
    assert_eq!((&copy.description, &copy.tags), (&seen.description, &seen.tags));
    assert_eq!(target.read("big").await.unwrap(), content);
    assert_eq!(target.transfer(&source, "big", &seen, &Expect::Absent).await.unwrap(), Transferred::TargetChanged);
    put_in_parts(&source, "big", 7).await;
    let expected = Expect::Content(copy.etag);
    assert_eq!(target.transfer(&source, "big", &seen, &expected).await.unwrap(), Transferred::SourceChanged);
    let uploads = target.client.list_multipart_uploads().bucket(&target.name).send().await.unwrap();
    assert!(uploads.uploads().is_empty(), "unfinished uploads stay behind");
    assert_eq!(target.read("big").await.unwrap(), content);
}

#[tokio::test]
async fn the_ledger_is_conditional_and_is_swept() {
    let control = control().await;
    let (ledger, other) = (control.ledger("files"), control.ledger("files2"));
    assert_eq!(ledger.get("k").await.unwrap(), None);
    let first = Row { version: 1, run: Run(1), source: Known::Absent, ..Row::default() };
    ledger.put("k", &first).await.unwrap();
    other.put("k", &first).await.unwrap();
    assert_eq!(ledger.put("k", &first).await.unwrap_err().name(), "Conflict");
    let second = Row { version: 2, target: Known::Content(Etag("e".to_owned())), ..first.clone() };
    ledger.put("k", &second).await.unwrap();
    assert_eq!(ledger.put("k", &second).await.unwrap_err().name(), "Conflict");
    assert_eq!(ledger.get("k").await.unwrap(), Some(second));
    for key in 0..20 {
        ledger.put(&format!("ü/{key}#x"), &first).await.unwrap();
    }
    let ranges =
        [Range { after: None, until: Some("m".to_owned()) }, Range { after: Some("m".to_owned()), until: None }];
    assert_eq!(ledger.ranges(Run(1)).await.unwrap(), None);
    ledger.keep_ranges(Run(1), &ranges).await.unwrap();
    ledger.keep_ranges(Run(1), &[Range::default()]).await.unwrap();
    assert_eq!(ledger.ranges(Run(1)).await.unwrap().unwrap(), ranges);
    let mut removed = 0;
    for index in 0..2 {
        let mut after = None;
        loop {
            let swept = ledger.sweep(Segment { index, total: 2 }, after.as_deref(), 5).await.unwrap();
            removed += swept.removed;
            after = swept.next;
            if after.is_none() {
                break;
            }
        }
    }
    assert_eq!(removed, 21);
    assert_eq!(ledger.get("k").await.unwrap(), None);
    assert!(other.get("k").await.unwrap().is_some(), "the ledger of another bucket");
}

#[tokio::test]
async fn a_key_is_followed_across_accounts_there_and_back() {
    let ((source, target), control) = (two_buckets().await, control().await);
    let ledger = control.ledger("files");
    let pair = Pair { source: &source, target: &target, ledger: &ledger, clock: &SystemClock };
    let dead_by = SystemClock.now() + 60_000;
    let turn = |run: u32| Turn { run: Run(run), holder: "test", act_until: dead_by, dead_by };
    let tags: Tags = [("a".to_owned(), "b".to_owned())].into();
    source.put("k", b"one", &Description::default(), &tags).await;
    put_in_parts(&source, "big", 1).await;
    for key in ["k", "big"] {
        assert_eq!(sync(pair, turn(1), key, Cause::Job).await.unwrap(), Outcome::Written, "{key}");
        assert_eq!(sync(pair, turn(1), key, Cause::Job).await.unwrap(), Outcome::Kept, "{key}");
        assert!(compare::look(pair, Run(1), key).await.unwrap().same, "{key}");
    }
    // The way back: the target is written to, the source follows.
    target.put("k", b"two", &Description::default(), &Tags::new()).await;
    assert_eq!(sync(pair, turn(2), "k", Cause::Event(None)).await.unwrap(), Outcome::Written);
    assert_eq!(source.read("k").await.unwrap(), b"two");
    let head = target.head("k").await.unwrap().unwrap();
    assert_eq!(target.remove("k", &head.etag).await.unwrap(), Removed::Gone);
    assert_eq!(sync(pair, turn(2), "k", Cause::Event(None)).await.unwrap(), Outcome::Removed);
    assert_eq!(source.head("k").await.unwrap(), None);
    assert_eq!(sync(pair, turn(1), "k", Cause::Job).await.unwrap_err().name(), "StalePhase");
}
