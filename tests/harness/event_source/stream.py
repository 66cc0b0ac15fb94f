"""A function fed from a stream: shards in the order of their descent, each in as many lanes as the mapping says.

<https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html>: with a ParallelizationFactor a shard is processed by
several invocations at a time, and the records of an item, by partition and sort key, stay in order.
"""

import collections
import threading
from concurrent.futures import ThreadPoolExecutor

from tests.harness.event_source.chance import NONE, Chance, Mishaps
from tests.harness.event_source.clock import Clock
from tests.harness.event_source.destination import message
from tests.harness.event_source.lane import Lane, sequence_of
from tests.harness.event_source.mapping import StreamMapping
from tests.harness.event_source.shards import Trimmed, item_hash

# Lambda polls a shard four times a second where it finds nothing; tests would wait for that.
POLL_S = 0.05


class StreamSource:
    """One mapping at work. Step by step with `poll` and `step`, or by itself between `start` and `stop`.

    `invoke(event, interruption)` answers an Outcome. `destinations` are told of what is given up. `begin_after` is
    what LATEST stands for: a mapping is not told what came before it.
    """

    def __init__(self, stream, mapping: StreamMapping, invoke, function_arn: str = "", stream_arn: str = "", destinations=(),
                 clock: Clock | None = None, chance: Chance = Chance(0), mishaps: Mishaps = NONE, begin_after: str | None = None):
        if mapping.starting != "TRIM_HORIZON" and begin_after is None:
            raise ValueError(f"StartingPosition {mapping.starting} needs begin_after: the last record before the mapping")
        self._stream, self._mapping, self._invoke, self._begin_after = stream, mapping, invoke, begin_after
        self._function_arn, self._stream_arn, self._destinations = function_arn, stream_arn, destinations
        self._clock, self._chance, self._mishaps = clock or Clock(), chance, mishaps
        self._stop, self._threads, self._beside, self._asides = threading.Event(), [], None, []
        # Of each shard that has been begun: its lanes; where reading is; whether it is read to its end.
        self.lanes, self._positions, self._closed = {}, {}, set()
        self.given_up, self.trimmed, self.failure = [], 0, None

    def poll(self) -> int:
        """Read every shard whose turn it is once; 0 if nothing came."""
        listed, came = {shard.id: shard.parent for shard in self._stream.shards()}, 0
        for shard, parent in listed.items():
            if shard in self._closed or (parent in listed and not self._processed(parent)):
                continue
            try:
                records, closed = self._stream.read(shard, self._positions.get(shard, self._begin_after))
            except Trimmed:
                # Not documented: what Lambda does then. There is nothing to go on with but the oldest record there is.
                self.trimmed += 1
                came += 1
                self._positions.pop(shard)
                continue
            self._spread(shard, records)
            came += len(records)
            if closed:
                self._closed.add(shard)
        return came

    def step(self) -> bool:
        """One invocation of each lane that has any to make; False when there is none."""
        return any([lane.step(self._stop) for lanes in list(self.lanes.values()) for lane in lanes])

    def run(self) -> None:
        """Poll and step until all that is there is done or given up."""
        while True:
            if self.poll() + self.step():
                continue
            if self.idle:
                return
            self._clock.pause(POLL_S, self._stop)

    @property
    def idle(self) -> bool:
        """Whether everything that was read is done or given up."""
        return all(lane.idle for lanes in list(self.lanes.values()) for lane in lanes) and all(one.done() for one in self._asides)

    def counts(self) -> collections.Counter:
        """What has happened, over all lanes."""
        return sum((lane.counts for lanes in list(self.lanes.values()) for lane in lanes), collections.Counter())

    def start(self) -> "StreamSource":
        """Work by itself, a thread for each lane, until `stop`."""
        self._beside = ThreadPoolExecutor(4)
        self._spawn(self._keep_polling)
        return self

    def stop(self) -> None:
        """Let each lane finish its invocation. Raises what a thread of this source died of."""
        self._stop.set()
        for thread in self._threads:
            thread.join()
        if self._beside:
            self._beside.shutdown()
        if self.failure:
            raise self.failure

    def _processed(self, shard: str) -> bool:
        return shard in self._closed and all(lane.idle for lane in self.lanes.get(shard, ()))

    def _spread(self, shard: str, records: list) -> None:
        if shard not in self.lanes:
            self.lanes[shard] = [self._lane(shard, number) for number in range(self._mapping.parallelization)]
            if self._beside:
                for lane in self.lanes[shard]:
                    self._spawn(self._keep_stepping, lane)
        lanes = self.lanes[shard]
        for number, lane in enumerate(lanes):
            lane.add([record for record in records if (item_hash(record) >> 32) % len(lanes) == number])
        if records:
            self._positions[shard] = sequence_of(records[-1])

    def _lane(self, shard: str, number: int) -> Lane:
        return Lane(f"{shard}/{number}", self._mapping, self._invoke, lambda given_up: self._tell(shard, given_up),
                    self._clock, self._chance, self._mishaps, self._aside)

    def _tell(self, shard: str, given_up) -> None:
        document = message(self._function_arn, self._stream_arn, shard, given_up)
        self.given_up.append(document)
        for destination in self._destinations:
            destination.send(document, {"Records": given_up.records})

    def _aside(self, call) -> None:
        if self._beside:
            self._asides.append(self._beside.submit(call))
        else:
            call()

    def _spawn(self, work, *arguments) -> None:
        def guarded():
            try:
                while not self._stop.is_set():
                    work(*arguments)
            except Exception as error:  # noqa: BLE001 - told by `stop`, in the test's thread
                self.failure = self.failure or error
                self._stop.set()

        thread = threading.Thread(target=guarded, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _keep_polling(self) -> None:
        if not self.poll():
            self._stop.wait(POLL_S)

    def _keep_stepping(self, lane: Lane) -> None:
        if not lane.step(self._stop):
            self._stop.wait(POLL_S / 2)

    def __enter__(self) -> "StreamSource":
        return self.start()

    def __exit__(self, *_exception) -> None:
        self.stop()
