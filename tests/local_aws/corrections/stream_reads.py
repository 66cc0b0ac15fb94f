"""What reads of a table's stream are allowed by, as AWS decides it.

MiniStack asks a policy for `dynamodb:GetShardIterator` and `dynamodb:GetRecords` on everything. AWS asks for them on the
stream, see <https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazondynamodb.html>.
"""

import base64
import json


def correct() -> None:
    """Tell the stream of a request where its resource is asked for."""
    from ministack.core import iam_actions

    extract = iam_actions.extract_resource_arn

    def resource(service, method, path, headers, body, *rest):
        stream = stream_of(body) if service == "dynamodbstreams" else None
        return stream or extract(service, method, path, headers, body, *rest)

    iam_actions.extract_resource_arn = resource


def stream_of(body: bytes) -> str | None:
    """The ARN that a request names, itself or in its iterator; None when it names none."""
    request = json.loads(body or b"{}")
    if "ShardIterator" in request:
        return json.loads(base64.urlsafe_b64decode(request["ShardIterator"])).get("arn")
    return request.get("StreamArn")
