"""The example programs as applications of a test: they get an endpoint and know nothing else of livemove."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

from tests.harness.gateway import built
from tests.harness.items import Schema
from tests.local_aws.server import ROOT, credentials, without_aws

# The index that they read, see `service.create`.
BY_STATE = ("by-state", Schema((("state", "S"), ("due", "N"))))
ENDS_WITHIN_S = 60


class Shop:
    """One running program, `python` or `rust`; its keys begin with its name, its orders carry the note."""

    def __init__(self, program: str, name: str, endpoint: str, world, note: str = ""):
        self.name, self._files = name, tempfile.TemporaryDirectory(prefix="livemove-shop-")
        self._book = pathlib.Path(self._files.name, "book")
        programs = {
            "python": [sys.executable, ROOT / "examples/shop.py", "--table", world.source_table, "--shop", name, "--note", note, "--book", self._book],
            "rust": [built("examples/shop"), world.source_table, name, note, self._book],
        }
        self._process = subprocess.Popen(
            programs[program], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**without_aws(os.environ), **credentials(world.source.account, world.source.region), "AWS_ENDPOINT_URL_DYNAMODB": endpoint})

    def check(self) -> None:
        """It is still at work. Raises AssertionError with what went wrong for it."""
        if self._process.poll() is not None:
            raise AssertionError(f"shop {self.name} ended with {self._process.returncode}: {self._process.communicate()}")

    def rounds(self, dynamodb, table: str) -> int:
        """How many rounds it has done, by what it keeps in its table."""
        key = {"pk": {"S": f"{self.name}/rounds"}, "sk": {"N": "0"}}
        item = dynamodb.get_item(TableName=table, Key=key, ConsistentRead=True).get("Item")
        return int(item["done"]["N"]) if item else 0

    def wrong(self) -> str:
        """What it says is wrong when it has ended for that."""
        _, wrong = self._process.communicate(timeout=ENDS_WITHIN_S)
        assert self._process.returncode == 1, self._process.returncode
        return wrong

    def end(self) -> tuple:
        """Ask it to end: what it told, and the items of its book. Raises AssertionError if anything was wrong for it."""
        self._process.terminate()
        told, wrong = self._process.communicate(timeout=ENDS_WITHIN_S)
        assert self._process.returncode == 0, f"shop {self.name} ended with {self._process.returncode}: {wrong}"
        return json.loads(told), [json.loads(line) for line in self._book.read_text().splitlines()]

    def __enter__(self) -> "Shop":
        return self

    def __exit__(self, *_exception) -> None:
        self._process.kill()
        self._process.communicate()
        self._files.cleanup()
