"""A table and a bucket move, go back, go again and complete, while applications write all the time."""

import pytest

from tests.e2e.moves import assert_at, assert_identical, operations, run
from tests.harness import steps
from tests.harness.item_clients import SECRET
from tests.harness.traffic import Traffic

EACH_PHASE = 60


@pytest.fixture(scope="module")
def moving(aws, existing):
    return existing(aws.endpoint, "orders", count=1500, objects=100)


def test_migrate_rollback_migrate_complete(moving):
    world, service = moving
    plan = steps.plan(world)
    steps.control(world, "preflight", plan=plan)
    assert_at(world, 1, "old")
    with Traffic(world, service) as traffic:
        operations(traffic, EACH_PHASE)
        run(world, "migrate", plan)
        assert_at(world, 1, "new")
        operations(traffic, EACH_PHASE)
        run(world, "rollback")
        assert_at(world, 2, "new")
        operations(traffic, EACH_PHASE)
        run(world, "migrate", plan)
        assert_at(world, 3, "new")
        operations(traffic, EACH_PHASE)
        run(world, "complete")
        assert_at(world, 3, "final")
        operations(traffic, EACH_PHASE)
    assert not any(kind.open for kind in traffic.figures().values()), traffic.errors()
    assert_identical(world, traffic, "target", swept=True)
    logged = steps.log_lines(world)
    assert logged[f"/aws/lambda/{world.function('writer')}"], "the writer's log is there to be looked at"
    assert not [line for lines in logged.values() for line in lines if SECRET in line], "item values in a log"
