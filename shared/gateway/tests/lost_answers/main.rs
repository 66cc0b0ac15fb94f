//! An unmodified SDK whose answers get lost between gateway and client: it sends the same call again, by its own id,
//! and hears what came of it. On the local AWS, in each phase that has marks.
//!
//! `AWS_ENDPOINT_URL` says where; `make test-aws` sets it.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::large_futures,
    reason = "a test program that reads where the local AWS is"
)]

mod cut;
mod place;

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::ProvideErrorMetadata as _;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValue};
use livemove_core::phase::Phase;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use cut::Cutter;
use place::Place;

/// A client of one table.
struct Shop {
    client: Client,
    table: &'static str,
}

fn key(name: &str) -> HashMap<String, AttributeValue> {
    [("pk".to_owned(), AttributeValue::S(name.to_owned()))].into()
}

fn number(n: u32) -> AttributeValue {
    AttributeValue::N(n.to_string())
}

impl Shop {
    async fn count(&self, name: &str) -> Result<AttributeValue, String> {
        let add =
            self.client.update_item().table_name(self.table).set_key(Some(key(name))).update_expression("ADD n :one");
        let add = add.expression_attribute_values(":one", number(1)).return_values(ReturnValue::AllNew);
        match add.send().await {
            Ok(answer) => Ok(answer.attributes.unwrap()["n"].clone()),
            Err(error) => Err(error.code().unwrap_or_default().to_owned()),
        }
    }

    async fn insert(&self, name: &str, n: u32) -> Result<(), String> {
        let put = self.client.put_item().table_name(self.table).set_item(Some(key(name))).item("n", number(n));
        let put = put.condition_expression("attribute_not_exists(pk)");
        put.send().await.map(drop).map_err(|error| error.code().unwrap_or_default().to_owned())
    }

    async fn delete_showing(&self, name: &str) -> Result<(), String> {
        let delete = self
            .client
            .delete_item()
            .table_name(self.table)
            .set_key(Some(key(name)))
            .return_values(ReturnValue::AllOld);
        delete.send().await.map(drop).map_err(|error| error.code().unwrap_or_default().to_owned())
    }

    async fn stored(&self, name: &str) -> Option<AttributeValue> {
        let get = self.client.get_item().table_name(self.table).set_key(Some(key(name))).consistent_read(true);
        get.send().await.unwrap().item.map(|item| item["n"].clone())
    }
}

#[tokio::test]
async fn what_an_sdk_sends_again_after_a_lost_answer_is_answered_and_not_done_again() {
    let table = "lost-answers";
    let place = Place::prepare(table).await;
    let cutter = Cutter::before(place.gateway).await;
    let shop = |address| Shop { client: place::client(address), table };
    let (steady, cut) = (shop(place.gateway), shop(cutter.address));
    for phase in [Phase::Guarded, Phase::Handoff, Phase::New] {
        place.enter(phase).await;
        let of = |what: &str| format!("{what}-{phase}");
        steady.insert(&of("counter"), 1).await.unwrap();
        cutter.cut_next();
        assert_eq!(cut.count(&of("counter")).await, Ok(number(2)), "{phase}");
        cutter.cut_next();
        cut.insert(&of("new"), 7).await.unwrap_or_else(|code| panic!("a put that had succeeded, in {phase}: {code}"));
        assert_eq!(cut.insert(&of("new"), 8).await, Err("ConditionalCheckFailedException".to_owned()), "{phase}");
        assert_eq!(steady.stored(&of("counter")).await, Some(number(2)), "{phase}");
        assert_eq!(cutter.cuts(), 2, "{phase}");
    }
    // In `new` by now; a key that moved in `handoff`.
    cutter.cut_next();
    assert_eq!(cut.count("counter-handoff").await, Ok(number(3)));
    cutter.cut_next();
    assert_eq!(cut.delete_showing("counter-handoff").await, Err("OldValuesLost".to_owned()));
    assert_eq!(steady.stored("counter-handoff").await, None, "it is done");
}

#[tokio::test]
async fn what_somebody_wrote_over_before_the_sdk_sent_it_again_is_not_counted_twice() {
    let table = "written-over";
    let place = Place::prepare(table).await;
    place.enter(Phase::Handoff).await;
    let cutter = Cutter::before(place.gateway).await;
    let shop = |address| Shop { client: place::client(address), table };
    let (steady, cut) = (shop(place.gateway), shop(cutter.address));
    steady.insert("counter", 1).await.unwrap();
    cutter.hold_next();
    let (counted, ()) = tokio::join!(cut.count("counter"), async {
        cutter.held().await;
        assert_eq!(steady.count("counter").await, Ok(number(3)), "the first attempt is done");
        cutter.let_go();
    });
    assert_eq!(counted, Err("OutcomeUnknown".to_owned()));
    assert_eq!(steady.stored("counter").await, Some(number(3)));
}

/// As a client does that has one id for all its calls. No SDK is like that.
async fn add_by_hand(place: &Place, table: &str, n: u32) {
    let body = format!(
        r#"{{"TableName": "{table}", "Key": {{"pk": {{"S": "a"}}}}, "UpdateExpression": "ADD n :n",
            "ExpressionAttributeValues": {{":n": {{"N": "{n}"}}}}}}"#
    );
    let head = "POST / HTTP/1.1\r\nhost: gateway\r\nconnection: close\r\ncontent-type: application/x-amz-json-1.0\r\n\
                x-amz-target: DynamoDB_20120810.UpdateItem\r\namz-sdk-invocation-id: the-same-for-all\r\n";
    let mut connection = TcpStream::connect(place.gateway).await.unwrap();
    let request = format!("{head}content-length: {}\r\n\r\n{body}", body.len());
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

#[tokio::test]
async fn two_calls_under_one_invocation_id_are_both_done() {
    let table = "one-id";
    let place = Place::prepare(table).await;
    place.enter(Phase::Guarded).await;
    let shop = Shop { client: place::client(place.gateway), table };
    shop.insert("a", 1).await.unwrap();
    for (n, sum) in [(1, 2), (2, 4), (3, 7)] {
        add_by_hand(&place, table, n).await;
        assert_eq!(shop.stored("a").await, Some(number(sum)), "after adding {n}");
    }
    // The very same call by the same id is the call that was.
    add_by_hand(&place, table, 3).await;
    assert_eq!(shop.stored("a").await, Some(number(7)));
}
