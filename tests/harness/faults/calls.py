"""What a request to AWS asks for: service, operation, table or bucket, keys, and who asks.

Read from what every signed request carries: the scope of its credential, `X-Amz-Target` or path and query, and, of whoever
has no endpoint of its own, the id that an SDK gives its application
(<https://docs.aws.amazon.com/sdkref/latest/guide/feature-appid.html>).
"""

import dataclasses
import hashlib
import json
import re
import urllib.parse

from tests.harness.faults.http1 import Message

SCOPE = re.compile(r"Credential=([^/,\s]+)/\d{8}/([^/]+)/([^/]+)/aws4_request")
APPLICATION = re.compile(r"\bapp/([^\s]+)")
OBJECT = {
    "GET": "GetObject", "HEAD": "HeadObject", "PUT": "PutObject", "DELETE": "DeleteObject", "POST": "PostObject"}
BUCKET = {"GET": "ListObjects", "HEAD": "HeadBucket", "PUT": "CreateBucket", "DELETE": "DeleteBucket", "POST": "DeleteObjects"}


@dataclasses.dataclass(frozen=True)
class Call:
    """One request. `places`: tables or the bucket; `keys`: a digest of each key, never a key."""

    client: str
    service: str
    operation: str
    places: tuple = ()
    keys: tuple = ()

    @property
    def name(self) -> str:
        """Service and operation, for example `dynamodb:PutItem`."""
        return f"{self.service}:{self.operation}"


def read(request: Message) -> Call:
    """What a request is. One that nobody understands has the operation `unknown`."""
    scope = SCOPE.search(request.get("authorization"))
    key_id, region, service = scope.groups() if scope else ("nobody", "", "unknown")
    application = APPLICATION.search(request.get("x-amz-user-agent")) or APPLICATION.search(request.get("user-agent"))
    client = application[1] if application else f"{key_id}-{region}"
    if target := request.get("x-amz-target"):
        return _targeted(client, service, target.rsplit(".", 1)[-1], request.body)
    if service == "s3":
        return _object(client, request)
    if service in ("sts", "iam", "sqs", "sns") and request.get("content-type").startswith("application/x-www-form-urlencoded"):
        form = urllib.parse.parse_qs(request.body.decode("utf-8", "replace"))
        return Call(client, service, form.get("Action", ["unknown"])[0])
    if service == "lambda" and request.target.split("?")[0].endswith("/invocations"):
        return Call(client, service, "Invoke", (request.target.split("/functions/")[-1].split("/")[0],))
    return Call(client, service, "unknown")


def digest(key) -> str:
    """A short name of a key that does not show it."""
    return hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:12]


def _targeted(client: str, service: str, operation: str, body: bytes) -> Call:
    if service != "dynamodb":
        return Call(client, service, operation)
    try:
        asked = json.loads(body or b"{}")
    except ValueError:
        return Call(client, service, operation)
    places, keys = set(), []
    for entry in _entries(asked):
        if name := entry.get("TableName"):
            places.add(name.rsplit("/", 1)[-1])
        if key := entry.get("Key"):
            keys.append(digest(key))
    for table, wanted in asked.get("RequestItems", {}).items() if isinstance(asked.get("RequestItems"), dict) else ():
        places.add(table.rsplit("/", 1)[-1])
        requests = wanted.get("Keys", []) if isinstance(wanted, dict) else [one.get("DeleteRequest", {}).get("Key") for one in wanted]
        keys += [digest(key) for key in requests if key]
    for statement in [asked, *asked.get("Statements", [])]:
        if found := re.search(r'(?:INTO|FROM|UPDATE)\s+"?([A-Za-z0-9_.-]+)', statement.get("Statement", ""), re.IGNORECASE):
            places.add(found[1])
    return Call(client, service, operation, tuple(sorted(places)), tuple(keys))


def _entries(asked: dict) -> list:
    """The request itself and what it has inside: the entries of a transaction."""
    return [asked, *(inner for entry in asked.get("TransactItems", []) for inner in entry.values() if isinstance(inner, dict))]


def _object(client: str, request: Message) -> Call:
    path, _, query = request.target.partition("?")
    asked = urllib.parse.parse_qs(query, keep_blank_values=True)
    bucket, _, key = path.lstrip("/").partition("/")
    place = (bucket,) if bucket else ()
    if not key:
        return Call(client, "s3", BUCKET[request.method] if set(asked) <= {"list-type", "prefix", "continuation-token", "start-after", "max-keys",
                                                                         "encoding-type", "delimiter", "x-id"} or "delete" in asked
                    else f"{request.method} ?{next(iter(asked))}", place)
    return Call(client, "s3", _object_operation(request, asked), place, (digest(urllib.parse.unquote(key)),))


def _object_operation(request: Message, asked: dict) -> str:
    method, copied = request.method, bool(request.get("x-amz-copy-source"))
    if "tagging" in asked:
        return {"GET": "GetObjectTagging", "PUT": "PutObjectTagging", "DELETE": "DeleteObjectTagging"}.get(method, "unknown")
    if "uploads" in asked:
        return "CreateMultipartUpload"
    if "uploadId" in asked:
        return {"PUT": "UploadPartCopy" if copied else "UploadPart", "POST": "CompleteMultipartUpload",
                "DELETE": "AbortMultipartUpload", "GET": "ListParts"}.get(method, "unknown")
    return "CopyObject" if copied and method == "PUT" else OBJECT.get(method, "unknown")
