"""A migration to its end while everything that AWS may answer does happen, to every function."""

import pytest

from tests.e2e.moves import assert_at, assert_identical, operations, run
from tests.harness import steps
from tests.harness.faults.control import Faults, name_clients
from tests.harness.faults.kinds import KINDS
from tests.harness.faults.mix import everything
from tests.harness.faults.rules import Rule
from tests.harness.traffic import Traffic
from tests.local_aws.server import LocalAws

SEED = 20
PART = 0.002
EACH_PHASE = 40
# What no function asks for: S3 copies nothing.
NOT_MET = {"error-in-200"}


@pytest.fixture(scope="module")
def moving(existing):
    aws = LocalAws()
    with Faults(aws.endpoint) as faults:
        aws.functions_endpoint = faults.endpoint
        with aws:
            world, service = existing(aws.endpoint, "faulty", count=300, objects=40)
            name_clients(world)
            print(f"seed {SEED}, journal {faults.journal}")
            yield world, service, faults


def test_nothing_is_lost_and_nothing_done_twice_while_calls_fail_in_every_way(moving):
    world, service, faults = moving
    plan = steps.plan(world)
    steps.control(world, "preflight", plan=plan)
    faults.rules(SEED, [
        # Whatever the rest does: each worker meets these.
        Rule("unprocessed", nth=(1, 3), clients=("*-backfill",), operations=("dynamodb:Batch*",), name="first batches"),
        Rule("throttled", nth=(2, 5), clients=("*-writer", "*-replicator*", "*-backfill"), name="early throttling"),
        *everything(PART),
    ])
    with Traffic(world, service, transfer_clients=2) as traffic:
        operations(traffic, EACH_PHASE)
        run(world, "migrate", plan)
        assert_at(world, 1, "new")
        operations(traffic, EACH_PHASE)
        run(world, "complete")
        assert_at(world, 1, "final")
        operations(traffic, EACH_PHASE)
        figures = faults.calm()
        operations(traffic, EACH_PHASE)
    print(figures, traffic.figures(), traffic.errors(), sep="\n")
    assert_identical(world, traffic, "target", swept=True)
    assert set(figures["faults"]) == set(KINDS) - NOT_MET and figures["broken"] == 0, figures
    faults.journal.unlink()
