//! The core's contract suite on a real DynamoDB API, by default the local AWS.
//!
//! `LIVEMOVE_TEST_ENDPOINT` says where; `make test` sets it. Each group of cases gets a table of its own.

#![allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods)]

mod canned;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region, SharedCredentialsProvider};
use aws_sdk_dynamodb::operation::create_table::builders::CreateTableFluentBuilder;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, LocalSecondaryIndex, Projection,
    ProjectionType, ScalarAttributeType, StreamSpecification, StreamViewType, TableStatus,
};
use aws_smithy_http_client::tls;
use aws_types::SdkConfig;
use livemove_aws::dynamo::DynamoTable;
use livemove_aws::wire::Wire;
use livemove_core::error::Error;
use livemove_core::item::{Item, KeySchema};
use livemove_core::ports::pages::{Index, Projected};
use livemove_core::ports::transact::{
    Entry, ReadEntry, Replacement, Snapshot, Transacted, Transaction, Transactions as _,
};
use livemove_core::ports::{Action, Get, Guard, Inserted, Table, Write, Written};
use livemove_core::testing::contract;
use serde_dynamo::AttributeValue;
use serde_json::{Value, json};

use canned::Canned;

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
        .credentials_provider(credentials())
        .retry_config(retry)
        .build();
    Client::from_conf(config)
}

fn clients(endpoint: &str) -> (Client, Client, Arc<Wire>) {
    let sdk = SdkConfig::builder()
        .endpoint_url(endpoint)
        .region(Region::new("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials()))
        .build();
    let wire = Arc::new(Wire::new(&sdk, 16).unwrap());
    (client(endpoint, RetryConfig::standard()), client(endpoint, RetryConfig::disabled()), wire)
}

fn credentials() -> Credentials {
    Credentials::new("111111111111", "x", None, None, "test")
}

/// A new empty table with a stream, under a name nobody had before.
async fn fresh() -> DynamoTable {
    made(false).await
}

/// The same with the indexes of the contract of pages.
async fn fresh_with_indexes() -> DynamoTable {
    made(true).await
}

async fn made(with_indexes: bool) -> DynamoTable {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let endpoint = endpoint();
    let (repeating, once, wire) = clients(&endpoint);
    let name = format!("contract-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let key = |name: &str, kind| KeySchemaElement::builder().attribute_name(name).key_type(kind).build().unwrap();
    let attribute = |name: &str| {
        let kind = ScalarAttributeType::S;
        AttributeDefinition::builder().attribute_name(name).attribute_type(kind).build().unwrap()
    };
    let stream = StreamSpecification::builder().stream_enabled(true).stream_view_type(StreamViewType::NewAndOldImages);
    let mut create = repeating
        .create_table()
        .table_name(&name)
        .billing_mode(BillingMode::PayPerRequest)
        .set_key_schema(Some(vec![key("pk", KeyType::Hash), key("sk", KeyType::Range)]))
        .set_attribute_definitions(Some(vec![attribute("pk"), attribute("sk")]))
        .stream_specification(stream.build().unwrap());
    if with_indexes {
        let number = AttributeDefinition::builder().attribute_name("nr").attribute_type(ScalarAttributeType::N);
        create = create.attribute_definitions(number.build().unwrap()).attribute_definitions(attribute("g"));
        for (name, index) in contract::pages::indexes() {
            create = with_index(create, name, &index);
        }
    }
    create.send().await.unwrap_or_else(|error| panic!("no table at {endpoint}: {error:?}"));
    let is_active = async || {
        let described = repeating.describe_table().table_name(&name).send().await.unwrap();
        described.table.unwrap().table_status == Some(TableStatus::Active)
    };
    while !is_active().await {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    DynamoTable::described(repeating, once, wire, &name, (format!("table {name}"), None), LONGEST).await.unwrap()
}

fn with_index(create: CreateTableFluentBuilder, name: &str, index: &Index) -> CreateTableFluentBuilder {
    let key = |name: &str, kind| KeySchemaElement::builder().attribute_name(name).key_type(kind).build().unwrap();
    let partition = key(&index.keys.partition, KeyType::Hash);
    let keys: Vec<_> =
        std::iter::once(partition).chain(index.keys.sort.as_ref().map(|sort| key(sort, KeyType::Range))).collect();
    let projection = match &index.projected {
        Projected::All => Projection::builder().projection_type(ProjectionType::All),
        Projected::Only(more) if more.is_empty() => Projection::builder().projection_type(ProjectionType::KeysOnly),
        Projected::Only(more) => {
            Projection::builder().projection_type(ProjectionType::Include).set_non_key_attributes(Some(more.clone()))
        }
    };
    if index.local {
        let local = LocalSecondaryIndex::builder().index_name(name).set_key_schema(Some(keys));
        return create.local_secondary_indexes(local.projection(projection.build()).build().unwrap());
    }
    let global = GlobalSecondaryIndex::builder().index_name(name).set_key_schema(Some(keys));
    create.global_secondary_indexes(global.projection(projection.build()).build().unwrap())
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
async fn dynamodb_keeps_the_contract_of_pages() {
    contract::run_pages(fresh_with_indexes).await;
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
    let (repeating, once, wire) = clients(endpoint);
    table.through(repeating, once, wire)
}

async fn put(table: &DynamoTable) -> Result<Written, Error> {
    let item = item("x", []);
    let key = table.schema().key_of(&item).unwrap();
    table.write(&Write::new(key, Action::Put(item), Guard::Always)).await
}

/// A put of one item under a token, or without any.
fn transaction(table: &DynamoTable, token: Option<&str>) -> Transaction {
    let item = item("x", []);
    let key = table.schema().key_of(&item).unwrap();
    let put = Write::new(key, Action::Put(item), Guard::Always);
    Transaction { entries: vec![Entry::Write(put)], token: token.map(str::to_owned) }
}

#[tokio::test]
async fn entries_for_other_tables_are_part_of_the_transaction() {
    let (table, other) = (fresh().await, fresh().await);
    let entry = |kind: &str, more: Value| {
        let mut fields = json!({"TableName": other.name()});
        fields.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        Entry::Foreign(json!({kind: fields}))
    };
    let there = json!({"pk": {"S": "p"}, "sk": {"S": "there"}, "n": {"N": "1"}});
    let key = json!({"pk": {"S": "p"}, "sk": {"S": "there"}});
    let with = |foreign: Entry| {
        let mut transaction = transaction(&table, None);
        transaction.entries.push(foreign);
        transaction
    };
    let check = entry(
        "ConditionCheck",
        json!({
            "Key": key, "ConditionExpression": "attribute_exists(pk)",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }),
    );
    let refused = table.transact(&with(check.clone())).await.unwrap();
    let Transacted::Cancelled(reasons) = refused else { panic!("{refused:?}") };
    assert_eq!(
        reasons.iter().map(|reason| reason.code.as_str()).collect::<Vec<_>>(),
        ["None", "ConditionalCheckFailed"]
    );
    assert_eq!(table.transact(&with(entry("Put", json!({"Item": there})))).await.unwrap(), Transacted::Applied);
    assert_eq!(table.transact(&with(check)).await.unwrap(), Transacted::Applied);
    let reads = [
        ReadEntry::Get(Get::whole(table.schema().key_of(&item("x", [])).unwrap())),
        ReadEntry::Foreign(json!({"Get": {"TableName": other.name(), "Key": key}})),
    ];
    let read = table.snapshot(&reads).await.unwrap();
    let there = item("there", [("n".to_owned(), AttributeValue::N("1".to_owned()))]);
    assert_eq!(read, Snapshot::Read(vec![Some(item("x", [])), Some(there)]));
}

#[tokio::test]
async fn after_a_lost_answer_a_transaction_is_not_sent_again_behind_its_callers_back() {
    let table = fresh().await;
    for token in [None, Some("token")] {
        // Whoever asked a second time would be told that it was throttled, and that nothing was done.
        let canned = Canned::new(|_| None);
        let error = broken(&table, &canned.url()).transact(&transaction(&table, token)).await.unwrap_err();
        assert!(error.is_ambiguous(), "{error:?}");
        assert_eq!(canned.requests().len(), 1, "{token:?}");
    }
}

#[tokio::test]
async fn what_a_batch_leaves_unprocessed_is_sent_again_and_answered_in_the_end() {
    let table = fresh().await;
    let items: Vec<Item> = ["a", "b", "c"].map(|sk| item(sk, [])).to_vec();
    let replacements: Vec<Replacement> = items.iter().cloned().map(Replacement::Put).collect();
    // The second item is never processed, the third one only when it is sent again.
    let name = table.name().to_owned();
    let canned = Canned::new(move |count| {
        let put = |sk: &str| json!({"PutRequest": {"Item": {"pk": {"S": "p"}, "sk": {"S": sk}}}});
        let left = if count == 1 { vec![put("c"), put("b")] } else { vec![put("b")] };
        Some(json!({"UnprocessedItems": {name.clone(): left}}).to_string())
    });
    assert_eq!(broken(&table, &canned.url()).replace(&replacements).await.unwrap(), [1]);
    let sent = |request: &Value| request["RequestItems"][table.name()].as_array().unwrap().len();
    assert_eq!(canned.requests().iter().map(sent).collect::<Vec<_>>(), [3, 2, 1, 1]);
}
