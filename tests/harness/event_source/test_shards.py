"""Parents before children, and what a stream forgets."""

import dataclasses

from tests.harness.event_source.chance import Chance
from tests.harness.event_source.clock import Standing
from tests.harness.event_source.fakes import Fake, poisoned, record
from tests.harness.event_source.mapping import StreamMapping
from tests.harness.event_source.shards import Listed, Splitting, Trimming
from tests.harness.event_source.stream import StreamSource

MAPPING = StreamMapping(batch_size=4, parallelization=2)


def items(count: int) -> list:
    """Records of twenty items in turn."""
    return [record(n, key=f"item-{n % 20}") for n in range(1, count + 1)]


def test_shards_split_and_every_item_keeps_its_order():
    for seed in range(20):
        function = Fake()
        stream = Splitting(Listed(items(200)), Chance(seed), 0.05)
        StreamSource(stream, MAPPING, function, clock=Standing()).run()
        assert len(stream.shards()) > 2 and any(shard.parent for shard in stream.shards())
        done = [n for call in function.calls for n in call]
        assert sorted(done) == list(range(1, 201)), "all, and once"
        for item in range(20):
            mine = [n for n in done if n % 20 == item]
            assert mine == sorted(mine), f"seed {seed}: {mine}"


def test_a_child_waits_until_its_parent_is_done_or_given_up():
    stream = Splitting(Listed(items(40)), Chance(3), 0.2, most=3)
    function = Fake(poisoned(1))
    source = StreamSource(stream, MAPPING, function, clock=Standing())
    for _ in range(50):
        source.poll()
        source.step()
    (parent,) = {shard.parent for shard in stream.shards() if shard.parent}
    last = max(int(one["dynamodb"]["SequenceNumber"]) for one in stream.read(parent, None)[0])
    assert last < 40 and all(n <= last for call in function.calls for n in call)
    function = Fake(poisoned(1))
    source = StreamSource(Splitting(Listed(items(40)), Chance(3), 0.2, most=3), dataclasses.replace(MAPPING, retries=2, bisects=True),
                          function, clock=Standing())
    source.run()
    assert {n for call in function.calls for n in call} == set(range(1, 41))
    assert len(source.given_up) == 1


def test_what_is_trimmed_before_it_was_read_is_lost_and_known_to_be():
    stream, function = Trimming(Listed(items(10))), Fake()
    source = StreamSource(stream, MAPPING, function, clock=Standing())
    source.run()
    stream._stream.records += [record(n) for n in range(11, 21)]
    stream.trim("15")
    source.run()
    assert source.trimmed == 1
    done = {n for call in function.calls for n in call}
    assert done == {*range(1, 11), *range(16, 21)}


def test_a_new_mapping_starts_at_the_trim_horizon():
    stream, function = Trimming(Listed(items(10))), Fake()
    stream.trim("4")
    source = StreamSource(stream, MAPPING, function, clock=Standing())
    source.run()
    assert source.trimmed == 0 and {n for call in function.calls for n in call} == set(range(5, 11))
