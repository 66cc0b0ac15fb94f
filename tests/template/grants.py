"""Every action that a role is granted, and the place in the code that calls it.

A role and a policy of it say for which resource an action is granted; a place is a path under shared/aws/src and the
method of the SDK that needs the action there. What AWS itself does under a role has a reason instead of a place.
"""

CONTROL = {
    "dynamodb:GetItem": ("control/mod.rs", "get_item"),
    "dynamodb:Query": ("control/mod.rs", "query"),
    "dynamodb:PutItem": ("control/mod.rs", "put_item"),
    "dynamodb:UpdateItem": ("control/signals.rs", "update_item"),
    "dynamodb:DeleteItem": ("control/checkpoints.rs", "delete_item"),
}
# A transition is an update and a put in one transaction; DynamoDB has no action of its own for that.
STATES = {
    "dynamodb:PutItem": ("control/states.rs", "transact_write_items"),
    "dynamodb:UpdateItem": ("control/states.rs", "transact_write_items"),
}
TABLE = {
    "dynamodb:DescribeTable": ("dynamo/table.rs", "describe_table"),
    "dynamodb:GetItem": ("dynamo/table.rs", "get_item"),
    "dynamodb:BatchGetItem": ("dynamo/batch.rs", "batch_get_item"),
    "dynamodb:Scan": ("dynamo/table.rs", "scan"),
    "dynamodb:PutItem": ("dynamo/write.rs", "put_item"),
    "dynamodb:UpdateItem": ("dynamo/write.rs", "update_item"),
    "dynamodb:DeleteItem": ("dynamo/write.rs", "delete_item"),
    "dynamodb:PartiQLInsert": ("dynamo/insert.rs", "batch_execute_statement"),
}
TIME_TO_LIVE = {
    "dynamodb:DescribeTimeToLive": ("", "describe_time_to_live"),
    "dynamodb:UpdateTimeToLive": ("", "update_time_to_live"),
}
BUCKET = {
    "s3:ListBucket": ("", "list_objects_v2"),
    "s3:GetObject": ("", "get_object"),
    "s3:GetObjectTagging": ("", "get_object_tagging"),
    "s3:PutObject": ("", "put_object"),
    "s3:PutObjectTagging": ("", "put_object_tagging"),
    "s3:DeleteObject": ("", "delete_object"),
    "s3:AbortMultipartUpload": ("", "abort_multipart_upload"),
}
BUCKET_SETTINGS = {
    "s3:ListBucket": ("", "head_bucket"),
    "s3:GetBucketLocation": ("", "get_bucket_location"),
    "s3:GetBucketNotification": ("", "get_bucket_notification_configuration"),
    "s3:GetBucketVersioning": ("", "get_bucket_versioning"),
}
WIRING = {"lambda:ListEventSourceMappings": ("", "list_event_source_mappings")}
PEER = {"sts:AssumeRole": ("sites.rs", "AssumeRoleProvider::builder")}

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
    "control-table": some(CONTROL, "GetItem") | STATES,
    "own-table": some(TABLE, "DescribeTable", "GetItem"),
    "other-table": some(TABLE, "DescribeTable", "PutItem"),
}
COPIER = FUNCTION | {
    "queue": QUEUE,
    "control-table": some(CONTROL, "GetItem", "PutItem", "UpdateItem", "DeleteItem"),
    "own-bucket": READ_BUCKET,
    "other-bucket": BUCKET,
}

GRANTS = {
    "ControlRole": FUNCTION | {
        "control-table": CONTROL | STATES,
        "tables": some(TABLE, "DescribeTable", "GetItem", "PutItem", "DeleteItem") | TIME_TO_LIVE,
        "buckets": BUCKET_SETTINGS,
        "wiring": WIRING,
    },
    "BackfillRole": FUNCTION | {"control-table": CONTROL, "tables": TABLE, "buckets": BUCKET},
    "VerifierRole": FUNCTION | {
        "control-table": some(CONTROL, "GetItem", "Query", "PutItem", "DeleteItem"),
        "tables": READ_TABLE,
        "buckets": READ_BUCKET,
    },
    "ReaderRole": FUNCTION | {
        "control-table": some(CONTROL, "GetItem"),
        "tables": some(TABLE, "DescribeTable", "GetItem", "PutItem", "UpdateItem"),
    },
    "WriterRole": FUNCTION | {
        "control-table": some(CONTROL, "GetItem"),
        "tables": some(TABLE, "DescribeTable", "GetItem", "PutItem", "UpdateItem", "DeleteItem"),
    },
    "ForwardReplicatorRole": REPLICATOR,
    "ReverseReplicatorRole": REPLICATOR,
    "ForwardCopierRole": COPIER,
    "ReverseCopierRole": COPIER,
    "TargetPeerRole": {"table": TABLE | TIME_TO_LIVE | WIRING, "bucket": BUCKET | BUCKET_SETTINGS},
    "TargetPeerReadRole": {"table": READ_TABLE, "bucket": READ_BUCKET},
    "SourcePeerRole": {
        "control-table": some(CONTROL, "GetItem", "PutItem", "UpdateItem", "DeleteItem"),
        "table": some(TABLE, "DescribeTable", "PutItem"),
        "bucket": BUCKET,
    },
    "MachineRole": MACHINES,
}

# Granted on every resource, because AWS knows none for them.
WITHOUT_RESOURCE = {"lambda:ListEventSourceMappings", *MACHINES["log-delivery"]}
