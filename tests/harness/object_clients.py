"""An application client of the bucket: S3 directly, in the bucket that livemove names, for as long as it may.

It asks `DescribeMigration` where the objects are and uses the answer for `lease_ms` counted from before it
asked. While the answer says `writable: false`, its writes wait: that is the freeze, and it is measured.
"""

import hashlib
import random
import threading
import time
import urllib.parse

from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError

from tests.harness import objects
from tests.harness.book import PATIENCE_S, Book
from tests.harness.door import Door, NotDone, Open, Refused

BETWEEN_OPERATIONS_S = 0.05
BEFORE_REPEATING_S = 0.05


class ObjectClient(threading.Thread):
    """One client; `book` is to be read after it ended. `frozen_s`: longest wait of a write for `writable`, at most `patience_s`."""

    def __init__(self, world, number: int, owned: dict, stop: threading.Event, patience_s: float = PATIENCE_S):
        super().__init__(name=f"objects-{number}", daemon=True)
        self._world, self._door, self._stop_wanted = world, Door(world), stop
        self._dice, self._number = random.Random(1000 + number), number
        self._route, self._good_until = None, 0.0
        self.book, self.frozen_s, self._patience_s = Book(self.name), 0.0, patience_s
        self.book.values.update(owned)
        self.book.values.update({f"live/{number}/new {n}+ü.txt": None for n in range(10)})

    def run(self) -> None:
        """Operate until told to stop."""
        operations = [self._read, self._read, self._put, self._put, self._delete_object]
        while not self._stop_wanted.wait(BETWEEN_OPERATIONS_S):
            operation = self._dice.choice(operations)
            try:
                operation(self._pick())
            except (Refused, ClientError, KeyError, IndexError) as error:
                self.book.violation(operation.__name__, f"{type(error).__name__}: {error}")
                time.sleep(1)

    def _pick(self) -> str:
        if not self.book.values:
            self.book.values[f"live/{self._number}/more {len(self.book.clouded)}"] = None
        return self._dice.choice(sorted(self.book.values))

    def _read(self, key: str) -> None:
        started = time.monotonic()
        s3, bucket = self._place(write=False)
        try:
            seen = objects.look(s3, bucket, key)
        except BotoCoreError as error:
            # Nobody answered; the next read will tell.
            self.book.repeated("object read", error)
            return
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] != 404:
                raise
            seen = None
        self.book.done("object read", started)
        if not self.book.expect(key, seen, f"a read of {bucket}"):
            self.book.clouded[key] = [self.book.values.pop(key), seen]

    def _put(self, key: str) -> None:
        body = self._dice.randbytes(self._dice.choice([0, 10, 5000]))
        tags = {"n": str(self._dice.randrange(100))} if self._dice.random() < 0.5 else {}
        metadata = {"n": str(self._dice.randrange(10**6))}
        after = objects.Object(
            digest=hashlib.sha256(body).hexdigest(), size=len(body), headers=(("ContentType", "text/plain"),),
            metadata=tuple(metadata.items()), tags=tuple(tags.items()))
        self._write("object put", key, after, lambda s3, bucket: s3.put_object(
            Bucket=bucket, Key=key, Body=body, ContentType="text/plain", Metadata=metadata, Tagging=urllib.parse.urlencode(tags)))

    def _delete_object(self, key: str) -> None:
        self._write("object delete", key, None, lambda s3, bucket: s3.delete_object(Bucket=bucket, Key=key))

    def _write(self, kind: str, key: str, after, call) -> None:
        started = time.monotonic()
        s3, bucket = self._place(write=True)
        try:
            call(s3, bucket)
        except EndpointConnectionError as error:
            # Nobody was there to take it.
            self.book.repeated(kind, error)
            return
        except (BotoCoreError, ClientError) as error:
            self.book.cloud(key, [self.book.values[key], after], kind, error)
            return
        self.book.done(kind, started)
        self.book.acknowledged(key, after, f"{kind} in {bucket}")

    def _place(self, write: bool) -> tuple:
        """Client and bucket to use now; waits while writes must wait."""
        started = time.monotonic()
        while True:
            if time.monotonic() >= self._good_until:
                self._ask()
            if not write or self._route["writable"]:
                break
            self._good_until = 0.0
            if time.monotonic() - started > self._patience_s:
                raise Refused(f"no object could be written for {self._patience_s} s: {self._route}")
            time.sleep(BEFORE_REPEATING_S)
        if write:
            self.frozen_s = max(self.frozen_s, time.monotonic() - started)
        side = self._route["serving"]
        return self._world.client("s3", side), self._route[side]["bucket"]

    def _ask(self) -> None:
        asked_since = time.monotonic()
        while True:
            before = time.monotonic()
            try:
                self._route = self._door.read("DescribeMigration", {"Bucket": self._world.source_bucket})
                self._good_until = before + self._route["lease_ms"] / 1000
                return
            except (NotDone, Open) as error:
                self.book.repeated("where", error)
                if before - asked_since > PATIENCE_S:
                    raise Refused(f"nobody says where the objects are: {error}") from error
                time.sleep(BEFORE_REPEATING_S)
