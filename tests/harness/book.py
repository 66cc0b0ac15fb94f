"""What an application client was told: the truth that everything is held against at the end.

A book belongs to one thread. Keys are opaque to it; values are compared with `==`, so they come canonical.
"""

import collections
import dataclasses
import time

# An application gives up after this; every pause of the product is far shorter.
PATIENCE_S = 90
HISTORY = 12


@dataclasses.dataclass
class Kind:
    """Figures of one kind of operation."""

    done: int = 0
    repeated: int = 0
    open: int = 0
    longest_s: float = 0.0


class Book:
    """Acknowledged values, open outcomes, figures and violations of one client."""

    def __init__(self, name: str):
        self.name = name
        self.values = {}
        self.clouded = {}
        self.kinds = collections.defaultdict(Kind)
        self.errors = collections.Counter()
        self.violations = []
        self._history = collections.defaultdict(lambda: collections.deque(maxlen=HISTORY))

    def done(self, kind: str, started: float) -> None:
        """An operation was answered; `started` is its monotonic start, before any repetition."""
        figures = self.kinds[kind]
        figures.done += 1
        figures.longest_s = max(figures.longest_s, time.monotonic() - started)

    def repeated(self, kind: str, error: Exception) -> None:
        """An operation was not done and is tried again."""
        self.kinds[kind].repeated += 1
        self.errors[f"{kind}: {_name(error)}"] += 1

    def acknowledged(self, key, value, what: str) -> None:
        """The key holds `value` now; None is absent."""
        self.values[key] = value
        self.note(key, what)

    def cloud(self, key, candidates: list, kind: str, error: Exception) -> None:
        """Nobody can know which of the candidates the key holds: it is not used any more."""
        self.kinds[kind].open += 1
        self.errors[f"{kind}: {_name(error)}"] += 1
        self.clouded[key] = candidates
        self.values.pop(key, None)
        self.note(key, f"{kind} open: {error}")

    def note(self, key, what: str) -> None:
        """Remember an event of a key, for the message should it go wrong."""
        self._history[key].append(f"{time.strftime('%H:%M:%S')} {what}")

    def violation(self, key, what: str) -> None:
        """Something that must never happen."""
        history = "".join(f"\n      {line}" for line in self._history[key])
        self.violations.append(f"{self.name}: {key}: {what}{history}")

    def expect(self, key, seen, what: str) -> bool:
        """A value the client was shown must be the last acknowledged one."""
        if seen == self.values.get(key):
            return True
        self.violation(key, f"{what} showed {_short(seen)}, last acknowledged was {_short(self.values.get(key))}")
        return False


def _name(error: Exception) -> str:
    return str(error).split(":")[0][:60]


def _short(value) -> str:
    text = repr(value)
    return text if len(text) < 400 else f"{text[:400]}…"
