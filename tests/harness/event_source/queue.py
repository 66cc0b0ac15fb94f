"""A standard SQS queue: hidden while somebody has them, at least once, in no order to lean on, and a bound on tries.

<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/standard-queues.html>,
<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-visibility-timeout.html>,
<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html>.
"""

import dataclasses
import hashlib
import threading
import uuid

from tests.harness.event_source.chance import NONE, Chance, Mishaps
from tests.harness.event_source.clock import Clock


@dataclasses.dataclass
class Message:
    """A message in the queue; times are Unix seconds."""

    id: str
    body: str
    sent: float
    received: int = 0
    first_received: float = 0.0
    visible_from: float = 0.0

    def record(self, arn: str, receipt: str) -> dict:
        """As it is in a function's event: <https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html>."""
        return {
            "messageId": self.id, "receiptHandle": receipt, "body": self.body,
            "attributes": {
                "ApproximateReceiveCount": str(self.received), "SentTimestamp": str(int(self.sent * 1000)),
                "SenderId": "AIDAEXAMPLE", "ApproximateFirstReceiveTimestamp": str(int(self.first_received * 1000)),
            },
            "messageAttributes": {}, "md5OfBody": hashlib.md5(self.body.encode()).hexdigest(),
            "eventSource": "aws:sqs", "eventSourceARN": arn, "awsRegion": arn.split(":")[3],
        }


class Queue:
    """`bury(message)` is told of what went to the dead-letter queue; `max_receives` 0 is no redrive policy.

    `named(body)` names a message for chance: what is the same in each run of a test.
    """

    def __init__(self, arn: str, visibility_s: float, max_receives: int, clock: Clock, bury=lambda message: None,
                 chance: Chance = Chance(0), mishaps: Mishaps = NONE, named=lambda body: body):
        self.arn, self._visibility_s, self._max_receives = arn, visibility_s, max_receives
        self._clock, self._bury, self._chance, self._mishaps = clock, bury, chance, mishaps
        self._lock, self._messages = threading.RLock(), []
        self.named, self.duplicates = named, 0

    def send(self, body: str, message_id: str | None = None, sent: float | None = None) -> str:
        """Put a message in; its id."""
        message = Message(message_id or str(uuid.uuid4()), body, sent or self._clock.now())
        with self._lock:
            self._messages.append(message)
        return message.id

    def receive(self, most: int) -> list:
        """Pairs of message and receipt, which hide the messages from others for the visibility timeout.

        A message that was received `max_receives` times and is here again goes to the dead-letter queue instead.
        """
        with self._lock:
            now = self._clock.now()
            visible = [message for message in self._messages if message.visible_from <= now]
            if self._mishaps.shuffle:
                self._chance.dice("order", *(self.named(message.body) for message in visible)).shuffle(visible)
            received = []
            for message in visible:
                if len(received) == most:
                    break
                if self._max_receives and message.received >= self._max_receives:
                    self._messages.remove(message)
                    self._bury(message)
                    continue
                message.received += 1
                message.first_received = message.first_received or now
                message.visible_from = now + self._visibility_s
                received.append((message, f"{message.id}/{message.received}"))
            return received

    def delete(self, receipt: str) -> None:
        """Done with a message. Chance may leave a copy of it, as a server that did not hear of the deletion does:
        <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/standard-queues-at-least-once-delivery.html>.
        """
        name, _, count = receipt.rpartition("/")
        with self._lock:
            message = next((one for one in self._messages if one.id == name), None)
            if message is None:
                return
            if self._chance.happens(self._mishaps.again, "copy", self.named(message.body), count):
                self.duplicates += 1
                message.visible_from = self._clock.now()
                return
            self._messages.remove(message)

    def next_visible(self) -> float | None:
        """When there is something to receive next; None if the queue is empty."""
        with self._lock:
            return min((message.visible_from for message in self._messages), default=None)

    def __len__(self) -> int:
        return len(self._messages)
