"""Starting a fault proxy and telling it what to do."""

import dataclasses
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

from tests.harness.faults import journal as journals
from tests.harness.faults.rules import Rule, repeat
from tests.local_aws.server import ROOT, free_port, without_aws

READY_WITHIN_S = 20
# `calm` waits for faults under way; each is bounded, see `kinds.SLOW_MAX_S`.
ANSWERS_WITHIN_S = 30
SERVICES = ("DYNAMODB", "S3", "STS")


class Faults:
    """One proxy in a process of its own, before the local AWS at `backend`. Use as context manager.

    It lets everything through until it has `rules`. The journal outlives it: a failed run is understood by it.
    """

    def __init__(self, backend: str):
        self._backend, self._port, self._process = int(backend.rsplit(":", 1)[1]), free_port(), None
        self.endpoint = f"http://127.0.0.1:{self._port}"
        handle, path = tempfile.mkstemp(prefix="livemove-faults-", suffix=".jsonl")
        os.close(handle)
        self.journal = pathlib.Path(path)

    def start(self) -> "Faults":
        """Start it and wait until it listens; the backend need not be there yet. Raises RuntimeError when it does not."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.harness.faults", str(os.getpid()), str(self._port), str(self._backend), str(self.journal)],
            cwd=ROOT, env=without_aws(os.environ), stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + READY_WITHIN_S
        while True:
            try:
                self.figures()
                return self
            except OSError as error:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"the fault proxy did not start: {error}") from error
                time.sleep(0.05)

    def stop(self) -> None:
        """End it. Stopping twice is no error."""
        process, self._process = self._process, None
        if process:
            process.terminate()
            process.wait()

    def rules(self, seed: int, rules) -> None:
        """From now on these, instead of those before; ordinals go on being counted."""
        self._ask("rules", {"seed": seed, "rules": [dataclasses.asdict(rule) for rule in rules]})

    def endpoint_of(self, client: str) -> str:
        """An endpoint of that client's own: whoever calls there is the client of this name, whatever its requests say."""
        return f"http://127.0.0.1:{self._ask('listen', {'client': client})['port']}"

    def variables(self, client: str) -> dict:
        """What makes a process that client, whatever endpoints it has besides: the settings that SDKs have for it.

        <https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html>
        """
        endpoint = self.endpoint_of(client)
        return {f"AWS_ENDPOINT_URL_{service}": endpoint for service in SERVICES}

    def calm(self) -> dict:
        """No fault from now on, and none under way when this returns; the figures."""
        return self._ask("calm", {})

    def figures(self) -> dict:
        """See `journal.Journal.figures`."""
        return self._ask("figures")

    def done(self) -> list:
        """The faults so far, as the journal has them."""
        return journals.read(self.journal)[2]

    def _ask(self, what: str, given: dict | None = None) -> dict:
        request = urllib.request.Request(f"{self.endpoint}/_faults/{what}", None if given is None else json.dumps(given).encode())
        try:
            with urllib.request.urlopen(request, timeout=ANSWERS_WITHIN_S) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise ValueError(error.read().decode()) from error

    def __enter__(self) -> "Faults":
        return self.start()

    def __exit__(self, *_exception) -> None:
        self.stop()


def name_clients(world, faults: Faults) -> None:
    """Give every function of the deployment an endpoint of its own, so that the proxy knows which one calls."""
    for side in ("source", "target"):
        functions = world.client("lambda", side)
        for function in functions.get_paginator("list_functions").paginate().search("Functions[]"):
            name, variables = function["FunctionName"], function.get("Environment", {}).get("Variables", {})
            if name.startswith(f"livemove-{world.migration}-"):
                named = faults.variables(name.removeprefix("livemove-"))
                functions.update_function_configuration(FunctionName=name, Environment={"Variables": {**variables, **named}})


def replay(journal) -> tuple:
    """Seed and rules that do again what a journal says was done."""
    seed, rules, done = journals.read(journal)
    return seed, repeat([Rule(**rule) for rule in rules], done)
