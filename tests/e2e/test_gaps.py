"""Records that cannot be applied, records that were given up and a stream that was off, under the roles' own policies."""

import json

import pytest

from tests.e2e.moves import assert_identical, hold, only_subject, refusal, run, until
from tests.harness import steps, wire
from tests.harness.traffic import Traffic

SECRET = "never-to-be-found-in-a-log"


@pytest.fixture(scope="module")
def moving(strict_aws, existing):
    return existing(strict_aws.endpoint, "gaps", count=150, objects=0)


def put(world, name: str, amount: dict) -> dict:
    """An item of an application that writes to the source, as it may in `copy`."""
    item = {"pk": {"S": name}, "sk": {"N": "1"}, "amount": amount}
    world.client("dynamodb").put_item(TableName=world.source_table, Item=item)
    return item


def copy_of(world, name: str) -> dict | None:
    """What an application would see of the item at the target."""
    key = {"pk": {"S": name}, "sk": {"N": "1"}}
    found = world.client("dynamodb", "target").get_item(TableName=world.target_table, Key=key, ConsistentRead=True).get("Item")
    return wire.visible(wire.item_from_boto(found)) if found else None


def test_poison_is_held_by_key_and_redriven_from_the_source(moving):
    world, _ = moving
    plan = steps.plan(world, buckets=[])
    hold(world, "migrate", plan, "copy")
    # Until then a replicator may act on the phase before, and what is written is for the backfill.
    until("everybody knows", lambda: only_subject(world)["wait_seconds"] == 0)
    # The target has an index that the source has not, so items of another type are refused there for good.
    world.client("dynamodb", "target").update_table(
        TableName=world.target_table, AttributeDefinitions=[{"AttributeName": "amount", "AttributeType": "N"}],
        GlobalSecondaryIndexUpdates=[{"Create": {
            "IndexName": "by-amount", "KeySchema": [{"AttributeName": "amount", "KeyType": "HASH"}],
            "Projection": {"ProjectionType": "ALL"}}}])
    put(world, "poison", {"S": SECRET})
    good = put(world, "good", {"N": "3"})
    until("the records after it are applied", lambda: copy_of(world, "good") == good)
    until("its key is held", lambda: only_subject(world)["held"] == 1)
    assert "GateClosed" in refusal(world, "advance", run=1, to="guarded")
    assert "1 keys are held" in refusal(world, "advance", run=1, to="guarded")
    (failing,) = steps.control(world, "redrive")["failing"]
    assert failing["error"] == "ValidationException" and "change the item" in failing["remedy"]
    # A later record of its key that could be applied does not overtake.
    mended = put(world, "poison", {"N": "4"})
    put(world, "good", {"N": "5"})
    until("the records after that are applied", lambda: copy_of(world, "good")["amount"] == {"N": "5"})
    assert (copy_of(world, "poison"), only_subject(world)["held"]) == (None, 1)
    assert steps.control(world, "redrive")["released"] == 1
    assert (copy_of(world, "poison"), only_subject(world)["held"]) == (mended, 0)
    given_up_records_are_redriven(world)
    for name in ("poison", "good"):
        world.client("dynamodb").delete_item(TableName=world.source_table, Key={"pk": {"S": name}, "sk": {"N": "1"}})
    until("deletes are replicated", lambda: copy_of(world, "poison") is None and copy_of(world, "good") is None)
    assert not [line for lines in steps.log_lines(world).values() for line in lines if SECRET in line]


def given_up_records_are_redriven(world) -> None:
    """What Lambda sends when a mapping gives up, by hand: the local AWS never does. The record is real."""
    streams, stream = world.client("dynamodbstreams"), made_stream(world)
    shard = streams.describe_stream(StreamArn=stream)["StreamDescription"]["Shards"][0]["ShardId"]
    iterator = streams.get_shard_iterator(StreamArn=stream, ShardId=shard, ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
    records = []
    while True:
        page = streams.get_records(ShardIterator=iterator)
        records += [record["dynamodb"] for record in page["Records"]]
        if not page["Records"] or not page.get("NextShardIterator"):
            break
        iterator = page["NextShardIterator"]
    sequence = [record["SequenceNumber"] for record in records if record["Keys"]["pk"] == {"S": "good"}][-1]
    # As if it had never been applied.
    world.client("dynamodb", "target").put_item(
        TableName=world.target_table, Item={"pk": {"S": "good"}, "sk": {"N": "1"}, "amount": {"N": "0"}})
    sqs = world.client("sqs")
    queue = sqs.get_queue_url(QueueName=f"livemove-{world.migration}-forward-records-dead")["QueueUrl"]
    batch = {"shardId": shard, "startSequenceNumber": sequence, "endSequenceNumber": sequence, "batchSize": 1, "streamArn": stream}
    sqs.send_message(QueueUrl=queue, MessageBody=json.dumps({"version": "1.0", "DDBStreamBatchInfo": batch}))

    # The watch, which runs every minute, may hold it first.
    def redriven():
        steps.control(world, "redrive")
        return copy_of(world, "good")["amount"] == {"N": "5"}

    until("what was given up is put right", redriven)
    left = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]
    assert (left["ApproximateNumberOfMessages"], left["ApproximateNumberOfMessagesNotVisible"]) == ("0", "0")
    until("nothing is held", lambda: steps.control(world, "redrive")["failing"] == [] and only_subject(world)["held"] == 0)


def made_stream(world) -> str:
    return world.client("dynamodb").describe_table(TableName=world.source_table)["Table"]["LatestStreamArn"]


def test_a_stream_that_was_off_breaks_the_table_until_all_is_copied_and_compared_again(moving):
    world, made = moving
    plan, dynamodb = steps.plan(world, buckets=[]), world.client("dynamodb")
    with Traffic(world, made, item_clients=2, object_clients=0) as traffic:
        until("nothing is missing", lambda: steps.control(world, "watch")["complete"])
        mapping_switched(world, False)
        assert "is Disabled" in refusal(world, "advance", run=1, to="guarded")
        assert [gap["lost"] for gap in steps.control(world, "watch")["gaps"]] == [False]
        mapping_switched(world, True)
        until("nothing is missing", lambda: steps.control(world, "watch")["complete"])
        dynamodb.update_table(TableName=world.source_table, StreamSpecification={"StreamEnabled": False})
        lost = put(world, "lost", {"N": "1"})
        assert [gap["lost"] for gap in steps.control(world, "watch")["gaps"]] == [True]
        status = steps.control(world, "status")
        assert "is off" in status["subjects"][0]["broken"] and status["rollback"]["can_go_back"] is False
        assert steps.control(world, "health")["healthy"] is False
        assert "broken: the stream of the source table is off" in refusal(world, "advance", run=1, to="guarded")
        dynamodb.update_table(TableName=world.source_table, StreamSpecification={
            "StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"})
        rewire(world)
        # A stream that runs again does not bring back what it missed.
        assert "broken" in refusal(world, "advance", run=1, to="guarded")
        run(world, "rollback")
        hold(world, "migrate", plan, "guarded")
        assert copy_of(world, "lost") == lost
        dynamodb.delete_item(TableName=world.source_table, Key={"pk": {"S": "lost"}, "sk": {"N": "1"}})
        until("the delete is replicated", lambda: copy_of(world, "lost") is None)
        run(world, "migrate", plan)
        until("nothing is missing", lambda: steps.control(world, "watch")["complete"])
        status = steps.control(world, "status")
        assert (status["phase"], status["rollback"]["can_go_back"], status["subjects"][0].get("broken")) == ("new", True, None)
    assert_identical(world, traffic, "target", swept=False)


def mapping(world) -> dict:
    (found,) = world.client("lambda").list_event_source_mappings(FunctionName=world.function("forward-replicator"))["EventSourceMappings"]
    return found


def mapping_switched(world, enabled: bool) -> None:
    world.client("lambda").update_event_source_mapping(UUID=mapping(world)["UUID"], Enabled=enabled)


def rewire(world) -> None:
    """The mapping of the stream that is now, as a deployment with its ARN makes it."""
    functions, before = world.client("lambda"), mapping(world)
    functions.delete_event_source_mapping(UUID=before["UUID"])
    functions.create_event_source_mapping(
        FunctionName=world.function("forward-replicator"), EventSourceArn=made_stream(world), StartingPosition="TRIM_HORIZON",
        BatchSize=100, FunctionResponseTypes=["ReportBatchItemFailures"])
