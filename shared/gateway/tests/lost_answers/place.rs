//! A table that moves on the local AWS, and a gateway in front of it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_dynamodb::types::{AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType};
use livemove_aws::api::Plane;
use livemove_aws::config::Config;
use livemove_aws::control::Control;
use livemove_aws::sites::Sites;
use livemove_aws::startup::SystemClock;
use livemove_core::phase::{Kind, Phase, State};
use livemove_core::plan::{Plan, subject_id};
use livemove_core::ports::Clock as _;
use livemove_core::register::{Migrations as _, States as _};
use livemove_gateway::backend::Backend;
use livemove_gateway::migrating::{Direct, Migrating};
use livemove_gateway::{Limits, Server, Settings};
use serde_json::json;
use tokio::sync::mpsc;

const ACCOUNT: &str = "111111111111";
const REGION: &str = "us-east-1";
const LEASE: Duration = Duration::from_millis(200);

pub(crate) struct Place {
    pub(crate) gateway: SocketAddr,
    name: String,
    control: Control,
    _stop: mpsc::Sender<()>,
}

/// A client with the SDK's own retries.
pub(crate) fn client(address: SocketAddr) -> Client {
    of_endpoint(&format!("http://{address}"))
}

fn of_endpoint(endpoint: &str) -> Client {
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
        .endpoint_url(endpoint)
        .build();
    Client::from_conf(config)
}

async fn create(client: &Client, table: &str, keys: &[(&str, KeyType)]) {
    let mut create = client.create_table().table_name(table).billing_mode(BillingMode::PayPerRequest);
    for (name, kind) in keys {
        let attribute = AttributeDefinition::builder().attribute_name(*name).attribute_type(ScalarAttributeType::S);
        let key = KeySchemaElement::builder().attribute_name(*name).key_type(kind.clone());
        create = create.attribute_definitions(attribute.build().unwrap()).key_schema(key.build().unwrap());
    }
    create.send().await.unwrap();
}

impl Place {
    /// Tables, control record and gateway for the table `name`.
    pub(crate) async fn prepare(name: &str) -> Place {
        let direct = of_endpoint(&std::env::var("AWS_ENDPOINT_URL").expect("run by `make test-aws`"));
        let (target, control_table) = (format!("{name}-new"), format!("{name}-control"));
        for table in [name, &target] {
            create(&direct, table, &[("pk", KeyType::Hash)]).await;
        }
        create(&direct, &control_table, &[("pk", KeyType::Hash), ("sk", KeyType::Range)]).await;
        let config = Config::read(|variable| {
            Some(match variable {
                "MIGRATION_ID" => name.to_owned(),
                "CONTROL_TABLE" => control_table.clone(),
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
            "tables": [{"source": end(name), "target": end(&target)}],
            "timing": {"lease_ms": 200, "call_ms": 5000, "skew_ms": 100},
        }))
        .unwrap();
        control.save_plan(&plan).await.unwrap();
        control.create(&plan.subjects()[0], &State::first(SystemClock.now()), &json!({})).await.unwrap();
        let settings = Settings { listen: ([127, 0, 0, 1], 0).into(), access: None, limits: Limits::default() };
        let backend = Arc::new(Backend::new(sites.own(), &settings.limits).unwrap());
        let plane = Plane::new(Arc::new(sites), Arc::new(control.clone()), name, Direct::new(backend.clone()));
        let server = Server::bind(settings, Migrating::new(plane), backend, SystemClock).await.unwrap();
        let gateway = server.address();
        let (stop, stopped) = mpsc::channel(1);
        tokio::spawn(server.run(stopped));
        Place { gateway, name: name.to_owned(), control, _stop: stop }
    }

    /// Writes the phase, as one that has stood for long, and waits until no lease on the one before is left.
    pub(crate) async fn enter(&self, phase: Phase) {
        let subject = subject_id(Kind::Table, &self.name);
        let (from, _) = self.control.load(&subject).await.unwrap().unwrap();
        let to = State { version: from.version + 1, phase, since: 1, ..from.clone() };
        self.control.transition(&subject, &from, &to, &json!({})).await.unwrap();
        tokio::time::sleep(2 * LEASE).await;
    }
}
