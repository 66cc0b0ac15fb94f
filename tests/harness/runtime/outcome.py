"""What came of an invocation, and what befalls one."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How an invocation ended, as its caller sees it.

    `kind` is `answer`, `error` (the function said so), `timeout`, `crash` (the process ended without an answer)
    or `throttled` (the function was not called). `payload` is the text of the answer or error.
    """

    kind: str
    payload: str = ""
    request_id: str = ""

    @property
    def failed(self) -> bool:
        """Whether the function was called and did not answer."""
        return self.kind not in ("answer", "throttled")


@dataclasses.dataclass(frozen=True)
class Interruption:
    """What befalls an invocation, and when.

    `what`:
    - `kill` ends the process at once, as SIGKILL does;
    - `overrun`: the caller is told that time is up while the process goes on for `hold_s`. Lambda ends a process
      whose time is up, but what it has sent by then may still be on its way: this is that, seen from the backend;
    - `cut` breaks the connection of one backend call, which the function sees as a lost answer or a failed call;
      `lasting` does so with every call of the invocation from that one on, as if the backend were out of reach.

    The moment is one of: before or after the backend call of that number (counted from 1 in each invocation), so
    many seconds after the start, or when the answer arrives, which is then lost. A moment that does not come about
    interrupts nothing.
    """

    what: str
    before_call: int = 0
    after_call: int = 0
    after_s: float = 0.0
    at_answer: bool = False
    lasting: bool = False
    hold_s: float = 0.0
