//! The controller's view of the world, on AWS.

mod bucket;
mod canary;
mod events;
mod failures;
mod following;
mod table;

use std::time::Duration;

use livemove_core::error::Error;
use livemove_core::item::KeySchema;
use livemove_core::phase::Kind;
use livemove_core::plan;
use livemove_core::ports::Millis;
use livemove_core::steer::events::Delivery;
use livemove_core::steer::gate::Ttl;
use livemove_core::steer::watch::Following;

use super::world::{BucketProbe, GivenUp, Lost, TableProbe, Undelivered, World};
use crate::dynamo::DynamoTable;
use crate::sdk_error::{Call, Effect};
use crate::sites::{Calls, End, Retry, Sites};

/// Tables and buckets of both ends.
#[derive(Clone, Copy, Debug)]
pub struct AwsWorld<'a> {
    sites: &'a Sites,
    longest: Duration,
}

impl<'a> AwsWorld<'a> {
    /// The world by these clients; no call takes longer than `longest`.
    pub fn new(sites: &'a Sites, longest: Duration) -> AwsWorld<'a> {
        AwsWorld { sites, longest }
    }

    // All of the controller's calls may be repeated: they read, or write what is the same the second time.
    fn calls(&self) -> Calls {
        Calls { longest: self.longest, retry: Retry::Idempotent }
    }

    fn dynamodb(&self, end: &plan::End) -> Result<aws_sdk_dynamodb::Client, Error> {
        self.sites.dynamodb(&place(end), self.calls())
    }

    fn s3(&self, end: &plan::End) -> Result<aws_sdk_s3::Client, Error> {
        self.sites.s3(&place(end), self.calls())
    }
}

fn place(end: &plan::End) -> End {
    End { account: end.account.clone(), region: end.region.clone() }
}

/// A call about one end, for the texts of errors.
fn call<'a>(action: &'static str, resource: &'a str, effect: Effect) -> Call<'a> {
    Call { action, resource, effect, access: None }
}

impl World for AwsWorld<'_> {
    type Table = DynamoTable;

    async fn open(&self, end: &plan::End, longest: Millis) -> Result<DynamoTable, Error> {
        DynamoTable::open(self.sites, &place(end), &end.name, Duration::from_millis(longest)).await
    }

    async fn following(&self, end: &plan::End, function: &str) -> Result<Following, Error> {
        let lambda = self.sites.lambda(&place(end), self.calls())?;
        following::look(&self.dynamodb(end)?, &lambda, end, function).await
    }

    async fn given_up(&self, end: &plan::End, queue: &str) -> Result<Vec<GivenUp>, Error> {
        failures::receive(&self.sites.sqs(&place(end), self.calls())?, queue).await
    }

    async fn keys_of(
        &self,
        end: &plan::End,
        schema: &KeySchema,
        given_up: &GivenUp,
    ) -> Result<Option<Vec<Lost>>, Error> {
        failures::keys_of(&self.sites.streams(&place(end), self.calls())?, schema, given_up).await
    }

    async fn delivering(&self, end: &plan::End, function: &str, queue: &str) -> Result<Delivery, Error> {
        let (lambda, sqs) = (self.sites.lambda(&place(end), self.calls())?, self.sites.sqs(&place(end), self.calls())?);
        Ok(Delivery {
            sent: bucket::events_are_sent(&self.s3(end)?, end).await?,
            mapping: following::mapping_of_queue(&lambda, function, queue).await?,
            waiting: events::waiting(&sqs, queue).await?,
        })
    }

    async fn undelivered(&self, end: &plan::End, queue: &str) -> Result<Vec<Undelivered>, Error> {
        events::receive(&self.sites.sqs(&place(end), self.calls())?, queue, &end.name).await
    }

    async fn look_again(&self, end: &plan::End, queue: &str, key: &str) -> Result<(), Error> {
        events::tell(&self.sites.sqs(&place(end), self.calls())?, queue, &end.name, key).await
    }

    async fn settled(&self, end: &plan::End, queue: &str, receipt: &str) -> Result<(), Error> {
        failures::remove(&self.sites.sqs(&place(end), self.calls())?, queue, receipt).await
    }

    async fn probe_table(&self, end: &plan::End) -> Result<TableProbe, Error> {
        table::probe(&self.dynamodb(end)?, end).await
    }

    async fn probe_bucket(&self, end: &plan::End) -> Result<BucketProbe, Error> {
        bucket::probe(&self.s3(end)?, end).await
    }

    async fn ttl(&self, end: &plan::End) -> Result<Ttl, Error> {
        table::ttl(&self.dynamodb(end)?, end).await
    }

    async fn switch_ttl(&self, end: &plan::End, attribute: &str, expire: bool) -> Result<(), Error> {
        table::switch_ttl(&self.dynamodb(end)?, end, attribute, expire).await
    }

    async fn send_canary(&self, kind: Kind, end: &plan::End, nonce: &str) -> Result<(), Error> {
        match kind {
            Kind::Table => canary::write_item(self.sites, self.longest, end, nonce).await,
            Kind::Bucket => canary::put_object(&self.s3(end)?, end, nonce).await,
        }
    }

    async fn clear_canary(&self, kind: Kind, end: &plan::End) -> Result<(), Error> {
        match kind {
            // Removed as soon as it was written: the record in the stream stays.
            Kind::Table => Ok(()),
            Kind::Bucket => canary::remove_object(&self.s3(end)?, end).await,
        }
    }
}
