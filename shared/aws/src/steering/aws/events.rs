//! The queues of a bucket's events: what waits there, what was given up, and asking for another look.

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::QueueAttributeName as Name;
use livemove_core::error::Error;
use serde_json::json;

use super::call;
use super::failures::{messages, resource, url};
use crate::objects::event::occurrences;
use crate::sdk_error::Effect;
use crate::steering::world::Undelivered;

/// Messages that wait, are being read, or are not due yet.
const COUNTS: [Name; 3] = [
    Name::ApproximateNumberOfMessages,
    Name::ApproximateNumberOfMessagesNotVisible,
    Name::ApproximateNumberOfMessagesDelayed,
];

pub(super) async fn waiting(sqs: &Client, queue: &str) -> Result<u64, Error> {
    let request = sqs.get_queue_attributes().queue_url(url(sqs, queue).await?);
    let answer = request.set_attribute_names(Some(COUNTS.to_vec())).send().await;
    let answer =
        answer.map_err(|error| call("sqs:GetQueueAttributes", &resource(queue), Effect::Reads).failed(&error))?;
    let attributes = answer.attributes.unwrap_or_default();
    Ok(COUNTS.iter().filter_map(|name| attributes.get(name)?.parse::<u64>().ok()).sum())
}

pub(super) async fn receive(sqs: &Client, queue: &str, bucket: &str) -> Result<Vec<Undelivered>, Error> {
    let read = |(body, receipt): (String, String)| Undelivered { receipt, keys: keys(&body, bucket) };
    Ok(messages(sqs, queue).await?.into_iter().map(read).collect())
}

fn keys(body: &str, bucket: &str) -> Option<Vec<String>> {
    let told = occurrences(body).ok()?;
    told.into_iter().map(|told| (told.bucket == bucket).then_some(told.key)).collect()
}

pub(super) async fn tell(sqs: &Client, queue: &str, bucket: &str, key: &str) -> Result<(), Error> {
    let request = sqs.send_message().queue_url(url(sqs, queue).await?).message_body(notice(bucket, key));
    request.send().await.map_err(|error| call("sqs:SendMessage", &resource(queue), Effect::Writes).failed(&error))?;
    Ok(())
}

/// In the form of EventBridge, without a sequencer: it must be looked at whatever was seen of it before.
fn notice(bucket: &str, key: &str) -> String {
    json!({
        "source": "aws.s3",
        "detail-type": "livemove redrive",
        "detail": {"bucket": {"name": bucket}, "object": {"key": key}},
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_copier_understands_what_it_is_asked() {
        let key = "a b+c/\u{fc}\"%";
        let told = occurrences(&notice("files", key)).unwrap();
        assert_eq!((told[0].bucket.as_str(), told[0].key.as_str(), &told[0].sequencer), ("files", key, &None));
    }

    #[test]
    fn what_is_no_event_of_the_bucket_is_none() {
        assert_eq!(keys(&notice("files", "k"), "files"), Some(vec!["k".to_owned()]));
        assert_eq!((keys(&notice("other", "k"), "files"), keys("{}", "files")), (None, None));
    }
}
