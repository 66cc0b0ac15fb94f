"""What the end-to-end tests say of a run: it moved, under traffic, and nothing is different."""

import time

import pytest

from tests.harness import audit, steps


def until(what: str, condition, seconds: float = 90):
    """Wait until the condition gives something true, and give that."""
    deadline = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.1)


def operations(traffic, more: int) -> None:
    """Let the clients do some more operations in the phase that is now."""
    goal = traffic.done() + more
    until(f"{more} more operations", lambda: traffic.done() >= goal)


def only_subject(world) -> dict:
    """What control says of the one table or bucket there is."""
    return steps.control(world, "status")["subjects"][0]


def refusal(world, action: str, **arguments) -> str:
    """Why control does not do it."""
    with pytest.raises(RuntimeError) as refused:
        steps.control(world, action, **arguments)
    return str(refused.value)


def states(world) -> dict:
    """The state rows of the control table, by subject: what is stored, not what a function says of it."""
    table = world.client("dynamodb")
    rows = table.scan(TableName=f"livemove-{world.migration}-control", ConsistentRead=True)["Items"]
    return {row["pk"]["S"]: {"run": int(row["run"]["N"]), "phase": row["phase"]["S"], "sealed": row["sealed"]["BOOL"]}
            for row in rows if row["sk"]["S"] == "state"}


def assert_at(world, run: int, phase: str) -> None:
    """Every subject is in that run and phase."""
    assert {(state["run"], state["phase"]) for state in states(world).values()} == {(run, phase)}, states(world)


def run(world, machine: str, given: dict | None = None):
    """A state machine from start to success."""
    return steps.start(world, machine, given if given is not None else {"migration": world.migration}).wait()


def phases(world) -> set:
    """The phases of all subjects."""
    return {state["phase"] for state in states(world).values()}


def hold(world, machine: str, given: dict, phase: str) -> None:
    """Let a state machine get as far as that phase and stop it there, so that it lasts as long as a test likes."""
    execution = steps.start(world, machine, given)
    until(f"it is in {phase}", lambda: execution.look() != "RUNNING" or phases(world) == {phase}, seconds=120)
    assert execution.look() == "RUNNING", execution.wait()
    execution.abort()


def assert_identical(world, traffic, side: str, swept: bool) -> None:
    """The data on that side are what the clients were told, byte for byte."""
    wrong = traffic.violations() + audit.table(world, traffic, side, swept)
    if traffic.objects:
        wrong += audit.bucket(world, traffic, side)
    assert not wrong, "\n".join(wrong)
