"""One execution environment: a bootstrap's process, the Runtime API that it asks and the relay to its backend."""

import json
import os
import signal
import subprocess
import threading
import time
import uuid

from tests.harness.runtime.api import RuntimeApi
from tests.harness.runtime.outcome import Interruption, Outcome
from tests.harness.runtime.relay import Cut, Relay
from tests.local_aws.server import without_aws

# How often it is looked whether the process has ended.
LOOK_EVERY_S = 0.02
# A killed process is gone long before.
GONE_WITHIN_S = 10


class Environment:
    """A process that serves one invocation after another; once it was interrupted for good, `usable` is False.

    `variables` is all that the bootstrap sees beside what Lambda sets itself. The endpoint of AWS in it is replaced
    by the relay's.
    """

    def __init__(self, bootstrap, variables: dict, function_arn: str, log):
        self.function_arn, self.usable = function_arn, True
        self._api = RuntimeApi(self._posted)
        self._relay = Relay(variables["AWS_ENDPOINT_URL"], self._call)
        self._lock, self._ended, self._leaving = threading.Lock(), threading.Event(), False
        self._current, self._outcome, self._interruption, self._held = "", None, None, threading.Event()
        self._process = subprocess.Popen(
            [bootstrap], stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True,
            env={**without_aws(os.environ), **variables, "AWS_ENDPOINT_URL": self._relay.endpoint,
                 "AWS_LAMBDA_RUNTIME_API": self._api.address, "_HANDLER": "bootstrap", "TZ": ":UTC"})

    @property
    def calls(self) -> int:
        """How many backend calls the invocation has begun, or had when it ended."""
        return self._relay.calls

    def invoke(self, event: dict, timeout_s: float, interruption: Interruption | None = None) -> Outcome:
        """One invocation, from its event to what came of it.

        The deadline is handed over as Lambda does, in milliseconds of Unix time. After it the process is ended by
        SIGKILL, and the next invocation needs a new environment:
        <https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html>.
        """
        request_id, deadline = str(uuid.uuid4()), time.time() + timeout_s
        with self._lock:
            self._current, self._outcome, self._interruption = request_id, None, interruption
            self._ended.clear()
            self._relay.begin()
        started = time.monotonic()
        self._api.hand_out(request_id, json.dumps(event).encode(), int(deadline * 1000), self.function_arn)
        while not self._ended.wait(LOOK_EVERY_S):
            if interruption and interruption.after_s and time.monotonic() - started >= interruption.after_s:
                self._interrupt(interruption)
            elif self._process.poll() is not None:
                self._finish(Outcome("crash", f"exit status {self._process.returncode}", request_id))
            elif time.time() >= deadline:
                self._finish(Outcome("timeout", f"no answer within {timeout_s} s", request_id))
        outcome = self._outcome
        if outcome.kind in ("crash", "timeout") and not self._leaving:
            self.kill()
        return outcome

    @property
    def ended(self) -> bool:
        """Whether the process is gone."""
        return self._process.poll() is not None

    def kill(self) -> None:
        """End the process and all it has started, now, and wait until it is gone."""
        self.usable = False
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self._process.wait()
        self._held.set()
        self._api.close()
        self._relay.close()

    def _posted(self, kind: str, request_id: str, body: str) -> bool:
        interruption = self._interruption
        if kind != "init" and request_id != self._current:
            return False
        if interruption and interruption.at_answer and kind != "init":
            self._interrupt(interruption)
            return False
        outcome = {"init": "crash", "response": "answer", "error": "error"}[kind]
        self._finish(Outcome(outcome, body, self._current))
        return True

    def _call(self, number: int, moment: str) -> None:
        interruption = self._interruption
        chosen = {"before": interruption.before_call, "after": interruption.after_call}[moment] if interruption else 0
        if not chosen or (number < chosen if interruption.lasting else number != chosen):
            return
        self._interrupt(interruption)
        if interruption.what == "cut":
            raise Cut
        if interruption.what == "kill":
            # The process is being ended by the thread that invoked it: nothing goes on.
            self._held.wait(GONE_WITHIN_S)
            raise Cut
        self._held.wait(interruption.hold_s)

    def _interrupt(self, interruption: Interruption) -> None:
        if interruption.what == "cut":
            return
        if interruption.what == "overrun":
            self._leaving, self.usable = True, False
            threading.Thread(target=self._leave, args=(interruption.hold_s,), daemon=True).start()
            self._finish(Outcome("timeout", "said to be out of time, and still going on", self._current))
        else:
            self._finish(Outcome("crash", "killed", self._current))

    def _leave(self, hold_s: float) -> None:
        """Let the process go on by itself: what was held goes on, then it has as long again to be done."""
        time.sleep(2 * hold_s)
        self.kill()

    def _finish(self, outcome: Outcome) -> None:
        with self._lock:
            if self._outcome is None:
                self._outcome = outcome
                self._ended.set()
