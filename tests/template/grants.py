"""Every action that a role is granted, and the place in the code that calls it.

A role and a policy of it say for which resource an action is granted; a place is a path under shared/aws/src and the
method of the SDK that needs the action there, or WIRE where the action itself is sent over the wire. What AWS itself does
under a role has a reason instead of a place.
"""

WIRE = "the action, sent over the wire"

CONTROL = {
    "dynamodb:GetItem": ("control/mod.rs", "get_item"),
    "dynamodb:Query": ("control/mod.rs", "query"),
    "dynamodb:PutItem": ("control/mod.rs", "put_item"),
    "dynamodb:UpdateItem": ("control/signals.rs", "update_item"),
    "dynamodb:DeleteItem": ("control/checkpoints.rs", "delete_item"),
    "dynamodb:Scan": ("control/ledger.rs", "scan"),
}
# A transition is an update and a put in one transaction; DynamoDB has no action of its own for that.
STATES = {
    "dynamodb:PutItem": ("control/states.rs", "transact_write_items"),
    "dynamodb:UpdateItem": ("control/states.rs", "transact_write_items"),
}
TABLE = {
    "dynamodb:DescribeTable": ("dynamo/table.rs", "describe_table"),
    "dynamodb:GetItem": ("dynamo/get.rs", WIRE),
    "dynamodb:BatchGetItem": ("dynamo/batch.rs", "batch_get_item"),
    "dynamodb:Scan": ("dynamo/table.rs", "scan"),
    "dynamodb:PutItem": ("dynamo/write.rs", WIRE),
    "dynamodb:UpdateItem": ("dynamo/write.rs", WIRE),
    "dynamodb:DeleteItem": ("dynamo/write.rs", WIRE),
    "dynamodb:PartiQLInsert": ("dynamo/insert.rs", "batch_execute_statement"),
}
# What writes of several items need beside: DynamoDB judges a transaction by the actions of its entries.
SEVERAL = {
    "dynamodb:ConditionCheckItem": ("dynamo/transact.rs", "transact_write_items"),
    "dynamodb:BatchWriteItem": ("dynamo/replace.rs", "batch_write_item"),
}
# Pages: of a table, and of its indexes.
PAGES = {
    "dynamodb:Query": ("dynamo/pages.rs", WIRE),
    "dynamodb:Scan": ("dynamo/pages.rs", WIRE),
}
BUCKET = {
    "s3:ListBucket": ("objects/mod.rs", "list_objects_v2"),
    "s3:GetObject": ("objects/transfer.rs", "get_object"),
    "s3:GetObjectTagging": ("objects/head.rs", "get_object_tagging"),
    "s3:PutObject": ("objects/transfer.rs", "put_object"),
    "s3:PutObjectTagging": ("objects/mod.rs", "put_object_tagging"),
    "s3:DeleteObject": ("objects/mod.rs", "delete_object"),
    "s3:AbortMultipartUpload": ("objects/multipart.rs", "abort_multipart_upload"),
}
# What control asks and sets itself, beside the items that it writes through the table.
TABLE_SETTINGS = {
    "dynamodb:DescribeTable": ("steering/aws/table.rs", "describe_table"),
    "dynamodb:Scan": ("steering/aws/table.rs", "scan"),
    "dynamodb:DescribeTimeToLive": ("steering/aws/table.rs", "describe_time_to_live"),
    "dynamodb:UpdateTimeToLive": ("steering/aws/table.rs", "update_time_to_live"),
}
BUCKET_SETTINGS = {
    "s3:ListBucket": ("steering/aws/bucket.rs", "list_objects_v2"),
    "s3:GetBucketLocation": ("steering/aws/bucket.rs", "get_bucket_location"),
    "s3:GetBucketNotification": ("steering/aws/bucket.rs", "get_bucket_notification_configuration"),
    "s3:GetBucketVersioning": ("steering/aws/bucket.rs", "get_bucket_versioning"),
}
CANARY = {
    "s3:PutObject": ("steering/aws/canary.rs", "put_object"),
    "s3:DeleteObject": ("steering/aws/canary.rs", "delete_object"),
}
# What control asks of streams, mappings and failure queues.
STREAMS = {
    "dynamodb:GetShardIterator": ("steering/aws/failures.rs", "get_shard_iterator"),
    "dynamodb:GetRecords": ("steering/aws/failures.rs", "get_records"),
    "sqs:GetQueueUrl": ("steering/aws/failures.rs", "get_queue_url"),
    "sqs:ReceiveMessage": ("steering/aws/failures.rs", "receive_message"),
    "sqs:DeleteMessage": ("steering/aws/failures.rs", "delete_message"),
    "lambda:ListEventSourceMappings": ("steering/aws/following.rs", "list_event_source_mappings"),
}
# What control asks of the queues of buckets' events.
EVENTS = {
    "sqs:GetQueueUrl": ("steering/aws/failures.rs", "get_queue_url"),
    "sqs:GetQueueAttributes": ("steering/aws/events.rs", "get_queue_attributes"),
    "sqs:SendMessage": ("steering/aws/events.rs", "send_message"),
    "sqs:ReceiveMessage": ("steering/aws/failures.rs", "receive_message"),
    "sqs:DeleteMessage": ("steering/aws/failures.rs", "delete_message"),
    "lambda:ListEventSourceMappings": ("steering/aws/following.rs", "list_event_source_mappings"),
}
PEER = {"sts:AssumeRole": ("credentials/peer.rs", "AssumeRoleProvider::builder")}

LOGS = dict.fromkeys(["logs:CreateLogStream", "logs:PutLogEvents"], "Lambda writes the function's log")
STREAM = dict.fromkeys(
    ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams"],
    "Lambda reads the stream of the mapping") | {"sqs:SendMessage": "Lambda reports the records that the mapping gives up"}
QUEUE = dict.fromkeys(["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"],
                      "Lambda reads the queue of the mapping")
MACHINES = {
    "functions": {"lambda:InvokeFunction": "Task states"},
    "distributed-map": dict.fromkeys(["states:StartExecution", "states:DescribeExecution", "states:StopExecution"],
                                     "distributed maps run their items as executions of the machine"),
    "log-delivery": dict.fromkeys(
        ["logs:CreateLogDelivery", "logs:GetLogDelivery", "logs:UpdateLogDelivery", "logs:DeleteLogDelivery",
         "logs:ListLogDeliveries", "logs:PutResourcePolicy", "logs:DescribeResourcePolicies", "logs:DescribeLogGroups"],
        "Step Functions sets up the delivery of its log"),
}


def some(places: dict, *names: str) -> dict:
    """Those of the places whose actions have these names."""
    return {action: place for action, place in places.items() if action.split(":")[1] in names}


READ_TABLE = some(TABLE, "DescribeTable", "GetItem", "BatchGetItem", "Scan")
READ_BUCKET = some(BUCKET, "ListBucket", "GetObject", "GetObjectTagging")
FUNCTION = {"logs": LOGS, "peer": PEER}

REPLICATOR = FUNCTION | {
    "stream": STREAM,
    "control-table": some(CONTROL, "GetItem", "Query") | STATES,
    "own-table": some(TABLE, "DescribeTable", "GetItem"),
    "other-table": some(TABLE, "DescribeTable", "PutItem"),
}
COPIER = FUNCTION | {
    "queue": QUEUE,
    "control-table": some(CONTROL, "GetItem", "Query", "PutItem", "UpdateItem", "DeleteItem"),
    "own-bucket": READ_BUCKET,
    "other-bucket": BUCKET,
}

GRANTS = {
    "ControlRole": FUNCTION | {
        "control-table": some(CONTROL, "GetItem", "Query", "DeleteItem") | STATES,
        "tables": some(TABLE, "GetItem", "PutItem", "UpdateItem", "DeleteItem") | TABLE_SETTINGS,
        "streams": STREAMS,
        "buckets": BUCKET_SETTINGS | CANARY,
        "events": EVENTS,
    },
    "BackfillRole": FUNCTION | {
        "control-table": some(CONTROL, "GetItem", "Query", "Scan", "PutItem", "DeleteItem"),
        "tables": TABLE,
        "buckets": BUCKET,
    },
    "VerifierRole": FUNCTION | {
        "control-table": some(CONTROL, "GetItem", "Query", "PutItem", "DeleteItem"),
        "tables": READ_TABLE,
        "buckets": READ_BUCKET,
    },
    "ReaderRole": FUNCTION | {
        "control-table": some(CONTROL, "GetItem"),
        "tables": some(TABLE, "DescribeTable", "GetItem", "BatchGetItem", "PutItem", "UpdateItem") | PAGES,
        "indexes": PAGES,
    },
    "WriterRole": FUNCTION | {
        "control-table": some(CONTROL, "GetItem"),
        "tables": some(TABLE, "DescribeTable", "GetItem", "PutItem", "UpdateItem", "DeleteItem") | SEVERAL,
    },
    "ForwardReplicatorRole": REPLICATOR,
    "ReverseReplicatorRole": REPLICATOR,
    "ForwardCopierRole": COPIER,
    "ReverseCopierRole": COPIER,
    "TargetPeerRole": {"streams": STREAMS, "events": EVENTS, "indexes": PAGES, "table": PAGES | TABLE | TABLE_SETTINGS | SEVERAL, "bucket": BUCKET | BUCKET_SETTINGS},
    "TargetPeerReadRole": {"table": READ_TABLE, "bucket": READ_BUCKET},
    "SourcePeerRole": {
        "control-table": some(CONTROL, "GetItem", "Query", "PutItem", "UpdateItem", "DeleteItem"),
        "table": some(TABLE, "DescribeTable", "PutItem"),
        "bucket": BUCKET,
    },
    "MachineRole": MACHINES,
}

# Granted on every resource, because AWS knows none for them.
WITHOUT_RESOURCE = set(MACHINES["log-delivery"]) | {"lambda:ListEventSourceMappings"}
