"""One seed decides what goes wrong, and what goes wrong with a batch depends on that batch alone.

So a run can be repeated with its seed: threads may come in another order and batches be cut elsewhere, for that is up
to the clock, but a batch of the same size that begins with the same change of the same item meets the same mishap at
the same attempt. Step by step, without threads, a run is the same to the last invocation.
"""

import dataclasses
import hashlib
import random

from tests.harness.runtime.outcome import Interruption

# The backend calls of an invocation at which it is interrupted; most batches make few.
CALLS = (1, 1, 2, 2, 3, 4, 5, 6, 8, 12, 18, 24)


class Chance:
    """Dice from a seed and a name for what they are thrown."""

    def __init__(self, seed):
        self.seed = seed

    def dice(self, *what) -> random.Random:
        """Dice for that decision: the same names, the same throws."""
        text = "\x1f".join(str(one) for one in (self.seed, *what))
        return random.Random(hashlib.sha256(text.encode()).digest())

    def happens(self, probability: float, *what) -> bool:
        """Whether it happens."""
        return probability > 0 and self.dice(*what).random() < probability


@dataclasses.dataclass(frozen=True)
class Mishaps:
    """How probable is what may befall an invocation, and what a source may do beside.

    `again`: records that are done are delivered again later. `aside`: that happens while newer ones are processed.
    `shuffle`: a queue delivers out of order. `first`: of a queue's messages only the first attempt is interrupted.
    `hold_s` bounds how long what is left behind holds a call back; it must stay below the product's bound for a call,
    for the backend must not carry out a call later than that.
    """

    kill: float = 0.0
    overrun: float = 0.0
    cut: float = 0.0
    again: float = 0.0
    aside: bool = False
    shuffle: bool = False
    first: bool = False
    hold_s: float = 1.0

    def interruption(self, dice: random.Random) -> Interruption | None:
        """What befalls the invocation that these dice were thrown for."""
        throw, call, after = dice.random(), dice.choice(CALLS), dice.random() < 0.5
        moment = {"after_call": call} if after else {"before_call": call}
        if throw < self.kill:
            return Interruption("kill", at_answer=True) if dice.random() < 0.3 else Interruption("kill", **moment)
        if throw < self.kill + self.overrun:
            return Interruption("overrun", before_call=call, hold_s=self.hold_s * dice.uniform(0.3, 1))
        if throw < self.kill + self.overrun + self.cut:
            return Interruption("cut", lasting=dice.random() < 0.5, **moment)
        return None


NONE = Mishaps()
