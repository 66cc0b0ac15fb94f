"""An application client of transactions: it moves amounts between shared accounts, and asks again until it is done.

Each transfer has a token. It is asked for again under it while its outcome is open; where nothing was done, so the product
says, it is asked for anew under another token, as applications may. So in the end its outcome is known and it is done once. Nothing is ever added to all accounts together: a snapshot of them adds up to nothing, at every moment.
"""

import collections
import random
import threading
import time

from tests.harness.book import PATIENCE_S, Book
from tests.harness.door import ConditionFailed, Door, NotDone, Open, Refused

BETWEEN_OPERATIONS_S = 0.1
BEFORE_REPEATING_S = 0.1


class Token:
    """A token that is another one after an attempt that did nothing, unless one before may have done something."""

    def __init__(self, name: str, number: int):
        self._name, self.number, self._open = name, number + 1, False

    def __enter__(self) -> str:
        return f"{self._name}-{self.number}"

    def __exit__(self, kind, _error, _traceback) -> None:
        self._open |= kind is Open
        self.number += kind is NotDone and not self._open


class TransferClient(threading.Thread):
    """One client; `moved` is what its transfers added to each account, exact once it has ended."""

    def __init__(self, world, schema, number: int, accounts: list, stop: threading.Event):
        super().__init__(name=f"transfers-{number}", daemon=True)
        self._door, self._table, self._schema, self._accounts = Door(world), world.source_table, schema, accounts
        self._stop_wanted, self._dice, self._number = stop, random.Random(2000 + number), 0
        self.book, self.moved = Book(self.name), collections.Counter()

    def run(self) -> None:
        """Operate until told to stop; what is in its hands is brought to its end."""
        while not self._stop_wanted.wait(BETWEEN_OPERATIONS_S):
            operation = self._transfer if self._dice.random() < 0.7 else self._look
            try:
                operation()
            except (Refused, ConditionFailed, KeyError, ValueError) as error:
                self.book.violation(operation.__name__, f"{type(error).__name__}: {error}")
                time.sleep(1)

    def _transfer(self) -> None:
        giver, taker = self._dice.sample(self._accounts, 2)
        amount, started = self._dice.randint(1, 9), time.monotonic()
        entries, token = [self._add(giver, -amount), self._add(taker, amount)], Token(self.name, self._number)

        def attempt():
            with token as text:
                return self._door.write("TransactWriteItems", {"TransactItems": entries, "ClientRequestToken": text})

        answer = self._repeat("transfer", attempt)
        self._number = token.number
        if answer is None:
            return
        self.book.done("transfer", started)
        self.moved[self._schema.id(giver)] -= amount
        self.moved[self._schema.id(taker)] += amount

    def _look(self) -> None:
        started = time.monotonic()
        request = {"TransactItems": [{"Get": {"TableName": self._table, "Key": key}} for key in self._accounts]}
        answer = self._repeat("snapshot", lambda: self._door.read("TransactGetItems", request))
        if answer is None:
            return
        self.book.done("snapshot", started)
        amounts = [int(found["Item"]["amount"]["N"]) if found.get("Item") else 0 for found in answer["Responses"]]
        if sum(amounts):
            self.book.violation("accounts", f"a snapshot shows a half of a transfer: {amounts}")

    def _add(self, key: dict, amount: int) -> dict:
        return {"Update": {"TableName": self._table, "Key": key, "UpdateExpression": "ADD amount :a",
                           "ExpressionAttributeValues": {":a": {"N": str(amount)}}}}

    def _repeat(self, kind: str, call):
        started = time.monotonic()
        while True:
            try:
                return call()
            except (NotDone, Open) as error:
                self.book.repeated(kind, error)
                if time.monotonic() - started > PATIENCE_S:
                    self.book.violation(kind, f"not done in {PATIENCE_S} s: {error}")
                    return None
                time.sleep(BEFORE_REPEATING_S)
