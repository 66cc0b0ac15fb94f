"""What the proxy did, a line of JSON each: enough for the figures and for doing it again, and no key or value.

The first line has the seed and the rules; then one for each fault, and one for each backend connection that broke by
itself. Rules that come later have a line of their own.
"""

import collections
import dataclasses
import json
import pathlib
import time


class Journal:
    """Written line by line, so that it is there when the process is killed."""

    def __init__(self, path: pathlib.Path):
        self._file = open(path, "a", encoding="utf-8", buffering=1)
        self._faults, self._calls, self.broken = collections.Counter(), collections.Counter(), 0

    def rules(self, seed: int, rules) -> None:
        """From here on these are the rules."""
        self._write(seed=seed, rules=[dataclasses.asdict(rule) for rule in rules])

    def call(self, call) -> None:
        """A call came; it is only counted."""
        self._calls[call.service] += 1

    def fault(self, call, decision, outcome: str) -> None:
        """A fault was made. `outcome`: the status that was answered, or `cut`."""
        self._faults[decision.rule.kind] += 1
        self._write(rule=decision.rule.name, kind=decision.rule.kind, client=call.client, call=call.name, ordinal=decision.ordinal,
                    how=decision.chance, places=call.places, keys=call.keys[:4], outcome=outcome)

    def lost(self, call, error: Exception) -> None:
        """The backend gave no answer, and no rule made it so."""
        self.broken += 1
        self._write(broken=type(error).__name__, client=call.client, call=call.name)

    def figures(self) -> dict:
        """Calls by service, faults by kind, and connections to the backend that broke by themselves."""
        return {"calls": dict(self._calls), "faults": dict(self._faults), "broken": self.broken}

    def close(self) -> None:
        """No more."""
        self._file.close()

    def _write(self, **what) -> None:
        self._file.write(json.dumps({"at": round(time.time(), 3), **what}) + "\n")


def read(path: pathlib.Path) -> tuple:
    """Seed, rules (as dictionaries) and faults of a journal; a last line that was cut off is left out."""
    lines = []
    for text in pathlib.Path(path).read_text(encoding="utf-8").splitlines():
        try:
            lines.append(json.loads(text))
        except ValueError:
            break
    seed = next((line["seed"] for line in lines if "seed" in line), 0)
    rules = {rule["name"]: rule for line in lines if "rules" in line for rule in line["rules"]}
    return seed, list(rules.values()), [line for line in lines if "rule" in line]
