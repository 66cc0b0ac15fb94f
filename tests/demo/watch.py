"""Watching a migration: the control function's `status`, in words, and how long each phase took."""

import json
import time

from tests.harness import steps

LOOK_EVERY_S = 0.7
# The jobs of a run in the order in which they are worked on; the last one that has begun says how far it is.
JOBS = ("copy", "verify", "repair", "finish", "certify", "sweep")


class Watch:
    """Shows the progress of one state machine on a screen; call it as often as you like."""

    def __init__(self, world, traffic, screen, items: int, objects: int):
        self._world, self._traffic, self._screen = world, traffic, screen
        self._whole = {"table": items, "bucket": objects}
        self._looked, self.lag_ms = 0.0, 0

    def __call__(self) -> None:
        if time.monotonic() - self._looked < LOOK_EVERY_S:
            return
        try:
            status = steps.control(self._world, "status")
        except RuntimeError as error:
            self._screen.say(f"status: {error}")
            return
        finally:
            self._looked = time.monotonic()
        where = f"run {status['run']}: " + ", ".join(self._subject(subject) for subject in status["subjects"])
        text = f"lag {self._lag(status) / 1000:.1f} s, {self._traffic.done():,} operations"
        if violations := len(self._traffic.violations()):
            text += f", {violations} VIOLATIONS"
        self._screen.move(where, self._share(status), text)

    def _subject(self, subject: dict) -> str:
        kind = subject["subject"].split("#")[0]
        phase = subject["phase"] + (" sealed" if subject["sealed"] else "")
        job = self._job(subject)
        if not job or subject["phase"] in ("old", "new"):
            return f"{kind} {phase}"
        done = subject["jobs"][job]["counts"]
        extra = "".join(f", {done[name]:,} {name}" for name in ("differing", "native") if done[name])
        return f"{kind} {phase}, {job} {done['read']:,}{extra}"

    def _job(self, subject: dict) -> str | None:
        return next((job for job in reversed(JOBS) if job in subject["jobs"]), None)

    def _share(self, status: dict) -> float | None:
        """How much of the copy is done, while that is what is being waited for."""
        whole = done = 0
        for subject in status["subjects"]:
            job = self._job(subject)
            if not job or subject["phase"] in ("old", "new"):
                continue
            whole += self._whole[subject["subject"].split("#")[0]]
            done += subject["jobs"][job]["counts"]["read"]
        return min(1.0, done / whole) if whole else None

    def _lag(self, status: dict) -> int:
        """The greatest lag of the streams; streams tell whole seconds, so a second means nothing."""
        lags = [stream.get("lag_ms", 0) for subject in status["subjects"] for stream in subject["streams"].values()]
        self.lag_ms = max([self.lag_ms, *lags])
        return max(lags, default=0)


def phases(world, subject: str) -> list:
    """What the control table says of the subject's history: run, phase and how many seconds it lasted."""
    rows = world.client("dynamodb").query(
        TableName=f"livemove-{world.migration}-control", ConsistentRead=True,
        KeyConditionExpression="pk = :pk AND begins_with(sk, :sk)",
        ExpressionAttributeValues={":pk": {"S": subject}, ":sk": {"S": "transition#"}})["Items"]
    steps_ = [(int(row["at"]["N"]), json.loads(row["to"]["S"])) for row in rows]
    ends = [at for at, _ in steps_[1:]]
    lasted = [(to["run"], to["phase"] + (" sealed" if to.get("sealed") else ""), (end - at) / 1000)
              for (at, to), end in zip(steps_, ends)]
    # The last phase lasts.
    return lasted + [(to["run"], to["phase"], None) for _, to in steps_[-1:]]
