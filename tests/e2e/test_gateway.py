"""Applications with unmodified SDKs, which know nothing but an endpoint, while their table moves, goes back and moves again."""

import collections
import contextlib

import pytest
from botocore.exceptions import ClientError

from tests.e2e.moves import assert_at, hold, run, until
from tests.harness import items, service, steps, wire
from tests.harness.gateway import Gateway
from tests.harness.shops import BY_STATE, Shop

SECRET = "never-to-be-found-in-a-log"
ROUNDS = 2
KEYS = {"GATEWAY_ACCESS_KEY_ID": "SHOPKEY1", "GATEWAY_SECRET_ACCESS_KEY": "made-up-for-this-gateway"}


@pytest.fixture(scope="module")
def moving(aws, existing):
    return existing(aws.endpoint, "shops", count=300, objects=0, indexes=(BY_STATE,))


def test_unmodified_sdks_work_through_a_gateway_there_and_back_and_to_the_end(moving):
    world, made = moving
    plan = steps.plan(world, buckets=[])
    steps.control(world, "preflight", plan=plan)
    with contextlib.ExitStack() as at_the_end:
        # One gateway beside each application, and a third one: what one writes, the others must see.
        gateways = [at_the_end.enter_context(Gateway(world)) for _ in range(3)]
        shops = [at_the_end.enter_context(Shop(name, name, gateway.endpoint, world, SECRET))
                 for name, gateway in zip(("python", "rust"), gateways)]
        clerk = Clerk(gateways[2].client(), world, shops)
        clerk.works_in(1, "old")
        for phase in ("copy", "guarded", "handoff"):
            hold(world, "migrate", plan, phase)
            clerk.works_in(1, phase)
        run(world, "migrate", plan)
        clerk.works_in(1, "new")
        hold(world, "rollback", {"migration": world.migration}, "handoff")
        clerk.works_in(2, "handoff")
        run(world, "rollback")
        clerk.works_in(2, "new")
        run(world, "migrate", plan)
        run(world, "complete")
        clerk.works_in(3, "final")
        told, books = zip(*[shop.end() for shop in shops])
        counted, logs = [gateway.counted() for gateway in gateways], [gateway.log() for gateway in gateways]
        assert [gateway.stop() for gateway in gateways] == [0, 0, 0]
    assert_table_is(world, [*made.items.values(), *(item for book in books for item in book)])
    for shop, beside in zip(told, counted):
        # None had to be sent again, and each is counted.
        assert shop["operations"] == {operation: sum(outcomes.values()) for operation, outcomes in beside.items()}
        assert not any(outcomes["failed"] or outcomes["denied"] or outcomes["throttled"] for outcomes in beside.values()), beside
    # Neither values, nor conditions that did not hold: there are many of each.
    assert not [line for log in logs for line in log.splitlines() if SECRET in line or '"ERROR"' in line or "ConditionalCheck" in line], logs
    # The indexes of the local AWS are never behind, so none may be behind that is read from two of them.
    assert told[0]["index_waits"] == 0


class Clerk:
    """Watches the shops at work, and uses another table, through a gateway of its own."""

    def __init__(self, dynamodb, world, shops: list):
        self._dynamodb, self._world, self._shops, self._seen = dynamodb, world, shops, collections.Counter()

    def works_in(self, run_number: int, phase: str) -> None:
        """All shops do some more rounds in that phase, and other tables are what they always were."""
        assert_at(self._world, run_number, phase)
        goal = {shop.name: self._rounds(shop) + ROUNDS for shop in self._shops}
        self._use_another_table()
        for shop in self._shops:
            until(f"{ROUNDS} rounds of {shop.name} in {phase}", lambda shop=shop: self._rounds(shop) >= goal[shop.name], seconds=60)
        assert_at(self._world, run_number, phase)

    def _rounds(self, shop: Shop) -> int:
        shop.check()
        # By its ARN the table is the same.
        source = self._world.source
        rounds = shop.rounds(self._dynamodb, f"arn:aws:dynamodb:{source.region}:{source.account}:table/{self._world.source_table}")
        assert rounds >= self._seen[shop.name], f"a read of {shop.name} went back: {rounds} after {self._seen[shop.name]}"
        self._seen[shop.name] = rounds
        return rounds

    def _use_another_table(self) -> None:
        name, item, moving = "prices", {"pk": {"S": "tea"}, "price": {"N": "3"}}, self._world.source_table
        self._dynamodb.create_table(TableName=name, BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
                                    AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}])
        self._dynamodb.put_item(TableName=name, Item=item)
        asked = {"TableName": name, "KeyConditionExpression": "pk = :pk", "ExpressionAttributeValues": {":pk": {"S": "tea"}}}
        assert self._dynamodb.query(**asked)["Items"] == [item]
        assert self._world.client("dynamodb").get_item(TableName=name, Key={"pk": {"S": "tea"}})["Item"] == item
        nobody = {"pk": {"S": "nobody"}, "sk": {"N": "0"}}
        both = self._dynamodb.batch_get_item(RequestItems={name: {"Keys": [{"pk": {"S": "tea"}}]}, moving: {"Keys": [nobody]}})
        assert both["Responses"] == {name: [item], moving: []}
        self._dynamodb.delete_item(TableName=name, Key={"pk": {"S": "tea"}})
        assert self._dynamodb.scan(TableName=name)["Items"] == []
        self._dynamodb.delete_table(TableName=name)


def assert_table_is(world, expected: list) -> None:
    """The target holds these items and nothing else, and no item carries a mark."""
    stored = service.scan(world, "target")
    assert [wire.marks(item) for item in stored if wire.marks(item)] == []
    stored, expected = ({items.ORDERS.id(item): wire.canonical_item(item) for item in some} for some in (stored, expected))
    assert {name: (stored.get(name), expected.get(name)) for name in stored.keys() | expected.keys()
            if stored.get(name) != expected.get(name)} == {}


def test_a_gateway_with_keys_serves_those_who_sign_with_them_and_nobody_else(moving):
    world, made = moving
    item = next(iter(made.items.values()))
    request = {"TableName": world.source_table, "Key": wire.item_to_boto(items.ORDERS.key_of(item)), "ConsistentRead": True}
    with Gateway(world, **KEYS) as gateway:
        right = gateway.client(aws_access_key_id=KEYS["GATEWAY_ACCESS_KEY_ID"], aws_secret_access_key=KEYS["GATEWAY_SECRET_ACCESS_KEY"])
        found = right.get_item(**request)["Item"]
        assert wire.canonical_item(wire.item_from_boto(found)) == wire.canonical_item(item)
        assert world.source_table in right.list_tables()["TableNames"]
        for key_id, secret, code in [
            (KEYS["GATEWAY_ACCESS_KEY_ID"], "another-secret-than-that", "InvalidSignatureException"),
            ("OTHERKEY", KEYS["GATEWAY_SECRET_ACCESS_KEY"], "UnrecognizedClientException"),
        ]:
            wrong = gateway.client(aws_access_key_id=key_id, aws_secret_access_key=secret)
            for call in (lambda: wrong.get_item(**request), wrong.list_tables):
                with pytest.raises(ClientError) as refused:
                    call()
                assert refused.value.response["Error"]["Code"] == code
        assert gateway.counted()["GetItem"]["denied"] == 2
        assert gateway.stop() == 0
