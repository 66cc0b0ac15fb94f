"""A function fed from a queue: <https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html>,
<https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html>.

Messages that are done are deleted. Those of a failed invocation, or reported as failed, are left alone: they are seen
again after the queue's visibility timeout.
"""

import collections
import threading
import time

from tests.harness.event_source import batches, responses
from tests.harness.event_source.chance import NONE, Chance, Mishaps
from tests.harness.event_source.clock import Clock
from tests.harness.event_source.mapping import QueueMapping
from tests.harness.event_source.queue import Queue

POLL_S = 0.05


class QueueSource:
    """One mapping at work on a queue. Step by step with `step`, or by itself between `start` and `stop`.

    `invoke(event, interruption)` answers an Outcome. `fill(queue)` may fetch messages from elsewhere.
    `timeout_s` is the function's. While nothing is to do, nobody runs and nobody can still be running whose time is
    not up, the clock is moved to the moment when the next message is visible: a visibility timeout of minutes costs a
    test no more than the function's own timeout.
    """

    def __init__(self, queue: Queue, mapping: QueueMapping, invoke, clock: Clock, timeout_s: float = 0.0, workers: int = 3,
                 fill=lambda queue: None, chance: Chance = Chance(0), mishaps: Mishaps = NONE):
        self._queue, self._mapping, self._invoke, self._clock = queue, mapping, invoke, clock
        self._timeout_s, self._fill, self._chance, self._mishaps = timeout_s, fill, chance, mishaps
        # "MaximumConcurrency": https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
        self._workers = min(workers, mapping.concurrency or workers)
        self._lock, self._busy, self._dead_by = threading.Lock(), 0, 0.0
        self._stop, self._threads, self._gathered, self._since = threading.Event(), [], [], 0.0
        self.counts, self.failure = collections.Counter(), None

    def step(self) -> bool:
        """One invocation, if there are messages; False if not."""
        with self._lock:
            received = self._gather()
            if not received:
                return False
            self._busy += 1
        try:
            self._deliver(received)
        finally:
            with self._lock:
                self._busy -= 1
        return True

    def skip(self) -> bool:
        """Move the clock to the next message if that is honest; whether it did."""
        with self._lock:
            due = self._queue.next_visible()
            if due is None or self._busy or time.time() < self._dead_by:
                return False
            self._clock.skip(due - self._clock.now())
            return True

    def run(self) -> None:
        """Step until the queue is empty."""
        while len(self._queue) or self._gathered:
            if not self.step() and not self.skip():
                self._clock.pause(POLL_S, self._stop)

    @property
    def idle(self) -> bool:
        """Whether the queue is empty and nobody runs."""
        with self._lock:
            return not (len(self._queue) or self._busy or self._gathered)

    def _gather(self) -> list:
        """Receive until the batch is full or its window is over."""
        room = self._mapping.batch_size - len(self._gathered)
        received = self._queue.receive(room) if room else []
        if received and not self._gathered:
            self._since = self._clock.now()
        self._gathered += received
        records = [message.record(self._queue.arn, receipt) for message, receipt in self._gathered]
        over = self._clock.now() >= self._since + self._mapping.window_s
        size = len(batches.take(records, self._mapping.batch_size, over))
        taken, self._gathered = self._gathered[:size], self._gathered[size:]
        return taken

    def _deliver(self, received: list) -> None:
        records = [message.record(self._queue.arn, receipt) for message, receipt in received]
        names = [message.id for message, _ in received]
        again = max(message.received for message, _ in received)
        dice = self._chance.dice("interruption", self._queue.named(received[0][0].body), again, len(records))
        interruption = None if self._mishaps.first and again > 1 else self._mishaps.interruption(dice)
        began = time.time()
        outcome = self._invoke({"Records": records}, interruption)
        failed = set(names)
        if outcome.kind == "answer":
            failed = responses.queue_failed(outcome.payload, names) if self._mapping.reports else set()
        for message, receipt in received:
            if message.id not in failed:
                self._queue.delete(receipt)
        with self._lock:
            if outcome.kind in ("crash", "timeout"):
                # What was ended may have calls on their way, and claims that last until its deadline.
                self._dead_by = max(self._dead_by, began + self._timeout_s)
            self.counts.update({"invocations": 1, outcome.kind: 1, "done": len(names) - len(failed), "failed": len(failed)})
            self.counts["partial"] += 0 < len(failed) < len(names)

    def start(self) -> "QueueSource":
        """Work by itself until `stop`."""
        for _ in range(self._workers):
            self._spawn(self._keep_stepping)
        self._spawn(self._keep_filling)
        return self

    def stop(self) -> None:
        """Let each worker finish its invocation. Raises what a thread of this source died of."""
        self._stop.set()
        for thread in self._threads:
            thread.join()
        if self.failure:
            raise self.failure

    def _spawn(self, work) -> None:
        def guarded():
            try:
                while not self._stop.is_set():
                    work()
            except Exception as error:  # noqa: BLE001 - told by `stop`, in the test's thread
                self.failure = self.failure or error
                self._stop.set()

        thread = threading.Thread(target=guarded, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _keep_stepping(self) -> None:
        if not self.step() and not self.skip():
            self._stop.wait(POLL_S)

    def _keep_filling(self) -> None:
        self._fill(self._queue)
        self._stop.wait(POLL_S)

    def __enter__(self) -> "QueueSource":
        return self.start()

    def __exit__(self, *_exception) -> None:
        self.stop()
