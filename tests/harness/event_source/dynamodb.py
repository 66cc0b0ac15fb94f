"""The stream of a table, read by its API, and its records as Lambda hands them over.

<https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Operations_Amazon_DynamoDB_Streams.html> and the
example event in <https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html>.
"""

from tests.harness import wire
from tests.harness.event_source.shards import Shard, Trimmed


class DynamoStream:
    """A stream by its ARN; `streams` is a boto3 client of DynamoDB Streams in the table's account and Region.

    `changed(record)` may replace a record on its way, None leaves it out.
    """

    def __init__(self, streams, arn: str, changed=lambda record: record):
        self._streams, self.arn, self._region, self._changed = streams, arn, arn.split(":")[3], changed
        # Where reading went on last, for going on from there without asking for an iterator anew.
        self._iterators = {}

    def shards(self) -> list:
        """The shards that the stream lists."""
        listed, start = [], {}
        while True:
            page = self._streams.describe_stream(StreamArn=self.arn, **start)["StreamDescription"]
            listed += [Shard(one["ShardId"], one.get("ParentShardId")) for one in page["Shards"]]
            if "LastEvaluatedShardId" not in page:
                return listed
            start = {"ExclusiveStartShardId": page["LastEvaluatedShardId"]}

    def read(self, shard: str, after: str | None) -> tuple:
        """See `shards`. Raises Trimmed."""
        try:
            return self._read(shard, after)
        except self._streams.exceptions.TrimmedDataAccessException as error:
            self._iterators.pop(shard, None)
            raise Trimmed(str(error)) from error
        except self._streams.exceptions.ExpiredIteratorException:
            self._iterators.pop(shard)
            return self._read(shard, after)

    def _read(self, shard: str, after: str | None) -> tuple:
        position, iterator = self._iterators.get(shard, (None, None))
        if iterator is None or position != after:
            start = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": after} if after else {"ShardIteratorType": "TRIM_HORIZON"}
            iterator = self._streams.get_shard_iterator(StreamArn=self.arn, ShardId=shard, **start)["ShardIterator"]
        page = self._streams.get_records(ShardIterator=iterator)
        if page["Records"]:
            after = page["Records"][-1]["dynamodb"]["SequenceNumber"]
        self._iterators[shard] = (after, page.get("NextShardIterator"))
        records = [self._changed(self._event(record)) for record in page["Records"]]
        return [record for record in records if record is not None], "NextShardIterator" not in page

    def _event(self, record: dict) -> dict:
        change = dict(record["dynamodb"])
        change["ApproximateCreationDateTime"] = change["ApproximateCreationDateTime"].timestamp()
        for images in ("Keys", "NewImage", "OldImage"):
            if images in change:
                change[images] = wire.item_from_boto(change[images])
        by = record.get("userIdentity")
        return {
            "eventID": record["eventID"], "eventName": record["eventName"], "eventVersion": record["eventVersion"],
            "eventSource": "aws:dynamodb", "awsRegion": self._region, "dynamodb": change, "eventSourceARN": self.arn,
            **({"userIdentity": {"type": by.get("Type"), "principalId": by.get("PrincipalId")}} if by else {}),
        }
