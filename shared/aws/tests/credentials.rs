//! Sessions of the other account's role that end, or are ended, in the middle of work that lasts longer.

#![allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods)]

mod short_lived;

use std::time::Duration;

use aws_config::{BehaviorVersion, Region};
use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};
use livemove_aws::config::Config;
use livemove_aws::dynamo::DynamoTable;
use livemove_aws::objects::S3Bucket;
use livemove_aws::sites::{End, Sites};
use livemove_aws::startup::SystemClock;
use livemove_core::checkpoint::{Job, Task};
use livemove_core::drive::{Limits, Progress};
use livemove_core::error::Error;
use livemove_core::item::{Item, Key};
use livemove_core::job;
use livemove_core::lease::Phases;
use livemove_core::mark::Run;
use livemove_core::object::bucket::{Bucket as _, Description, Etag, Expect, Head, Tags, Transferred};
use livemove_core::phase::{Phase, State};
use livemove_core::plan;
use livemove_core::ports::{Action, Clock as _, Guard, Table as _, Write, Written};
use livemove_core::route::Pair;
use livemove_core::segment::Segment;
use livemove_core::testing::register::MemoryRegister;
use serde_dynamo::AttributeValue;

use short_lived::{PART, Server};

const LONGEST: Duration = Duration::from_secs(10);
const HOUR: Duration = Duration::from_secs(3600);
const PAGES: u64 = 24;
/// Of these, what is done is longer than sessions of [`SHORT`] last.
const SLOW: Duration = Duration::from_millis(300);
const SHORT: Duration = Duration::from_secs(4);
/// Long enough that a session may be doubted.
const NOT_YOUNG: Duration = Duration::from_millis(1_200);

/// Settings of the machine count for nothing here.
#[derive(Debug)]
struct NoSettings;

impl LoadServiceConfig for NoSettings {
    fn load_config(&self, _key: ServiceConfigKey<'_>) -> Option<String> {
        None
    }
}

async fn sites(server: &Server) -> Sites {
    let variables = |name: &str| {
        let value = match name {
            "MIGRATION_ID" | "CONTROL_TABLE" => "orders",
            "CONTROL_ACCOUNT" | "ACCOUNT_ID" => "111111111111",
            "CONTROL_REGION" | "AWS_REGION" => "us-east-1",
            "AWS_LAMBDA_FUNCTION_NAME" => "livemove-orders-backfill",
            "PEER_ROLE_ARN" => "arn:aws:iam::222222222222:role/livemove-orders-peer",
            "EXTERNAL_ID" => "agreed",
            "AWS_ENDPOINT_URL" => "set",
            _ => return None,
        };
        Some(value.to_owned())
    };
    let own = aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .endpoint_url(server.url())
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new("OWN", "x", None, None, "test")))
        .load()
        .await;
    let own = own.to_builder().service_config(NoSettings).build();
    Sites::of(&own, &Config::read(variables).unwrap()).await
}

fn home() -> End {
    End { account: "111111111111".to_owned(), region: "us-east-1".to_owned() }
}

fn away() -> End {
    End { account: "222222222222".to_owned(), region: "eu-west-1".to_owned() }
}

struct Copying;

impl Phases for Copying {
    async fn state(&self) -> Result<State, Error> {
        Ok(State { phase: Phase::Copy, ..State::first(1) })
    }
}

/// One segment of a backfill from the table here to the one there, in one invocation.
async fn segment(sites: &Sites) -> Result<Progress, Error> {
    let source = DynamoTable::open(sites, &home(), "orders", LONGEST).await?;
    let target = DynamoTable::open(sites, &away(), "orders-new", LONGEST).await?;
    let register: MemoryRegister<Key> = MemoryRegister::default();
    let task = Task { subject: "table#orders".to_owned(), run: Run(1), job: Job::Copy, segment: Segment::WHOLE };
    let limits = Limits { deadline: SystemClock.now() + 120_000, call: 10_000, page_items: 2, in_flight: 2 };
    let pair = Pair { source: &source, target: &target };
    job::run(pair, &Copying, &SystemClock, &register, &task, limits).await
}

fn every_page_once(server: &Server) {
    let seen = server.seen();
    assert_eq!(seen.pages, (0..PAGES).collect::<Vec<_>>());
    assert_eq!(seen.inserted as u64, 2 * PAGES);
}

#[tokio::test]
async fn a_segment_outlives_the_session_that_it_began_with() {
    let server = Server::new(SHORT, PAGES, SLOW);
    let began = SystemClock.now();
    let progress = segment(&sites(&server).await).await.unwrap();
    let lasted = SystemClock.now() - began;
    assert_eq!((progress.done, progress.counts.written), (true, 2 * PAGES));
    every_page_once(&server);
    let seen = server.seen();
    assert_eq!(seen.turned_away, 0, "renewed before they ended");
    // Each is used for three quarters of its life, and none for one call only.
    let most = 1 + lasted / 3_000;
    assert!((2..=most).contains(&(seen.assumed as u64)), "{} sessions in {lasted} ms", seen.assumed);
}

#[tokio::test]
async fn a_session_that_is_revoked_in_the_middle_of_a_segment_costs_a_call_and_no_page() {
    let server = Server::new(HOUR, PAGES, SLOW);
    let sites = sites(&server).await;
    let (progress, ()) = tokio::join!(segment(&sites), async {
        tokio::time::sleep(SLOW * 12).await;
        server.revoke();
    });
    assert_eq!(progress.unwrap().counts.written, 2 * PAGES);
    every_page_once(&server);
    let seen = server.seen();
    assert_eq!((seen.assumed, seen.turned_away), (2, 1));
}

fn put(key: &str) -> Write {
    let mut item = Item::default();
    item.0.insert("pk".to_owned(), AttributeValue::S(key.to_owned()));
    let schema = livemove_core::item::KeySchema { partition: "pk".to_owned(), sort: None };
    Write::new(schema.key_of(&item).unwrap(), Action::Put(item), Guard::Absent)
}

#[tokio::test]
async fn a_write_that_was_turned_away_as_expired_is_done_once() {
    let server = Server::new(HOUR, 1, Duration::ZERO);
    let table = DynamoTable::open(&sites(&server).await, &away(), "orders-new", LONGEST).await.unwrap();
    assert!(matches!(table.write(&put("a")).await, Ok(Written::Applied(_))));
    tokio::time::sleep(NOT_YOUNG).await;
    server.revoke();
    assert!(matches!(table.write(&put("b")).await, Ok(Written::Applied(_))));
    let seen = server.seen();
    assert_eq!((seen.put, seen.turned_away, seen.assumed), (2, 1, 2));
}

#[tokio::test]
async fn sessions_that_are_always_said_to_have_ended_end_the_call_and_not_in_a_loop() {
    let server = Server::new(HOUR, 1, Duration::ZERO);
    let table = DynamoTable::open(&sites(&server).await, &away(), "orders-new", LONGEST).await.unwrap();
    // The clock of AWS is ahead: whatever is given has ended.
    tokio::time::sleep(NOT_YOUNG).await;
    server.revoke();
    table.write(&put("a")).await.unwrap();
    server.revoke();
    let error = table.write(&put("b")).await.unwrap_err();
    assert_eq!(error.name(), "Unavailable", "it did nothing and may be asked for again: {error}");
    let seen = server.seen();
    assert_eq!((seen.put, seen.assumed), (1, 2));
}

#[tokio::test]
async fn a_role_that_cannot_be_assumed_any_more_is_a_denial_that_names_both_roles() {
    let server = Server::new(HOUR, 1, Duration::ZERO);
    let sites = sites(&server).await;
    let table = DynamoTable::open(&sites, &away(), "orders-new", LONGEST).await.unwrap();
    tokio::time::sleep(NOT_YOUNG).await;
    server.seen().closed = true;
    server.revoke();
    let by_wire = table.write(&put("a")).await.unwrap_err();
    let by_sdk = DynamoTable::open(&sites, &away(), "orders-new", LONGEST).await.unwrap_err();
    for error in [by_wire, by_sdk] {
        assert_eq!(error.name(), "AccessDenied", "{error}");
        let text = error.to_string();
        for part in [
            "sts:AssumeRole on arn:aws:iam::222222222222:role/livemove-orders-peer",
            "denied to arn:aws:iam::111111111111:role/livemove-orders-backfill",
            r#"{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"arn:aws:iam::222222222222:role/livemove-orders-peer"}"#,
            "ExternalId",
        ] {
            assert!(text.contains(part), "{part} is not in {text}");
        }
        assert!(!text.contains("agreed"), "the external id is a secret: {text}");
    }
    server.seen().closed = false;
    assert!(matches!(table.write(&put("a")).await, Ok(Written::Applied(_))), "it goes on by itself");
}

const PARTS: usize = 12;

/// Carries an object of many parts over, each of which takes a while.
async fn object(sites: &Sites) -> Result<Transferred, Error> {
    let end = |end: End, name: &str| plan::End { account: end.account, region: end.region, name: name.to_owned() };
    let source = S3Bucket::open(sites, &end(home(), "files"))?;
    let target = S3Bucket::open(sites, &end(away(), "files-new"))?;
    let seen = Head {
        etag: Etag(format!("e-{PARTS}")),
        size: (PARTS * PART) as u64,
        version: None,
        last_modified: 0,
        opaque: false,
        storage_class: None,
        description: Description::default(),
        tags: Tags::new(),
    };
    target.transfer(&source, "film", &seen, &Expect::Absent).await
}

fn one_upload_of_all_parts(server: &Server) {
    let seen = server.seen();
    let mut parts: Vec<usize> = seen.parts.iter().map(|number| number.parse().unwrap()).collect();
    parts.sort_unstable();
    assert_eq!((seen.uploads, parts), (1, (1..=PARTS).collect()));
}

#[tokio::test]
async fn an_object_outlives_the_session_that_its_copy_began_with() {
    let server = Server::new(SHORT, 1, SLOW * 3);
    assert!(matches!(object(&sites(&server).await).await, Ok(Transferred::Written(_))));
    one_upload_of_all_parts(&server);
    let seen = server.seen();
    assert_eq!(seen.turned_away, 0);
    assert!(seen.assumed >= 2, "{} sessions", seen.assumed);
}

#[tokio::test]
async fn a_session_that_is_revoked_in_the_middle_of_an_object_costs_no_part() {
    let server = Server::new(HOUR, 1, SLOW * 2);
    let sites = sites(&server).await;
    let (done, ()) = tokio::join!(object(&sites), async {
        tokio::time::sleep(NOT_YOUNG).await;
        server.revoke();
    });
    assert!(matches!(done, Ok(Transferred::Written(_))), "{done:?}");
    one_upload_of_all_parts(&server);
    let seen = server.seen();
    assert!(seen.turned_away >= 1 && seen.assumed == 2, "{seen:?}");
}
