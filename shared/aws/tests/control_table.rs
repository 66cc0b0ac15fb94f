//! The register's contract on the control table of a real DynamoDB API, by default the local AWS.
//!
//! `LIVEMOVE_TEST_ENDPOINT` says where; `make test` sets it.

#![allow(clippy::unwrap_used, clippy::panic, clippy::disallowed_methods)]

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_dynamodb::types::{AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType};
use aws_smithy_http_client::tls;
use livemove_aws::control::Control;
use livemove_core::lease::Phases;
use livemove_core::testing::register_contract;

fn endpoint() -> String {
    std::env::var("LIVEMOVE_TEST_ENDPOINT").ok().filter(|url| !url.is_empty()).unwrap_or_else(|| {
        panic!(
            "LIVEMOVE_TEST_ENDPOINT is not set: run `make test`, \
             or `python -m tests.local_aws.run -- cargo test -p livemove-aws --test control_table`"
        )
    })
}

fn client(retry: RetryConfig) -> Client {
    let http = aws_smithy_http_client::Builder::new()
        .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring))
        .build_https();
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(http)
        .endpoint_url(endpoint())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("111111111111", "x", None, None, "test"))
        .retry_config(retry)
        .build();
    Client::from_conf(config)
}

/// A new empty control table, as the template makes it.
async fn fresh(name: &str) -> Control {
    let (repeating, once) = (client(RetryConfig::standard()), client(RetryConfig::disabled()));
    let name = format!("livemove-{name}-{}-control", std::process::id());
    let key = |name: &str, kind| KeySchemaElement::builder().attribute_name(name).key_type(kind).build().unwrap();
    let text = |name: &str| {
        AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S).build().unwrap()
    };
    let create = repeating
        .create_table()
        .table_name(&name)
        .billing_mode(BillingMode::PayPerRequest)
        .set_key_schema(Some(vec![key("pk", KeyType::Hash), key("sk", KeyType::Range)]))
        .set_attribute_definitions(Some(vec![text("pk"), text("sk")]));
    create.send().await.unwrap_or_else(|error| panic!("no table: {error:?}"));
    Control::new(repeating, once, &name)
}

#[tokio::test]
async fn the_control_table_keeps_the_contract() {
    register_contract::run_all(&fresh("contract").await).await;
}

#[tokio::test]
async fn a_subject_that_is_not_registered_has_no_phase() {
    let control = fresh("phases").await;
    let error = control.phases("table#orders").state().await.unwrap_err();
    assert_eq!(error.name(), "NotRegistered");
}
