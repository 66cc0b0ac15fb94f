"""Each fault arrives as it was ordered, at a backend that notes what reached it."""

import http.client
import http.server
import json
import threading
import time
import zlib

import boto3
import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, HTTPClientError, ResponseStreamingError

from tests.harness.faults import control
from tests.harness.faults.calls import Call
from tests.harness.faults.control import Faults
from tests.harness.faults.http1 import Message
from tests.harness.faults.kinds import KINDS
from tests.harness.faults.rules import Decider, Rule, repeat
from tests.harness.world import CALLS

KEY = {"pk": {"S": "k"}}
VALUE = "never-in-a-journal"


class Backend(http.server.ThreadingHTTPServer):
    """Answers DynamoDB, S3 and STS as if everything went well; `seen` is what reached it."""

    daemon_threads = True
    disable_nagle_algorithm = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.seen = []
        self.endpoint = f"http://127.0.0.1:{self.server_port}"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1

    def log_message(self, *_):
        pass

    def _serve(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        target = self.headers.get("X-Amz-Target", "").split(".")[-1]
        self.server.seen.append((target or f"{self.command} {self.path}", body))
        answer = b"<Ok/>"
        if target:
            asked = json.loads(body)
            answer = json.dumps({
                "BatchGetItem": lambda: {"Responses": {t: w["Keys"] for t, w in asked["RequestItems"].items()}, "UnprocessedKeys": {}},
                "BatchWriteItem": lambda: {"UnprocessedItems": {}},
                "BatchExecuteStatement": lambda: {"Responses": [{"TableName": "t"} for _ in asked["Statements"]]},
                "GetItem": lambda: {"Item": asked["Key"]},
            }.get(target, dict)()).encode()
        elif "AssumeRole" in body.decode("latin-1"):
            answer = b"<AssumeRoleResponse/>"
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.send_header("x-amz-crc32", str(zlib.crc32(answer)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer)
        self.wfile.flush()

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _serve


@pytest.fixture(scope="module")
def backend():
    server = Backend()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()


@pytest.fixture(scope="module")
def proxy(backend):
    with Faults(backend.endpoint) as faults:
        yield faults
    faults.journal.unlink()


@pytest.fixture
def faults(proxy, backend):
    """The proxy without rules, and with a client name of its own for each test, so that ordinals begin at 1."""
    proxy.calm()
    backend.seen.clear()
    return proxy


def client(faults, service, name="test"):
    return boto3.client(service, endpoint_url=faults.endpoint, region_name="eu-west-1", aws_access_key_id="111111111111",
                        aws_secret_access_key="local", config=CALLS.merge(boto3.session.Config(user_agent_appid=name)))


CALLS_OF = {
    "dynamodb:PutItem": lambda c: c.put_item(TableName="t", Item={**KEY, "v": {"S": VALUE}}),
    "dynamodb:GetItem": lambda c: c.get_item(TableName="t", Key=KEY),
    "dynamodb:TransactWriteItems": lambda c: c.transact_write_items(
        TransactItems=[{"Delete": {"TableName": "t", "Key": {"pk": {"S": str(n)}}}} for n in range(3)], ClientRequestToken="x"),
    "s3:PutObject": lambda c: c.put_object(Bucket="b", Key="k", Body=VALUE.encode()),
    "s3:GetObject": lambda c: c.get_object(Bucket="b", Key="k"),
    "s3:HeadObject": lambda c: c.head_object(Bucket="b", Key="k"),
    "s3:CopyObject": lambda c: c.copy_object(Bucket="b", Key="k", CopySource={"Bucket": "a", "Key": "k"}),
    "s3:CompleteMultipartUpload": lambda c: c.complete_multipart_upload(Bucket="b", Key="k", UploadId="u", MultipartUpload={"Parts": []}),
    "sts:AssumeRole": lambda c: c.assume_role(RoleArn="arn:aws:iam::111111111111:role/any", RoleSessionName="name"),
    "lambda:Invoke": lambda c: c.invoke(FunctionName="f", Payload=b"{}"),
}
# Kind, call, status, code; and whether the backend has done it all the same.
ERRORS = [
    ("throttled", "dynamodb:PutItem", 400, "ThrottlingException", False),
    ("over-capacity", "dynamodb:PutItem", 400, "ProvisionedThroughputExceededException", False),
    ("over-account-limit", "dynamodb:GetItem", 400, "RequestLimitExceeded", False),
    ("internal-error", "dynamodb:PutItem", 500, "InternalServerError", False),
    ("internal-error-done", "dynamodb:PutItem", 500, "InternalServerError", True),
    ("unavailable", "dynamodb:GetItem", 503, "ServiceUnavailable", False),
    ("expired", "dynamodb:PutItem", 400, "ExpiredTokenException", False),
    ("skewed", "dynamodb:GetItem", 400, "InvalidSignatureException", False),
    ("write-conflict", "dynamodb:PutItem", 400, "TransactionConflictException", False),
    ("transaction-conflict", "dynamodb:TransactWriteItems", 400, "TransactionCanceledException", False),
    ("transaction-in-progress", "dynamodb:TransactWriteItems", 400, "TransactionInProgressException", True),
    ("throttled", "s3:PutObject", 503, "SlowDown", False),
    # An answer to HEAD has no body, so no code.
    ("throttled", "s3:HeadObject", 503, "503", False),
    ("internal-error", "s3:GetObject", 500, "InternalError", False),
    ("internal-error-done", "s3:PutObject", 500, "InternalError", True),
    ("unavailable", "s3:PutObject", 503, "ServiceUnavailable", False),
    ("expired", "s3:GetObject", 400, "ExpiredToken", False),
    ("skewed", "s3:PutObject", 403, "RequestTimeTooSkewed", False),
    # SDKs make a 500 of it.
    ("error-in-200", "s3:CopyObject", 500, "InternalError", False),
    ("error-in-200", "s3:CompleteMultipartUpload", 500, "InternalError", False),
    ("throttled", "sts:AssumeRole", 400, "Throttling", False),
    ("internal-error", "sts:AssumeRole", 500, "InternalFailure", False),
    ("expired", "sts:AssumeRole", 403, "ExpiredToken", False),
    ("skewed", "sts:AssumeRole", 403, "SignatureDoesNotMatch", False),
    ("throttled", "lambda:Invoke", 429, "TooManyRequestsException", False),
]


@pytest.mark.parametrize("kind, call, status, code, done", ERRORS, ids=[f"{kind} {call}" for kind, call, *_ in ERRORS])
def test_an_sdk_reads_the_error_that_was_ordered(faults, backend, kind, call, status, code, done):
    faults.rules(1, [Rule(kind, rate=1, operations=(call,))])
    with pytest.raises(ClientError) as failed:
        CALLS_OF[call](client(faults, call.split(":")[0]))
    answer = failed.value.response
    assert (answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"]) == (status, code)
    assert {"x-amzn-requestid", "x-amz-request-id"} & set(answer["ResponseMetadata"]["HTTPHeaders"])
    assert len(backend.seen) == done


def test_every_kind_is_tried():
    tried = {kind for kind, *_ in ERRORS} | {"unprocessed", "slow", "cut-before", "cut-after", "truncated"}
    assert tried == set(KINDS)


def test_a_cancelled_transaction_has_a_reason_for_each_entry(faults):
    faults.rules(3, [Rule("transaction-conflict", rate=1)])
    with pytest.raises(ClientError) as failed:
        CALLS_OF["dynamodb:TransactWriteItems"](client(faults, "dynamodb"))
    codes = [reason["Code"] for reason in failed.value.response["CancellationReasons"]]
    assert sorted(codes) == ["None", "None", "TransactionConflict"]


def raw(endpoint: str, body: dict, operation: str) -> tuple:
    """Status, headers and body of a DynamoDB call as they come."""
    connection = http.client.HTTPConnection(endpoint.removeprefix("http://"), timeout=10)
    scope = "AWS4-HMAC-SHA256 Credential=111111111111/20260101/eu-west-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0"
    connection.request("POST", "/", json.dumps(body), {"X-Amz-Target": f"DynamoDB_20120810.{operation}", "Authorization": scope})
    answer = connection.getresponse()
    return answer.status, answer.headers, answer.read()


def test_errors_of_dynamodb_carry_their_checksum_and_type(faults):
    faults.rules(1, [Rule("throttled", rate=1)])
    status, headers, body = raw(faults.endpoint, {"TableName": "t", "Key": KEY}, "GetItem")
    assert status == 400 and headers["x-amz-crc32"] == str(zlib.crc32(body)) and headers["x-amzn-RequestId"]
    assert json.loads(body)["__type"].endswith("#ThrottlingException")


BATCHES = {
    "BatchWriteItem": ({"RequestItems": {t: [{"DeleteRequest": {"Key": {"pk": {"S": f"{t}{n}"}}}} for n in range(4)] for t in "ab"}}, "UnprocessedItems"),
    "BatchGetItem": ({"RequestItems": {t: {"Keys": [{"pk": {"S": f"{t}{n}"}} for n in range(4)], "ConsistentRead": True} for t in "ab"}}, "UnprocessedKeys"),
}


@pytest.mark.parametrize("operation", BATCHES)
@pytest.mark.parametrize("seed", range(5))
def test_a_part_of_a_batch_is_done_and_the_rest_reported(faults, backend, operation, seed):
    faults.rules(seed, [Rule("unprocessed", rate=1)])
    asked, name = BATCHES[operation]
    status, headers, body = raw(faults.endpoint, asked, operation)
    left, reached = json.loads(body)[name], json.loads(backend.seen[0][1])["RequestItems"]
    assert status == 200 and headers["x-amz-crc32"] == str(zlib.crc32(body))

    def entries(tables):
        return [entry for table in tables.values() for entry in (table["Keys"] if isinstance(table, dict) else table)]
    assert entries(reached) + entries(left) == entries(asked["RequestItems"])
    assert entries(reached) and entries(left)
    assert all(table["ConsistentRead"] for table in left.values() if isinstance(table, dict))


def test_statements_of_a_batch_fail_one_by_one(faults, backend):
    faults.rules(1, [Rule("unprocessed", rate=1)])
    asked = {"Statements": [{"Statement": "INSERT INTO \"t\" VALUE {'pk': ?}", "Parameters": [{"S": str(n)}]} for n in range(5)]}
    _, _, body = raw(faults.endpoint, asked, "BatchExecuteStatement")
    responses, done = json.loads(body)["Responses"], len(json.loads(backend.seen[0][1])["Statements"])
    assert len(responses) == 5 and 1 <= done < 5
    assert ["Error" in response for response in responses] == [n >= done for n in range(5)]


def test_a_batch_of_one_is_done_whole(faults, backend):
    faults.rules(1, [Rule("unprocessed", rate=1)])
    _, _, body = raw(faults.endpoint, {"RequestItems": {"a": {"Keys": [KEY]}}}, "BatchGetItem")
    assert json.loads(body)["UnprocessedKeys"] == {} and len(backend.seen) == 1


@pytest.mark.parametrize("kind, done", [("cut-before", 0), ("cut-after", 1), ("truncated", 1)])
@pytest.mark.parametrize("call", ["dynamodb:GetItem", "s3:GetObject"])
def test_connections_are_cut_before_and_after_it_is_done(faults, backend, kind, done, call):
    faults.rules(1, [Rule(kind, rate=1)])
    with pytest.raises((ConnectionClosedError, HTTPClientError, ResponseStreamingError)):
        answer = CALLS_OF[call](client(faults, call.split(":")[0]))
        answer["Body"].read()
    assert len(backend.seen) == done


def test_a_slow_answer_is_of_a_call_that_was_done_at_once(faults, backend):
    faults.rules(1, [Rule("slow", rate=1, seconds=0.4)])
    started = time.monotonic()
    calling = threading.Thread(target=lambda: CALLS_OF["dynamodb:PutItem"](client(faults, "dynamodb")))
    calling.start()
    while not backend.seen:
        assert time.monotonic() - started < 5
        time.sleep(0.005)
    assert calling.is_alive()
    calling.join()
    assert 0.4 <= time.monotonic() - started < 5


def test_after_calm_nothing_fails_and_nothing_is_under_way(faults, backend):
    faults.rules(1, [Rule("slow", rate=1, seconds=0.3), Rule("throttled", rate=1)])
    calling = threading.Thread(target=lambda: CALLS_OF["dynamodb:PutItem"](client(faults, "dynamodb")))
    calling.start()
    started = time.monotonic()
    while not backend.seen:
        assert time.monotonic() - started < 5
        time.sleep(0.005)
    assert calling.is_alive()
    faults.calm()
    after = len(faults.done())
    assert faults.done()[-1]["kind"] == "slow"
    calling.join(1)
    assert not calling.is_alive()
    for _ in range(50):
        CALLS_OF["dynamodb:GetItem"](client(faults, "dynamodb"))
    assert len(faults.done()) == after


def outcomes(faults, name: str, calls: int = 60) -> str:
    """What came of so many calls of one client, a letter each."""
    dynamodb, came = client(faults, "dynamodb", name), ""
    for number in range(calls):
        try:
            dynamodb.put_item(TableName="t", Item={"pk": {"S": str(number)}, "v": {"S": VALUE}})
            came += "."
        except ClientError as error:
            came += error.response["Error"]["Code"][0]
        except HTTPClientError:
            came += "x"
    return came


RULES = [Rule("internal-error-done", nth=(5, 9)), Rule("throttled", rate=0.2), Rule("write-conflict", rate=0.2), Rule("cut-after", rate=0.1)]


def test_the_same_seed_makes_the_same_faults_and_another_makes_others(backend):
    came = []
    for seed in (7, 7, 8):
        with Faults(backend.endpoint) as faults:
            faults.rules(seed, RULES)
            came.append(outcomes(faults, "seeded"))
        faults.journal.unlink()
    assert came[0] == came[1] != came[2]
    assert set(came[0]) == set(".TxI") and came[0].count(".") > 20


def split(faults) -> list:
    """How much was left of batches of one client, again and again."""
    dynamodb, keys = client(faults, "dynamodb", "splits"), [{"pk": {"S": str(n)}} for n in range(20)]
    answers = [dynamodb.batch_get_item(RequestItems={"t": {"Keys": keys}}) for _ in range(20)]
    return [len(answer["UnprocessedKeys"].get("t", {}).get("Keys", [])) for answer in answers]


def test_a_journal_of_several_seeds_is_done_again_to_the_entry(backend):
    with Faults(backend.endpoint) as faults:
        left = []
        for seed in (1, 2):
            faults.rules(seed, [Rule("unprocessed", rate=0.5)])
            left += split(faults)
    seed, rules = control.replay(faults.journal)
    faults.journal.unlink()
    with Faults(backend.endpoint) as again:
        again.rules(seed, rules)
        assert split(again) + split(again) == left
    again.journal.unlink()
    assert len(set(left)) > 5


def test_a_journal_can_be_done_again(backend):
    with Faults(backend.endpoint) as faults:
        faults.rules(9, RULES)
        came = outcomes(faults, "seeded")
    seed, rules = control.replay(faults.journal)
    assert VALUE not in faults.journal.read_text()
    faults.journal.unlink()
    assert seed == 9
    with Faults(backend.endpoint) as again:
        again.rules(seed, rules)
        assert outcomes(again, "seeded") == came
        figures = again.figures()
    again.journal.unlink()
    assert sum(figures["faults"].values()) == 60 - came.count(".") and figures["calls"] == {"dynamodb": 60} and figures["broken"] == 0


def decided(rule: Rule, calls: list, seed: int = 1) -> list:
    decider, request = Decider(seed, [rule]), Message("POST / HTTP/1.1", [])
    return [decider.decide(call, request).rule is not None for call in calls]


def test_who_has_an_endpoint_of_its_own_is_known_by_it(faults, backend):
    faults.rules(1, [Rule("throttled", rate=1, clients=("orders-writer",))])
    own, other = faults.endpoint_of("orders-writer"), faults.endpoint_of("orders-reader")
    assert own == faults.endpoint_of("orders-writer") != other != faults.endpoint
    for endpoint, status in ((own, 400), (other, 200), (faults.endpoint, 200)):
        assert raw(endpoint, {"TableName": "t", "Key": KEY}, "GetItem")[0] == status


def test_rules_choose_by_operation_place_client_and_ordinal():
    put = Call("writer", "dynamodb", "PutItem", ("orders",), ("k1",))
    get = Call("reader", "dynamodb", "GetItem", ("orders-new",), ("k2",))
    always = {"rate": 1}
    assert decided(Rule("throttled", operations=("dynamodb:Put*",), **always), [put, get]) == [True, False]
    assert decided(Rule("throttled", places=("orders",), **always), [put, get]) == [True, False]
    assert decided(Rule("throttled", clients=("read*",), **always), [put, get]) == [False, True]
    assert decided(Rule("throttled", nth=(2,)), [put, get, put, put, get]) == [False, False, True, False, True]
    assert decided(Rule("throttled", limit=1, **always), [put, get]) == [True, False]
    assert decided(Rule("write-conflict", **always), [put, get]) == [True, False]


def test_a_rule_by_key_meets_the_same_keys_whoever_asks_and_each_so_often():
    keys = [f"k{n}" for n in range(200)]
    rule = Rule("throttled", rate=0.3, by_key=True, limit=2)
    rounds = [decided(rule, [Call(client, "dynamodb", "GetItem", ("t",), (key,)) for key in keys]) for client in ("a", "b")]
    assert rounds[0] == rounds[1] and 30 < sum(rounds[0]) < 90
    often = decided(rule, [Call("a", "dynamodb", "GetItem", ("t",), (keys[rounds[0].index(True)],))] * 4)
    assert often == [True, True, False, False]


def test_the_rate_is_about_what_was_asked_for():
    calls = [Call("c", "dynamodb", "GetItem")] * 4000
    assert 280 < sum(decided(Rule("throttled", rate=0.1), calls)) < 520


def test_what_is_repeated_is_what_was_done():
    done = [{"rule": "throttled", "client": "c", "call": "dynamodb:GetItem", "ordinal": n, "how": n / 10} for n in (2, 5)]
    again, = repeat([Rule("throttled", rate=0.5)], done)
    assert again.hows == (0.2, 0.5)
    assert decided(again, [Call("c", "dynamodb", "GetItem")] * 6) == [False, True, False, False, True, False]


@pytest.mark.parametrize("wrong, named", [({"kind": "nonsense"}, "nonsense"), ({"kind": "throttled", "rate": 2}, "rate"),
                                          ({"kind": "slow", "seconds": 60}, "seconds")])
def test_a_wrong_rule_is_refused_by_name(wrong, named):
    with pytest.raises(ValueError, match=named):
        Rule(**wrong)


def test_what_goes_through_is_not_changed(faults, backend):
    s3, body = client(faults, "s3"), bytes(range(256)) * 5000
    s3.put_object(Bucket="b", Key="a key/ü+%.txt", Body=body)
    assert body in backend.seen[0][1] and backend.seen[0][0] == "PUT /b/a%20key/%C3%BC%2B%25.txt"
    answer = s3.get_object(Bucket="b", Key="k")
    assert answer["Body"].read() == b"<Ok/>"
    assert s3.head_object(Bucket="b", Key="k")["ContentLength"] == 5


def test_a_call_costs_about_a_millisecond_at_most(faults, backend):
    def each(endpoint, calls=300):
        connection = http.client.HTTPConnection(endpoint.removeprefix("http://"), timeout=10)
        connection.connect()
        took = []
        for _ in range(calls):
            started = time.perf_counter()
            connection.request("GET", "/b/k")
            connection.getresponse().read()
            took.append(time.perf_counter() - started)
        return sorted(took)[calls // 4]
    faults.rules(1, [Rule("throttled", rate=0.5, operations=("dynamodb:*",)), Rule("slow", rate=0.5, operations=("s3:Put*",))])
    # The quarter that was least disturbed by whatever else this machine does.
    cost = each(faults.endpoint) - each(backend.endpoint)
    assert cost < 0.001, f"{cost * 1000:.2f} ms"
    print(f"{cost * 1000:.2f} ms a call")
