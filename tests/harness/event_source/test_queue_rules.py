"""A queue and a function that is fed from it: the cases that AWS's pages describe."""

import dataclasses
import json

import pytest

from tests.harness.event_source import responses
from tests.harness.event_source.chance import Chance, Mishaps
from tests.harness.event_source.clock import Standing
from tests.harness.event_source.mapping import QueueMapping
from tests.harness.event_source.poller import QueueSource
from tests.harness.event_source.queue import Queue
from tests.harness.runtime.outcome import Outcome

ARN = "arn:aws:sqs:us-east-1:111111111111:events"
MAPPING = QueueMapping(reports=True, visibility_s=60, max_receives=3)


class World:
    """A queue, a function that does what `decide(bodies)` says, and what came of both."""

    def __init__(self, decide=lambda bodies: None, mapping=MAPPING, **settings):
        self.clock, self.dead, self.calls = Standing(), [], []
        self.queue = Queue(ARN, mapping.visibility_s, mapping.max_receives, self.clock, bury=lambda one: self.dead.append(one.body), **settings)

        def invoke(event, _interruption):
            self.calls.append([record["body"] for record in event["Records"]])
            self.records = event["Records"]
            return decide(self.calls[-1]) or Outcome("answer", "")

        self.source = QueueSource(self.queue, mapping, invoke, self.clock, **settings)

    def report(self, *bodies) -> Outcome:
        """An answer that reports the messages with these bodies."""
        failed = [one["messageId"] for one in self.records if one["body"] in bodies]
        return Outcome("answer", json.dumps({"batchItemFailures": [{"itemIdentifier": name} for name in failed]}))


@pytest.mark.parametrize("answer, failed", [
    ("", ""), ("null", ""), ("{}", ""), ('{"batchItemFailures": []}', ""), ('{"batchItemFailures": null}', ""),
    ('{"batchItemFailures": [{"itemIdentifier": "b"}]}', "b"),
    ('{"batchItemFailures": [{"itemIdentifier": ""}]}', "abc"), ('{"batchItemFailures": [{"itemIdentifier": null}]}', "abc"),
    ('{"batchItemFailures": [{"id": "b"}]}', "abc"), ('{"batchItemFailures": [{"itemIdentifier": "x"}]}', "abc"), ("not json", "abc"),
])
def test_an_answer_to_a_queue_is_read_as_documented(answer, failed):
    assert responses.queue_failed(answer, ["a", "b", "c"]) == set(failed)


def test_what_is_done_is_deleted_and_what_is_reported_comes_again_after_the_visibility_timeout():
    seen = []

    def decide(bodies):
        seen.append(world.clock.now())
        return world.report("b") if len(seen) == 1 else None

    world = World(decide)
    for body in "abc":
        world.queue.send(body)
    world.source.run()
    assert world.calls == [["a", "b", "c"], ["b"]]
    assert seen[1] - seen[0] >= 60
    assert [one["attributes"]["ApproximateReceiveCount"] for one in world.records] == ["2"]


def test_after_an_error_all_messages_come_again_and_then_go_to_the_dead_letter_queue():
    world = World(lambda bodies: Outcome("error") if "bad" in bodies else None)
    for body in ("good", "bad"):
        world.queue.send(body)
    world.source.run()
    assert world.calls == [["good", "bad"]] * 3
    assert world.dead == ["good", "bad"]


def test_a_message_that_is_always_reported_goes_alone():
    world = World(lambda bodies: world.report("bad"))
    for body in ("good", "bad", "fine"):
        world.queue.send(body)
    world.source.run()
    assert world.calls == [["good", "bad", "fine"], ["bad"], ["bad"]]
    assert world.dead == ["bad"]


def test_without_reports_any_answer_deletes_the_whole_batch():
    world = World(lambda bodies: world.report("bad"), mapping=dataclasses.replace(MAPPING, reports=False))
    world.queue.send("bad")
    world.source.run()
    assert world.calls == [["bad"]] and not world.dead


def test_a_message_that_is_being_processed_is_hidden_from_the_others():
    world = World()
    world.queue.send("a")
    ((message, receipt),) = world.queue.receive(10)
    assert world.queue.receive(10) == []
    world.clock.skip(59)
    assert world.queue.receive(10) == []
    world.clock.skip(1)
    ((again, other),) = world.queue.receive(10)
    assert (again.id, again.received) == (message.id, 2) and other != receipt


def test_batches_are_of_the_mappings_size_and_windows_gather():
    world = World()
    for number in range(12):
        world.queue.send(str(number))
    world.source.run()
    assert [len(call) for call in world.calls] == [10, 2]
    world = World(mapping=dataclasses.replace(MAPPING, window_s=5, batch_size=3))
    world.queue.send("a")
    assert not world.source.step()
    world.queue.send("b")
    assert not world.source.step()
    world.clock.skip(5)
    assert world.source.step() and world.calls == [["a", "b"]]


def test_copies_and_disorder_come_as_the_seed_says():
    def calls(seed):
        world = World(chance=Chance(seed), mishaps=Mishaps(again=0.3, shuffle=True), mapping=dataclasses.replace(MAPPING, max_receives=0))
        for number in range(30):
            world.queue.send(f"{number:02}", message_id=f"id-{number}")
        world.source.run()
        assert world.queue.duplicates
        return world.calls

    first = calls(1)
    assert calls(1) == first != calls(2)
    order = [body for call in first for body in call]
    assert order != sorted(order) and len(order) > 30 and set(order) == {f"{number:02}" for number in range(30)}


def test_the_clock_is_not_moved_while_somebody_who_was_ended_may_still_act():
    answers = iter([Outcome("crash"), None])
    world = World(lambda bodies: next(answers))
    world.source._timeout_s = 0.3
    world.queue.send("a")
    assert world.source.step() and not world.source.skip()
    world.source.run()
    assert world.calls == [["a"], ["a"]]
