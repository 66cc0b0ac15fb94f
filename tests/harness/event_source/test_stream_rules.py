"""How batches of a stream are cut, tried again, bisected and given up: the cases that AWS's pages describe."""

import dataclasses
import json

import pytest

from tests.harness.event_source import batches, responses
from tests.harness.event_source.chance import Chance, Mishaps
from tests.harness.event_source.clock import Standing
from tests.harness.event_source.fakes import Fake, poisoned, record, report, reporting
from tests.harness.event_source.mapping import StreamMapping
from tests.harness.event_source.shards import Listed, item_hash
from tests.harness.event_source.stream import StreamSource
from tests.harness.runtime.outcome import Outcome

PLAIN = StreamMapping(batch_size=10)
WHOLE = dataclasses.replace(PLAIN, reports=True, bisects=True, retries=3)


def fed(records: list, mapping: StreamMapping, function: Fake, **settings) -> StreamSource:
    """The source after everything was delivered."""
    source = StreamSource(Listed(records), mapping, function, clock=Standing(), **settings)
    source.run()
    return source


def given_up(source: StreamSource) -> list:
    """Condition, first and last number, and size of each batch that was given up."""
    infos = [(one["requestContext"]["condition"], one["DDBStreamBatchInfo"]) for one in source.given_up]
    return [(condition, int(info["startSequenceNumber"]), int(info["endSequenceNumber"]), info["batchSize"]) for condition, info in infos]


@pytest.mark.parametrize("answer, done", [
    ("", 3), ("null", 3), ("{}", 3), ('{"batchItemFailures": []}', 3), ('{"batchItemFailures": null}', 3),
    ('{"batchItemFailures": [{"itemIdentifier": "9"}]}', 1),
    ('{"batchItemFailures": [{"itemIdentifier": "10"}, {"itemIdentifier": "9"}]}', 1),
    ('{"batchItemFailures": [{"itemIdentifier": "8"}]}', 0),
    ('{"batchItemFailures": [{"itemIdentifier": ""}]}', None), ('{"batchItemFailures": [{"itemIdentifier": null}]}', None),
    ('{"batchItemFailures": [{"itemId": "9"}]}', None), ('{"batchItemFailures": [{"itemIdentifier": "11"}]}', None),
    ('{"batchItemFailures": "9"}', None), ("not json", None),
])
def test_an_answer_to_a_stream_is_read_as_documented(answer, done):
    assert responses.stream_done(answer, ["8", "9", "10"]) == done


def test_a_batch_has_at_most_its_size_and_six_megabytes():
    waiting = [record(n) for n in range(12)]
    assert len(batches.take(waiting, 10, True)) == 10
    large = [record(n, padding=2_000_000) for n in range(5)]
    assert len(batches.take(large, 10, False)) == 3
    assert len(json.dumps({"Records": large[:3]})) <= batches.PAYLOAD < len(json.dumps({"Records": large[:4]}))
    assert len(batches.take([record(1, padding=7_000_000), record(2)], 10, True)) == 1


def test_a_window_gathers_until_it_is_over_or_the_batch_is_full():
    function, clock, stream = Fake(), Standing(), Listed([record(1)])
    source = StreamSource(stream, dataclasses.replace(PLAIN, window_s=5), function, clock=clock)
    source.poll()
    assert not source.step()
    stream.records.append(record(2))
    clock.skip(5)
    source.poll()
    assert source.step() and function.calls == [[1, 2]]
    stream.records += [record(n) for n in range(3, 14)]
    source.poll()
    assert source.step() and function.calls[-1] == list(range(3, 13))
    assert not source.step()


def test_without_reports_any_answer_is_success():
    function = Fake(lambda given: report(2))
    fed([record(n) for n in (1, 2, 3)], PLAIN, function)
    assert function.calls == [[1, 2, 3]]


def test_a_partial_answer_starts_again_at_the_lowest_reported_record():
    answers = iter([report(4, 3), None])
    function = Fake(lambda given: next(answers))
    fed([record(n) for n in (1, 2, 3, 4, 5)], dataclasses.replace(PLAIN, reports=True), function)
    assert function.calls == [[1, 2, 3, 4, 5], [3, 4, 5]]


def test_a_failed_batch_holds_up_what_comes_after_it_and_is_tried_until_it_succeeds():
    answers = iter([Outcome("timeout"), Outcome("crash"), Outcome("error"), None, None])
    function = Fake(lambda given: next(answers))
    fed([record(n) for n in range(1, 13)], PLAIN, function)
    assert function.calls == [list(range(1, 11))] * 4 + [[11, 12]]


def test_bisecting_isolates_the_bad_record_and_costs_no_retry():
    function = Fake(poisoned(3))
    source = fed([record(n) for n in range(1, 9)], dataclasses.replace(PLAIN, bisects=True, retries=2), function)
    assert function.calls == [list(range(1, 9)), [1, 2, 3, 4], [1, 2], [3, 4], [3], [3], [3], [4], [5, 6, 7, 8]]
    assert given_up(source) == [("RetryAttemptsExhausted", 3, 3, 1)]


def test_a_failure_is_bisected_also_where_partial_answers_are_on():
    function = Fake(poisoned(2))
    source = fed([record(n) for n in (1, 2)], dataclasses.replace(WHOLE, retries=0), function)
    assert function.calls == [[1, 2], [1], [2]]
    assert given_up(source) == [("RetryAttemptsExhausted", 2, 2, 1)]


def test_a_partial_answer_bisects_at_the_reported_record_and_costs_no_retry():
    function = Fake(reporting(3))
    source = fed([record(n) for n in range(1, 6)], WHOLE, function)
    # Three retries of what begins with the reported record; then it and what came with it are given up.
    assert function.calls == [[1, 2, 3, 4, 5]] + [[3, 4, 5]] * 4
    assert given_up(source) == [("RetryAttemptsExhausted", 3, 5, 3)]


def test_no_retry_is_none_and_endless_retries_end_with_the_record():
    function = Fake(poisoned(1))
    assert given_up(fed([record(1)], dataclasses.replace(PLAIN, retries=0), function)) == [("RetryAttemptsExhausted", 1, 1, 1)]
    assert function.calls == [[1]]
    function = Fake(poisoned(1))
    # 23 h 59 min old: within a minute of pauses it is older than the stream keeps it.
    source = fed([record(1, age_s=24 * 3600 - 60), record(2)], PLAIN, function)
    assert len(function.calls) > 50
    assert [one[:3] for one in given_up(source)] == [("RecordAgeExceeded", 1, 1)]
    assert function.calls[-1] == [2]


def test_records_above_the_maximum_age_are_given_up_before_an_invocation():
    function = Fake()
    source = fed([record(1, age_s=120), record(2, age_s=120), record(3)], dataclasses.replace(PLAIN, max_age_s=60), function)
    assert function.calls == [[3]]
    assert given_up(source) == [("RecordAgeExceeded", 1, 2, 2)]
    assert source.given_up[0]["requestContext"]["approximateInvokeCount"] == 0


def test_what_was_not_invoked_uses_up_no_retry():
    answers = iter([Outcome("throttled")] * 5 + [None])
    function = Fake(lambda given: next(answers))
    source = fed([record(1)], dataclasses.replace(PLAIN, retries=0), function)
    assert function.calls == [[1]] * 6 and not source.given_up


def test_lanes_keep_each_items_order_while_one_of_them_is_stuck():
    mapping = dataclasses.replace(PLAIN, parallelization=4, batch_size=3)
    function = Fake(poisoned(1))
    stream = Listed([record(n, key=f"item-{n % 8}") for n in range(1, 41)])
    source = StreamSource(stream, mapping, function, clock=Standing())
    source.poll()
    for _ in range(30):
        source.step()
    (lanes,) = source.lanes.values()
    assert [lane.idle for lane in lanes].count(False) == 1 and len(lanes) == 4
    done = [n for call in function.calls for n in call if 1 not in call]
    lane_of = {one["dynamodb"]["Keys"]["pk"]["S"]: (item_hash(one) >> 32) % 4 for one in stream.records}
    stuck = lane_of["item-1"]
    assert sorted(done) == [n for n in range(1, 41) if lane_of[f"item-{n % 8}"] != stuck]
    for item in range(8):
        mine = [n for n in done if n % 8 == item]
        assert mine == sorted(mine)


def test_the_starting_position_latest_leaves_out_what_came_before():
    function = Fake()
    with pytest.raises(ValueError, match="begin_after"):
        StreamSource(Listed(), dataclasses.replace(PLAIN, starting="LATEST"), function)
    fed([record(1), record(2)], dataclasses.replace(PLAIN, starting="LATEST"), function, begin_after="1")
    assert function.calls == [[2]]


def test_records_are_delivered_again_after_newer_ones_and_the_seed_says_which():
    def calls(seed):
        function = Fake()
        source = fed([record(n) for n in range(1, 61)], dataclasses.replace(PLAIN, batch_size=5), function,
                     chance=Chance(seed), mishaps=Mishaps(again=0.5))
        assert source.counts()["delivered again"] > 1
        return function.calls

    first = calls(1)
    assert calls(1) == first != calls(2)
    highest = [max(call) for call in first]
    assert any(highest[at] < max(highest[:at]) for at in range(1, len(highest))), "nothing old came after newer ones"
    assert {n for call in first for n in call} == set(range(1, 61))


def test_the_seed_says_what_befalls_each_invocation():
    def interruptions(seed):
        function = Fake()
        fed([record(n) for n in range(1, 101)], dataclasses.replace(PLAIN, batch_size=5), function,
            chance=Chance(seed), mishaps=Mishaps(kill=0.2, overrun=0.2, cut=0.2))
        return function.interruptions

    first = interruptions(7)
    assert interruptions(7) == first != interruptions(8)
    assert {one.what for one in first if one} == {"kill", "overrun", "cut"} and None in first


def test_a_follower_that_trusts_the_order_is_found_out_and_one_that_compares_positions_is_not():
    def follow(seed, careful):
        followed = {}

        def apply(event, _interruption):
            for one in event["Records"]:
                key, number = one["dynamodb"]["Keys"]["pk"]["S"], int(one["dynamodb"]["SequenceNumber"])
                if not careful or followed.get(key, 0) < number:
                    followed[key] = number
            return Outcome("answer", "{}")

        stream = Listed([record(n, key=f"item-{n % 7}") for n in range(1, 71)])
        mapping = dataclasses.replace(PLAIN, parallelization=2)
        StreamSource(stream, mapping, apply, clock=Standing(), chance=Chance(seed), mishaps=Mishaps(again=0.5)).run()
        return followed

    last = {f"item-{n % 7}": n for n in range(64, 71)}
    assert all(follow(seed, careful=True) == last for seed in range(10))
    assert any(follow(seed, careful=False) != last for seed in range(10))
