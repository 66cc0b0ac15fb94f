"""A short chaos run with a fixed seed; `make chaos` is the long one."""

import pathlib

from tests.chaos import report, story

SEED, SECONDS = 4, 30
ITEMS, OBJECTS = 300, 24


def test_nothing_is_lost_or_done_twice_in_a_minute_of_chaos():
    outcome = story.tell(SEED, SECONDS, ITEMS, OBJECTS, restarts=False)
    said = "\n".join(report.lines(outcome))
    print(said)
    assert outcome.clean, said
    assert outcome.acts["kills"] and outcome.acts["records again"] and sum(outcome.faults["faults"].values()) > 20, said
    pathlib.Path(outcome.journal).unlink()
