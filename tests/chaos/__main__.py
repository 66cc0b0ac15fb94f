"""`make chaos SEED=… MINUTES=…`. Exit code 0: nothing lost, nothing done twice; 1: something is, or it could not be ended."""

import argparse
import random
import sys
import time

from tests.chaos import report, story
from tests.harness import steps

ITEMS, OBJECTS = 1500, 80


def main() -> int:
    """Parse, run, report."""
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--seed", type=int, help="where all choices come from; without it, another one each time")
    parser.add_argument("--minutes", type=float, default=5.0, help="how long things go wrong; the last run is ended after that")
    given = parser.parse_args()
    seed, started = given.seed if given.seed is not None else random.randrange(10**6), time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - started:7.1f} s  {text}", flush=True)

    try:
        outcome = story.tell(seed, given.minutes * 60, ITEMS, OBJECTS, say)
    except (RuntimeError, steps.Failed, story.Stuck, TimeoutError) as error:
        say(f"NOT ENDED, seed {seed}: {type(error).__name__}: {error}")
        return 1
    print("\n".join(report.lines(outcome)))
    return 0 if outcome.clean else 1


if __name__ == "__main__":
    sys.exit(main())
