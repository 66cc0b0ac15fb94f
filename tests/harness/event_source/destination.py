"""What a stream's mapping tells of records it gives up, and where.

<https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html>: a queue gets the metadata of the failed
invocation alone, so the records must be fetched from the stream before it forgets them; a bucket gets the whole
event beside them, as text under `payload`, in an object whose key names mapping, shard, time and a random id.

The page shows the condition `RetryAttemptsExhausted`. The name for age is not on it; `RecordAgeExceeded` is what
accounts of such messages in public repositories show.
"""

import datetime
import json
import uuid

EXHAUSTED, TOO_OLD = "RetryAttemptsExhausted", "RecordAgeExceeded"


def message(function_arn: str, stream_arn: str, shard: str, given_up) -> dict:
    """The document of one discarded batch; `given_up` is a `lane.GivenUp`."""
    first, last = given_up.records[0], given_up.records[-1]
    functional = given_up.outcome and given_up.outcome.failed
    return {
        "requestContext": {
            "requestId": given_up.outcome.request_id if given_up.outcome else str(uuid.uuid4()),
            "functionArn": function_arn,
            "condition": given_up.condition,
            "approximateInvokeCount": given_up.invocations,
        },
        "responseContext": {
            "statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled" if functional else None,
        },
        "version": "1.0",
        "timestamp": _time(given_up.at, "milliseconds"),
        "DDBStreamBatchInfo": {
            "shardId": shard,
            "startSequenceNumber": first["dynamodb"]["SequenceNumber"],
            "endSequenceNumber": last["dynamodb"]["SequenceNumber"],
            "approximateArrivalOfFirstRecord": _time(first["dynamodb"]["ApproximateCreationDateTime"], "seconds"),
            "approximateArrivalOfLastRecord": _time(last["dynamodb"]["ApproximateCreationDateTime"], "seconds"),
            "batchSize": len(given_up.records),
            "streamArn": stream_arn,
        },
    }


class ToQueue:
    """Sends the metadata to an SQS queue."""

    def __init__(self, sqs, url: str):
        self._sqs, self._url = sqs, url

    def send(self, document: dict, event: dict) -> None:
        """Tell of one discarded batch; its event is not told."""
        self._sqs.send_message(QueueUrl=self._url, MessageBody=json.dumps(document))


class ToBucket:
    """Puts metadata and event into an S3 bucket."""

    def __init__(self, s3, bucket: str, mapping_id: str):
        self._s3, self._bucket, self._mapping_id = s3, bucket, mapping_id

    def send(self, document: dict, event: dict) -> None:
        """Tell of one discarded batch, with its event."""
        at = datetime.datetime.fromisoformat(document["timestamp"].replace("Z", "+00:00"))
        shard = document["DDBStreamBatchInfo"]["shardId"]
        key = f"aws/lambda/{self._mapping_id}/{shard}/{at:%Y/%m/%d}/{at:%Y-%m-%dT%H.%M.%S}-{uuid.uuid4()}"
        self._s3.put_object(Bucket=self._bucket, Key=key, Body=json.dumps({**document, "payload": json.dumps(event)}).encode())


def _time(seconds: float, precision: str) -> str:
    at = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
    return at.isoformat(timespec=precision).replace("+00:00", "Z")
