"""Streams of shards: what one looks like to its reader, and the two things that happen to shards with time.

<https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html>: shards are short-lived, split as
traffic wants it, and have parents; a reader must process a parent before its children. Records of an item come in
the order of its changes. What is older than 24 hours is trimmed.

A stream has `shards()`, a list of Shard in no order, and `read(shard_id, after)`: the records of that shard after a
sequence number (None: from the trim horizon), and whether the shard is closed and has no more. Reading after a
number that is trimmed raises Trimmed, as GetShardIterator does:
<https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_GetShardIterator.html>.
"""

import collections
import dataclasses
import hashlib
import json

from tests.harness.event_source.chance import Chance


class Trimmed(Exception):
    """TrimmedDataAccessException: the position is older than what the stream keeps."""


@dataclasses.dataclass(frozen=True)
class Shard:
    """A shard and the one that it came from, if that is known."""

    id: str
    parent: str | None = None


def item_hash(record: dict) -> int:
    """A number that depends on the item's key alone, partition and sort key."""
    keys = json.dumps(record["dynamodb"].get("Keys", {}), sort_keys=True)
    return int.from_bytes(hashlib.sha256(keys.encode()).digest()[:8], "big")


class Names:
    """Names records by their item and how many of its records there were before, whatever numbers a stream gives.

    So dice that are thrown for a record fall alike in each run of a test.
    """

    def __init__(self):
        self._seen = collections.Counter()

    def next(self, record: dict) -> str:
        """The name of a record; the next one of its item gets another."""
        item = item_hash(record)
        self._seen[item] += 1
        return f"{item}#{self._seen[item]}"


class Listed:
    """A stream of one shard that holds what is put into it: for tests of the rules."""

    def __init__(self, records: list = (), shard: str = "shardId-1"):
        self.records, self._shard = list(records), shard

    def shards(self) -> list:
        return [Shard(self._shard)]

    def read(self, _shard: str, after: str | None) -> tuple:
        return [one for one in self.records if after is None or int(one["dynamodb"]["SequenceNumber"]) > int(after)], False


class Splitting:
    """A stream of one shard that looks as if its shards split again and again, each into two.

    After a record that chance chooses, the shard of that record is closed, and the later records of its items are in
    one or the other of two children. Items are never seen in another order than they have.
    """

    def __init__(self, stream, chance: Chance, probability: float, most: int = 7):
        self._stream, self._chance, self._probability, self._most = stream, chance, probability, most
        (self._base,) = [shard.id for shard in stream.shards()]
        self._after, self._number = None, 0
        # Of each shard: its parent, its records, and its two children once it is closed.
        self._tree, self._names = {}, Names()
        self._root = self._open(None)

    def shards(self) -> list:
        """All shards there have been; not in an order to lean on."""
        listed = [Shard(name, parent) for name, (parent, _, _) in self._tree.items()]
        self._chance.dice("listing", len(listed)).shuffle(listed)
        return listed

    def read(self, shard: str, after: str | None) -> tuple:
        """See the module. Fetches from the stream below first."""
        self._fetch()
        _, records, children = self._tree[shard]
        found = [one for one in records if after is None or int(one["dynamodb"]["SequenceNumber"]) > int(after)]
        return found, bool(children)

    def _fetch(self) -> None:
        records, _ = self._stream.read(self._base, self._after)
        for record in records:
            self._after = record["dynamodb"]["SequenceNumber"]
            name = self._leaf(record)
            self._tree[name][1].append(record)
            if self._chance.happens(self._probability, "split", self._names.next(record)) and len(self._tree) + 2 <= self._most:
                self._tree[name][2].extend([self._open(name), self._open(name)])

    def _leaf(self, record: dict) -> str:
        name, bits = self._root, item_hash(record)
        while children := self._tree[name][2]:
            name, bits = children[bits & 1], bits >> 1
        return name

    def _open(self, parent: str | None) -> str:
        self._number += 1
        name = f"shardId-{self._number:020}-split"
        self._tree[name] = (parent, [], [])
        return name


class Trimming:
    """A stream that forgets what was there before `trim` was called."""

    def __init__(self, stream):
        self._stream, self._horizon = stream, None

    def trim(self, upto: str) -> None:
        """Let all records up to this sequence number be older than 24 hours."""
        self._horizon = upto

    def shards(self) -> list:
        return self._stream.shards()

    def read(self, shard: str, after: str | None) -> tuple:
        """See the module."""
        if self._horizon is None:
            return self._stream.read(shard, after)
        if after is not None and int(after) < int(self._horizon):
            raise Trimmed(f"{after} is older than the trim horizon")
        return self._stream.read(shard, self._horizon if after is None else after)
