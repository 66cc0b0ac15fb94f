"""The faults there are: which calls each can happen to, and what then happens.

A fault says what becomes of the request (not forwarded, forwarded, a part forwarded) and of the answer. None makes a
request arrive late: the product counts on a call being over when its time is, and so does whoever reads its promises.
`Slow` holds back the answer, within `SLOW_MAX_S`.
"""

import asyncio
import dataclasses
import json

from tests.harness.faults import answers, partial
from tests.harness.faults.calls import Call
from tests.harness.faults.http1 import Message

SLOW_MAX_S = 5.0
WRITES = ("PutItem", "UpdateItem", "DeleteItem")
TRANSACTIONS = ("TransactWriteItems", "TransactGetItems")
BATCHES = ("BatchWriteItem", "BatchGetItem", "BatchExecuteStatement")
IN_A_200 = ("CopyObject", "CompleteMultipartUpload", "UploadPartCopy")


class Cut(Exception):
    """The connection to the client ends here; `data` still goes out."""

    def __init__(self, data: bytes = b""):
        super().__init__("cut")
        self.data = data


@dataclasses.dataclass(frozen=True)
class Occasion:
    """One call that a fault happens to. `forward` sends a request to the backend; `chance` is a number below 1 of this
    call alone, for whatever the fault has to choose; `request_id` is made of it, too."""

    call: Call
    request: Message
    forward: object
    chance: float
    seconds: float
    request_id: str

    def fail(self, status: int, code: str, message: str, **more) -> Message:
        """An error in the protocol of the service."""
        if self.call.service == "dynamodb":
            return answers.dynamodb(self.request_id, status, code, message, **more)
        if self.call.service == "s3":
            return answers.s3(self.request_id, status, code, message, self.request.target.split("?")[0], self.request.method == "HEAD")
        if self.call.service == "lambda":
            return answers.lambda_(self.request_id, status, code, message)
        return answers.sts(self.request_id, status, code, message)


async def throttled(at: Occasion) -> Message:
    """Too many requests, in the words of each service; nothing is done."""
    if at.call.service == "s3":
        return at.fail(503, "SlowDown", "Please reduce your request rate.")
    if at.call.service == "lambda":
        return at.fail(429, "TooManyRequestsException", "Rate Exceeded.")
    if at.call.service == "sts":
        return at.fail(400, "Throttling", "Rate exceeded")
    return at.fail(400, "ThrottlingException", "Rate of requests exceeds the allowed throughput.", space=answers.COMMON)


async def over_capacity(at: Occasion) -> Message:
    """The provisioned throughput of a table, an index or a partition is used up; nothing is done."""
    return at.fail(400, "ProvisionedThroughputExceededException", "The level of configured provisioned throughput was exceeded.")


async def over_account_limit(at: Occasion) -> Message:
    """The account's quota of the Region is used up; nothing is done."""
    return at.fail(400, "RequestLimitExceeded", "Throughput exceeds the current throughput limit for your account.")


async def internal_error(at: Occasion) -> Message:
    """A 500, and nothing is done, which nobody can know."""
    code = {"s3": "InternalError", "sts": "InternalFailure", "lambda": "ServiceException"}.get(at.call.service, "InternalServerError")
    return at.fail(500, code, "An internal error occurred.")


async def internal_error_done(at: Occasion) -> Message:
    """A 500 although it is done."""
    await at.forward(at.request)
    return await internal_error(at)


async def unavailable(at: Occasion) -> Message:
    """A 503; nothing is done."""
    more = {"space": answers.COMMON} if at.call.service == "dynamodb" else {}
    return at.fail(503, "ServiceUnavailable", "The service is temporarily unavailable.", **more)


async def expired(at: Occasion) -> Message:
    """The credentials have expired; nothing is done."""
    if at.call.service == "dynamodb":
        return at.fail(400, "ExpiredTokenException", "The security token included in the request is expired", space=answers.COMMON)
    return at.fail(400 if at.call.service == "s3" else 403, "ExpiredToken", "The provided token has expired.")


async def skewed(at: Occasion) -> Message:
    """The signature's time is not the server's; nothing is done."""
    if at.call.service == "dynamodb":
        return at.fail(400, "InvalidSignatureException", answers.skewed(), space=answers.COMMON)
    if at.call.service == "s3":
        return at.fail(403, "RequestTimeTooSkewed", "The difference between the request time and the current time is too large.")
    return at.fail(403, "SignatureDoesNotMatch", answers.skewed())


async def write_conflict(at: Occasion) -> Message:
    """A transaction has the item; nothing is done."""
    return at.fail(400, "TransactionConflictException", "Transaction is ongoing for the item")


async def transaction_conflict(at: Occasion) -> Message:
    """Another transaction or write has one of the items; nothing of it is done."""
    entries = len(json.loads(at.request.body)["TransactItems"])
    unlucky = int(at.chance * entries)
    reasons = [{"Code": "TransactionConflict", "Message": "Transaction is ongoing for the item"} if n == unlucky else {"Code": "None"}
               for n in range(entries)]
    codes = ", ".join(reason["Code"] for reason in reasons)
    return at.fail(400, "TransactionCanceledException",
                   f"Transaction cancelled, please refer cancellation reasons for specific reasons [{codes}]", CancellationReasons=reasons)


async def transaction_in_progress(at: Occasion) -> Message:
    """The transaction with this token is under way already. It is: it is done, and only its answer says so."""
    await at.forward(at.request)
    return at.fail(400, "TransactionInProgressException", "The transaction with the given request token is already in progress.")


async def unprocessed(at: Occasion) -> Message:
    """A part of a batch is done, the rest reported; statements of a batch fail each with an error of its own."""
    operation, body = at.call.operation, at.request.body
    done = 1 + int(at.chance * (partial.entries(operation, body) - 1))
    now, left = partial.split(operation, body, done)
    answer = await at.forward(dataclasses.replace(at.request, body=now))
    if answer.status != 200:
        return answer
    return partial.join(operation, answer, left, partial.STATEMENT_CODES[int(at.chance * 997) % len(partial.STATEMENT_CODES)])


async def error_in_200(at: Occasion) -> Message:
    """The error comes after the status of success was sent; nothing is done."""
    answer = at.fail(500, "InternalError", "We encountered an internal error. Please try again.")
    answer.start = "HTTP/1.1 200 OK"
    return answer


async def slow(at: Occasion) -> Message:
    """Done at once, answered late."""
    answer = await at.forward(at.request)
    await asyncio.sleep(min(at.seconds, SLOW_MAX_S))
    return answer


async def cut_before(at: Occasion) -> Message:
    """The connection ends before the request reaches anybody."""
    raise Cut()


async def cut_after(at: Occasion) -> Message:
    """It is done, and the connection ends without an answer."""
    await at.forward(at.request)
    raise Cut()


async def truncated(at: Occasion) -> Message:
    """It is done, and the connection ends in the middle of the answer's body."""
    answer = await at.forward(at.request)
    data = answer.encode()
    raise Cut(data[:len(data) - len(answer.body) + len(answer.body) // 2] if answer.body else data[:len(data) // 2])


def _dynamodb(*operations):
    return lambda call, request: call.service == "dynamodb" and (not operations or call.operation in operations)


def _anywhere(call: Call, request: Message) -> bool:
    return call.service in ("dynamodb", "s3", "sts", "lambda")


def _batch(call: Call, request: Message) -> bool:
    return call.service == "dynamodb" and call.operation in BATCHES and partial.entries(call.operation, request.body) > 1


# By its name in rules and figures: what it does, and to which calls it can happen.
KINDS = {
    "throttled": (throttled, _anywhere),
    "over-capacity": (over_capacity, _dynamodb()),
    "over-account-limit": (over_account_limit, _dynamodb()),
    "internal-error": (internal_error, _anywhere),
    "internal-error-done": (internal_error_done, _anywhere),
    "unavailable": (unavailable, _anywhere),
    "expired": (expired, lambda call, request: call.service in ("dynamodb", "s3", "sts")),
    "skewed": (skewed, lambda call, request: call.service in ("dynamodb", "s3", "sts")),
    "write-conflict": (write_conflict, _dynamodb(*WRITES)),
    "transaction-conflict": (transaction_conflict, _dynamodb(*TRANSACTIONS)),
    "transaction-in-progress": (
        transaction_in_progress,
        lambda call, request: call.operation == "TransactWriteItems" and b'"ClientRequestToken"' in request.body),
    "unprocessed": (unprocessed, _batch),
    "error-in-200": (error_in_200, lambda call, request: call.service == "s3" and call.operation in IN_A_200),
    "slow": (slow, _anywhere),
    "cut-before": (cut_before, _anywhere),
    "cut-after": (cut_after, _anywhere),
    "truncated": (truncated, lambda call, request: _anywhere(call, request) and request.method != "HEAD"),
}
