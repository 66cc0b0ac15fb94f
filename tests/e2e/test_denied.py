"""Permissions that are taken away in the middle of a run: who is denied what is said, and what is said is enough to go on."""

import json
import re

import pytest

from tests.e2e.moves import assert_at, assert_identical, only_subject, operations, phases, run, until
from tests.harness import steps
from tests.harness.traffic import Traffic

DENIED_TO = re.compile(r"is denied to arn:aws:iam::(\d{12}):role/([\w-]+); add to its policy ")


@pytest.fixture(scope="module")
def moving(strict_aws, existing):
    return existing(strict_aws.endpoint, "denied", count=200, objects=0)


def peer(world) -> str:
    """The role that the source site's functions assume at the target."""
    return f"livemove-{world.migration}-peer"


def take_away(world, action: str) -> None:
    """That role may do it no longer."""
    iam = world.client("iam", "target")
    policy = iam.get_role_policy(RoleName=peer(world), PolicyName="table")["PolicyDocument"]
    for statement in policy["Statement"]:
        assert action in statement["Action"]
        statement["Action"].remove(action)
    iam.put_role_policy(RoleName=peer(world), PolicyName="table", PolicyDocument=json.dumps(policy))


def add_what_it_says(world, text: str) -> None:
    """Do what an error says, to the letter: this statement to that role."""
    said = DENIED_TO.search(text)
    account, role = said.groups()
    assert account == world.target.account
    statement, _ = json.JSONDecoder().raw_decode(text[said.end():])
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    world.client("iam", "target").put_role_policy(
        RoleName=role, PolicyName=f"added-{statement['Action'].replace(':', '-')}", PolicyDocument=json.dumps(policy))


def assert_named(world, text: str, action: str) -> None:
    """Action, resource, role and statement are in it."""
    arn = f"arn:aws:dynamodb:{world.target.region}:{world.target.account}:table/{world.target_table}"
    statement = json.dumps({"Effect": "Allow", "Action": action, "Resource": arn}, separators=(",", ":"))
    for part in (action, arn, f":role/{peer(world)}", statement):
        assert part in text, f"{part} is not in {text}"


def denied(world) -> str | None:
    """What the forward replicator says that is denied to it."""
    return only_subject(world)["streams"]["source"].get("report", {}).get("denied")


def test_a_run_and_a_replicator_that_are_denied_name_the_statement_and_go_on_once_it_is_added(moving):
    world, made = moving
    plan = steps.plan(world, buckets=[])
    steps.control(world, "preflight", plan=plan)
    with Traffic(world, made, item_clients=3) as traffic:
        operations(traffic, 20)
        take_away(world, "dynamodb:PartiQLInsert")
        with pytest.raises(steps.Failed) as stopped:
            run(world, "migrate", plan)
        assert (stopped.value.error, phases(world)) == ("SegmentFailed", {"copy"})
        assert_named(world, stopped.value.cause, "dynamodb:PartiQLInsert")
        assert only_subject(world)["failures"][0]["error"] == "AccessDenied"
        operations(traffic, 20)
        add_what_it_says(world, stopped.value.cause)

        take_away(world, "dynamodb:PutItem")
        operations(traffic, 20)
        said = until("the replicator says what is denied to it", lambda: denied(world))
        assert_named(world, said, "dynamodb:PutItem")
        status = only_subject(world)
        assert status["held"] == 0 and "broken" not in status, status
        add_what_it_says(world, said)
        until("it goes on by itself", lambda: not denied(world))

        run(world, "migrate", plan)
        assert_at(world, 1, "new")
        operations(traffic, 20)
        run(world, "complete")
        assert_at(world, 1, "final")
    assert_identical(world, traffic, "target", swept=True)
    named = [line for name, lines in steps.log_lines(world).items() if name.endswith("forward-replicator")
             for line in lines if "AccessDenied" in line or '"denied' in line]
    assert any("dynamodb:PutItem" in line and f":role/{peer(world)}" in line for line in named), named[:3]
