"""Objects that cannot be copied, events that were given up and events that went nowhere, under the roles' own policies."""

import json

import pytest

from tests.e2e.moves import hold, only_subject, refusal, run, until
from tests.harness import audit, steps
from tests.harness.traffic import Traffic

SECRET = "never-to-be-found-in-a-log"


@pytest.fixture(scope="module")
def moving(strict_aws, existing):
    return existing(strict_aws.endpoint, "files", count=20, objects=20)


def held(world) -> int:
    return only_subject(world)["held"]


def put(world, key: str, body: bytes, storage: str = "STANDARD") -> None:
    """An object of an application that writes to the source, as it may in `copy`."""
    world.client("s3").put_object(Bucket=world.source_bucket, Key=key, Body=body, StorageClass=storage)


def copy_of(world, key: str) -> bytes | None:
    s3 = world.client("s3", "target")
    try:
        return s3.get_object(Bucket=world.target_bucket, Key=key)["Body"].read()
    except s3.exceptions.NoSuchKey:
        return None


def is_copied(world, key: str) -> bool:
    """Whether there is a copy, which may be as archived as its original."""
    listed = world.client("s3", "target").list_objects_v2(Bucket=world.target_bucket, Prefix=key)
    return key in [entry["Key"] for entry in listed.get("Contents", [])]


def test_an_object_that_cannot_be_copied_is_held_and_redriven_from_the_source(moving):
    world, _ = moving
    s3 = world.client("s3")
    hold(world, "migrate", steps.plan(world, tables=[]), "copy")
    # Until then a copier may act on the phase before, and what is written is for the backfill.
    until("everybody knows", lambda: only_subject(world)["wait_seconds"] == 0)
    put(world, f"cold-{SECRET}", b"one", storage="GLACIER")
    put(world, "warm", b"one")
    until("the others are copied", lambda: copy_of(world, "warm") == b"one")
    until("it is held", lambda: held(world) == 1)
    assert "1 keys are held" in refusal(world, "advance", run=1, to="handoff")
    (failing,) = steps.control(world, "redrive")["failing"]
    assert failing["error"] == "InvalidObjectState" and "restore the object" in failing["remedy"], failing
    assert failing["records"] == 2 and failing["row"].startswith("hold#source#"), failing
    assert not is_copied(world, f"cold-{SECRET}")
    s3.restore_object(Bucket=world.source_bucket, Key=f"cold-{SECRET}", RestoreRequest={"Days": 1})
    until("it is restored", lambda: "ongoing-request=\"false\"" in s3.head_object(
        Bucket=world.source_bucket, Key=f"cold-{SECRET}").get("Restore", ""))
    assert steps.control(world, "redrive")["released"] == 1
    assert (is_copied(world, f"cold-{SECRET}"), held(world)) == (True, 0)
    a_later_event_frees_it(world)
    events_that_were_given_up_are_redriven(world)
    for key in (f"cold-{SECRET}", "warm", "changed", "late"):
        s3.delete_object(Bucket=world.source_bucket, Key=key)
    until("deletes are carried", lambda: not any(is_copied(world, key) for key in (f"cold-{SECRET}", "warm", "changed", "late")))
    assert held(world) == 0
    assert not [line for lines in steps.log_lines(world).values() for line in lines if SECRET in line]


def a_later_event_frees_it(world) -> None:
    for key in ("changed", "removed"):
        put(world, key, b"one", storage="GLACIER")
    until("both are held", lambda: held(world) == 2)
    put(world, "changed", b"two")
    world.client("s3").delete_object(Bucket=world.source_bucket, Key="removed")
    until("nothing is held", lambda: held(world) == 0)
    assert (copy_of(world, "changed"), is_copied(world, "removed")) == (b"two", False)


def events_that_were_given_up_are_redriven(world) -> None:
    """What SQS does after ten receives, by hand: each takes minutes. The event is real."""
    sqs = world.client("sqs")
    queue, dead = (sqs.get_queue_url(QueueName=f"livemove-{world.migration}-forward-{name}")["QueueUrl"]
                   for name in ("objects", "objects-dead"))
    mapping_switched(world, False)
    put(world, "late", b"one")
    assert "is Disabled" in json.dumps(steps.control(world, "watch")["gaps"])
    given_up = []

    def received():
        found = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
        for message in found:
            if '"late"' in message["Body"]:
                given_up.append(message["Body"])
                sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
            else:
                sqs.change_message_visibility(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0)
        return given_up

    until("its event has come", received)
    mapping_switched(world, True)
    sqs.send_message(QueueUrl=dead, MessageBody=given_up[0])
    # The watch, which runs every minute, may hold it first.
    until("it is put right", lambda: steps.control(world, "redrive")["failing"] == [] and copy_of(world, "late") == b"one")
    left = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["All"])["Attributes"]
    assert (left["ApproximateNumberOfMessages"], left["ApproximateNumberOfMessagesNotVisible"]) == ("0", "0")
    until("nothing is held", lambda: held(world) == 0)


def test_a_bucket_whose_events_were_off_is_broken_until_all_is_copied_and_compared_again(moving):
    world, made = moving
    plan, s3 = steps.plan(world, tables=[]), world.client("s3")
    with Traffic(world, made, item_clients=0, object_clients=1) as traffic:
        until("nothing is missing", lambda: steps.control(world, "watch")["complete"])
        s3.put_bucket_notification_configuration(Bucket=world.source_bucket, NotificationConfiguration={})
        put(world, "lost", b"one")
        (gap,) = steps.control(world, "watch")["gaps"]
        assert gap["lost"] and "does not send its events" in gap["reason"], gap
        status = steps.control(world, "status")
        assert "does not send its events" in status["subjects"][0]["broken"] and status["rollback"]["can_go_back"] is False
        assert steps.control(world, "health")["healthy"] is False
        assert "broken: the source bucket" in refusal(world, "advance", run=1, to="handoff")
        s3.put_bucket_notification_configuration(
            Bucket=world.source_bucket, NotificationConfiguration={"EventBridgeConfiguration": {}})
        # Events that come again do not bring back those that went nowhere.
        assert "broken" in refusal(world, "advance", run=1, to="handoff")
        assert not is_copied(world, "lost")
        run(world, "rollback")
        run(world, "migrate", plan)
        assert copy_of(world, "lost") == b"one"
        # Nobody of the clients wrote it.
        world.client("s3", "target").delete_object(Bucket=world.target_bucket, Key="lost")
        until("nothing is missing", lambda: steps.control(world, "watch")["complete"])
        status = steps.control(world, "status")
        assert (status["phase"], status["rollback"]["can_go_back"], status["subjects"][0].get("broken")) == ("new", True, None)
    assert_identical_objects(world, traffic)


def assert_identical_objects(world, traffic) -> None:
    """Items have not moved."""
    assert traffic.objects, "somebody wrote"
    wrong = traffic.violations() + audit.bucket(world, traffic, "target")
    assert not wrong, "\n".join(wrong)


def mapping_switched(world, enabled: bool) -> None:
    functions = world.client("lambda")
    (found,) = functions.list_event_source_mappings(FunctionName=world.function("forward-copier"))["EventSourceMappings"]
    functions.update_event_source_mapping(UUID=found["UUID"], Enabled=enabled)
