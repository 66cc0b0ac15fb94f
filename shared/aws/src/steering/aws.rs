//! The controller's view of the world, on AWS.

mod bucket;
mod canary;
mod table;

use std::time::Duration;

use livemove_core::error::Error;
use livemove_core::phase::Kind;
use livemove_core::plan;
use livemove_core::steer::gate::Ttl;

use super::world::{BucketProbe, TableProbe, World};
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
    Call { action, resource, effect }
}

impl World for AwsWorld<'_> {
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
