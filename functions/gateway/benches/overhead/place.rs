//! Where it is measured: a table that moves, one that does not, and a gateway in front of both.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
};
use livemove_aws::config::Config;
use livemove_aws::control::Control;
use livemove_aws::sites::Sites;
use livemove_aws::startup::SystemClock;
use livemove_core::mark::Run;
use livemove_core::phase::{Phase, State};
use livemove_core::plan::{Plan, SubjectPlan, subject_id};
use livemove_core::ports::Clock as _;
use livemove_core::register::{Migrations as _, States as _};
use serde_json::json;

use crate::hop;

pub(crate) const KEYS: usize = 200;
pub(crate) const MOVING: &str = "bench";
const TARGET: &str = "bench-new";
pub(crate) const PLAIN: &str = "bench-plain";
const CONTROL: &str = "bench-control";
const ACCOUNT: &str = "111111111111";
const REGION: &str = "us-east-1";
/// Longer than the lease of a state, so that a phase is known to the gateway once it is over.
const PAUSE: Duration = Duration::from_secs(6);

/// What is added to a call to a backend that is as far away as DynamoDB: AWS speaks of single-digit milliseconds,
/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Introduction.html>, and this is few of them.
pub(crate) const FAR: Duration = Duration::from_millis(2);

pub(crate) struct Place {
    /// The backend as near as can be.
    pub(crate) near: Ways,
    /// The same backend, [`FAR`] away.
    pub(crate) far: Ways,
    /// Through a relay of bytes.
    pub(crate) relayed: Client,
    control: Control,
}

/// The ways to a backend.
pub(crate) struct Ways {
    pub(crate) direct: Client,
    pub(crate) through: Client,
    pub(crate) gateway: Gateway,
}

impl Ways {
    async fn to(backend: &str) -> Ways {
        let listen = free_address().to_string();
        let gateway = Gateway::start(&variables(), backend, &listen).await;
        Ways { direct: client(backend), through: client(&format!("http://{listen}")), gateway }
    }
}

fn client(endpoint: &str) -> Client {
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .credentials_provider(Credentials::new(ACCOUNT, "local", None, None, "bench"))
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

async fn create(client: &Client, table: &str) {
    let attribute = |name: &str| {
        AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S).build().unwrap()
    };
    let key = |name: &str, kind| KeySchemaElement::builder().attribute_name(name).key_type(kind).build().unwrap();
    client
        .create_table()
        .table_name(table)
        .billing_mode(BillingMode::PayPerRequest)
        .attribute_definitions(attribute("pk"))
        .attribute_definitions(attribute("sk"))
        .key_schema(key("pk", KeyType::Hash))
        .key_schema(key("sk", KeyType::Range))
        .send()
        .await
        .unwrap();
}

fn plan() -> Plan {
    let end = |table: &str| json!({"account": ACCOUNT, "region": REGION, "table": table});
    let plan = json!({
        "migration": "bench",
        "tables": [{"source": end(MOVING), "target": end(TARGET)}],
    });
    serde_json::from_value(plan).unwrap()
}

/// The variables that a gateway in front of the table has.
fn variables() -> BTreeMap<&'static str, String> {
    BTreeMap::from([
        ("MIGRATION_ID", "bench".to_owned()),
        ("CONTROL_TABLE", CONTROL.to_owned()),
        ("CONTROL_ACCOUNT", ACCOUNT.to_owned()),
        ("ACCOUNT_ID", ACCOUNT.to_owned()),
        ("CONTROL_REGION", REGION.to_owned()),
        ("AWS_REGION", REGION.to_owned()),
        ("RUST_LOG", "warn".to_owned()),
    ])
}

/// An address of this machine that nobody listens on.
fn free_address() -> SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// The gateway as it is shipped, in a process of its own that ends with this value.
pub(crate) struct Gateway(Child);

impl Gateway {
    async fn start(variables: &BTreeMap<&str, String>, backend: &str, listen: &str) -> Gateway {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gateway"));
        command.envs(variables).env("GATEWAY_LISTEN", listen).env("AWS_ENDPOINT_URL", backend);
        let gateway = Gateway(command.stdin(Stdio::null()).spawn().unwrap());
        for _ in 0..1000 {
            if tokio::net::TcpStream::connect(listen).await.is_ok() {
                return gateway;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("the gateway does not listen");
    }

    /// The processor time it has taken so far, in seconds: user and system, in hundredths as Linux counts them.
    pub(crate) fn cpu_seconds(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.0.id())).unwrap();
        // The fields after the name, which stands in parentheses: the 14th and 15th of all.
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
    }

    /// Its resident memory.
    pub(crate) fn resident_mib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ended = self.0.kill();
    }
}

impl Place {
    /// Tables, control record and gateway, on the local AWS that the environment names.
    pub(crate) async fn prepare() -> Place {
        let endpoint = std::env::var("AWS_ENDPOINT_URL").expect("AWS_ENDPOINT_URL names a local AWS; use `make bench`");
        let direct = client(&endpoint);
        for table in [MOVING, TARGET, PLAIN, CONTROL] {
            create(&direct, table).await;
        }
        let variables = variables();
        let config = Config::read(|name| variables.get(name).cloned()).unwrap();
        let control = Control::open(&Sites::load(&config).await, &config.control, Duration::from_secs(3)).unwrap();
        let subject: SubjectPlan = plan().subjects().into_iter().next().unwrap();
        control.save_plan(&plan()).await.unwrap();
        control.create(&subject, &State::first(SystemClock.now()), &json!({})).await.unwrap();
        let backend = endpoint.trim_start_matches("http://").trim_end_matches('/');
        let relayed = client(&format!("http://{}", hop::relay(backend.to_owned())));
        let far = Ways::to(&format!("http://{}", hop::far(backend.to_owned(), FAR))).await;
        Place { near: Ways::to(&endpoint).await, far, relayed, control }
    }

    /// Brings the table to that phase, with all items where that phase has them, and every key touched once.
    pub(crate) async fn enter(&self, phase: Phase, run: Run) {
        let subject = subject_id(livemove_core::phase::Kind::Table, MOVING);
        let (from, _) = self.control.load(&subject).await.unwrap().unwrap();
        // Long ago: no token of the phase before is alive.
        let to = State { version: from.version + 1, run, phase, since: 1, ..from.clone() };
        self.control.transition(&subject, &from, &to, &json!({})).await.unwrap();
        tokio::time::sleep(PAUSE).await;
        self.fill().await;
    }

    /// Writes every item of both tables.
    pub(crate) async fn fill(&self) {
        for key in 0..KEYS {
            for (client, table) in [(&self.near.direct, PLAIN), (&self.near.through, MOVING)] {
                client.put_item().table_name(table).set_item(Some(item(key))).send().await.unwrap();
            }
        }
    }
}

/// The key attributes of a key.
pub(crate) fn key(number: usize) -> std::collections::HashMap<String, AttributeValue> {
    [
        ("pk".to_owned(), AttributeValue::S(format!("p{}", number % 20))),
        ("sk".to_owned(), AttributeValue::S(format!("s{:05}", number % KEYS))),
    ]
    .into()
}

/// An item of about 400 bytes.
pub(crate) fn item(number: usize) -> std::collections::HashMap<String, AttributeValue> {
    let mut item = key(number);
    item.insert("n".to_owned(), AttributeValue::N(number.to_string()));
    item.insert("text".to_owned(), AttributeValue::S("x".repeat(300)));
    item
}
