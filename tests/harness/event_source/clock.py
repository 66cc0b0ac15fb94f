"""The time by which sources act, which tests may move forward."""

import threading
import time


class Clock:
    """The machine's time, and what has been skipped of it."""

    def __init__(self):
        self._skipped = 0.0

    def now(self) -> float:
        """Unix time in seconds."""
        return time.time() + self._skipped

    def skip(self, seconds: float) -> None:
        """Let so much time have passed."""
        self._skipped += max(0.0, seconds)

    def pause(self, seconds: float, stop: threading.Event) -> None:
        """Wait, unless told to stop."""
        stop.wait(seconds)


class Standing(Clock):
    """A time that passes only by being waited for or skipped."""

    def __init__(self, now: float = 1_700_000_000.0):
        super().__init__()
        self._now = now

    def now(self) -> float:
        return self._now + self._skipped

    def pause(self, seconds: float, stop: threading.Event) -> None:
        self.skip(seconds)


class Hurried(Clock):
    """The machine's time, except that a pause is taken as passed after a moment."""

    MOMENT_S = 0.01

    def pause(self, seconds: float, stop: threading.Event) -> None:
        stop.wait(min(seconds, self.MOMENT_S))
        self.skip(seconds - self.MOMENT_S)
