"""What is told of records that are given up, and the settings that the template has."""

import json

import pytest

from tests.harness.event_source import destination, mapping
from tests.harness.event_source.clock import Standing
from tests.harness.event_source.fakes import Fake, poisoned, record
from tests.harness.event_source.mapping import StreamMapping
from tests.harness.event_source.shards import Listed
from tests.harness.event_source.stream import StreamSource
from tests.template import cfn

FUNCTION, STREAM = "arn:aws:lambda:us-east-1:111111111111:function:f", "arn:aws:dynamodb:us-east-1:111111111111:table/t/stream/s"


class Told:
    """Stands for a boto3 client: writes down what it is asked."""

    def __init__(self):
        self.requests = []

    def __getattr__(self, _operation):
        return lambda **request: self.requests.append(request)


def give_up_one() -> tuple:
    sqs, s3 = Told(), Told()
    destinations = [destination.ToQueue(sqs, "url"), destination.ToBucket(s3, "bucket", "mapping-id")]
    source = StreamSource(Listed([record(8, age_s=30)]), StreamMapping(retries=1), Fake(poisoned(8)), FUNCTION, STREAM, destinations, Standing())
    source.run()
    (message,), (put,) = sqs.requests, s3.requests
    return message, put


def test_a_queue_is_told_the_documented_metadata_and_no_record():
    message, _ = give_up_one()
    assert message["QueueUrl"] == "url"
    told = json.loads(message["MessageBody"])
    timestamp = told.pop("timestamp")
    assert timestamp.startswith("2023-11-14T22:13:20.") and timestamp.endswith("Z")
    assert told == {
        "requestContext": {"requestId": "failed", "functionArn": FUNCTION, "condition": "RetryAttemptsExhausted", "approximateInvokeCount": 2},
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
        "version": "1.0",
        "DDBStreamBatchInfo": {
            "shardId": "shardId-1", "startSequenceNumber": "8", "endSequenceNumber": "8",
            "approximateArrivalOfFirstRecord": "2023-11-14T22:12:50Z", "approximateArrivalOfLastRecord": "2023-11-14T22:12:50Z",
            "batchSize": 1, "streamArn": STREAM,
        },
    }


def test_a_bucket_gets_the_whole_event_too():
    message, put = give_up_one()
    told = json.loads(put["Body"])
    assert json.loads(told.pop("payload")) == {"Records": [record(8, age_s=30)]}
    assert told == json.loads(message["MessageBody"])
    assert put["Bucket"] == "bucket" and put["Key"].startswith("aws/lambda/mapping-id/shardId-1/2023/11/14/2023-11-14T22.13.20-")


@pytest.mark.parametrize("name", ["ForwardReplicatorMapping", "ReverseReplicatorMapping"])
def test_stream_settings_are_the_templates(name):
    properties = cfn.RESOURCES[name]["Properties"]
    read = mapping.stream(name, StreamParallelization=7)
    assert (read.batch_size, read.retries, read.max_age_s) == tuple(
        properties[key] for key in ("BatchSize", "MaximumRetryAttempts", "MaximumRecordAgeInSeconds"))
    assert (read.parallelization, read.reports, read.bisects) == (7, True, True)


def test_queue_settings_are_the_templates():
    read = mapping.queue("ForwardCopierMapping", "ForwardObjects")
    about = cfn.RESOURCES["ForwardObjects"]["Properties"]
    assert (read.visibility_s, read.max_receives) == (about["VisibilityTimeout"], about["RedrivePolicy"]["maxReceiveCount"])
    assert read.reports and read.concurrency == cfn.RESOURCES["ForwardCopierMapping"]["Properties"]["ScalingConfig"]["MaximumConcurrency"]


@pytest.mark.parametrize("change, named", [
    ({"BatchSize": 10_001}, "BatchSize"), ({"ParallelizationFactor": 0}, "ParallelizationFactor"),
    ({"MaximumRetryAttempts": -2}, "MaximumRetryAttempts"), ({"TumblingWindowInSeconds": 1}, "TumblingWindowInSeconds"),
    ({"MaximumRetryAttempts": "many"}, "MaximumRetryAttempts"),
])
def test_a_setting_that_is_wrong_or_unknown_is_refused_by_name(monkeypatch, change, named):
    resource = cfn.RESOURCES["ForwardReplicatorMapping"]
    changed = {**resource, "Properties": {**resource["Properties"], **change}}
    monkeypatch.setitem(mapping.RESOURCES, "ForwardReplicatorMapping", changed)
    with pytest.raises(ValueError, match=named):
        mapping.stream("ForwardReplicatorMapping")
