//! The client at work on the local AWS, while its table is brought from phase to phase.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::large_futures,
    reason = "a test program that reads where the local AWS is"
)]

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_dynamodb::error::ProvideErrorMetadata as _;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, Put, ScalarAttributeType,
    TransactWriteItem, Update,
};
use livemove::MigratingTable;
use livemove_aws::config::Config;
use livemove_aws::control::Control;
use livemove_aws::sites::Sites;
use livemove_aws::startup::SystemClock;
use livemove_core::mark::RESERVED;
use livemove_core::phase::{Kind, Phase, State};
use livemove_core::plan::{Plan, subject_id};
use livemove_core::ports::Clock as _;
use livemove_core::register::{Migrations as _, States as _};
use serde_json::json;

const ACCOUNT: &str = "111111111111";
const REGION: &str = "us-east-1";
const LEASE: Duration = Duration::from_millis(200);

/// A migration of the table of that name, whose control record the test writes itself.
struct Stage {
    name: &'static str,
    direct: Client,
    control: Control,
    table: MigratingTable,
}

impl Stage {
    async fn set(name: &'static str) -> Stage {
        let direct = direct();
        for table in [name.to_owned(), format!("{name}-new"), format!("{name}-control"), format!("{name}-other")] {
            create(&direct, &table).await;
        }
        let config = Config::read(|variable| {
            Some(match variable {
                "MIGRATION_ID" => name.to_owned(),
                "CONTROL_TABLE" => format!("{name}-control"),
                "CONTROL_ACCOUNT" | "ACCOUNT_ID" => ACCOUNT.to_owned(),
                "CONTROL_REGION" | "AWS_REGION" => REGION.to_owned(),
                _ => return None,
            })
        });
        let config = config.unwrap();
        let sites = Sites::load(&config).await;
        let control = Control::open(&sites, &config.control, Duration::from_secs(3)).unwrap();
        let end = |table: &str| json!({"account": ACCOUNT, "region": REGION, "table": table});
        let plan: Plan = serde_json::from_value(json!({
            "migration": name,
            "tables": [{"source": end(name), "target": end(&format!("{name}-new"))}],
            "timing": {"lease_ms": 200, "call_ms": 5000, "skew_ms": 100},
        }))
        .unwrap();
        control.save_plan(&plan).await.unwrap();
        control.create(&plan.subjects()[0], &State::first(SystemClock.now()), &json!({})).await.unwrap();
        Stage { name, direct, control, table: MigratingTable::open(config).await.unwrap() }
    }

    /// Writes the phase and waits until no lease on the one before is left.
    async fn enter(&self, phase: Phase) {
        let subject = subject_id(Kind::Table, self.name);
        let (from, _) = self.control.load(&subject).await.unwrap().unwrap();
        let to = State { version: from.version + 1, phase, since: SystemClock.now(), ..from.clone() };
        self.control.transition(&subject, &from, &to, &json!({})).await.unwrap();
        tokio::time::sleep(2 * LEASE).await;
    }

    fn client(&self) -> &Client {
        self.table.client()
    }
}

fn direct() -> Client {
    let endpoint = std::env::var("LIVEMOVE_TEST_ENDPOINT").expect("run by `make test-aws`");
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .credentials_provider(Credentials::new(ACCOUNT, "local", None, None, "test"))
        .http_client(
            aws_smithy_http_client::Builder::new()
                .tls_provider(aws_smithy_http_client::tls::Provider::Rustls(
                    aws_smithy_http_client::tls::rustls_provider::CryptoMode::Ring,
                ))
                .build_https(),
        )
        .endpoint_url(endpoint);
    Client::from_conf(config.build())
}

async fn create(client: &Client, table: &str) {
    let attribute = |name: &str| {
        AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S).build().unwrap()
    };
    let key = |name: &str, kind| KeySchemaElement::builder().attribute_name(name).key_type(kind).build().unwrap();
    let request = client.create_table().table_name(table).billing_mode(BillingMode::PayPerRequest);
    let request = request.attribute_definitions(attribute("pk")).attribute_definitions(attribute("sk"));
    let request = request.key_schema(key("pk", KeyType::Hash)).key_schema(key("sk", KeyType::Range));
    request.send().await.unwrap();
}

fn s(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

fn n(number: i32) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

fn key(sk: &str) -> HashMap<String, AttributeValue> {
    [("pk".to_owned(), s("p")), ("sk".to_owned(), s(sk))].into()
}

fn item(sk: &str, number: i32) -> HashMap<String, AttributeValue> {
    let mut item = key(sk);
    item.insert("n".to_owned(), n(number));
    item
}

/// The items of the partition, page by page, as `sk` and `n`.
async fn listed(client: &Client, table: &str) -> Vec<(String, i32)> {
    let (mut found, mut start) = (Vec::new(), None);
    loop {
        let query = client.query().table_name(table).key_condition_expression("pk = :p").limit(2);
        let page = query.expression_attribute_values(":p", s("p")).set_exclusive_start_key(start).send().await.unwrap();
        for item in page.items() {
            assert!(item.keys().all(|name| !name.starts_with(RESERVED)), "a mark leaks: {item:?}");
            found.push((item["sk"].as_s().unwrap().clone(), item["n"].as_n().unwrap().parse().unwrap()));
        }
        start = page.last_evaluated_key;
        if start.is_none() {
            return found;
        }
    }
}

/// How many items a table holds, marks or not.
async fn stored(client: &Client, table: &str) -> usize {
    let scan = client.scan().table_name(table).consistent_read(true).send().await.unwrap();
    usize::try_from(scan.count).unwrap()
}

#[tokio::test]
async fn an_ordinary_client_works_in_every_phase() {
    let stage = Stage::set("client").await;
    let (client, table) = (stage.client(), stage.name);
    let mut expected = Vec::new();
    for (number, phase) in
        [Phase::Old, Phase::Copy, Phase::Guarded, Phase::Handoff, Phase::New, Phase::Final].into_iter().enumerate()
    {
        if phase != Phase::Old {
            stage.enter(phase).await;
        }
        if phase == Phase::New {
            // As the finisher would: every key is handed over before.
            assert_eq!(stored(&stage.direct, "client-new").await, expected.len());
        }
        let number = i32::try_from(number).unwrap();
        let sk = format!("k{number}");
        client.put_item().table_name(table).set_item(Some(item(&sk, 0))).send().await.unwrap();
        let again = client.put_item().table_name(table).set_item(Some(item(&sk, 9)));
        let again = again.condition_expression("attribute_not_exists(pk)").send().await.unwrap_err();
        assert_eq!(again.code(), Some("ConditionalCheckFailedException"), "{phase}");
        // Every key that is there counts on, so that each is touched in every phase.
        expected.push((sk, 0));
        for (sk, count) in &mut expected {
            let update = client.update_item().table_name(table).set_key(Some(key(sk))).update_expression("ADD n :one");
            let update = update.expression_attribute_values(":one", n(1)).return_values("ALL_NEW".into());
            *count += 1;
            assert_eq!(update.send().await.unwrap().attributes.unwrap(), item(sk, *count), "{phase}");
        }
        assert_eq!(listed(client, table).await, expected, "{phase}");
        let scanned = client.scan().table_name(table).consistent_read(true).send().await.unwrap();
        assert_eq!(scanned.count, number + 1, "{phase}");
    }
    assert_eq!(stored(&stage.direct, "client-new").await, expected.len());
}

#[tokio::test]
async fn a_transaction_over_moved_and_unmoved_keys_is_done_whole() {
    let stage = Stage::set("together").await;
    let (client, table) = (stage.client(), stage.name);
    for sk in ["a", "b"] {
        client.put_item().table_name(table).set_item(Some(item(sk, 10))).send().await.unwrap();
    }
    for phase in [Phase::Copy, Phase::Guarded, Phase::Handoff] {
        stage.enter(phase).await;
    }
    // Moves `a` and leaves `b`.
    client.put_item().table_name(table).set_item(Some(item("a", 10))).send().await.unwrap();
    let add = |sk: &str, by: i32| {
        let update = Update::builder().table_name(table).set_key(Some(key(sk))).update_expression("ADD n :by");
        TransactWriteItem::builder().update(update.expression_attribute_values(":by", n(by)).build().unwrap()).build()
    };
    let both = client.transact_write_items().transact_items(add("a", -3)).transact_items(add("b", 3));
    both.send().await.unwrap();
    assert_eq!(listed(client, table).await, [("a".to_owned(), 7), ("b".to_owned(), 13)]);
    let fresh = Put::builder().table_name(table).set_item(Some(item("a", 0)));
    let fresh = fresh.condition_expression("attribute_not_exists(pk)").build().unwrap();
    let refused = client.transact_write_items().transact_items(add("b", 3));
    let refused = refused.transact_items(TransactWriteItem::builder().put(fresh).build()).send().await.unwrap_err();
    let refused = refused.into_service_error();
    assert!(refused.is_transaction_canceled_exception(), "{refused}");
    assert_eq!(listed(client, table).await, [("a".to_owned(), 7), ("b".to_owned(), 13)]);
}

#[tokio::test]
async fn other_tables_are_called_as_they_are_and_the_target_is_not() {
    let stage = Stage::set("beside").await;
    let client = stage.client();
    client.put_item().table_name("beside-other").set_item(Some(item("a", 1))).send().await.unwrap();
    assert_eq!(listed(&stage.direct, "beside-other").await, [("a".to_owned(), 1)]);
    let tables = client.list_tables().send().await.unwrap();
    assert!(tables.table_names().contains(&"beside".to_owned()));
    for name in ["beside-new", "arn:aws:dynamodb:us-east-1:111111111111:table/beside-new"] {
        let refused = client.get_item().table_name(name).set_key(Some(key("a"))).send().await.unwrap_err();
        assert_eq!(refused.code(), Some("MigrationTarget"), "{name}");
    }
}

#[tokio::test]
async fn a_table_named_by_its_arn_is_the_same_table() {
    let stage = Stage::set("named").await;
    for phase in [Phase::Copy, Phase::Guarded, Phase::Handoff] {
        stage.enter(phase).await;
    }
    let arn = "arn:aws:dynamodb:us-east-1:111111111111:table/named";
    stage.client().put_item().table_name(arn).set_item(Some(item("a", 1))).send().await.unwrap();
    assert_eq!(listed(stage.client(), "named").await, [("a".to_owned(), 1)]);
    let native = stage.direct.get_item().table_name("named-new").set_key(Some(key("a"))).send().await.unwrap();
    assert!(native.item.unwrap().contains_key("_lm_own"), "written past the protocol");
}
