"""The objects of the existing service, and what a bucket holds, in a form to compare."""

import dataclasses
import hashlib
import random
import urllib.parse
from concurrent.futures import ThreadPoolExecutor

ODD_KEYS = [
    "plain.txt", "with space.txt", "plus+plus.txt", "percent%20.txt", "ümlaut.txt", "日本/語.txt", "emoji/🚚.txt",
    "a//double//slash", "trailing/", "quote'\"quote", "amp&amp;.txt", "question?mark=1", "hash#tag", "back\\slash",
    "tilde~", "star*", "paren(1)", "semi;colon", "at@sign", "equals=x", "dollar$", "comma,comma", "[brackets]",
    "{braces}", "pipe|", "caret^", "<angle>", ".hidden", "k" * 1024,
]
HEADERS = {
    "ContentType": "text/plain; charset=utf-8", "CacheControl": "max-age=60", "ContentDisposition": 'attachment; filename="x.txt"',
    "ContentEncoding": "identity", "ContentLanguage": "de",
}
PART = 5 * 1024 * 1024


@dataclasses.dataclass(frozen=True)
class Object:
    """What must be the same on both sides."""

    digest: str
    size: int
    headers: tuple
    metadata: tuple
    tags: tuple
    storage_class: str = "STANDARD"


def generate(s3, bucket: str, count: int, seed: int = 1) -> None:
    """Put `count` objects and one in several parts into the bucket; the same seed makes the same objects."""
    dice = random.Random(seed)
    keys = (ODD_KEYS + [f"files/{n % 7}/{n:05}.bin" for n in range(count)])[:count]
    plans = [(key, dice.randbytes(dice.choice([0, 1, 100, 4096, 65_536])), number) for number, key in enumerate(keys)]

    def put(plan):
        key, body, number = plan
        arguments = {}
        if number % 3 == 0:
            arguments["Metadata"] = {"number": str(number), "origin": "demo with spaces"}
        if number % 4 == 0:
            arguments["Tagging"] = urllib.parse.urlencode({"kind": "invoice", "number": str(number), "a b": "c/d"})
        if number % 5 == 0:
            arguments.update(HEADERS)
        if number % 11 == 0:
            arguments["StorageClass"] = "STANDARD_IA"
        s3.put_object(Bucket=bucket, Key=key, Body=body, **arguments)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(put, plans))
    _multipart(s3, bucket, "films/in three parts.bin", dice)


def _multipart(s3, bucket: str, key: str, dice) -> None:
    upload = s3.create_multipart_upload(Bucket=bucket, Key=key, ContentType="video/mp4", Metadata={"parts": "3"})["UploadId"]
    parts = []
    for number, size in enumerate((PART, PART, 1000), 1):
        answer = s3.upload_part(Bucket=bucket, Key=key, UploadId=upload, PartNumber=number, Body=dice.randbytes(size))
        parts.append({"PartNumber": number, "ETag": answer["ETag"]})
    s3.complete_multipart_upload(Bucket=bucket, Key=key, UploadId=upload, MultipartUpload={"Parts": parts})
    s3.put_object_tagging(Bucket=bucket, Key=key, Tagging={"TagSet": [{"Key": "kind", "Value": "film"}]})


def keys(s3, bucket: str) -> list:
    """All keys of a bucket but livemove's own, which come and go."""
    found = []
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        found += [entry["Key"] for entry in page.get("Contents", []) if not entry["Key"].startswith("_lm_pulse-")]
    return found


def look(s3, bucket: str, key: str) -> Object:
    """One object, whole."""
    answer = s3.get_object(Bucket=bucket, Key=key)
    body = answer["Body"].read()
    tags = s3.get_object_tagging(Bucket=bucket, Key=key)["TagSet"]
    return Object(
        digest=hashlib.sha256(body).hexdigest(),
        size=len(body),
        headers=tuple(sorted((name, answer[name]) for name in HEADERS if answer.get(name))),
        metadata=tuple(sorted(answer["Metadata"].items())),
        tags=tuple(sorted((tag["Key"], tag["Value"]) for tag in tags)),
        storage_class=answer.get("StorageClass", "STANDARD"),
    )


def snapshot(s3, bucket: str) -> dict:
    """Every object of the bucket by key; not one moment, unless nobody writes."""
    found = keys(s3, bucket)
    with ThreadPoolExecutor(8) as pool:
        return dict(zip(found, pool.map(lambda key: look(s3, bucket, key), found)))
