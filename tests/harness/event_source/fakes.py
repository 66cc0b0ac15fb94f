"""Records and functions for tests of the rules."""

import json

from tests.harness.event_source.clock import Standing
from tests.harness.runtime.outcome import Outcome

NOW = Standing().now()


def record(number: int, key: str | None = None, age_s: float = 0, padding: int = 0) -> dict:
    """The record of that sequence number, of an item of its own unless `key` names one."""
    image = {"pk": {"S": key or f"item-{number}"}}
    return {
        "eventID": str(number), "eventName": "INSERT", "eventSource": "aws:dynamodb",
        "dynamodb": {"Keys": image, "NewImage": {**image, "x": {"S": "x" * padding}}, "SequenceNumber": str(number),
                     "ApproximateCreationDateTime": NOW - age_s},
    }


def numbers(event: dict) -> list:
    """The sequence numbers of an event."""
    return [int(one["dynamodb"]["SequenceNumber"]) for one in event["Records"]]


def report(*identifiers) -> Outcome:
    """An answer that reports these as failed."""
    return Outcome("answer", json.dumps({"batchItemFailures": [{"itemIdentifier": str(one)} for one in identifiers]}))


class Fake:
    """A function that writes down what it is given and answers what `decide(numbers)` says; None is all done."""

    def __init__(self, decide=lambda given: None):
        self.calls, self.interruptions, self._decide = [], [], decide

    def __call__(self, event: dict, interruption=None) -> Outcome:
        given = numbers(event)
        self.calls.append(given)
        self.interruptions.append(interruption)
        return self._decide(given) or Outcome("answer", "{}", f"request-{len(self.calls)}")


def poisoned(*poison: int):
    """A function that fails as a whole when it is given one of these."""
    def decide(given):
        return Outcome("error", '{"errorType":"Poison"}', "failed") if set(given) & set(poison) else None
    return decide


def reporting(*poison: int):
    """A function that reports these as failed, whenever it is given them."""
    def decide(given):
        found = [one for one in given if one in poison]
        return report(*found) if found else None
    return decide
