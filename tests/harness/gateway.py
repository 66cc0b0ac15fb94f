"""The real gateway, as it runs beside an application: a process with the environment that the reader has."""

import collections
import os
import pathlib
import re
import signal
import subprocess
import tempfile
import time
import urllib.request

import boto3

from tests.harness.world import CALLS
from tests.local_aws.server import ROOT, credentials, free_port, without_aws

READY_WITHIN_S = 30
# More than it gives calls under way.
STOPPED_WITHIN_S = 40
COUNTED = re.compile(r'livemove_gateway_requests_total\{operation="(\w+)",outcome="(\w+)"\} (\d+)')


def built(path: str) -> pathlib.Path:
    """A program of the development profile, by its path below `debug`. Raises RuntimeError if it is not built."""
    program = pathlib.Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target") / "debug" / path
    if not program.exists():
        raise RuntimeError(f"not built: {program}; `make build` first")
    return program


class Gateway:
    """One gateway at the source site; use as context manager. `variables` come on top of the reader's."""

    def __init__(self, world, **variables):
        self.world, self._variables = world, variables
        self.endpoint, self._process = f"http://127.0.0.1:{free_port()}", None
        self._log = tempfile.NamedTemporaryFile(prefix="livemove-gateway-", suffix=".log")

    def start(self) -> "Gateway":
        """Start it and wait until it is ready. Raises RuntimeError with its log when it is not."""
        functions, source = self.world.client("lambda"), self.world.source
        reader = functions.get_function_configuration(FunctionName=self.world.function("reader"))
        self._process = subprocess.Popen(
            [built("gateway")], stdin=subprocess.DEVNULL, stdout=self._log, stderr=subprocess.STDOUT,
            env={**without_aws(os.environ), **credentials(source.account, source.region), **reader["Environment"]["Variables"],
                 "AWS_ENDPOINT_URL": self.world.endpoint, "GATEWAY_LISTEN": self.endpoint.removeprefix("http://"), **self._variables})
        deadline = time.monotonic() + READY_WITHIN_S
        while not self._ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the gateway did not start:\n{self.log()}")
            time.sleep(0.05)
        return self

    def stop(self) -> int:
        """Ask it to stop; its exit code."""
        self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(STOPPED_WITHIN_S)
        finally:
            # After the above has failed only.
            self._process.kill()

    def client(self, **keys):
        """A boto3 client of DynamoDB that differs from an ordinary one by its endpoint; without keys it has the source's."""
        own = {"aws_access_key_id": self.world.source.account, "aws_secret_access_key": "local"}
        return boto3.client("dynamodb", endpoint_url=self.endpoint, region_name=self.world.source.region, config=CALLS, **(keys or own))

    def counted(self) -> dict:
        """How many calls it has answered, by operation and outcome."""
        with urllib.request.urlopen(f"{self.endpoint}/metrics") as answer:
            text = answer.read().decode()
        counted = collections.defaultdict(collections.Counter)
        for operation, outcome, count in COUNTED.findall(text):
            counted[operation][outcome] = int(count)
        return counted

    def log(self) -> str:
        """What it has logged."""
        return pathlib.Path(self._log.name).read_text(errors="replace")

    def _ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.endpoint}/health", timeout=5) as answer:
                return answer.status == 200
        except OSError:
            return False

    def __enter__(self) -> "Gateway":
        return self.start()

    def __exit__(self, *_exception) -> None:
        if self._process.poll() is None:
            self.stop()
