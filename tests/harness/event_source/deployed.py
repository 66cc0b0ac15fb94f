"""A deployed migration whose replicators and copiers are fed by this driver, not by the mappings of the local AWS.

Settings are those of template.yaml; functions are the built ones with the deployed variables; records come from the
tables' streams, messages from the queues that the stack made, and what is given up goes where the stack says.
"""

import json

from tests.harness.event_source import mapping
from tests.harness.event_source.chance import NONE, Chance, Mishaps
from tests.harness.event_source.clock import Clock, Hurried
from tests.harness.event_source.destination import ToQueue
from tests.harness.event_source.dynamodb import DynamoStream
from tests.harness.event_source.poller import QueueSource
from tests.harness.event_source.queue import Queue
from tests.harness.event_source.stream import StreamSource
from tests.harness.runtime.function import deployed

DIRECTIONS = {"source": "Forward", "target": "Reverse"}


def switch_off(world) -> None:
    """See to it that nobody but this driver feeds the functions of the migration.

    Mappings stay enabled, because gates close where they are not; but their functions may not run:
    https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html
    """
    for side in DIRECTIONS:
        functions = world.client("lambda", side)
        for one in functions.list_event_source_mappings()["EventSourceMappings"]:
            if f":livemove-{world.migration}-" in one["FunctionArn"]:
                functions.put_function_concurrency(FunctionName=one["FunctionArn"].rpartition(":")[2], ReservedConcurrentExecutions=0)


class Replicator:
    """The replicator at one side, fed from that side's stream; use as context manager.

    `look(stream)` may put something between the table's stream and the mapping; `changed` replaces records.
    """

    def __init__(self, world, service, side: str, chance: Chance = Chance(0), mishaps: Mishaps = NONE,
                 look=lambda stream: stream, changed=lambda record: record):
        name = DIRECTIONS[side]
        self.function = deployed(world, side, f"{name.lower()}-replicator", "replicator")
        self.mapping = mapping.stream(f"{name}ReplicatorMapping")
        self.dead = output(world, side, f"{name}RecordsDeadUrl")
        arn = service.streams[side]
        self.stream = look(DynamoStream(world.client("dynamodbstreams", side), arn, changed))
        self.source = StreamSource(
            self.stream, self.mapping, self.function.invoke, self.function.arn, arn, [ToQueue(world.client("sqs", side), self.dead)],
            Hurried(), chance, mishaps)

    def __enter__(self) -> "Replicator":
        self.source.start()
        return self

    def __exit__(self, *_exception) -> None:
        try:
            self.source.stop()
        finally:
            self.function.close()


class Copier:
    """The copier at one side, fed from that side's queue; use as context manager. `timeout_s` replaces the function's:
    an object that a killed copier was at is not taken by another one before that time is up."""

    def __init__(self, world, side: str, chance: Chance = Chance(0), mishaps: Mishaps = NONE, timeout_s: float | None = None):
        name = DIRECTIONS[side]
        changes = {"timeout_s": timeout_s} if timeout_s else {}
        self.function = deployed(world, side, f"{name.lower()}-copier", "copier", **changes)
        self.mapping = mapping.queue(f"{name}CopierMapping", f"{name}Objects")
        self._sqs, self.url = world.client("sqs", side), output(world, side, f"{name}ObjectsUrl")
        self.dead = output(world, side, f"{name}ObjectsDeadUrl")
        arn = self._sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        clock = Clock()
        self.queue = Queue(arn, self.mapping.visibility_s, self.mapping.max_receives, clock, self._bury, chance, mishaps, named)
        self.source = QueueSource(self.queue, self.mapping, self.function.invoke, clock, self.function.timeout_s, fill=self._fetch,
                                  chance=chance, mishaps=mishaps)

    def _fetch(self, queue: Queue) -> None:
        """Move what is in the stack's queue into the one that is driven here."""
        answer = self._sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10, AttributeNames=["SentTimestamp"])
        for message in answer.get("Messages", []):
            queue.send(message["Body"], message["MessageId"], int(message["Attributes"]["SentTimestamp"]) / 1000)
            self._sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])

    def _bury(self, message) -> None:
        self._sqs.send_message(QueueUrl=self.dead, MessageBody=message.body)

    def __enter__(self) -> "Copier":
        self.source.start()
        return self

    def __exit__(self, *_exception) -> None:
        try:
            self.source.stop()
        finally:
            self.function.close()


def named(body: str) -> str:
    """What an event of S3 tells, without its time and ids; other messages are their own names."""
    try:
        event = json.loads(body)
        return f"{event['detail-type']} {event['detail']['object']['key']} {event['detail']['object'].get('etag')}"
    except (ValueError, KeyError, TypeError):
        return body


def output(world, side: str, name: str) -> str:
    """An output of that side's stack."""
    (stack,) = world.client("cloudformation", side).describe_stacks(StackName=f"livemove-{world.migration}")["Stacks"]
    return next(one["OutputValue"] for one in stack["Outputs"] if one["OutputKey"] == name)


def waiting(world, side: str, url: str) -> list:
    """The bodies of all messages in a queue, which is empty afterwards."""
    sqs, bodies = world.client("sqs", side), []
    while found := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
        for message in found:
            bodies.append(message["Body"])
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return bodies
