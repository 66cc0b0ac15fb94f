"""What an operator does: a plan that is wrong, a run stopped in the middle, a yes that is waited for, a change of mind."""

import json

import pytest

from tests.e2e.moves import assert_at, assert_identical, operations, run, states, until
from tests.harness import audit, service, steps, wire
from tests.harness.traffic import Traffic


@pytest.fixture(scope="module")
def moving(aws, existing):
    return existing(aws.endpoint, "second", count=600, objects=40)


WRONG = [
    ("an unknown field", {"segmets": 4}, "InvalidPlan", "segmets"),
    ("another migration", {"migration": "other"}, "WrongMigration", "other"),
    ("no subject", {"tables": [], "buckets": []}, "InvalidPlan", "tables"),
    ("a lease of nothing", {"timing": {"lease_ms": 0, "call_ms": 3000, "skew_ms": 200}}, "InvalidPlan", "lease_ms"),
]


@pytest.mark.parametrize("what, change, error, named", WRONG, ids=[what for what, *_ in WRONG])
def test_a_wrong_plan_is_refused_before_anything_is_touched(moving, what, change, error, named):
    world, _ = moving
    refused_untouched(world, steps.plan(world, **change), error, named)


@pytest.mark.parametrize("part, value", [("table", "elsewhere"), ("region", "mars-1"), ("account", "12")])
def test_a_wrong_end_is_refused_naming_field_value_and_remedy(moving, part, value):
    world, _ = moving
    plan = steps.plan(world)
    plan["tables"][0]["target"][part] = value
    cause = refused_untouched(world, plan, "InvalidPlan", part)
    assert value in cause


def refused_untouched(world, plan, error, named) -> str:
    execution = steps.start(world, "migrate", plan)
    with pytest.raises(steps.Failed) as failed:
        execution.wait()
    assert failed.value.error == error, failed.value
    message = json.loads(failed.value.cause)["errorMessage"]
    assert named in message and len(message) > len(named) + 20, message
    assert states(world) == {}
    assert service.scan(world, "target") == []
    assert not any(wire.marks(item) for item in service.scan(world, "source"))
    return message


def test_a_run_stopped_in_the_middle_goes_on_and_waits_for_a_yes(moving):
    world, made = moving
    plan = steps.plan(world, approval="manual")
    steps.control(world, "preflight", plan=plan)
    with Traffic(world, made, item_clients=3, object_clients=1) as traffic:
        first = steps.start(world, "migrate", plan)
        until("the copy runs", lambda: first.look() == "RUNNING" and first.at() in ("Copy", "Segment", "SegmentDone", "PlanVerify", "Verify"))
        first.abort()
        assert first.state == "ABORTED"
        second = steps.start(world, "migrate", plan)
        until("it waits for a yes", lambda: waiting(world, second), seconds=150)
        operations(traffic, 40)
        assert second.look() == "RUNNING"
        # No key has moved, and no bucket is frozen for as long as somebody thinks.
        assert {subject.split("#")[0]: state["phase"] for subject, state in states(world).items()} == {"table": "guarded", "bucket": "copy"}
        world.client("stepfunctions").send_task_success(taskToken=token(world), output="{}")
        second.wait()
        assert_at(world, 1, "new")
        again = steps.start(world, "migrate", plan)
        again.wait()
        assert_at(world, 1, "new")
        operations(traffic, 40)
    assert_identical(world, traffic, "target", swept=False)
    # The old place follows: that is the way back.
    until("the old table follows", lambda: audit.table(world, traffic, "source", swept=False) == [])
    until("the old bucket follows", lambda: audit.bucket(world, traffic, "source") == [])


def token(world) -> str | None:
    rows = world.client("dynamodb").scan(TableName=f"livemove-{world.migration}-control", ConsistentRead=True)["Items"]
    return next((row["token"]["S"] for row in rows if row["sk"]["S"] == "approval"), None)


def waiting(world, execution) -> bool:
    # A failed execution would never ask; its reason is worth more than a timeout.
    if execution.look() != "RUNNING":
        execution.wait()
    return token(world) is not None


def test_going_back_before_any_key_has_moved_is_a_retreat(aws, existing):
    world, made = existing(aws.endpoint, "third", count=200, objects=0)
    plan = steps.plan(world, approval="manual", buckets=[])
    steps.control(world, "preflight", plan=plan)
    with Traffic(world, made, item_clients=3) as traffic:
        migrate = steps.start(world, "migrate", plan)
        until("it waits for a yes", lambda: waiting(world, migrate))
        migrate.abort()
        run(world, "rollback")
        assert_at(world, 1, "old")
        operations(traffic, 40)
    assert_identical(world, traffic, "source", swept=False)
    # The run was in guarded: what was written there may still say by which operation, and nothing else is left.
    left = {mark for item in service.scan(world, "source") for mark in wire.marks(item)}
    assert left <= {"_lm_o"}, left
