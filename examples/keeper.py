"""What a shop keeps: its keys, the book of what it was promised, and what its operations have in common."""

import base64
import decimal
import json
import random
import time
from concurrent.futures import ThreadPoolExecutor

from boto3.dynamodb.conditions import Attr
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError

CUSTOMERS, ORDERS, ACCOUNTS, START = 3, 12, 5, 1000
EXACT = decimal.Decimal("12345678901234567890123456789012345678")


class Wrong(Exception):
    """An answer that is not what was promised before."""


def check(what: str, seen, expected) -> None:
    """`what` must be as expected."""
    if seen != expected:
        raise Wrong(f"{what} is {seen!r}, expected was {expected!r}")


def key_of(name: tuple) -> dict:
    """The key of an item as DynamoDB gets it; in the book it is a pair."""
    return {"pk": name[0], "sk": name[1]}


def plain(item: dict | None) -> dict | None:
    """An item that came with an error: boto3 leaves these in DynamoDB's form."""
    return item and {name: TypeDeserializer().deserialize(value) for name, value in item.items()}


class Keeper:
    """One shop's book; nobody else writes what begins with its name."""

    def __init__(self, table, name: str, note: str):
        self.table, self.client, self.name, self.note = table, table.meta.client, name, note
        self.book, self.calls = {}, []
        self.dice, self.pool = random.Random(name), ThreadPoolExecutor(4)
        self.client.meta.events.register("after-call.dynamodb", lambda model, **_: self.calls.append(model.name))

    def open(self) -> None:
        """Go on with what there is in the shop's name; make accounts where there are none."""
        self.book = {(item["pk"], item["sk"]): item for item in self.stock()}
        for number in range(ACCOUNTS):
            account = {"pk": f"{self.name}/account", "sk": number, "balance": START}
            if (account["pk"], number) not in self.book:
                self.table.put_item(Item=account, ConditionExpression=Attr("pk").not_exists())
                self.enter(account)
        self.total = sum(self.book[key]["balance"] for key in self.accounts())

    def stock(self) -> list:
        """Everything in the shop's name, by a scan in two segments at once."""
        request = {"FilterExpression": Attr("pk").begins_with(f"{self.name}/"), "ConsistentRead": True, "TotalSegments": 2}
        parts = self.pool.map(lambda segment: list(self.pages(self.table.scan, {**request, "Segment": segment}, 100)), range(2))
        return [item for part in parts for item in part]

    def pages(self, operation, request: dict, limit: int | None = None):
        """The items of all pages, each of which keeps to the limit."""
        request = {**request, **({"Limit": limit} if limit else {})}
        while True:
            page = operation(**request)
            check("the count of a page", page["Count"], len(page["Items"]))
            if limit and page["ScannedCount"] > limit:
                raise Wrong(f"a page of {limit} looked at {page['ScannedCount']} items")
            yield from page["Items"]
            if "LastEvaluatedKey" not in page:
                return
            request["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def refused(self, operation, **request) -> ClientError:
        """An operation whose condition does not hold."""
        try:
            operation(**request)
        except self.client.exceptions.ConditionalCheckFailedException as error:
            return error
        raise Wrong(f"done although its condition does not hold: {request}")

    def enter(self, item: dict) -> dict:
        """What the shop was promised to find there from now on."""
        self.book[item["pk"], item["sk"]] = item
        return item

    def order(self, key: tuple) -> dict:
        """A new order; no two are due at the same time."""
        return {**key_of(key), "state": f"{self.name}/open", "due": self.dice.randrange(10**15), "price": self.dice.randrange(1000),
                "lines": [{"number": self.dice.randint(1, 5), "article": ""}, None, True], "tags": {"new", "large"},
                "exact": EXACT, "note": self.note, "seal": self.dice.randbytes(12)}

    def orders(self) -> list:
        """The keys of all orders that there may be."""
        return [(f"{self.name}/customer-{customer}", number) for customer in range(CUSTOMERS) for number in range(ORDERS)]

    def accounts(self) -> list:
        """The keys of all accounts."""
        return [(f"{self.name}/account", number) for number in range(ACCOUNTS)]

    def held(self, customer: str) -> list:
        """The customer's orders in the book, by number."""
        return [self.book[key] for key in sorted(self.book) if key[0] == customer]

    def pick(self, there: bool) -> tuple:
        """The key of an order that is there, or not. Neither ever runs out: batches put some and delete some."""
        return self.dice.choice([key for key in self.orders() if (key in self.book) == there])

    def settled(self, transaction):
        """Its answer; transactions that meet another one are done again, as everybody has to on DynamoDB."""
        while True:
            try:
                return transaction()
            except self.client.exceptions.TransactionCanceledException as error:
                if "TransactionConflict" not in [reason["Code"] for reason in error.response["CancellationReasons"]]:
                    raise
            except (self.client.exceptions.TransactionConflictException, self.client.exceptions.TransactionInProgressException):
                pass
            time.sleep(self.dice.random() * 0.05)

    def dump(self, path: str) -> None:
        """The book as DynamoDB JSON, one item a line."""
        with open(path, "w", encoding="utf-8") as lines:
            for item in self.book.values():
                wire = {name: TypeSerializer().serialize(value) for name, value in item.items()}
                print(json.dumps(wire, default=lambda data: base64.b64encode(bytes(data)).decode()), file=lines)
