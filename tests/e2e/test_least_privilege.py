"""With identity policies enforced: every role is enough for its function, and the verifier's cannot write."""

import io
import json
import sys
import zipfile

import pytest

from tests.e2e.moves import assert_at, assert_identical, operations, run
from tests.harness import steps
from tests.harness.deploy import EXTERNAL_ID
from tests.harness.traffic import Traffic

# Runs under a role of the product and tells what came of each attempt: "done" or the error's code.
PROBE = """
import boto3, json, os, urllib.request
api = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/invocation/"
def attempt(call):
    try:
        call()
        return "done"
    except Exception as error:
        return getattr(error, "response", {}).get("Error", {}).get("Code") or repr(error)
def peer(event, name, service, region):
    role = "arn:aws:iam::%s:role/%s" % (event["peer"], name)
    c = boto3.client("sts").assume_role(RoleArn=role, RoleSessionName="probe", ExternalId=event["external"])["Credentials"]
    return boto3.client(service, region_name=region, aws_access_key_id=c["AccessKeyId"], aws_secret_access_key=c["SecretAccessKey"], aws_session_token=c["SessionToken"])
def probe(event):
    item, key, home = event["item"], event["key"], event["home"]
    here, there = event["tables"]
    near, far = event["buckets"]
    own, files = boto3.client("dynamodb", region_name=home), boto3.client("s3", region_name=home)
    read = lambda service: peer(event, event["role"] + "-read", service, event["away"])
    return {
        "read here": attempt(lambda: own.get_item(TableName=here, Key=key)),
        "put here": attempt(lambda: own.put_item(TableName=here, Item=item)),
        "update here": attempt(lambda: own.update_item(TableName=here, Key=key, UpdateExpression="SET a = :a", ExpressionAttributeValues={":a": {"S": "x"}})),
        "delete here": attempt(lambda: own.delete_item(TableName=here, Key=key)),
        "put object here": attempt(lambda: files.put_object(Bucket=near, Key="probe", Body=b"")),
        "delete object here": attempt(lambda: files.delete_object(Bucket=near, Key="probe")),
        "become the writing peer": attempt(lambda: peer(event, event["role"], "dynamodb", event["away"])),
        "read there": attempt(lambda: read("dynamodb").get_item(TableName=there, Key=key)),
        "put there": attempt(lambda: read("dynamodb").put_item(TableName=there, Item=item)),
        "delete there": attempt(lambda: read("dynamodb").delete_item(TableName=there, Key=key)),
        "put object there": attempt(lambda: read("s3").put_object(Bucket=far, Key="probe", Body=b"")),
    }
while True:
    with urllib.request.urlopen(api + "next") as event:
        answer = probe(json.load(event))
        urllib.request.urlopen(api + event.headers["Lambda-Runtime-Aws-Request-Id"] + "/response", json.dumps(answer).encode())
"""


@pytest.fixture(scope="module")
def moving(strict_aws, existing):
    return existing(strict_aws.endpoint, "strict", count=400, objects=40)


def test_the_verifier_cannot_write(moving):
    world, made = moving
    came = probe(world, made, "verifier")
    reads = {name: code for name, code in came.items() if name.startswith("read")}
    assert set(reads.values()) == {"done"}, came
    writes = {name: code for name, code in came.items() if name not in reads}
    assert set(writes.values()) <= {"AccessDenied", "AccessDeniedException"}, came


def test_the_same_attempts_succeed_under_a_role_that_may_write(moving):
    world, made = moving
    came = probe(world, made, "backfill")
    written = ("put here", "update here", "delete here", "put object here", "delete object here", "become the writing peer")
    assert {came[name] for name in written} == {"done"}, came


def probe(world, made, function: str) -> dict:
    """What comes of the attempts under the role of that function."""
    functions = world.client("lambda")
    role = functions.get_function_configuration(FunctionName=world.function(function))["Role"]
    archive = io.BytesIO()
    bootstrap = zipfile.ZipInfo("bootstrap")
    bootstrap.external_attr = 0o755 << 16
    with zipfile.ZipFile(archive, "w") as bundle:
        bundle.writestr(bootstrap, f"#!{sys.executable}\n{PROBE}")
    functions.create_function(FunctionName=f"probe-{function}", Runtime="provided.al2023", Handler="bootstrap", Timeout=60,
                              Role=role, Code={"ZipFile": archive.getvalue()})
    key = made.schema.make("probe")
    event = {
        "tables": [world.source_table, world.target_table], "buckets": [world.source_bucket, world.target_bucket],
        "home": world.source.region, "away": world.target.region, "peer": world.target.account,
        "role": f"livemove-{world.migration}-peer", "external": EXTERNAL_ID, "key": key, "item": key,
    }
    answer = functions.invoke(FunctionName=f"probe-{function}", Payload=json.dumps(event).encode())
    body = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, body
    return body


def test_every_role_is_enough_there_and_back_and_to_the_end(moving):
    world, made = moving
    plan = steps.plan(world)
    steps.control(world, "preflight", plan=plan)
    with Traffic(world, made, item_clients=3, object_clients=1) as traffic:
        operations(traffic, 30)
        run(world, "migrate", plan)
        run(world, "rollback")
        run(world, "migrate", plan)
        run(world, "complete")
        assert_at(world, 3, "final")
        operations(traffic, 30)
    assert_identical(world, traffic, "target", swept=True)
