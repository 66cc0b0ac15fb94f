"""A migration to its end while everything that AWS may answer does happen, to every function."""

import boto3
import pytest
from botocore.config import Config

from tests.e2e.moves import assert_at, assert_identical, operations, run
from tests.harness import steps
from tests.harness.faults.control import Faults, name_clients
from tests.harness.faults.kinds import KINDS
from tests.harness.faults.mix import everything
from tests.harness.faults.rules import Rule
from tests.harness.gateway import Gateway
from tests.harness.sdk_clients import SdkClient
from tests.harness.traffic import Traffic
from tests.local_aws.server import LocalAws

SEED = 20
PART = 0.002
EACH_PHASE = 40
# What no function asks for: S3 copies nothing.
NOT_MET = {"error-in-200"}
FUNCTIONS = ("reader", "writer", "forward-replicator", "reverse-replicator", "forward-copier", "reverse-copier", "backfill", "verifier", "control",
             "gateway")


@pytest.fixture(scope="module")
def moving(existing):
    aws = LocalAws()
    with Faults(aws.endpoint) as faults:
        aws.functions_endpoint = faults.endpoint
        with aws:
            world, service = existing(aws.endpoint, "faulty", count=300, objects=40)
            name_clients(world, faults)
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
        # An answer that is lost and, asked again, a refusal: whoever believed the refusal would do it twice.
        Rule("cut-after", rate=0.08, clients=("*-writer",), operations=("dynamodb:Transact*",), name="lost transactions"),
        Rule("throttled", rate=0.1, clients=("*-writer",), operations=("dynamodb:Transact*",), name="throttled transactions"),
        Rule("transaction-conflict", rate=0.06, clients=("*-writer",), name="transactions in conflict"),
        *everything(PART),
    ])
    traffic = Traffic(world, service, transfer_clients=2)
    with Gateway(world, **faults.variables("faulty-gateway")) as gateway:
        traffic.join(SdkClient(world, sdk(gateway, world), traffic))
        migrate(world, traffic, plan)
        figures = faults.calm()
        faulted = {fault["client"] for fault in faults.done()}
        assert gateway.stop() == 0
    print(figures, traffic.figures(), traffic.errors(), sep="\n")
    assert_identical(world, traffic, "target", swept=True)
    assert traffic.figures()["sdk count"].done > EACH_PHASE
    assert set(figures["faults"]) == set(KINDS) - NOT_MET and figures["broken"] == 0, figures
    assert {f"faulty-{name}" for name in FUNCTIONS} <= faulted, faulted
    faults.journal.unlink()


def sdk(gateway, world):
    """A client as applications make it: with the retries of its SDK."""
    return boto3.client("dynamodb", endpoint_url=gateway.endpoint, region_name=world.source.region, aws_access_key_id="any",
                        aws_secret_access_key="any", config=Config(retries={"mode": "standard", "total_max_attempts": 4}))


def migrate(world, traffic, plan: dict) -> None:
    """The whole migration under traffic."""
    with traffic:
        operations(traffic, EACH_PHASE)
        run(world, "migrate", plan)
        assert_at(world, 1, "new")
        operations(traffic, EACH_PHASE)
        run(world, "complete")
        assert_at(world, 1, "final")
        operations(traffic, EACH_PHASE)
