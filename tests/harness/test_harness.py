"""The clients and the audit themselves, on functions that pass everything on and on ones that misbehave."""

import io
import sys
import time
import zipfile

import pytest

from tests.harness import audit, items, service
from tests.harness.traffic import Traffic
from tests.harness.world import World
from tests.local_aws.server import LocalAws

# Reader and writer as if nothing ever moved, on Lambda's runtime API like the product's own. `LOSE` forgets every
# tenth write after acknowledging it.
PASS_ON = """
import base64, boto3, json, os, random, urllib.request
dynamodb, api = boto3.client("dynamodb"), "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/invocation/"
names = {"GetItem": "get_item", "BatchGetItem": "batch_get_item", "PutItem": "put_item", "UpdateItem": "update_item", "DeleteItem": "delete_item",
         "TransactWriteItems": "transact_write_items", "TransactGetItems": "transact_get_items"}
def wire(value, form):
    if isinstance(value, dict):
        return {k: (form(v) if k == "B" else [form(x) for x in v] if k == "BS" else wire(v, form)) for k, v in value.items()}
    return [wire(v, form) for v in value] if isinstance(value, list) else value
def text(data):
    return base64.b64encode(data).decode()
def handle(event):
    operation, request = event["operation"], wire(event["input"], base64.b64decode)
    if operation == "DescribeMigration":
        return "response", {"serving": "source", "writable": True, "source": {"bucket": request["Bucket"]}, "lease_ms": 1000}
    if LOSE and operation in ("PutItem", "UpdateItem") and random.random() < 0.1:
        return "response", {"Attributes": {"amount": {"N": "1"}}}
    try:
        answer = getattr(dynamodb, names[operation])(**request)
        answer.pop("ResponseMetadata")
        return "response", wire(answer, text)
    except dynamodb.exceptions.ConditionalCheckFailedException as error:
        item = error.response.get("Item")
        message = json.dumps({"Item": wire(item, text)} if item else {})
        return "error", {"errorType": "ConditionalCheckFailedException", "errorMessage": message}
while True:
    with urllib.request.urlopen(api + "next") as event:
        kind, answer = handle(json.load(event))
        urllib.request.urlopen(api + event.headers["Lambda-Runtime-Aws-Request-Id"] + "/" + kind, json.dumps(answer).encode())
"""


@pytest.fixture(scope="module")
def world():
    with LocalAws() as aws:
        yield World(aws.endpoint)


@pytest.fixture(scope="module")
def existing(world):
    return service.create(world, items.ORDERS, items.generate(400), 60)


def functions(world, lose: bool) -> None:
    """Put the pass-on functions where the product's would be."""
    archive = io.BytesIO()
    bootstrap = zipfile.ZipInfo("bootstrap")
    bootstrap.external_attr = 0o755 << 16
    with zipfile.ZipFile(archive, "w") as bundle:
        bundle.writestr(bootstrap, f"#!{sys.executable}\nLOSE = {lose}\n{PASS_ON}")
    for name in ("reader", "writer"):
        client = world.client("lambda")
        if any(function["FunctionName"] == world.function(name) for function in client.list_functions()["Functions"]):
            client.update_function_code(FunctionName=world.function(name), ZipFile=archive.getvalue())
        else:
            client.create_function(
                FunctionName=world.function(name), Runtime="provided.al2023", Handler="bootstrap", Timeout=30,
                Role="arn:aws:iam::111111111111:role/any", Code={"ZipFile": archive.getvalue()})


def worked(traffic, operations: int) -> None:
    """Wait until the clients have done so many operations."""
    deadline = time.monotonic() + 120
    while traffic.done() < operations:
        assert time.monotonic() < deadline, f"only {traffic.done()} of {operations} operations"
        time.sleep(0.1)


def test_honest_functions_pass_and_every_tampering_is_found(world, existing):
    functions(world, lose=False)
    with Traffic(world, existing, transfer_clients=1) as traffic:
        worked(traffic, 1200)
    assert traffic.violations() == []
    assert not any(kind.open for kind in traffic.figures().values()), traffic.errors()
    assert set(traffic.figures()) == {
        "read", "batch read", "create", "replace", "update", "count", "shared count", "delete", "conditional",
        "object read", "object put", "object delete", "transfer", "snapshot"}
    assert audit.table(world, traffic, "source", swept=True) == []
    assert audit.bucket(world, traffic, "source") == []
    tamper(world, traffic)


def tamper(world, traffic) -> None:
    """Each kind of damage, one by one, with what the audit must say of it."""
    dynamodb, schema, book = world.client("dynamodb"), items.ORDERS, traffic.items[0].book
    table = world.source_table
    key = {"pk": {"S": "order#399"}, "sk": {"N": "399"}}

    def says(what):
        found = audit.table(world, traffic, "source", swept=True)
        assert len(found) == 1 and what in found[0], found

    stored = dynamodb.get_item(TableName=table, Key=key)["Item"]
    dynamodb.update_item(TableName=table, Key=key, UpdateExpression="SET _lm_own = :n", ExpressionAttributeValues={":n": {"N": "1"}})
    says("marks left: ['_lm_own']")
    assert audit.table(world, traffic, "source", swept=False) == []
    dynamodb.put_item(TableName=table, Item={**stored, "exact": {"N": "1.0000000000000000000000000000000000001"}})
    says("differs")
    dynamodb.delete_item(TableName=table, Key=key)
    says("lost")
    dynamodb.put_item(TableName=table, Item=stored)
    absent = next(client._keys[name] for client in traffic.items for name, value in client.book.values.items() if value is None)
    dynamodb.put_item(TableName=table, Item=absent)
    says("resurrected")
    dynamodb.delete_item(TableName=table, Key=absent)
    counter = traffic.counters[0]
    add = {"UpdateExpression": "ADD amount :n", "Key": counter, "TableName": table}
    dynamodb.update_item(**add, ExpressionAttributeValues={":n": {"N": "1"}})
    says("counter")
    dynamodb.update_item(**add, ExpressionAttributeValues={":n": {"N": "-1"}})
    add["Key"] = traffic.accounts[0]
    dynamodb.update_item(**add, ExpressionAttributeValues={":n": {"N": "1"}})
    says("account")
    dynamodb.update_item(**add, ExpressionAttributeValues={":n": {"N": "-1"}})
    assert audit.table(world, traffic, "source", swept=True) == []
    s3, bucket = world.client("s3"), world.source_bucket
    s3.put_object_tagging(Bucket=bucket, Key="question?mark=1", Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
    found = audit.bucket(world, traffic, "source")
    assert len(found) == 1 and "differs" in found[0], found
    assert book.values and schema


def test_lost_writes_are_seen_by_the_clients(world, existing):
    functions(world, lose=True)
    fresh = service.Service(existing.schema, {}, {}, existing.streams)
    with Traffic(world, fresh) as traffic:
        deadline = time.monotonic() + 60
        while not any("last acknowledged" in violation for violation in traffic.violations()):
            assert time.monotonic() < deadline, "no violation seen"
            time.sleep(0.1)
