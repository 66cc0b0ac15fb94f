//! Gateways that demand signatures.

use aws_sdk_dynamodb::error::ProvideErrorMetadata as _;
use aws_sdk_dynamodb::types::AttributeValue;
use livemove_gateway::auth::AccessKey;
use livemove_gateway::backend::Backend;
use livemove_gateway::server::{BindError, Settings};
use livemove_gateway::{Limits, Server};

use crate::plane::TestPlane;
use crate::sdk::client;
use crate::world::{RealClock, World, clients_key, sdk_config};

async fn guarded() -> World {
    World::with(Limits::default(), Some(clients_key())).await
}

#[tokio::test]
async fn calls_signed_by_the_sdk_with_the_right_keys_are_served_and_passed_on() {
    let world = guarded().await;
    let client = client(&world, &clients_key());
    let key = AttributeValue::S("a".to_owned());
    assert!(client.get_item().table_name("moving").key("pk", key.clone()).send().await.unwrap().item().is_some());
    client.put_item().table_name("staying").item("pk", key).send().await.unwrap();
    assert!(world.backend.only().headers["authorization"].contains("AKIDOFTHEGATEWAY/"));
}

#[tokio::test]
async fn calls_signed_otherwise_or_not_at_all_are_refused_and_reach_nobody() {
    let world = guarded().await;
    let AccessKey { id, secret } = clients_key();
    for (key, expected) in [
        (AccessKey { id: id.clone(), secret: "another-secret".to_owned() }, "InvalidSignatureException"),
        (AccessKey { id: "AKIDOTHER".to_owned(), secret }, "UnrecognizedClientException"),
    ] {
        for table in ["moving", "staying"] {
            let request =
                client(&world, &key).get_item().table_name(table).key("pk", AttributeValue::S("a".to_owned()));
            let error = request.send().await.unwrap_err().into_service_error();
            assert_eq!(error.code(), Some(expected));
        }
    }
    let unsigned = world.call("GetItem", r#"{"TableName":"moving"}"#).await;
    assert_eq!((unsigned.status(), unsigned.error().as_str()), (400, "MissingAuthenticationTokenException"));
    assert!(world.plane.calls().is_empty() && world.backend.got().is_empty());
}

#[tokio::test]
async fn without_keys_a_gateway_listens_to_its_own_machine_alone() {
    for open in ["0.0.0.0:0", "[::]:0"] {
        let limits = Limits::default();
        let bind = async |access| {
            let settings = Settings { listen: open.parse().unwrap(), access, limits };
            let backend = Backend::new(&sdk_config("http://127.0.0.1:1", None), &limits).unwrap();
            Server::bind(settings, TestPlane::default(), backend, RealClock).await
        };
        let Err(error) = bind(None).await else { panic!("{open} was taken") };
        assert!(matches!(error, BindError::OpenToAll(_)) && error.to_string().contains("GATEWAY_ACCESS_KEY_ID"));
        // IPv6 is not on every machine.
        assert!(!matches!(bind(Some(clients_key())).await, Err(BindError::OpenToAll(_))));
    }
}
