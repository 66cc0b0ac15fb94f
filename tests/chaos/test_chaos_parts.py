"""Who is killed and who is not, and when a chaos run is clean."""

import dataclasses
import os
import random
import subprocess

import pytest

from tests.chaos import kill, report
from tests.chaos.story import Outcome


def started(name: str, **variables) -> subprocess.Popen:
    return subprocess.Popen([name, "60"], executable="/bin/sleep", env={**os.environ, **variables})


def test_only_functions_of_this_server_are_killed():
    function = started("/code/bootstrap", AWS_LAMBDA_FUNCTION_NAME="writer")
    others = [started("/code/bootstrap"), started("sleep", AWS_LAMBDA_FUNCTION_NAME="writer")]
    # A function of somebody else: its parent is another process.
    stranger = subprocess.Popen(["sh", "-c", "exec -a /code/bootstrap sleep 60 & echo $!; wait"], executable="/bin/bash", text=True,
                                env={**os.environ, "AWS_LAMBDA_FUNCTION_NAME": "writer"}, stdout=subprocess.PIPE)
    stranger_pid = int(stranger.stdout.readline())
    try:
        assert kill.workers(os.getpid()) == {function.pid: "writer"}
        assert kill.workers(stranger.pid) == {stranger_pid: "writer"}
        assert kill.one(os.getpid(), random.Random(1)) == "writer"
        assert function.wait(10) == -9
        assert kill.one(os.getpid(), random.Random(1)) is None
        assert all(other.poll() is None for other in others)
        os.kill(stranger_pid, 0)
    finally:
        os.kill(stranger_pid, 9)
        for process in (function, *others, stranger):
            process.kill()
            process.wait()


CLEAN = Outcome(seed=5, journal="j", operations=100, runs=2, faults={"calls": {"s3": 9}, "faults": {"slow": 3}, "broken": 0},
                acts={"kills": 4}, open=1, frozen_s=3.2, lost=[], duplicated=[], violations=[])


def test_a_clean_run_says_its_figures():
    said = "\n".join(report.lines(CLEAN))
    assert CLEAN.clean and "clean: seed 5, journal j" in said and "NOT" not in said
    assert ["slow", "3"] in [line.split() for line in said.splitlines()] and ["kills", "4"] in [line.split() for line in said.splitlines()]


@pytest.mark.parametrize("what", ["lost", "duplicated", "violations"])
def test_a_run_that_is_not_clean_says_what_is_wrong(what):
    wrong = dataclasses.replace(CLEAN, **{what: ["order 7 is gone"]})
    said = "\n".join(report.lines(wrong))
    assert not wrong.clean and "order 7 is gone" in said and "NOT CLEAN: seed 5, journal j" in said
