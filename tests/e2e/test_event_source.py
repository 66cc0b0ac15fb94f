"""Replicators and copiers fed by Lambda's documented rules, while everything goes wrong that they allow.

The local AWS's own mappings are switched off; see tests/harness/event_source and docs/TESTING.md. LIVEMOVE_SEED
chooses what goes wrong, LIVEMOVE_RUNS, an odd number, how often the data move. Afterwards the new place serves, and the
old one follows it: so the other tests feed the reverse replicator and copier, from the beginning of the stream.
"""

import json
import os

import pytest

from tests.e2e.moves import assert_at, assert_identical, operations, run, states, until
from tests.harness import audit, objects, service, steps, wire
from tests.harness.door import Door
from tests.harness.event_source import deployed
from tests.harness.event_source.chance import Chance, Mishaps
from tests.harness.event_source.shards import Splitting
from tests.harness.runtime.outcome import Interruption
from tests.harness.traffic import Traffic

SEED = os.environ.get("LIVEMOVE_SEED", "1")
RUNS = int(os.environ.get("LIVEMOVE_RUNS", "1"))
# What is left behind holds a call for less than the plan's call_ms of two seconds.
STREAM_MISHAPS = Mishaps(kill=0.1, overrun=0.06, cut=0.1, again=0.3, aside=True, hold_s=1.2)
QUEUE_MISHAPS = Mishaps(again=0.3, shuffle=True)
# Longer than the ten seconds before its end in which a copier begins nothing any more.
COPIER_TIMEOUT_S = 14
TOO_OLD_S = 23 * 3600


@pytest.fixture(scope="module")
def driven(aws, existing):
    """A migration that nobody feeds but the driver; registered."""
    world, made = existing(aws.endpoint, "driven", count=300, objects=20)
    deployed.switch_off(world)
    steps.control(world, "preflight", plan=steps.plan(world))
    return world, made


@pytest.fixture(scope="module")
def moved(driven):
    """The same when it has moved: by the first test, or else without mishaps."""
    world, made = driven
    if any(state["phase"] != "new" for state in states(world).values()):
        with deployed.Replicator(world, made, "source"), deployed.Replicator(world, made, "target"), \
                deployed.Copier(world, "source"), deployed.Copier(world, "target"):
            run(world, "migrate", steps.plan(world))
    return world, made


def test_a_move_survives_all_that_event_sources_may_do(driven):
    world, made = driven

    def replicator(side):
        chance = Chance(f"{SEED}/{side}")
        return deployed.Replicator(world, made, side, chance, STREAM_MISHAPS, look=lambda stream: Splitting(stream, chance, 0.01))

    def copier(side):
        return deployed.Copier(world, side, Chance(f"{SEED}/{side}"), QUEUE_MISHAPS)

    with replicator("source") as forward, replicator("target") as reverse, copier("source"), copier("target"):
        with Traffic(world, made, item_clients=4, object_clients=1) as traffic:
            for number in range(1, RUNS + 1):
                run(world, "migrate", steps.plan(world)) if number % 2 else run(world, "rollback")
                assert_at(world, number, "new")
                operations(traffic, 60)
        assert_identical(world, traffic, "target", swept=False)
        until("the old table follows", lambda: audit.table(world, traffic, "source", swept=False) == [])
        until("the old bucket follows", lambda: audit.bucket(world, traffic, "source") == [])
        until("both streams are done", lambda: forward.source.idle and reverse.source.idle)
    met = forward.source.counts() + reverse.source.counts()
    print(f"seed {SEED}: {dict(met)}, shards: {len(forward.stream.shards())}, {len(reverse.stream.shards())}")
    assert forward.source.given_up == [] and reverse.source.given_up == []
    assert all(met[what] for what in ("crash", "timeout", "failed", "retried", "delivered again")), met
    assert len(forward.stream.shards()) > 1 and len(reverse.stream.shards()) > 1


def put(world, *keys: str) -> None:
    """New items, as an application writes them."""
    for key in keys:
        Door(world).write("PutItem", {"TableName": world.source_table, "Item": {"pk": {"S": key}, "sk": {"N": "1"}}})


def found(world) -> set:
    """The partition keys in the old table, as applications see it."""
    return {shown["pk"]["S"] for shown in map(wire.visible, service.scan(world, "source")) if shown}


def test_a_record_that_always_fails_is_given_up_as_the_template_says_and_the_others_go_on(moved):
    world, made = moved

    def garbled(record):
        return {**record, "eventName": "GARBLED"} if record["dynamodb"]["Keys"]["pk"]["S"] == "poison" else record

    others = [f"other-{n}" for n in range(20)]
    put(world, *others[:10], "poison", *others[10:])
    with deployed.Replicator(world, made, "target", changed=garbled) as replicator:
        until("the record is given up", lambda: replicator.source.given_up)
        put(world, "later")
        until("the others are there", lambda: found(world) >= {*others, "later"})
    told = [json.loads(body) for body in deployed.waiting(world, "target", replicator.dead)]
    assert told == replicator.source.given_up and len(told) == 1
    assert told[0]["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert told[0]["requestContext"]["functionArn"].endswith(world.function("reverse-replicator"))
    assert told[0]["DDBStreamBatchInfo"]["batchSize"] == 1
    assert told[0]["DDBStreamBatchInfo"]["streamArn"] == made.streams["target"]
    counts = replicator.source.counts()
    assert counts["retried"] == replicator.mapping.retries and counts["bisected"] > 0
    assert "poison" not in found(world) and "MalformedRecord" in replicator.function.log()


class OutOfReach(Mishaps):
    """Each invocation reaches the backend with a few calls only."""

    def interruption(self, dice):
        return Interruption("cut", before_call=dice.randint(4, 12), lasting=True)


def test_records_whose_calls_are_cut_off_are_handed_back_and_done_in_the_end(moved):
    world, made = moved
    put(world, *(keys := [f"cut-{n}" for n in range(20)]))
    with deployed.Replicator(world, made, "target", Chance(SEED), OutOfReach()) as replicator:
        until("all is there", lambda: found(world) >= set(keys) and replicator.source.idle)
    assert replicator.source.counts()["partial"] > 0 and replicator.source.given_up == []


def test_objects_survive_copies_disorder_and_killed_copiers(moved):
    world, _ = moved
    s3, expected = world.client("s3", "target"), set()
    for number in range(60):
        key = f"driven/{number % 12}"
        if number % 5 == 4:
            s3.delete_object(Bucket=world.target_bucket, Key=key)
            expected.discard(key)
        else:
            s3.put_object(Bucket=world.target_bucket, Key=key, Body=str(number).encode())
            expected.add(key)

    def contents(side):
        found = objects.snapshot(world.client("s3", side), world.bucket(side))
        return {key: one for key, one in found.items() if key.startswith("driven/")}

    with deployed.Copier(world, "target", Chance(SEED), Mishaps(kill=0.9, again=0.3, shuffle=True, first=True), COPIER_TIMEOUT_S) as copier:
        world.client("sqs", "target").send_message(QueueUrl=copier.url, MessageBody="not an event of S3")
        dead = []
        until("the event that is none is given up", lambda: dead.extend(deployed.waiting(world, "target", copier.dead)) or dead)
        until("the buckets agree", lambda: copier.source.idle and contents("source") == contents("target"))
    assert set(contents("source")) == expected
    assert copier.source.counts["crash"] > 0 and copier.queue.duplicates > 0
    assert dead == ["not an event of S3"] and "NotAnS3Event" in copier.function.log()


def test_a_record_that_comes_too_late_reaches_the_function_which_breaks_the_table(moved):
    world, made = moved

    def aged(record):
        record["dynamodb"]["ApproximateCreationDateTime"] -= TOO_OLD_S
        return record

    def broken():
        rows = world.client("dynamodb").scan(TableName=f"livemove-{world.migration}-control", ConsistentRead=True)["Items"]
        return [row["pk"]["S"] for row in rows if row["sk"]["S"] == "state" and "broken" in row]

    assert broken() == []
    with deployed.Replicator(world, made, "target", changed=aged):
        until("the table is broken", broken)
    assert broken() == [f"table#{world.source_table}"]
