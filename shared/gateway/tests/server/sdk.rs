//! The AWS SDK as its users have it, with another endpoint.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_dynamodb::error::ProvideErrorMetadata as _;
use aws_sdk_dynamodb::operation::RequestId as _;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_smithy_http_client::tls;
use livemove_gateway::auth::AccessKey;

use crate::backend::answer;
use crate::world::World;

pub(crate) fn client(world: &World, key: &AccessKey) -> Client {
    let http = aws_smithy_http_client::Builder::new()
        .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring))
        .build_https();
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(http)
        .endpoint_url(format!("http://{}", world.address))
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new(&key.id, &key.secret, None, None, "test"))
        .retry_config(RetryConfig::disabled())
        .build();
    Client::from_conf(config)
}

fn anybody() -> AccessKey {
    AccessKey { id: "AKIDANYBODY".to_owned(), secret: "any".to_owned() }
}

#[tokio::test]
async fn the_sdk_reads_items_and_errors_of_the_data_plane() {
    let world = World::start().await;
    let client = client(&world, &anybody());
    let key = AttributeValue::S("a".to_owned());
    let got = client.get_item().table_name("moving").key("pk", key.clone()).send().await.unwrap();
    assert_eq!(got.item().unwrap()["n"], AttributeValue::N("1".to_owned()));
    assert_eq!(got.request_id().unwrap().len(), 52);
    let failed = client.put_item().table_name("moving").item("pk", key).send().await.unwrap_err().into_service_error();
    assert!(failed.is_conditional_check_failed_exception());
    assert_eq!(failed.message(), Some("The conditional request failed"));
}

#[tokio::test]
async fn the_sdk_reads_answers_and_errors_of_the_backend() {
    let world = World::start().await;
    let client = client(&world, &anybody());
    world.backend.acts(answer("200 OK", &[], br#"{"TableNames":["staying"]}"#));
    assert_eq!(client.list_tables().send().await.unwrap().table_names(), ["staying"]);
    let error = br#"{"__type":"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException","message":"no"}"#;
    world.backend.acts(answer("400 Bad Request", &[("x-amzn-requestid", "THEIRS")], error));
    let failed = client.describe_table().table_name("staying").send().await.unwrap_err().into_service_error();
    assert!(failed.is_resource_not_found_exception());
    assert_eq!(failed.request_id(), Some("THEIRS"));
}
