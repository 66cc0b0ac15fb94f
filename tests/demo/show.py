"""What the demo shows while it works: one line that moves on a terminal, a line now and then elsewhere."""

import sys
import time

PLAIN_EVERY_S = 3.0
BAR = 24


class Screen:
    """Prints headings, steps and a moving line."""

    def __init__(self):
        self._terminal = sys.stdout.isatty()
        self._started, self._moving, self._last = time.monotonic(), False, ("", 0.0)

    def heading(self, text: str) -> None:
        """A new part of the story."""
        self._end_line()
        print(f"\n\033[1m{text}\033[0m" if self._terminal else f"\n{text}", flush=True)

    def say(self, text: str) -> None:
        """One line that stays."""
        self._end_line()
        print(f"{self._clock()} {text}", flush=True)

    def move(self, where: str, share: float | None, text: str) -> None:
        """Where it stands: on a terminal in place with a bar, elsewhere when `where` changes or time has passed."""
        if self._terminal:
            filled = BAR if share is None else round(BAR * min(1.0, share))
            bar = "█" * filled + "░" * (BAR - filled) if share is not None else "─" * BAR
            print(f"\r\033[K{self._clock()} {bar} {where}  {text}", end="", flush=True)
            self._moving = True
            return
        last, at = self._last
        if where != last or time.monotonic() - at >= PLAIN_EVERY_S:
            self._last = (where, time.monotonic())
            print(f"{self._clock()} {where}  {'' if share is None else f'{100 * share:3.0f} %  '}{text}", flush=True)

    def _clock(self) -> str:
        return f"{time.monotonic() - self._started:6.1f} s"

    def _end_line(self) -> None:
        if self._moving:
            print(flush=True)
        self._moving = False
