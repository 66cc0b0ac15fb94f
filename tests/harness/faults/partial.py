"""Batches of which a part is done and the rest reported, as DynamoDB does under load.

- <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html>: what was not done comes
  back as `UnprocessedItems`;
- <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html>: `UnprocessedKeys`; if nothing
  at all can be done, the answer is an error instead, so one entry is always done;
- <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchStatementError.html>: each statement of a
  batch has its own error.
"""

import json

from tests.harness.faults import answers
from tests.harness.faults.http1 import Message

STATEMENT_CODES = ("ThrottlingError", "ProvisionedThroughputExceeded", "RequestLimitExceeded", "TransactionConflict", "InternalServerError")


def entries(operation: str, body: bytes) -> int:
    """How many entries the batch of a request has; 0 for what is no batch."""
    try:
        asked = json.loads(body)
    except ValueError:
        return 0
    if operation == "BatchExecuteStatement":
        return len(asked.get("Statements", []))
    if operation == "BatchWriteItem":
        return sum(len(requests) for requests in asked.get("RequestItems", {}).values())
    if operation == "BatchGetItem":
        return sum(len(wanted["Keys"]) for wanted in asked.get("RequestItems", {}).values())
    return 0


def split(operation: str, body: bytes, done: int) -> tuple:
    """The body of a request with its first `done` entries, and what is left of it."""
    asked, left = json.loads(body), {}
    if operation == "BatchExecuteStatement":
        left = asked["Statements"][done:]
        asked["Statements"] = asked["Statements"][:done]
        return json.dumps(asked).encode(), left
    tables, room = {}, done
    for table, wanted in asked["RequestItems"].items():
        requests = wanted["Keys"] if operation == "BatchGetItem" else wanted
        now, later = requests[:room], requests[room:]
        room -= len(now)
        for some, there in ((now, tables), (later, left)):
            if some:
                there[table] = {**wanted, "Keys": some} if operation == "BatchGetItem" else some
    return json.dumps({**asked, "RequestItems": tables}).encode(), left


def join(operation: str, answer: Message, left, code: str = "") -> Message:
    """The answer to the part that was done, with the rest reported as not done (`code`: how, of statements)."""
    said = json.loads(answer.body)
    if operation == "BatchExecuteStatement":
        said["Responses"] = said.get("Responses", []) + [{"Error": {"Code": code, "Message": "not done"}} for _ in left]
    else:
        name = "UnprocessedItems" if operation == "BatchWriteItem" else "UnprocessedKeys"
        there = said.setdefault(name, {})
        for table, rest in left.items():
            there[table] = {**rest, "Keys": there.get(table, {}).get("Keys", []) + rest["Keys"]} if operation == "BatchGetItem" \
                else there.get(table, []) + rest
    answer.body = json.dumps(said).encode()
    return answers.checked(answer)
