"""Delivering again what was delivered before: records of streams, and events of objects.

Lambda and S3 promise at least once:
<https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-eventsourcemapping.html>,
<https://docs.aws.amazon.com/AmazonS3/latest/userguide/EventNotifications.html>. The local AWS delivers once, so this
keeps what went by and delivers parts of it again, old parts too.
"""

import json
import time

from tests.harness import wire

# A record younger than this may not have been delivered a first time yet.
SETTLED_S = 10
BATCH_MAX = 40
KEPT = 3000
WAYS = {"source": "forward", "target": "reverse"}


class Records:
    """The records of one table's stream."""

    def __init__(self, world, side: str):
        self._world, self._side = world, side
        self._streams = world.client("dynamodbstreams", side)
        self._arn = world.client("dynamodb", side).describe_table(TableName=world.table(side))["Table"]["LatestStreamArn"]
        self._after, self._seen = None, []

    def deliver(self, dice) -> int:
        """Give a run of old records to the replicator once more, as its mapping would; how many."""
        self._read()
        old = [record for record in self._seen if record["dynamodb"]["ApproximateCreationDateTime"] < time.time() - SETTLED_S]
        if not old:
            return 0
        first = dice.randrange(len(old))
        batch = old[first:first + dice.randint(1, BATCH_MAX)]
        _invoke(self._world, self._side, f"{WAYS[self._side]}-replicator", {"Records": batch})
        return len(batch)

    def _read(self) -> None:
        shards = self._streams.describe_stream(StreamArn=self._arn)["StreamDescription"]["Shards"]
        for shard in shards:
            start = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": self._after} if self._after \
                else {"ShardIteratorType": "TRIM_HORIZON"}
            iterator = self._streams.get_shard_iterator(StreamArn=self._arn, ShardId=shard["ShardId"], **start)["ShardIterator"]
            while iterator:
                answer = self._streams.get_records(ShardIterator=iterator)
                self._seen += [self._event(record) for record in answer["Records"]]
                iterator = answer.get("NextShardIterator") if answer["Records"] else None
        if self._seen:
            self._after = self._seen[-1]["dynamodb"]["SequenceNumber"]
        self._seen = self._seen[-KEPT:]

    def _event(self, record: dict) -> dict:
        """A record of the API as Lambda hands it to functions."""
        change = dict(record["dynamodb"])
        change["ApproximateCreationDateTime"] = change["ApproximateCreationDateTime"].timestamp()
        for image in ("Keys", "NewImage", "OldImage"):
            if image in change:
                change[image] = wire.item_from_boto(change[image])
        return {**{name: record[name] for name in ("eventID", "eventName", "eventVersion", "eventSource", "awsRegion", "userIdentity") if name in record},
                "dynamodb": change, "eventSourceARN": self._arn}


class Events:
    """The events of one bucket, by a queue of its own beside the product's."""

    def __init__(self, world, side: str):
        self._world, self._side, self._seen = world, side, []
        name = f"{world.migration}-again-{side}"
        self._queues = world.client("sqs", side)
        self._queue = self._queues.create_queue(QueueName=name)["QueueUrl"]
        arn = self._queues.get_queue_attributes(QueueUrl=self._queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        bus = world.client("events", side)
        bus.put_rule(Name=name, EventPattern=json.dumps({"source": ["aws.s3"], "detail": {"bucket": {"name": [world.bucket(side)]}}}))
        bus.put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": arn}])

    def deliver(self, dice) -> int:
        """Put some old events into the copier's queue once more, in another order; how many."""
        while messages := self._queues.receive_message(QueueUrl=self._queue, MaxNumberOfMessages=10).get("Messages"):
            self._seen += [message["Body"] for message in messages]
            self._queues.delete_message_batch(QueueUrl=self._queue, Entries=[
                {"Id": str(n), "ReceiptHandle": message["ReceiptHandle"]} for n, message in enumerate(messages)])
        self._seen = self._seen[-KEPT:]
        some = dice.sample(self._seen, min(len(self._seen), 10))
        queue = self._queues.get_queue_url(QueueName=self._world.function(f"{WAYS[self._side]}-objects"))["QueueUrl"]
        for body in some:
            self._queues.send_message(QueueUrl=queue, MessageBody=body)
        return len(some)


def _invoke(world, side: str, name: str, event: dict) -> None:
    # What comes of it is not looked at: a mapping would give the batch again.
    world.client("lambda", side).invoke(FunctionName=world.function(name), Payload=json.dumps(event).encode())
