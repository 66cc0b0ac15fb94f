"""One sequence of records, delivered in order: batches, retries, bisecting, and giving up.

A shard is as many lanes as its mapping's ParallelizationFactor says; each is processed by one invocation at a time,
and a batch that fails holds up what comes after it in its lane:
<https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html>,
<https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html>.
"""

import collections
import dataclasses
import threading

from tests.harness.event_source import batches, responses
from tests.harness.event_source.chance import NONE, Chance, Mishaps
from tests.harness.event_source.clock import Clock
from tests.harness.event_source.destination import EXHAUSTED, TOO_OLD
from tests.harness.event_source.mapping import ENDLESS, StreamMapping
from tests.harness.event_source.shards import Names
from tests.harness.runtime.outcome import Outcome

# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html
RETENTION_S = 24 * 60 * 60
# How long Lambda waits before it tries again is not documented; here it is short, and longer each time.
PAUSE_S, PAUSE_MAX_S = 0.01, 0.5
# Duplicates are taken from so many records that were done last.
REMEMBERED = 300


@dataclasses.dataclass
class Work:
    """Records that are being tried: of how many failed attempts, in how many invocations."""

    records: list
    failures: int = 0
    invocations: int = 0


@dataclasses.dataclass(frozen=True)
class GivenUp:
    """Records that are not tried any more, and why. `outcome` is that of the last invocation, if there was one."""

    records: list
    condition: str
    invocations: int
    outcome: Outcome | None
    at: float


def sequence_of(record: dict) -> str:
    """The sequence number of a record, as it is in an event."""
    return record["dynamodb"]["SequenceNumber"]


class Lane:
    """`invoke(event, interruption)` is asked for an Outcome, `give_up(GivenUp)` told of what is discarded.

    `step` makes one invocation at most; one thread at a time may call it, any thread may `add`. `aside(call)` runs a
    call beside what the lane does, for duplicates that overlap it.
    """

    def __init__(self, name: str, mapping: StreamMapping, invoke, give_up, clock: Clock,
                 chance: Chance = Chance(0), mishaps: Mishaps = NONE, aside=lambda call: call()):
        self.name, self.counts = name, collections.Counter()
        self._mapping, self._invoke, self._give_up, self._clock = mapping, invoke, give_up, clock
        self._chance, self._mishaps, self._aside = chance, mishaps, aside
        self._lock, self._waiting, self._since = threading.Lock(), [], 0.0
        self._works, self._done, self._again = collections.deque(), collections.deque(maxlen=REMEMBERED), []
        self._outcome, self._names, self._named = None, Names(), {}

    def add(self, records: list) -> None:
        """Records that come after all that were added before."""
        with self._lock:
            if records and not self._waiting:
                self._since = self._clock.now()
            self._named.update((sequence_of(record), self._names.next(record)) for record in records)
            self._waiting += records

    @property
    def idle(self) -> bool:
        """Whether all that was added is done or given up, and no duplicate is due."""
        with self._lock:
            return not (self._waiting or self._works or self._again)

    def step(self, stop: threading.Event = threading.Event()) -> bool:
        """The next invocation, if there is any to make; False if not."""
        if self._deliver_again():
            return True
        if not self._works and not self._gather():
            return False
        work = self._without_old(self._works.popleft())
        if work is None:
            return True
        outcome = self._call(work.records, "step", len(work.records), work.invocations)
        if outcome.kind == "throttled":
            # Not invoked, so it counts for nothing: tried until the records are too old.
            self._works.appendleft(work)
            self._clock.pause(PAUSE_MAX_S, stop)
            return True
        work.invocations += 1
        self._outcome = outcome
        self._judge(work, outcome, stop)
        return True

    def _gather(self) -> bool:
        """Start the next batch if it is full or its window is over."""
        with self._lock:
            over = self._clock.now() >= self._since + self._mapping.window_s
            records = batches.take(self._waiting, self._mapping.batch_size, over)
            if not records:
                return False
            del self._waiting[:len(records)]
            # "The next window begins as soon as the previous invocation completes"; gathering goes on meanwhile.
            self._since = self._clock.now()
            self._works.append(Work(records))
            self.counts["batches"] += 1
            return True

    def _without_old(self, work: Work) -> Work | None:
        """Give up what is older than the mapping takes, or than the stream keeps; what is left to do.

        <https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html>: records are tried until they
        expire, exceed the maximum age or the attempts are used up.
        """
        limit = RETENTION_S if self._mapping.max_age_s == ENDLESS else min(self._mapping.max_age_s, RETENTION_S)
        oldest = self._clock.now() - limit
        old = [record for record in work.records if record["dynamodb"]["ApproximateCreationDateTime"] < oldest]
        if not old:
            return work
        self._discard(dataclasses.replace(work, records=old), TOO_OLD)
        work.records = [record for record in work.records if record not in old]
        return work if work.records else None

    def _judge(self, work: Work, outcome: Outcome, stop: threading.Event) -> None:
        """What is done of a batch, and how the rest is tried again."""
        sequences, done = [sequence_of(record) for record in work.records], None
        if outcome.kind == "answer":
            done = responses.stream_done(outcome.payload, sequences) if self._mapping.reports else len(sequences)
        self.counts["done"] += done or 0
        self._finish(work.records[:done or 0])
        if done == len(sequences):
            return
        self.counts["failed" if done is None else "partial"] += 1
        rests = self._failed(work) if done is None else self._partly_done(work, done)
        self._works.extendleft(reversed(rests))
        if rests:
            self._clock.pause(min(PAUSE_S * 2 ** min(rests[0].failures, 10), PAUSE_MAX_S), stop)

    def _failed(self, work: Work) -> list:
        """What to try instead of a batch that failed as a whole.

        <https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html>: bisecting makes two smaller
        batches of it and does not use up the retry quota;
        <https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html>: whether or not partial
        answers are on.
        """
        if not self._mapping.bisects or len(work.records) == 1:
            return self._counted(work)
        self.counts["bisected"] += 1
        half = len(work.records) // 2
        return [dataclasses.replace(work, records=part) for part in (work.records[:half], work.records[half:])]

    def _partly_done(self, work: Work, done: int) -> list:
        """What to try of a batch of which the first records are done.

        <https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html>: all from the checkpoint
        on; where bisecting is on too, the batch is bisected at the reported record and only the rest is tried. So it
        uses up the quota unless it makes the batch smaller. Not documented: that the count goes on for the rest, as it
        does here, so that records are given up sooner rather than later, the innocent after the guilty among them.
        """
        rest = dataclasses.replace(work, records=work.records[done:])
        return [rest] if self._mapping.bisects and done else self._counted(rest)

    def _counted(self, work: Work) -> list:
        """The batch again, unless its attempts are used up: then it is given up."""
        work.failures += 1
        if self._mapping.retries != ENDLESS and work.failures > self._mapping.retries:
            self._discard(work, EXHAUSTED)
            return []
        self.counts["retried"] += 1
        return [work]

    def _discard(self, work: Work, condition: str) -> None:
        self.counts["given up"] += len(work.records)
        self._give_up(GivenUp(work.records, condition, work.invocations, self._outcome, self._clock.now()))

    def _finish(self, records: list) -> None:
        """Remember what is done, and choose what of it is delivered again.

        <https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventsourcemapping.html>: each event is processed at
        least once. Which come again, and when, nobody knows: here old records after newer ones, as from a poller
        that goes on from an old checkpoint.
        """
        self._done.extend(records)
        if not records or not self._chance.happens(self._mishaps.again, "again", self._name(records)):
            return
        dice = self._chance.dice("which", self._name(records))
        start = dice.randrange(len(self._done))
        size = dice.randint(1, self._mapping.batch_size)
        self._again.append([dice.randint(0, 3), list(self._done)[start:start + size]])

    def _deliver_again(self) -> bool:
        """Deliver the records whose turn it is to come again; what comes of it changes nothing."""
        for entry in self._again:
            entry[0] -= 1
        due = next((entry for entry in self._again if entry[0] < 0 or not (self._works or self._waiting)), None)
        if due is None:
            return False
        self._again.remove(due)
        self.counts["delivered again"] += 1
        records = due[1]
        call = lambda: self._call(records, "again", len(records))  # noqa: E731
        if self._mishaps.aside:
            self._aside(call)
            return False
        call()
        return True

    def _name(self, records: list) -> str:
        return self._named[sequence_of(records[0])]

    def _call(self, records: list, *what) -> Outcome:
        interruption = self._mishaps.interruption(self._chance.dice("interruption", self._name(records), *what))
        outcome = self._invoke({"Records": records}, interruption)
        self.counts["invocations"] += 1
        self.counts[outcome.kind] += 1
        return outcome
