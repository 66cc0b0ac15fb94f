"""The errors of AWS as their protocols carry them: status, headers, body.

Sources:
- DynamoDB, errors and their components: <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html>,
  headers of an answer and its checksum: <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.LowLevelAPI.html>,
  conflicts: <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html#transaction-conflict-handling>;
- errors of all services: <https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html>;
- S3, list of errors and their form: <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>; an answer
  to HEAD has no body, so no code: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html>;
- S3, an error inside a 200: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html> and
  <https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html>;
- a clock that differs: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html>;
- Lambda: <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>.

Only codes, statuses and forms are AWS's; nobody may build on the wording of messages.
"""

import email.utils
import json
import time
import xml.sax.saxutils
import zlib

from tests.harness.faults.http1 import Message

REASONS = {200: "OK", 400: "Bad Request", 403: "Forbidden", 429: "Too Many Requests", 500: "Internal Server Error", 503: "Service Unavailable"}
OWN = "com.amazonaws.dynamodb.v20120810"
COMMON = "com.amazon.coral.service"


def _message(status: int, headers: dict, body: bytes) -> Message:
    date = email.utils.formatdate(usegmt=True)
    return Message(f"HTTP/1.1 {status} {REASONS[status]}", [*headers.items(), ("Date", date)], body)


def dynamodb(request_id: str, status: int, code: str, message: str, space: str = OWN, **more) -> Message:
    """An error of DynamoDB. `space`: what stands before the `#` of its `__type`; SDKs do not look at it."""
    text = "Message" if "CancellationReasons" in more else "message"
    body = json.dumps({"__type": f"{space}#{code}", **more, text: message}).encode()
    return checked(_message(status, {"Server": "Server", "Content-Type": "application/x-amz-json-1.0", "x-amzn-RequestId": request_id}, body))


def checked(answer: Message) -> Message:
    """The answer with the checksum of its body, which DynamoDB sends with each."""
    answer.set("x-amz-crc32", str(zlib.crc32(answer.body)))
    return answer


def s3(request_id: str, status: int, code: str, message: str, path: str, head: bool = False) -> Message:
    """An error of S3; `head`: without its body."""
    named = "".join(f"<{name}>{xml.sax.saxutils.escape(text)}</{name}>" for name, text in
                    (("Code", code), ("Message", message), ("Resource", path), ("RequestId", request_id), ("HostId", f"{request_id}/host")))
    body = b"" if head else f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>{named}</Error>'.encode()
    return _message(status, {"x-amz-request-id": request_id, "x-amz-id-2": f"{request_id}/host", "Content-Type": "application/xml",
                             "Server": "AmazonS3"}, body)


def sts(request_id: str, status: int, code: str, message: str) -> Message:
    """An error of STS, in the form of the query protocol."""
    fault = "Sender" if status < 500 else "Receiver"
    body = (f'<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>{fault}</Type><Code>{code}</Code>'
            f"<Message>{xml.sax.saxutils.escape(message)}</Message></Error><RequestId>{request_id}</RequestId></ErrorResponse>").encode()
    return _message(status, {"x-amzn-RequestId": request_id, "Content-Type": "text/xml"}, body)


def lambda_(request_id: str, status: int, code: str, message: str) -> Message:
    """An error of Lambda's own, not of a function."""
    body = json.dumps({"Type": "User" if status < 500 else "Service", "message": message}).encode()
    return _message(status, {"x-amzn-RequestId": request_id, "x-amzn-ErrorType": code, "Content-Type": "application/json"}, body)


def skewed(ahead_s: int = 400) -> str:
    """What is said of a signature from a clock that is ahead."""
    now = time.time()
    signed, server, edge = (time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(at)) for at in (now + ahead_s, now, now + 300))
    return f"Signature not yet current: {signed} is still later than {edge} ({server} + 5 min.)"
