//! The measurements.

use std::future::Future;
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;

use crate::place::{KEYS, key};
use crate::writes::{With, count, put, set};

const SAMPLES: usize = 500;
const CLIENTS: usize = 16;
const ROUNDS: usize = 3;
const ROUND: Duration = Duration::from_millis(1500);

/// Where calls go, and how.
#[derive(Clone, Debug)]
pub(crate) struct Way {
    pub(crate) client: Client,
    pub(crate) table: &'static str,
    pub(crate) with: With,
}

/// What is called.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Operation {
    Get,
    Put,
    Update,
    Count,
    Query,
}

pub(crate) const OPERATIONS: [Operation; 5] =
    [Operation::Get, Operation::Put, Operation::Update, Operation::Count, Operation::Query];

impl Operation {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Operation::Get => "GetItem",
            Operation::Put => "PutItem",
            Operation::Update => "Update SET",
            Operation::Count => "Update ADD",
            Operation::Query => "Query",
        }
    }

    /// Whether it changes an item.
    pub(crate) fn is_write(self) -> bool {
        matches!(self, Operation::Put | Operation::Update | Operation::Count)
    }

    /// One call on the `number`th key.
    pub(crate) async fn call(self, way: &Way, number: usize) {
        let (client, table) = (&way.client, way.table);
        match self {
            Operation::Get => {
                let get = client.get_item().table_name(table).set_key(Some(key(number))).consistent_read(true);
                assert!(get.send().await.unwrap().item.is_some(), "every key has an item");
            }
            Operation::Put => put(client, table, number, way.with).send().await.map(drop).unwrap(),
            Operation::Update => set(client, table, number, way.with).send().await.map(drop).unwrap(),
            Operation::Count => count(client, table, number, way.with).send().await.map(drop).unwrap(),
            Operation::Query => {
                let query = client.query().table_name(table).key_condition_expression("pk = :p").limit(10);
                let value = AttributeValue::S(format!("p{}", number % 20));
                let found = query.expression_attribute_values(":p", value).send().await.unwrap();
                assert_eq!(found.count, 10);
            }
        }
    }
}

/// Median seconds of a call one way and the other, by turns.
pub(crate) async fn latency(one: &Way, other: &Way, operation: Operation) -> (f64, f64) {
    let (mut of_one, mut of_other) = (Vec::new(), Vec::new());
    for sample in 0..SAMPLES {
        of_one.push(timed(operation.call(one, sample)).await);
        of_other.push(timed(operation.call(other, sample)).await);
    }
    (median(of_one), median(of_other))
}

async fn timed(call: impl Future<Output = ()>) -> f64 {
    let began = Instant::now();
    call.await;
    began.elapsed().as_secs_f64()
}

fn median(mut samples: Vec<f64>) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples[samples.len() / 2]
}

/// What 16 clients saw.
#[derive(Debug, Default)]
pub(crate) struct Load {
    /// Of each call.
    seconds: Vec<f64>,
    /// Of all rounds.
    elapsed: f64,
}

impl Load {
    pub(crate) fn calls(&self) -> usize {
        self.seconds.len()
    }

    pub(crate) fn calls_a_second(&self) -> f64 {
        self.calls() as f64 / self.elapsed
    }

    /// Median seconds of a call.
    pub(crate) fn latency(&self) -> f64 {
        median(self.seconds.clone())
    }

    fn add(&mut self, round: Load) {
        self.seconds.extend(round.seconds);
        self.elapsed += round.elapsed;
    }
}

/// Calls of 16 clients one way and the other, by turns.
pub(crate) async fn load(one: &Way, other: &Way, operation: Operation) -> (Load, Load) {
    let (mut of_one, mut of_other) = (Load::default(), Load::default());
    for _ in 0..ROUNDS {
        of_one.add(round(one, operation).await);
        of_other.add(round(other, operation).await);
    }
    (of_one, of_other)
}

async fn round(way: &Way, operation: Operation) -> Load {
    let began = Instant::now();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|number| {
            let way = way.clone();
            tokio::spawn(async move {
                let (mut at, mut seconds) = (number * (KEYS / CLIENTS), Vec::new());
                while began.elapsed() < ROUND {
                    seconds.push(timed(operation.call(&way, at)).await);
                    at += 1;
                }
                seconds
            })
        })
        .collect();
    let mut load = Load::default();
    for client in clients {
        load.seconds.extend(client.await.unwrap());
    }
    load.elapsed = began.elapsed().as_secs_f64();
    load
}
