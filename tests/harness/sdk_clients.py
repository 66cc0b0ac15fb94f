"""An application client with an unmodified SDK, its retries and all, that counts the shared counters up through a gateway."""

import random
import threading
import time

from botocore.exceptions import ClientError

from tests.harness.book import Book
from tests.harness.door import NOT_DONE, OPEN

BETWEEN_OPERATIONS_S = 0.05
# What the gateway calls those errors for SDKs, see docs/SEMANTICS.md.
AS_AWS_SAYS = {"ServiceUnavailable", "TransactionConflictException"}


class SdkClient(threading.Thread):
    """One client; its attributes are those by which the audit knows clients of items. `client`: a boto3 client of DynamoDB."""

    def __init__(self, world, client, traffic):
        super().__init__(name="sdk", daemon=True)
        self._dynamodb, self._table, self._schema, self._dice = client, world.source_table, traffic.service.schema, random.Random(3000)
        self._counters, self._stop_wanted = traffic.counters, traffic.stopping
        self.book = Book(self.name)
        self.counted = {self._schema.id(key): 0 for key in self._counters}
        self.count_open = dict(self.counted)

    def run(self) -> None:
        """Count until told to stop."""
        while not self._stop_wanted.wait(BETWEEN_OPERATIONS_S):
            self._count()

    def _count(self) -> None:
        key, started = self._dice.choice(self._counters), time.monotonic()
        name = self._schema.id(key)
        try:
            self._dynamodb.update_item(TableName=self._table, Key=key, UpdateExpression="ADD amount :one", ExpressionAttributeValues={":one": {"N": "1"}})
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code in OPEN:
                self.book.kinds["sdk count"].open += 1
                self.count_open[name] += 1
            elif code in NOT_DONE | AS_AWS_SAYS:
                self.book.repeated("sdk count", error)
            else:
                self.book.violation(name, f"an SDK was told {code}: {error}")
            return
        self.book.done("sdk count", started)
        self.counted[name] += 1
