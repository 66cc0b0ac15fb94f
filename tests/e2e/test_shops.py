"""The example programs themselves, on a table of nobody else's and on one that is tampered with."""

import pytest

from tests.e2e.moves import until
from tests.harness import items, service
from tests.harness.shops import BY_STATE, Shop
from tests.harness.world import World


@pytest.fixture(scope="module")
def world(aws):
    world = World(aws.endpoint, source_table="shelf", target_table="shelf-new")
    service.create(world, items.ORDERS, [], 0, (BY_STATE,))
    return world


def key(pk: str, sk: int) -> dict:
    return {"pk": {"S": pk}, "sk": {"N": str(sk)}}


TAMPERINGS = {
    "lost": lambda table, name: table("delete_item", Key=key(f"{name}/account", 0)),
    "changed": lambda table, name: table("update_item", Key=key(f"{name}/account", 1), UpdateExpression="ADD balance :one",
                                         ExpressionAttributeValues={":one": {"N": "1"}}),
    "too much": lambda table, name: table("put_item", Item=key(f"{name}/orders", 99)),
}


@pytest.mark.parametrize("program", ["python", "rust"])
def test_a_shop_is_content_with_an_honest_table_and_sees_every_tampering(world, program):
    dynamodb = world.client("dynamodb")

    def table(operation: str, **request):
        getattr(dynamodb, operation)(TableName=world.source_table, **request)

    def working(name: str) -> Shop:
        shop = Shop(program, name, world.endpoint, world)
        until(f"{name} works", lambda: shop.check() or shop.rounds(dynamodb, world.source_table))
        return shop

    with working(f"{program} honest") as shop:
        told, book = shop.end()
        assert told["operations"]["Query"] > 0
        stored = {items.ORDERS.id(item): item for item in service.scan(world, "source")}
        assert {items.ORDERS.id(item) for item in book} == {name for name, item in stored.items() if item["pk"]["S"].startswith(shop.name)}
    for what, tamper in TAMPERINGS.items():
        name = f"{program} {what}"
        with working(name) as shop:
            tamper(table, name)
            wrong = shop.wrong()
            assert "expected was" in wrong or "TransactionCanceled" in wrong, wrong
