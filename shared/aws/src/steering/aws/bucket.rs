//! Looking at a bucket.

use aws_sdk_s3::Client;
use livemove_core::error::Error;
use livemove_core::object::is_canary;
use livemove_core::plan::End;

use super::call;
use crate::sdk_error::Effect;
use crate::steering::world::BucketProbe;

pub(super) fn resource(end: &End) -> String {
    format!("bucket {} in {}/{}", end.name, end.account, end.region)
}

pub(super) async fn probe(client: &Client, end: &End) -> Result<BucketProbe, Error> {
    let (bucket, resource) = (end.name.as_str(), resource(end));
    let reads = |action| call(action, &resource, Effect::Reads);
    let location = client.get_bucket_location().bucket(bucket).send().await;
    let location = location.map_err(|error| reads("s3:GetBucketLocation").failed(&error))?;
    let versioning = client.get_bucket_versioning().bucket(bucket).send().await;
    let versioning = versioning.map_err(|error| reads("s3:GetBucketVersioning").failed(&error))?;
    // Two: one of them may be the canary.
    let listed = client.list_objects_v2().bucket(bucket).max_keys(2).send().await;
    let listed = listed.map_err(|error| reads("s3:ListBucket").failed(&error))?;
    Ok(BucketProbe {
        region: region(location.location_constraint.as_ref().map_or("", |constraint| constraint.as_str())),
        event_bridge: events_are_sent(client, end).await?,
        versioning: versioning.status.map(|status| status.as_str().to_owned()),
        empty: listed.contents().iter().all(|object| object.key().is_some_and(is_canary)),
    })
}

/// Whether it sends its events to EventBridge.
pub(super) async fn events_are_sent(client: &Client, end: &End) -> Result<bool, Error> {
    let answer = client.get_bucket_notification_configuration().bucket(&end.name).send().await;
    let answer =
        answer.map_err(|error| call("s3:GetBucketNotification", &resource(end), Effect::Reads).failed(&error))?;
    Ok(answer.event_bridge_configuration.is_some())
}

/// S3 answers two of its first Regions in words of its own.
fn region(constraint: &str) -> String {
    match constraint {
        "" => "us-east-1",
        "EU" => "eu-west-1",
        other => other,
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::region;

    #[test]
    fn the_oldest_regions_have_words_of_their_own() {
        assert_eq!([region(""), region("EU"), region("eu-north-1")], ["us-east-1", "eu-west-1", "eu-north-1"]);
    }
}
