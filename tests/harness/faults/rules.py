"""Which calls fail, and how: a pure function of seed, rule and call.

A call is named by its client, its operation and its ordinal: the how-many-th call of that operation by that client it
is. So the same calls in the same order meet the same faults, in every run. Where threads decide the order, what was
done is in the journal, and `repeat` makes of it rules that do just that again.
"""

import collections
import dataclasses
import fnmatch
import hashlib

from tests.harness.faults.calls import Call
from tests.harness.faults.http1 import Message
from tests.harness.faults.kinds import KINDS, SLOW_MAX_S


@dataclasses.dataclass(frozen=True)
class Rule:
    """Calls that one kind of fault happens to. All conditions must hold; an empty one always does.

    `rate`: the share of calls, or with `by_key` the share of keys. `nth`: exactly these ordinals, the first is 1, instead
    of a rate. `limit`: at most so many calls; with `by_key`, of each key. `operations` (`dynamodb:Put*`), `places` (tables,
    buckets) and `clients` are patterns of file names. `seconds`: how slow. `hows`: for each of `nth` the number below 1 that
    its fault chooses by, instead of one of the seed.
    """

    kind: str
    rate: float = 0.0
    nth: tuple = ()
    hows: tuple = ()
    operations: tuple = ()
    places: tuple = ()
    clients: tuple = ()
    by_key: bool = False
    limit: int = 0
    seconds: float = 0.5
    name: str = ""

    def __post_init__(self):
        if self.kind not in KINDS:
            raise ValueError(f"kind is {self.kind!r}; there are {', '.join(KINDS)}")
        if not 0 <= self.rate <= 1:
            raise ValueError(f"rate of {self.kind} is {self.rate}; it is a share, from 0 to 1")
        if not 0 <= self.seconds <= SLOW_MAX_S:
            raise ValueError(f"seconds of {self.kind} is {self.seconds}; at most {SLOW_MAX_S}")
        if self.hows and len(self.hows) != len(self.nth):
            raise ValueError(f"hows of {self.kind} has {len(self.hows)} numbers; one for each of nth, {len(self.nth)}")
        # As it comes from JSON.
        for field in ("nth", "hows", "operations", "places", "clients"):
            object.__setattr__(self, field, tuple(getattr(self, field)))
        object.__setattr__(self, "name", self.name or self.kind)

    def concerns(self, call: Call, request: Message) -> bool:
        """Whether the fault can happen to such a call at all."""
        return (_any(self.operations, [call.name]) and _any(self.places, call.places) and _any(self.clients, [call.client])
                and KINDS[self.kind][1](call, request))


def _any(patterns: tuple, names) -> bool:
    return not patterns or any(fnmatch.fnmatchcase(name, pattern) for name in names for pattern in patterns)


def chance(seed: int, *what) -> float:
    """A number from 0 to below 1 that depends on nothing but what is given."""
    text = "\0".join(str(one) for one in (seed, *what))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:7], "big") / 2**56


@dataclasses.dataclass(frozen=True)
class Decision:
    """What is to happen to a call: `rule` is None where nothing is."""

    ordinal: int
    rule: Rule | None = None
    chance: float = 0.0


class Decider:
    """Counts the calls and decides. Not to be used by several threads."""

    def __init__(self, seed: int, rules=()):
        self.seed, self.rules = seed, tuple(rules)
        self._ordinals, self._fired = collections.Counter(), collections.Counter()

    def calm(self) -> None:
        """Nothing happens from now on; calls are still counted."""
        self.rules = ()

    def decide(self, call: Call, request: Message) -> Decision:
        """The first rule that fires; each call must be asked for once."""
        self._ordinals[call.client, call.name] += 1
        ordinal = self._ordinals[call.client, call.name]
        for rule in self.rules:
            if rule.concerns(call, request) and self._fires(rule, call, ordinal):
                how = rule.hows[rule.nth.index(ordinal)] if rule.hows else chance(self.seed, rule.name, call.client, call.name, ordinal, "how")
                return Decision(ordinal, rule, how)
        return Decision(ordinal)

    def _fires(self, rule: Rule, call: Call, ordinal: int) -> bool:
        if rule.by_key:
            return any(self._room(rule, key) for key in call.keys if chance(self.seed, rule.name, key) < rule.rate)
        wanted = ordinal in rule.nth if rule.nth else chance(self.seed, rule.name, call.client, call.name, ordinal) < rule.rate
        return wanted and self._room(rule, "")

    def _room(self, rule: Rule, key: str) -> bool:
        if rule.limit and self._fired[rule, key] >= rule.limit:
            return False
        self._fired[rule, key] += 1
        return True


def repeat(rules, done: list) -> list:
    """Rules that do again exactly what a journal's lines say was done."""
    known = {rule.name: rule for rule in rules}
    lines = collections.defaultdict(list)
    for line in done:
        lines[line["rule"], line["client"], line["call"]].append(line)
    return [dataclasses.replace(known[name], rate=0.0, by_key=False, limit=0, places=(), clients=(client,), operations=(call,),
                                nth=tuple(line["ordinal"] for line in some), hows=tuple(line["how"] for line in some))
            for (name, client, call), some in lines.items()]
