"""What goes wrong around a run, and when: chosen from the seed alone."""

import collections
import random
import time

from botocore.exceptions import BotoCoreError, ClientError

from tests.chaos import again, kill
from tests.harness.faults.mix import everything

# Seconds between two acts, drawn evenly.
PAUSES_S = (0.8, 4.0)
# How often which, in parts. `restart` is left out of short runs.
ACTS = {"kill": 8, "abort": 1, "records": 4, "events": 3, "weather": 3, "restart": 0.3}
# How often a call fails in the kinds of weather, as the rate of one part, see `faults.mix`.
WEATHER = {"fair": 0.0003, "rough": 0.002, "storm": 0.006}
STORM_S = 6.0


class Mischief:
    """Called again and again while an execution runs; does something now and then. `calm` ends it for good."""

    def __init__(self, seed: int, world, aws, faults, restarts: bool, say):
        self._seed, self._dice, self._world, self._aws, self._faults, self._say = seed, random.Random(seed), world, aws, faults, say
        self._parts = {act: parts for act, parts in ACTS.items() if act != "restart" or restarts}
        self._delivered = [deliverer(world, side) for deliverer in (again.Records, again.Events) for side in ("source", "target")]
        self._next, self._storm_until, self._over, self._fronts = 0.0, None, False, 0
        self.done = collections.Counter()
        self._weather("rough")

    def __call__(self, execution) -> None:
        """Do what is due."""
        now = time.monotonic()
        if self._over or now < self._next:
            return
        if self._storm_until and now > self._storm_until:
            self._weather("rough")
        self._next = now + self._dice.uniform(*PAUSES_S)
        act, = self._dice.choices(list(self._parts), list(self._parts.values()))
        try:
            getattr(self, f"_{act}")(execution)
        except (ClientError, BotoCoreError) as error:
            # Nothing that the product is asked for; the local AWS was too busy for it.
            self._say(f"{act} did not come about: {type(error).__name__}")
            self.done[f"{act} failed"] += 1

    def calm(self) -> dict:
        """Nothing from now on; the figures of the proxy. May be called again."""
        if self._over:
            return self._faults.figures()
        self._over = True
        self._say("calm from now on")
        return self._faults.calm()

    def _kill(self, _execution) -> None:
        if name := kill.one(self._aws.process.pid, self._dice):
            self._count("kills", f"killed {name}")

    def _abort(self, execution) -> None:
        where = execution.at()
        execution.abort()
        self._count("aborts", f"stopped {execution.machine} in {where}")

    def _records(self, _execution) -> None:
        self._count("records again", None, self._delivered[self._dice.randrange(2)].deliver(self._dice))

    def _events(self, _execution) -> None:
        self._count("events again", None, self._delivered[2 + self._dice.randrange(2)].deliver(self._dice))

    def _restart(self, execution) -> None:
        execution.abort()
        self._aws.restart()
        self._count("restarts", f"restarted the local AWS under {execution.machine}")

    def _weather(self, kind) -> None:
        name = kind if isinstance(kind, str) else self._dice.choice(list(WEATHER))
        self._storm_until = time.monotonic() + STORM_S if name == "storm" else None
        self._fronts += 1
        self._faults.rules(self._seed * 1000 + self._fronts, everything(WEATHER[name]))
        if not isinstance(kind, str):
            self._count("changes of weather", f"weather: {name}")

    def _count(self, what: str, text: str | None, many: int = 1) -> None:
        self.done[what] += many
        if text:
            self._say(text)
