"""The launcher and each correction, shown on a running server."""

import base64
import io
import json
import pathlib
import subprocess
import sys
import time
import zipfile

import boto3
import pytest

from tests.local_aws.corrections.partiql import actions_of
from tests.local_aws.corrections.mappings import typed
from tests.local_aws.corrections.stream_reads import stream_of
from tests.local_aws.corrections.streams import first_failed
from tests.local_aws.server import ROOT, LocalAws

# Reports the first record as failed the first time it is seen, and writes down every key it is given.
FAILS_ONCE = """
import boto3, os
seen = []
def handler(event, context):
    keys = [r["dynamodb"]["Keys"]["pk"]["S"] for r in event["Records"]]
    failures = []
    for record, key in zip(event["Records"], keys):
        if key.startswith("bad") and key not in seen:
            failures.append({"itemIdentifier": record["dynamodb"]["SequenceNumber"]})
        seen.append(key)
    boto3.client("sqs").send_message(QueueUrl=os.environ["QUEUE"], MessageBody=",".join(keys))
    return {"batchItemFailures": failures}
"""
SLEEPS = """
import time
def handler(event, context):
    time.sleep(20)
"""


@pytest.fixture(scope="module")
def aws():
    with LocalAws() as server:
        yield server


def client(aws, service):
    return boto3.client(service, endpoint_url=aws.endpoint, region_name="us-east-1",
                        aws_access_key_id="111111111111", aws_secret_access_key="local")


def table_with_stream(aws, name):
    return client(aws, "dynamodb").create_table(
        TableName=name, BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )["TableDescription"]["LatestStreamArn"]


def function(aws, name, source, stream, variables=None):
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as bundle:
        bundle.writestr("index.py", source)
    functions = client(aws, "lambda")
    functions.create_function(
        FunctionName=name, Runtime="python3.12", Handler="index.handler", Timeout=30,
        Role="arn:aws:iam::111111111111:role/any", Code={"ZipFile": archive.getvalue()},
        Environment={"Variables": variables or {}},
    )
    functions.create_event_source_mapping(
        FunctionName=name, EventSourceArn=stream, StartingPosition="TRIM_HORIZON", BatchSize=10,
        FunctionResponseTypes=["ReportBatchItemFailures"],
    )


def batches(aws, queue, until, seconds=30):
    """The batches that the function told of, until one of them holds the key `until`."""
    sqs, found, deadline = client(aws, "sqs"), [], time.monotonic() + seconds
    while time.monotonic() < deadline:
        for message in sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=1).get("Messages", []):
            found.append(message["Body"].split(","))
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
        if any(until in batch for batch in found):
            return found
    raise AssertionError(f"{until} did not arrive: {found}")


def passed(functions, mapping, seconds=30):
    """Wait until a mapping has noted that its last batch is done."""
    deadline = time.monotonic() + seconds
    while (result := functions.get_event_source_mapping(UUID=mapping)["LastProcessingResult"]) != "OK":
        assert time.monotonic() < deadline, result
        time.sleep(0.05)


def test_a_stream_batch_starts_again_at_the_first_reported_record(aws):
    stream = table_with_stream(aws, "partial")
    items = client(aws, "dynamodb")
    for key in ("good-1", "bad-2", "good-3"):
        items.put_item(TableName="partial", Item={"pk": {"S": key}})
    queue = client(aws, "sqs").create_queue(QueueName="told")["QueueUrl"]
    function(aws, "partial", FAILS_ONCE, stream, {"QUEUE": queue})
    first = batches(aws, queue, until="good-3")
    assert ["good-1", "bad-2", "good-3"] in first
    # The queue is not ordered: the end of the second delivery marks that both are there.
    items.put_item(TableName="partial", Item={"pk": {"S": "last"}})
    told = first + batches(aws, queue, until="last")
    assert ["bad-2", "good-3"] in told or ["bad-2", "good-3", "last"] in told


def test_a_read_of_a_stream_is_allowed_by_that_stream():
    iterator = base64.urlsafe_b64encode(json.dumps({"t": "orders", "p": 0, "arn": "arn:2"}).encode()).decode()
    assert stream_of(b'{"StreamArn": "arn:1", "ShardId": "s"}') == "arn:1"
    assert stream_of(json.dumps({"ShardIterator": iterator}).encode()) == "arn:2"
    assert stream_of(b"{}") is None


def test_figures_of_a_mapping_are_numbers_however_it_was_made():
    given = {"UUID": "u", "BatchSize": "100", "BisectBatchOnFunctionError": "true", "MaximumRecordAgeInSeconds": "-1",
             "ScalingConfig": {"MaximumConcurrency": "20"}, "State": "Enabled"}
    expected = {"UUID": "u", "BatchSize": 100, "BisectBatchOnFunctionError": True, "MaximumRecordAgeInSeconds": -1,
                "ScalingConfig": {"MaximumConcurrency": 20}, "State": "Enabled"}
    assert typed(given) == typed(expected) == expected


def test_a_slow_function_does_not_hold_up_another_mapping(aws):
    slow, quick = table_with_stream(aws, "slow"), table_with_stream(aws, "quick")
    function(aws, "slow", SLEEPS, slow)
    queue = client(aws, "sqs").create_queue(QueueName="quick")["QueueUrl"]
    function(aws, "quick", FAILS_ONCE, quick, {"QUEUE": queue})
    client(aws, "dynamodb").put_item(TableName="slow", Item={"pk": {"S": "x"}})
    client(aws, "dynamodb").put_item(TableName="quick", Item={"pk": {"S": "y"}})
    assert batches(aws, queue, until="y", seconds=15)


@pytest.mark.parametrize("response, done", [
    (None, 3), ({}, 3), ({"batchItemFailures": []}, 3), ("not json", 0),
    ({"batchItemFailures": [{"itemIdentifier": "3"}, {"itemIdentifier": "2"}]}, 1),
    (json.dumps({"batchItemFailures": [{"itemIdentifier": "3"}]}), 2),
    ({"batchItemFailures": [{"itemIdentifier": "unknown"}]}, 0),
    ({"batchItemFailures": [{"itemIdentifier": ""}]}, 0),
])
def test_what_a_partial_batch_response_says_is_done(response, done):
    records = [{"dynamodb": {"SequenceNumber": str(n)}} for n in (1, 2, 3)]
    assert first_failed(response, records) == done


@pytest.mark.parametrize("statement, action", [
    ("INSERT INTO \"orders-new\" VALUE {'pk': ?}", ("Insert", "orders-new")),
    ("update orders SET a = ? WHERE pk = ?", ("Update", "orders")),
    ("DELETE FROM \"orders\" WHERE pk = ?", ("Delete", "orders")),
    ("SELECT a, b FROM \"orders\".\"index\"", ("Select", "orders")),
    ("EXPLAIN orders", ("Unknown", "unknown")),
])
def test_the_action_that_a_statement_is_allowed_by(statement, action):
    assert actions_of(json.dumps({"Statements": [{"Statement": statement}]}).encode()) == [action]
    assert actions_of(json.dumps({"Statement": statement}).encode()) == [action]


def test_a_role_that_may_insert_by_partiql_may_do_just_that():
    with LocalAws(enforce_policies=True) as strict:
        iam, statement = client(strict, "iam"), "INSERT INTO \"allowed\" VALUE {'pk': ?}"
        table_with_stream(strict, "allowed")
        came = {}
        for action in ("PartiQLInsert", "PartiQLSelect"):
            trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": "111111111111"}, "Action": "sts:AssumeRole"}]}
            policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": f"dynamodb:{action}", "Resource": "*"}]}
            role = iam.create_role(RoleName=action, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
            iam.put_role_policy(RoleName=action, PolicyName="p", PolicyDocument=json.dumps(policy))
            given = client(strict, "sts").assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
            dynamodb = boto3.client("dynamodb", endpoint_url=strict.endpoint, region_name="us-east-1", aws_access_key_id=given["AccessKeyId"],
                                    aws_secret_access_key=given["SecretAccessKey"], aws_session_token=given["SessionToken"])
            try:
                dynamodb.batch_execute_statement(Statements=[{"Statement": statement, "Parameters": [{"S": action}]}])
                came[action] = "done"
            except dynamodb.exceptions.ClientError as error:
                came[action] = error.response["Error"]["Code"]
        assert came == {"PartiQLInsert": "done", "PartiQLSelect": "AccessDeniedException"}


def tags(s3, key, bucket="tagged"):
    return {tag["Key"]: tag["Value"] for tag in s3.get_object_tagging(Bucket=bucket, Key=key)["TagSet"]}


def test_tags_go_with_the_object_that_they_were_put_with(aws):
    s3 = client(aws, "s3")
    s3.create_bucket(Bucket="tagged")
    s3.put_object(Bucket="tagged", Key="k", Body=b"1", Tagging="a=b+c&d=")
    assert tags(s3, "k") == {"a": "b c", "d": ""}
    s3.put_object(Bucket="tagged", Key="k", Body=b"2")
    assert tags(s3, "k") == {}


def test_tags_of_an_upload_in_parts_are_those_of_its_object(aws):
    s3 = client(aws, "s3")
    s3.create_bucket(Bucket="tagged")
    for tagging, expected in (("x=1", {"x": "1"}), (None, {})):
        upload = s3.create_multipart_upload(Bucket="tagged", Key="p", **({"Tagging": tagging} if tagging else {}))["UploadId"]
        part = s3.upload_part(Bucket="tagged", Key="p", UploadId=upload, PartNumber=1, Body=b"x")
        s3.complete_multipart_upload(Bucket="tagged", Key="p", UploadId=upload,
                                     MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]})
        assert tags(s3, "p") == expected


def test_accounts_and_regions_are_apart(aws):
    def buckets(account):
        return [b["Name"] for b in boto3.client(
            "s3", endpoint_url=aws.endpoint, region_name="eu-west-1",
            aws_access_key_id=account, aws_secret_access_key="local").list_buckets()["Buckets"]]
    client(aws, "s3").create_bucket(Bucket="mine")
    assert "mine" in buckets("111111111111") and "mine" not in buckets("222222222222")


def test_a_restart_keeps_tables_objects_and_records_not_delivered_yet():
    with LocalAws(persistent=True) as server:
        stream, functions = table_with_stream(server, "kept"), client(server, "lambda")
        queue = client(server, "sqs").create_queue(QueueName="kept")["QueueUrl"]
        function(server, "kept", FAILS_ONCE, stream, {"QUEUE": queue})
        s3 = client(server, "s3")
        s3.create_bucket(Bucket="kept")
        s3.put_object(Bucket="kept", Key="k", Body=b"1", Tagging="a=b", Metadata={"m": "1"}, ContentType="text/plain")
        s3.put_object(Bucket="kept", Key="without", Body=b"1", Tagging="a=b")
        s3.put_object(Bucket="kept", Key="without", Body=b"2")

        def put(*keys):
            for key in keys:
                client(server, "dynamodb").put_item(TableName="kept", Item={"pk": {"S": key}})

        put("before")
        batches(server, queue, "before")
        mapping = functions.list_event_source_mappings(FunctionName="kept")["EventSourceMappings"][0]["UUID"]
        # The function tells of its batch before it answers: until the answer is noted, the batch would come again.
        passed(functions, mapping)
        functions.update_event_source_mapping(UUID=mapping, Enabled=False)
        put("waiting")
        server.restart()
        put("after")
        functions.update_event_source_mapping(UUID=mapping, Enabled=True)
        seen = [key for batch in batches(server, queue, "after") for key in batch]
        assert seen == ["waiting", "after"]
        assert {item["pk"]["S"] for item in client(server, "dynamodb").scan(TableName="kept")["Items"]} == {"before", "waiting", "after"}
        answer = s3.get_object(Bucket="kept", Key="k")
        assert (answer["Body"].read(), answer["Metadata"], answer["ContentType"]) == (b"1", {"m": "1"}, "text/plain")
        assert (tags(s3, "k", "kept"), tags(s3, "without", "kept")) == ({"a": "b"}, {})


def test_run_gives_the_endpoint_and_hands_on_the_exit_code():
    code = "import os, sys, urllib.request as u; u.urlopen(os.environ['LIVEMOVE_TEST_ENDPOINT'] + '/_ministack/health'); sys.exit(7)"
    done = subprocess.run([sys.executable, "-m", "tests.local_aws.run", "--", sys.executable, "-c", code], cwd=ROOT, capture_output=True)
    assert done.returncode == 7, done.stderr


def test_the_server_ends_with_the_process_that_started_it():
    code = ("import os\nfrom tests.local_aws.server import LocalAws\naws = LocalAws().start()\n"
            "print(aws.process.pid, aws.home, flush=True)\nos._exit(0)")
    pid, home = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if subprocess.run(["kill", "-0", pid], capture_output=True).returncode:
            assert not pathlib.Path(home).exists()
            return
        time.sleep(0.1)
    raise AssertionError(f"the server {pid} outlived its parent")
