"""A small shop on DynamoDB that checks every answer it gets. An ordinary application: it knows nothing of livemove.

    python examples/shop.py --table orders --shop north --seconds 60

Region, credentials and endpoint are those of the environment; AWS_ENDPOINT_URL_DYNAMODB leads it through a gateway.
The table has the keys `pk` (S) and `sk` (N), and a global index `by-state` over `state` (S) and `due` (N) that
projects everything. Everything under `SHOP/` is this shop's alone; several shops may share a table.

The shop keeps a book of what it was promised. Each round does every operation below once, in a new order. It
ends after `--seconds`, or on SIGTERM, when the operation in hand is done: it takes stock a last time and prints
one line of JSON. The first wrong answer, or an error that it did not ask for, ends it with exit code 1 and says why.
"""

import argparse
import collections
import itertools
import json
import signal
import sys
import threading
import time
import uuid

import boto3
from boto3.dynamodb.conditions import Attr, Key
from botocore.exceptions import BotoCoreError, ClientError
from keeper import EXACT, Keeper, Wrong, check, key_of, plain

# An index follows its table at a distance, on any DynamoDB.
INDEX_WITHIN_S = 30


class Shop(Keeper):
    """The operations of a round."""

    index_waits = rounds = 0

    def round(self, pause: float, stop: threading.Event) -> None:
        """Every operation once."""
        operations = [self.place, self.replace, self.pay, self.amend, self.cancel, self.look, self.browse, self.filter,
                      self.by_state, self.take_stock, self.write_batch, self.read_batch, self.count, self.transfer,
                      self.transfer_too_much, self.transfer_once]
        for operation in self.dice.sample(operations, len(operations)):
            if stop.wait(pause):
                return
            operation()
        answer = self.table.update_item(Key={"pk": f"{self.name}/rounds", "sk": 0}, UpdateExpression="ADD done :one",
                                        ExpressionAttributeValues={":one": 1}, ReturnValues="ALL_NEW")
        self.rounds += 1
        before = self.book.get((f"{self.name}/rounds", 0), {"done": 0})
        check("the number of rounds", answer["Attributes"]["done"], before["done"] + 1)
        self.enter(answer["Attributes"])

    # Single items

    def place(self) -> None:
        """A new order can be placed once."""
        key = self.pick(there=False)
        order = self.order(key)
        self.table.put_item(Item=order, ConditionExpression=Attr("pk").not_exists())
        self.enter(order)
        error = self.refused(self.table.put_item, Item=self.order(key), ConditionExpression=Attr("pk").not_exists(),
                             ReturnValuesOnConditionCheckFailure="ALL_OLD")
        check("what stood in the way of an order", plain(error.response.get("Item")), order)

    def replace(self) -> None:
        """A put answers with what was there, if anything."""
        key = self.pick(there=self.dice.random() < 0.7)
        order = self.order(key)
        answer = self.table.put_item(Item=order, ReturnValues="ALL_OLD")
        check(f"the replaced {key}", answer.get("Attributes"), self.book.get(key))
        self.enter(order)

    def pay(self) -> None:
        """An update under a condition, and one whose condition does not hold."""
        key = self.pick(there=True)
        order = self.book[key]
        change = {"Key": key_of(key), "UpdateExpression": "SET #state = :paid, price = price - :one ADD payments :one",
                  "ExpressionAttributeNames": {"#state": "state"},
                  "ExpressionAttributeValues": {":paid": f"{self.name}/paid", ":one": 1}}
        self.refused(self.table.update_item, **change, ConditionExpression=Attr("state").eq("nowhere") | Attr("price").lt(0))
        answer = self.table.update_item(**change, ReturnValues="ALL_NEW",
                                        ConditionExpression=Attr("state").eq(order["state"]) & Attr("exact").eq(EXACT))
        paid = {**order, "state": f"{self.name}/paid", "price": order["price"] - 1, "payments": order.get("payments", 0) + 1}
        check(f"the paid {key}", answer["Attributes"], paid)
        self.enter(paid)
        self.refused(self.table.update_item, **{**change, "Key": key_of(self.pick(there=False))}, ConditionExpression=Attr("pk").exists())

    def amend(self) -> None:
        """Paths, lists, sets and removals in one update."""
        key = self.pick(there=True)
        order = self.book[key]
        answer = self.table.update_item(
            Key=key_of(key), ReturnValues="ALL_OLD",
            UpdateExpression="SET #lines[0].#n = :n, history = list_append(if_not_exists(history, :none), :more) REMOVE note DELETE tags :old",
            ExpressionAttributeNames={"#lines": "lines", "#n": "number"},
            ExpressionAttributeValues={":n": 7, ":none": [], ":more": ["amended"], ":old": {"new"}})
        check(f"{key} before its change", answer["Attributes"], order)
        lines = [{**order["lines"][0], "number": 7}, *order["lines"][1:]]
        amended = {**order, "lines": lines, "history": [*order.get("history", []), "amended"], "tags": order["tags"] - {"new"}}
        amended.pop("note", None)
        self.enter(amended)

    def cancel(self) -> None:
        """A delete answers with what was there; then there is nothing."""
        key = self.pick(there=True)
        self.refused(self.table.delete_item, Key=key_of(key), ConditionExpression=Attr("state").eq("nowhere"))
        answer = self.table.delete_item(Key=key_of(key), ReturnValues="ALL_OLD", ConditionExpression=Attr("sk").exists())
        check(f"the cancelled {key}", answer.get("Attributes"), self.book.pop(key))
        check(f"{key} cancelled again", self.table.delete_item(Key=key_of(key), ReturnValues="ALL_OLD").get("Attributes"), None)

    def look(self) -> None:
        """Strong reads, of a whole item, of a part of it, and of what is not there."""
        for key in (self.pick(there=True), self.pick(there=False)):
            order = self.book.get(key)
            check(f"{key}", self.table.get_item(Key=key_of(key), ConsistentRead=True).get("Item"), order)
            part = self.table.get_item(Key=key_of(key), ConsistentRead=True, ProjectionExpression="price, #lines[0].#n",
                                       ExpressionAttributeNames={"#lines": "lines", "#n": "number"}).get("Item")
            lines = order and [{"number": order["lines"][0]["number"]}]
            check(f"a part of {key}", part, order and {"price": order["price"], "lines": lines})

    def count(self) -> None:
        """Four at once count one up: each sees a number of its own."""
        counted = self.book.get((f"{self.name}/visits", 0), {}).get("number", 0)
        visit = dict(Key={"pk": f"{self.name}/visits", "sk": 0}, UpdateExpression="ADD #n :one", ReturnValues="UPDATED_NEW",
                     ExpressionAttributeNames={"#n": "number"}, ExpressionAttributeValues={":one": 1})
        answers = self.pool.map(lambda _: self.table.update_item(**visit)["Attributes"]["number"], range(4))
        check("a counter", sorted(answers), [counted + more for more in (1, 2, 3, 4)])
        self.enter({"pk": f"{self.name}/visits", "sk": 0, "number": counted + 4})

    # Pages and batches

    def browse(self) -> None:
        """The orders of a customer in pages of every size, both ways, and a range of them."""
        customer = self.pick(there=True)[0]
        orders = self.held(customer)
        for forward, limit in itertools.product((True, False), (None, 1, 3)):
            request = {"KeyConditionExpression": Key("pk").eq(customer), "ScanIndexForward": forward, "ConsistentRead": True}
            found = list(self.pages(self.table.query, request, limit))
            check(f"the orders of {customer}, {limit} a page", found, orders if forward else orders[::-1])
        request = {"KeyConditionExpression": Key("pk").eq(customer) & Key("sk").between(2, 7), "ConsistentRead": True}
        check(f"some orders of {customer}", list(self.pages(self.table.query, request)), [o for o in orders if 2 <= o["sk"] <= 7])

    def filter(self) -> None:
        """Filters leave items out but count them as looked at."""
        customer = self.pick(there=True)[0]
        orders = self.held(customer)
        dear = [order for order in orders if order["price"] > 500]
        request = {"KeyConditionExpression": Key("pk").eq(customer), "FilterExpression": Attr("price").gt(500), "ConsistentRead": True}
        for limit in (None, 3):
            check("the dear orders", list(self.pages(self.table.query, request, limit)), dear)
        answer = self.table.query(**request, Select="COUNT")
        check("the number of dear orders", (answer["Count"], answer["ScannedCount"]), (len(dear), len(orders)))

    def by_state(self) -> None:
        """The index has all orders of a state by what is due first, soon after they are written."""
        state = f"{self.name}/{self.dice.choice(('open', 'paid'))}"
        expected = sorted((item for item in self.book.values() if item.get("state") == state), key=lambda item: item["due"])
        limit, deadline = self.dice.choice((None, 1, 3)), time.monotonic() + INDEX_WITHIN_S
        request = {"IndexName": "by-state", "KeyConditionExpression": Key("state").eq(state) & Key("due").gte(0)}
        while (found := list(self.pages(self.table.query, request, limit))) != expected:
            self.index_waits += 1
            if time.monotonic() > deadline:
                check(f"the index under {state}, {limit} a page, after {INDEX_WITHIN_S} s", found, expected)
            time.sleep(0.2)

    def take_stock(self) -> None:
        """A parallel scan finds everything once."""
        found = sorted(self.stock(), key=lambda item: (item["pk"], item["sk"]))
        check("the stock", found, [self.book[key] for key in sorted(self.book)])

    def write_batch(self) -> None:
        """More puts and deletes than go into one batch."""
        keys = self.dice.sample(self.orders(), 30)
        with self.table.batch_writer() as batch:
            for key in keys:
                if self.dice.random() < 0.6:
                    batch.put_item(Item=self.enter(self.order(key)))
                else:
                    batch.delete_item(Key=key_of(key))
                    self.book.pop(key, None)

    def read_batch(self) -> None:
        """Many items at once, some of which are not there."""
        keys, found = self.dice.sample(self.orders(), 20), {}
        request = {self.table.name: {"Keys": [key_of(key) for key in keys], "ConsistentRead": True}}
        while request:
            answer = self.client.batch_get_item(RequestItems=request)
            found.update({(item["pk"], item["sk"]): item for item in answer["Responses"].get(self.table.name, [])})
            request = answer["UnprocessedKeys"]
        check("a batch", found, {key: self.book[key] for key in keys if key in self.book})

    # Transactions

    def transfer(self) -> None:
        """Money goes from the rich to others, several at once; whoever looks sees all of it at every moment."""
        payer, *others = sorted(self.accounts(), key=lambda key: -self.book[key]["balance"])
        amounts = {other: self.dice.randint(1, 9) for other in others[:3]}
        paying = [self.pool.submit(self.move, payer, other, amount) for other, amount in amounts.items()]
        self.count_money()
        for done in paying:
            done.result()
        for other, amount in amounts.items():
            self.book[payer] = {**self.book[payer], "balance": self.book[payer]["balance"] - amount}
            self.book[other] = {**self.book[other], "balance": self.book[other]["balance"] + amount}
        self.count_money()
        for key in self.accounts():
            check(f"the account {key}", self.table.get_item(Key=key_of(key), ConsistentRead=True)["Item"], self.book[key])

    def transfer_too_much(self) -> None:
        """A transaction that is refused says why, and does nothing."""
        payer, other = self.dice.sample(self.accounts(), 2)
        try:
            self.move(payer, other, self.total + 1)
        except self.client.exceptions.TransactionCanceledException as error:
            reasons = error.response["CancellationReasons"]
            check("the reasons", [reason["Code"] for reason in reasons], ["ConditionalCheckFailed", "None", "None"])
            check("the poor account", plain(reasons[0].get("Item")), self.book[payer])
        else:
            raise Wrong(f"{payer} paid more than there is")

    def transfer_once(self) -> None:
        """A transaction that is sent twice under one token is done once."""
        payer, other = sorted(self.accounts(), key=lambda key: -self.book[key]["balance"])[:2]
        token = str(uuid.uuid4())
        for _ in range(2):
            self.move(payer, other, 1, token)
        for key, change in ((payer, -1), (other, 1)):
            self.book[key] = {**self.book[key], "balance": self.book[key]["balance"] + change}
        self.count_money()

    def move(self, payer: tuple, other: tuple, amount: int, token: str = "") -> None:
        """One transfer; it starts again while another one is at the same accounts."""
        values = {":amount": amount}
        entries = [
            {"Update": {"TableName": self.table.name, "Key": key_of(payer), "UpdateExpression": "SET balance = balance - :amount",
                        "ConditionExpression": "balance >= :amount", "ExpressionAttributeValues": values,
                        "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}},
            {"Update": {"TableName": self.table.name, "Key": key_of(other), "UpdateExpression": "SET balance = balance + :amount",
                        "ExpressionAttributeValues": values}},
            {"ConditionCheck": {"TableName": self.table.name, "Key": {"pk": f"{self.name}/closed", "sk": 0},
                                "ConditionExpression": "attribute_not_exists(pk)"}},
        ]
        self.settled(lambda: self.client.transact_write_items(TransactItems=entries, **({"ClientRequestToken": token} if token else {})))

    def count_money(self) -> None:
        """The balances at one moment."""
        entries = [{"Get": {"TableName": self.table.name, "Key": key_of(key)}} for key in self.accounts()]
        answer = self.settled(lambda: self.client.transact_get_items(TransactItems=entries))
        check("all money", sum(one.get("Item", {}).get("balance", 0) for one in answer["Responses"]), self.total)


def main() -> None:
    """Rounds until it is time."""
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("--table", required=True)
    words.add_argument("--shop", default="shop", help="what its keys begin with")
    words.add_argument("--seconds", type=float, default=float("inf"))
    words.add_argument("--pause", type=float, default=0.01, help="seconds between two operations")
    words.add_argument("--note", default="", help="a text that orders carry")
    words.add_argument("--book", help="a file for the book at the end: DynamoDB JSON, one item a line")
    given, stop = words.parse_args(), threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    shop, deadline = Shop(boto3.resource("dynamodb").Table(given.table), given.shop, given.note), time.monotonic() + given.seconds
    try:
        shop.open()
        shop.write_batch()
        while not stop.is_set() and time.monotonic() < deadline:
            shop.round(given.pause, stop)
        shop.take_stock()
    except (Wrong, KeyError, BotoCoreError, ClientError) as error:
        sys.exit(f"{given.shop} at {time.strftime('%H:%M:%S')}: {type(error).__name__}: {error}")
    if given.book:
        shop.dump(given.book)
    operations = dict(sorted(collections.Counter(shop.calls).items()))
    print(json.dumps({"shop": given.shop, "rounds": shop.rounds, "index_waits": shop.index_waits, "operations": operations}))


if __name__ == "__main__":
    main()
