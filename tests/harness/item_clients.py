"""An application client of the table: it owns some keys, shares counters, and never stops.

As nobody else writes the keys it owns, every read must show exactly its last acknowledged write, every
condition must come out as it knows, and every delete must return what it had.
"""

import random
import threading
import time

from tests.harness import wire
from tests.harness.book import PATIENCE_S, Book
from tests.harness.door import ConditionFailed, DoneUnseen, Door, NotDone, Open, Refused

# Part of many items: to be found in no log.
SECRET = "never-to-be-found-in-a-log"
BETWEEN_OPERATIONS_S = 0.04
BEFORE_REPEATING_S = 0.05


class ItemClient(threading.Thread):
    """One client; `book` is to be read after it ended."""

    def __init__(self, world, schema, number: int, owned: list, untouched: list, counters: list, stop: threading.Event):
        super().__init__(name=f"items-{number}", daemon=True)
        self._door, self._table, self._schema = Door(world), world.source_table, schema
        self._stop_wanted, self._untouched, self._counters = stop, untouched, counters
        self._dice = random.Random(number)
        self.book = Book(self.name)
        self._keys, self._number = {}, number
        for item in owned:
            self._own(schema.key_of(item), wire.canonical_item(item))
        for fresh in range(len(owned) or 10):
            self._own(schema.make(f"client-{number}-{fresh}"), None)
        # Shared counters: what was acknowledged, what is open, the highest value seen.
        self.counted = {schema.id(key): 0 for key in counters}
        self.count_open = {schema.id(key): 0 for key in counters}
        self._seen = {schema.id(key): 0 for key in counters}

    def _own(self, key: dict, value) -> None:
        self._keys[self._schema.id(key)] = key
        self.book.values[self._schema.id(key)] = value

    def run(self) -> None:
        """Operate until told to stop; a refusal is a violation and ends nothing."""
        operations = [self._read] * 4 + [self._read_many, self._read_untouched, self._create, self._replace, self._update,
                                         self._count, self._count_shared, self._delete_item, self._conditional]
        while not self._stop_wanted.wait(BETWEEN_OPERATIONS_S):
            operation = self._dice.choice(operations)
            try:
                operation()
            except (Refused, ConditionFailed, KeyError, ValueError) as error:
                self.book.violation(operation.__name__, f"{type(error).__name__}: {error}")
                time.sleep(1)

    # Reading

    def _read(self) -> None:
        name, key = self._pick()
        started = time.monotonic()
        answer = self._repeat("read", lambda: self._door.read("GetItem", {"TableName": self._table, "Key": key, "ConsistentRead": True}))
        if answer is not None:
            self.book.done("read", started)
            self._expect(name, answer.get("Item"), "a read")

    def _read_many(self) -> None:
        names = self._dice.sample(sorted(self._keys), min(5, len(self._keys)))
        started, left, found = time.monotonic(), [self._keys[name] for name in names], []
        while left:
            request = {"RequestItems": {self._table: {"Keys": left, "ConsistentRead": True}}}
            answer = self._repeat("batch read", lambda: self._door.read("BatchGetItem", request))
            if answer is None:
                return
            found += answer.get("Responses", {}).get(self._table, [])
            left = answer.get("UnprocessedKeys", {}).get(self._table, {}).get("Keys", [])
        self.book.done("batch read", started)
        shown = {self._schema.id(item): item for item in found}
        for name in names:
            self._expect(name, shown.get(name), "a batch read")

    def _read_untouched(self) -> None:
        if not self._untouched:
            return
        item = self._dice.choice(self._untouched)
        name, started = self._schema.id(item), time.monotonic()
        request = {"TableName": self._table, "Key": self._schema.key_of(item), "ConsistentRead": True}
        answer = self._repeat("read", lambda: self._door.read("GetItem", request))
        if answer is not None:
            self.book.done("read", started)
            if wire.canonical_item(answer.get("Item")) != wire.canonical_item(item):
                self.book.violation(name, f"an item that nobody writes was read as {answer.get('Item')}")

    # Writing

    def _create(self) -> None:
        name, key = self._pick()
        item = {**key, **self._content()}
        request = {"Item": item, "ConditionExpression": "attribute_not_exists(#k)", "ExpressionAttributeNames": {"#k": next(iter(key))}}
        self._write("create", "PutItem", name, request, after=item, holds=self.book.values[name] is None)

    def _replace(self) -> None:
        name, key = self._pick()
        item = {**key, **self._content()}
        self._write("replace", "PutItem", name, {"Item": item}, after=item)

    def _update(self) -> None:
        name, key = self._pick()
        new = {"status": {"S": self._dice.choice(["", "paid", "sent"])}, "n": {"N": str(self._dice.randrange(10**9))}}
        request = {
            "Key": key, "UpdateExpression": "SET #s = :s, n = :n REMOVE gone", "ExpressionAttributeNames": {"#s": "status"},
            "ExpressionAttributeValues": {":s": new["status"], ":n": new["n"]}, "ReturnValues": "ALL_NEW",
        }
        after = {**(self.book.values[name] or key), **new}
        after.pop("gone", None)
        answer = self._write("update", "UpdateItem", name, request, after=after)
        if answer is not None:
            self._expect(name, answer.get("Attributes"), "an update's answer")

    def _count(self) -> None:
        name, key = self._pick()
        before = self.book.values[name] or key
        count = str(int(before.get("count", {"N": "0"})["N"]) + 3)
        request = {"Key": key, "UpdateExpression": "ADD #c :d", "ExpressionAttributeNames": {"#c": "count"},
                   "ExpressionAttributeValues": {":d": {"N": "3"}}}
        self._write("count", "UpdateItem", name, request, after={**before, "count": {"N": count}})

    def _delete_item(self) -> None:
        name, key = self._pick()
        before = self.book.values[name]
        answer = self._write("delete", "DeleteItem", name, {"Key": key, "ReturnValues": "ALL_OLD"}, after=None)
        if answer is not None and wire.canonical_item(answer.get("Attributes")) != before:
            self.book.violation(name, f"a delete returned {answer.get('Attributes')}, last acknowledged was {before}")

    def _conditional(self) -> None:
        name, key = self._pick()
        before = self.book.values[name]
        version = (before or {}).get("version", {"N": "0"})["N"]
        wrong = self._dice.random() < 0.3
        request = {
            "Key": key, "UpdateExpression": "SET version = :next",
            "ConditionExpression": "attribute_not_exists(version) OR version = :seen" if version == "0" and not wrong else "version = :seen",
            "ExpressionAttributeValues": {":next": {"N": str(int(version) + 1)}, ":seen": {"N": "-1" if wrong else version}},
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        after = {**(before or key), "version": {"N": str(int(version) + 1)}}
        self._write("conditional", "UpdateItem", name, request, after=after, holds=not wrong)

    def _count_shared(self) -> None:
        if not self._counters:
            return
        key = self._dice.choice(self._counters)
        name, step, started = self._schema.id(key), self._dice.randint(1, 9), time.monotonic()
        request = {"TableName": self._table, "Key": key, "UpdateExpression": "ADD amount :d",
                   "ExpressionAttributeValues": {":d": {"N": str(step)}}, "ReturnValues": "UPDATED_NEW"}
        try:
            answer = self._repeat("shared count", lambda: self._door.write("UpdateItem", request))
        except DoneUnseen as error:
            self.book.violation(name, f"a count asks for nothing that was before, and was told {error}")
            self.counted[name] += step
            return
        except Open as error:
            self.book.kinds["shared count"].open += 1
            self.book.errors[f"shared count: {str(error).split(':')[0]}"] += 1
            self.count_open[name] += step
            return
        if answer is None:
            return
        self.book.done("shared count", started)
        self.counted[name] += step
        total = int(answer["Attributes"]["amount"]["N"])
        if total < self._seen[name] + step:
            self.book.violation(name, f"a counter went back: {total} after {self._seen[name]} + {step}")
        self._seen[name] = total

    # What they have in common

    def _write(self, kind: str, operation: str, name: str, request: dict, after, holds: bool = True):
        """One write of an owned key; the answer, or None where there is none to look at."""
        before, after, started = self.book.values[name], wire.canonical_item(after), time.monotonic()
        try:
            answer = self._repeat(kind, lambda: self._door.write(operation, {"TableName": self._table, **request}))
        except Open as error:
            self.book.cloud(name, [before, after] if holds else [before], kind, error)
            del self._keys[name]
            return None
        except DoneUnseen as error:
            # Nothing is open: what was written must be there from now on.
            self._done(name, after, kind, started, holds)
            self.book.errors[f"{kind}: {str(error).split(':')[0]}"] += 1
            if request.get("ReturnValues") != "ALL_OLD":
                self.book.violation(name, f"a {kind} asks for nothing that was before, and was told {error}")
            return None
        except ConditionFailed as failed:
            self.book.done(kind, started)
            self.book.note(name, f"{kind} refused")
            if holds:
                self.book.violation(name, f"{kind}: the condition was said not to hold; last acknowledged was {before}")
            elif "ReturnValuesOnConditionCheckFailure" in request:
                self._expect(name, failed.item, f"a failed {kind}")
            return None
        if answer is None:
            return None
        self._done(name, after, kind, started, holds)
        return answer

    def _done(self, name: str, after, kind: str, started: float, holds: bool) -> None:
        before = self.book.values[name]
        self.book.done(kind, started)
        self.book.acknowledged(name, after, kind)
        if not holds:
            self.book.violation(name, f"{kind} was acknowledged although its condition does not hold: last acknowledged was {before}")

    def _repeat(self, kind: str, call):
        """Do it until it is done. None: gave up, which is a violation, or told to stop before it was done."""
        started = time.monotonic()
        while True:
            try:
                return call()
            except NotDone as error:
                self.book.repeated(kind, error)
                if time.monotonic() - started > PATIENCE_S:
                    self.book.violation(kind, f"not done in {PATIENCE_S} s: {error}")
                    return None
                time.sleep(BEFORE_REPEATING_S)
            except Open as error:
                if not kind.endswith("read"):
                    raise
                self.book.repeated(kind, error)
                if time.monotonic() - started > PATIENCE_S:
                    self.book.violation(kind, f"not answered in {PATIENCE_S} s: {error}")
                    return None

    def _expect(self, name: str, item, what: str) -> None:
        if self.book.expect(name, wire.canonical_item(item), what):
            return
        # One violation a key says it; the same again at every later read would not.
        self.book.clouded[name] = [self.book.values.pop(name), wire.canonical_item(item)]
        del self._keys[name]

    def _pick(self) -> tuple:
        if not self._keys:
            self._own(self._schema.make(f"client-{self._number}-more-{len(self.book.clouded)}"), None)
        name = self._dice.choice(sorted(self._keys))
        return name, self._keys[name]

    def _content(self) -> dict:
        return {
            "n": {"N": str(self._dice.randrange(10**30))},
            "text": {"S": self._dice.choice(["", "ä", SECRET])},
            "tags": {"SS": ["a", "b"]},
            "nested": {"M": {"list": {"L": [{"NULL": True}, {"N": "1.5"}, {"B": ""}]}}},
            "gone": {"BOOL": True},
        }
