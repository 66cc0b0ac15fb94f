//! The core's contract suite on a real DynamoDB API, by default the local AWS.
//!
//! `LIVEMOVE_TEST_ENDPOINT` says where; `make test` sets it. Each group of cases gets a table of its own.

#![allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods)]

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType, StreamSpecification,
    StreamViewType, TableStatus,
};
use aws_smithy_http_client::tls;
use livemove_aws::dynamo::DynamoTable;
use livemove_core::error::Error;
use livemove_core::item::{Item, KeySchema};
use livemove_core::ports::{Action, Guard, Inserted, Table, Write, Written};
use livemove_core::testing::contract;
use serde_dynamo::AttributeValue;

const LONGEST: Duration = Duration::from_secs(30);

fn endpoint() -> String {
    std::env::var("LIVEMOVE_TEST_ENDPOINT").ok().filter(|url| !url.is_empty()).unwrap_or_else(|| {
        panic!(
            "LIVEMOVE_TEST_ENDPOINT is not set: run `make test`, \
             or `python -m tests.local_aws.run -- cargo test -p livemove-aws --test contract`"
        )
    })
}

fn client(endpoint: &str, retry: RetryConfig) -> Client {
    let http = aws_smithy_http_client::Builder::new()
        .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring))
        .build_https();
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(http)
        .endpoint_url(endpoint)
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("111111111111", "x", None, None, "test"))
        .retry_config(retry)
        .build();
    Client::from_conf(config)
}

fn clients(endpoint: &str) -> (Client, Client) {
    (client(endpoint, RetryConfig::standard()), client(endpoint, RetryConfig::disabled()))
}

/// A new empty table with a stream, under a name nobody had before.
async fn fresh() -> DynamoTable {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let endpoint = endpoint();
    let (repeating, once) = clients(&endpoint);
    let name = format!("contract-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let key = |name: &str, kind| KeySchemaElement::builder().attribute_name(name).key_type(kind).build().unwrap();
    let attribute = |name: &str| {
        let kind = ScalarAttributeType::S;
        AttributeDefinition::builder().attribute_name(name).attribute_type(kind).build().unwrap()
    };
    let stream = StreamSpecification::builder().stream_enabled(true).stream_view_type(StreamViewType::NewAndOldImages);
    let create = repeating
        .create_table()
        .table_name(&name)
        .billing_mode(BillingMode::PayPerRequest)
        .set_key_schema(Some(vec![key("pk", KeyType::Hash), key("sk", KeyType::Range)]))
        .set_attribute_definitions(Some(vec![attribute("pk"), attribute("sk")]))
        .stream_specification(stream.build().unwrap());
    create.send().await.unwrap_or_else(|error| panic!("no table at {endpoint}: {error:?}"));
    let is_active = async || {
        let described = repeating.describe_table().table_name(&name).send().await.unwrap();
        described.table.unwrap().table_status == Some(TableStatus::Active)
    };
    while !is_active().await {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    DynamoTable::described(repeating, once, &name, format!("table {name}"), LONGEST).await.unwrap()
}

fn item(sk: &str, more: impl IntoIterator<Item = (String, AttributeValue)>) -> Item {
    let text = |value: &str| AttributeValue::S(value.to_owned());
    let mut attributes = std::collections::BTreeMap::from([("pk".to_owned(), text("p")), ("sk".to_owned(), text(sk))]);
    attributes.extend(more);
    Item(attributes)
}

#[tokio::test]
async fn dynamodb_keeps_the_contract() {
    contract::run_all(fresh).await;
}

#[tokio::test]
async fn dynamodb_keeps_the_contract_of_transactions() {
    contract::run_transactions(fresh).await;
}

#[tokio::test]
async fn the_schema_is_the_tables() {
    let expected = KeySchema { partition: "pk".to_owned(), sort: Some("sk".to_owned()) };
    assert_eq!(*fresh().await.schema(), expected);
}

#[tokio::test]
async fn items_that_partiql_cannot_take_are_inserted_all_the_same() {
    let table = fresh().await;
    let odd = ["it's", "\"quoted\"", "what?", "back\\slash", "new\nline", "", "größe", "a b"];
    let mut items: Vec<Item> = odd
        .iter()
        .filter(|name| !name.is_empty())
        .enumerate()
        .map(|(n, name)| item(&format!("odd{n}"), [((*name).to_owned(), AttributeValue::N(n.to_string()))]))
        .collect();
    // A statement of more than 8,192 characters.
    items.push(item("wide", (0..200).map(|n| (format!("{n:0>60}"), AttributeValue::Bool(true)))));
    let answers = table.insert(&items).await;
    assert!(answers.iter().all(|answer| matches!(answer, Inserted::Inserted)), "{answers:?}");
    let page = table.scan(livemove_core::segment::Segment::WHOLE, None, 100).await.unwrap();
    for item in &items {
        assert!(page.items.iter().any(|stored| stored == item), "{:?}", item.0.keys());
    }
    let again = table.insert(&items).await;
    assert!(again.iter().all(|answer| matches!(answer, Inserted::Exists)), "{again:?}");
}

#[tokio::test]
async fn nobody_listening_means_that_nothing_was_done() {
    let table = fresh().await;
    // Bound and closed again: connections are refused.
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let table = broken(&table, &format!("http://{closed}"));
    let error = put(&table).await.unwrap_err();
    assert!(matches!(error, Error::Unavailable(_)), "{error:?}");
}

#[tokio::test]
async fn a_connection_that_breaks_after_the_request_leaves_the_outcome_open() {
    let table = fresh().await;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let taken = std::thread::spawn(move || {
        use std::io::Read;
        let (mut connection, _) = listener.accept().unwrap();
        let mut request = [0; 64];
        connection.read(&mut request).unwrap()
    });
    let table = broken(&table, &format!("http://{address}"));
    let error = put(&table).await.unwrap_err();
    assert!(error.is_ambiguous(), "{error:?}");
    assert!(taken.join().unwrap() > 0);
}

/// `table` behind another address.
fn broken(table: &DynamoTable, endpoint: &str) -> DynamoTable {
    let (repeating, once) = clients(endpoint);
    table.through(repeating, once)
}

async fn put(table: &DynamoTable) -> Result<Written, Error> {
    let item = item("x", []);
    let key = table.schema().key_of(&item).unwrap();
    table.write(&Write::new(key, Action::Put(item), Guard::Always)).await
}
