//! The measurements.

use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;

use crate::place::{KEYS, PLAIN, Place, item, key};

const SAMPLES: usize = 300;
const CLIENTS: usize = 16;
const ROUNDS: usize = 3;
const ROUND: Duration = Duration::from_millis(1500);

/// What is called.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Operation {
    Get,
    Put,
    Update,
    Query,
}

pub(crate) const OPERATIONS: [Operation; 4] = [Operation::Get, Operation::Put, Operation::Update, Operation::Query];

impl Operation {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Operation::Get => "GetItem",
            Operation::Put => "PutItem",
            Operation::Update => "UpdateItem",
            Operation::Query => "Query",
        }
    }

    /// One call on the `number`th key.
    pub(crate) async fn call(self, client: &Client, table: &str, number: usize) {
        match self {
            Operation::Get => {
                let get = client.get_item().table_name(table).set_key(Some(key(number))).consistent_read(true);
                assert!(get.send().await.unwrap().item.is_some(), "every key has an item");
            }
            Operation::Put => {
                client.put_item().table_name(table).set_item(Some(item(number))).send().await.unwrap();
            }
            Operation::Update => {
                let update = client.update_item().table_name(table).set_key(Some(key(number)));
                let update = update.update_expression("SET n = :n");
                let value = AttributeValue::N(number.to_string());
                update.expression_attribute_values(":n", value).send().await.unwrap();
            }
            Operation::Query => {
                let query = client.query().table_name(table).key_condition_expression("pk = :p").limit(10);
                let value = AttributeValue::S(format!("p{}", number % 20));
                let found = query.expression_attribute_values(":p", value).send().await.unwrap();
                assert_eq!(found.count, 10);
            }
        }
    }
}

/// Median seconds of a call, direct to a table that stays and through the gateway to `table`, by turns.
pub(crate) async fn latency(place: &Place, table: &str, operation: Operation) -> (f64, f64) {
    let (mut direct, mut through) = (Vec::new(), Vec::new());
    for sample in 0..SAMPLES {
        direct.push(timed(operation.call(&place.direct, PLAIN, sample)).await);
        through.push(timed(operation.call(&place.through, table, sample)).await);
    }
    (median(direct), median(through))
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

/// Calls a second of 16 clients, direct and through the gateway, by turns.
pub(crate) async fn throughput(place: &Place, table: &'static str, operation: Operation) -> (f64, f64) {
    let (mut direct, mut through) = (0.0, 0.0);
    for _ in 0..ROUNDS {
        direct += rate(&place.direct, PLAIN, operation).await;
        through += rate(&place.through, table, operation).await;
    }
    (direct / ROUNDS as f64, through / ROUNDS as f64)
}

async fn rate(client: &Client, table: &'static str, operation: Operation) -> f64 {
    let done = std::sync::Arc::new(AtomicUsize::new(0));
    let began = Instant::now();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|number| {
            let (client, done) = (client.clone(), done.clone());
            tokio::spawn(async move {
                let mut at = number * (KEYS / CLIENTS);
                while began.elapsed() < ROUND {
                    operation.call(&client, table, at).await;
                    done.fetch_add(1, Ordering::Relaxed);
                    at += 1;
                }
            })
        })
        .collect();
    for client in clients {
        client.await.unwrap();
    }
    done.load(Ordering::Relaxed) as f64 / began.elapsed().as_secs_f64()
}
