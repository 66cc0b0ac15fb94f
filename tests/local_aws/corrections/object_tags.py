"""Tags of S3 objects, as AWS keeps them.

MiniStack
- leaves the tags of the former object on one that is put without tags; on AWS a put replaces the whole object;
- loses the tags of CreateMultipartUpload; on AWS the completed object carries them.
"""

import urllib.parse


def correct() -> None:
    """Wrap the three calls that make an object; copies are right already."""
    from ministack.services import s3

    put, create, complete = s3._put_object, s3._create_multipart_upload, s3._complete_multipart_upload

    def put_object(bucket, key, body, headers):
        answer = put(bucket, key, body, headers)
        if answer[0] == 200:
            _keep(s3, bucket, key, headers.get("x-amz-tagging"))
        return answer

    def create_upload(bucket, key, headers):
        before = set(s3._multipart_uploads.keys())
        answer = create(bucket, key, headers)
        for upload in set(s3._multipart_uploads.keys()) - before:
            s3._multipart_uploads[upload]["livemove_tags"] = headers.get("x-amz-tagging")
        return answer

    def complete_upload(bucket, key, body, query, headers=None):
        upload = s3._multipart_uploads.get(s3._qp(query, "uploadId")) or {}
        answer = complete(bucket, key, body, query, headers)
        # Without the mark it is a repeated completion, which changes nothing.
        if answer[0] == 200 and "livemove_tags" in upload:
            _keep(s3, bucket, key, upload["livemove_tags"])
        return answer

    s3._put_object, s3._create_multipart_upload, s3._complete_multipart_upload = put_object, create_upload, complete_upload


def _keep(s3, bucket, key, header) -> None:
    """Give the current object exactly the tags of the request header, none without one."""
    stored = s3._ensure_bucket(bucket)["objects"][key]
    place = (bucket, key, stored.get("version_id"))
    s3._object_tags.pop(place, None)
    if header:
        s3._object_tags[place] = dict(urllib.parse.parse_qsl(header, keep_blank_values=True))
    # What a persistent server stored with the object were the tags before.
    if s3.S3_PERSIST:
        s3._persist_object(bucket, key, stored)
