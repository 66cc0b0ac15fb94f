"""The existing service: a table with its stream and a bucket with its events on each side, one of them full."""

import dataclasses
import time
from concurrent.futures import ThreadPoolExecutor

from tests.harness import items as item_data
from tests.harness import objects as object_data
from tests.harness import wire
from tests.harness.world import World

BATCH = 25


@dataclasses.dataclass
class Service:
    """What the service holds before anything moves, as its own backend answers it."""

    schema: item_data.Schema
    items: dict
    objects: dict
    streams: dict


def create(world: World, schema, items: list, objects: int, indexes: tuple = ()) -> Service:
    """Create tables and buckets on both sides and fill the source; `objects` 0 means no buckets at all.

    `indexes`: a name and a Schema for each global index, on both tables alike.
    """
    streams = {side: _table(world, side, schema, dict(indexes)) for side in ("source", "target")}
    _load(world, items)
    if objects:
        for side in ("source", "target"):
            _bucket(world, side)
        object_data.generate(world.client("s3"), world.source_bucket, objects)
    return Service(
        schema=schema,
        items={schema.id(item): item for item in scan(world, "source")},
        objects=object_data.snapshot(world.client("s3"), world.source_bucket) if objects else {},
        streams=streams,
    )


def scan(world: World, side: str) -> list:
    """Every stored item of that side's table in the wire's form, marks and all."""
    pages = world.client("dynamodb", side).get_paginator("scan").paginate(TableName=world.table(side), ConsistentRead=True)
    return [wire.item_from_boto(item) for page in pages for item in page["Items"]]


def _table(world: World, side: str, schema, indexes: dict) -> str:
    dynamodb = world.client("dynamodb", side)
    attributes = dict(attribute for keys in (schema, *indexes.values()) for attribute in keys.attributes)
    beside = [{"IndexName": name, "KeySchema": _keys(index), "Projection": {"ProjectionType": "ALL"}} for name, index in indexes.items()]
    table = dynamodb.create_table(
        TableName=world.table(side),
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": kind} for name, kind in attributes.items()],
        KeySchema=_keys(schema),
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        **({"GlobalSecondaryIndexes": beside} if beside else {}),
    )["TableDescription"]
    dynamodb.get_waiter("table_exists").wait(TableName=world.table(side), WaiterConfig={"Delay": 1, "MaxAttempts": 30})
    return table["LatestStreamArn"]


def _keys(schema) -> list:
    return [{"AttributeName": name, "KeyType": kind} for (name, _), kind in zip(schema.attributes, ("HASH", "RANGE"))]


def _load(world: World, items: list) -> None:
    dynamodb, table = world.client("dynamodb"), world.source_table

    def write(batch):
        left = {table: [{"PutRequest": {"Item": wire.item_to_boto(item)}} for item in batch]}
        while left:
            left = dynamodb.batch_write_item(RequestItems=left).get("UnprocessedItems")
            if left:
                time.sleep(0.05)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, [items[at:at + BATCH] for at in range(0, len(items), BATCH)]))


def _bucket(world: World, side: str) -> None:
    s3, region = world.client("s3", side), world.site(side).region
    place = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    s3.create_bucket(Bucket=world.bucket(side), **place)
    s3.put_bucket_notification_configuration(
        Bucket=world.bucket(side), NotificationConfiguration={"EventBridgeConfiguration": {}})
