"""What is wired to what, and what is kept, as the protocol demands it."""

import itertools
import json

import pytest
import tomllib

from .cfn import RESOURCES, ROOT, TEMPLATE, branches, listed, of_type, target

FUNCTIONS = of_type("Serverless::Function")
MAPPINGS = of_type("Lambda::EventSourceMapping")
QUEUES = of_type("SQS::Queue")
STREAM_MAPPINGS = {"ForwardReplicatorMapping": "SourceStreamArn", "ReverseReplicatorMapping": "TargetStreamArn"}
QUEUE_MAPPINGS = {"ForwardCopierMapping": "ForwardObjects", "ReverseCopierMapping": "ReverseObjects"}
SIDES = {"Forward": "Source", "Reverse": "Target"}


def test_every_mapping_is_checked_below():
    assert set(MAPPINGS) == set(STREAM_MAPPINGS) | set(QUEUE_MAPPINGS)


def test_the_control_table_outlives_the_stack_and_can_be_restored():
    table = RESOURCES["ControlTable"]
    assert (table["DeletionPolicy"], table["UpdateReplacePolicy"]) == ("Retain", "Retain")
    properties = table["Properties"]
    assert properties["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert properties["SSESpecification"] == {"SSEEnabled": True}
    assert properties["BillingMode"] == "PAY_PER_REQUEST"
    assert [key["AttributeName"] for key in properties["KeySchema"]] == ["pk", "sk"]


def test_no_other_resource_holds_data():
    """A table or bucket of the stack would hold data too: it would have to be kept like the control table."""
    kinds = {one["Type"] for name, one in RESOURCES.items() if name != "ControlTable"}
    assert not {kind for kind in kinds if kind.startswith(("AWS::DynamoDB", "AWS::S3"))}


@pytest.mark.parametrize(("name", "stream"), STREAM_MAPPINGS.items())
def test_streams_lose_nothing(name, stream):
    properties = MAPPINGS[name]["Properties"]
    assert properties["EventSourceArn"] == {"Ref": stream}
    assert properties["StartingPosition"] == "TRIM_HORIZON"
    assert properties["BatchSize"] == 100
    assert properties["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert properties["BisectBatchOnFunctionError"] is True
    assert properties["Enabled"] is True
    # Endless retries of one record would stop its shard until the stream forgets the others.
    assert 0 < properties["MaximumRetryAttempts"] <= 1000
    # Given up before the stream's 24 hours are over, so that it is reported.
    assert properties["MaximumRecordAgeInSeconds"] == -1, "an old record must reach the function, which marks the table broken"
    assert "ParallelizationFactor" in properties
    dead = target(properties["DestinationConfig"]["OnFailure"]["Destination"])
    assert QUEUES[dead]["Condition"] == MAPPINGS[name]["Condition"]
    role = RESOURCES[target(FUNCTIONS[target(properties["FunctionName"])]["Properties"]["Role"])]
    assert {"Fn::GetAtt": [dead, "Arn"]} in list(resources_of(role, "sqs:SendMessage"))


def resources_of(role, action):
    for policy in listed(role["Properties"]["Policies"]):
        for statement in listed(policy["PolicyDocument"]["Statement"]):
            if action in statement["Action"]:
                yield from listed(statement["Resource"])


@pytest.mark.parametrize(("name", "queue"), QUEUE_MAPPINGS.items())
def test_object_queues_answer_by_message_and_wait_long_enough(name, queue):
    properties = MAPPINGS[name]["Properties"]
    assert target(properties["EventSourceArn"]) == queue
    assert properties["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    function = FUNCTIONS[target(properties["FunctionName"])]["Properties"]
    assert QUEUES[queue]["Properties"]["VisibilityTimeout"] >= 6 * function["Timeout"]


def test_every_queue_has_a_dead_letter_queue_or_is_one():
    redriven = set()
    for name, queue in QUEUES.items():
        redrive = queue["Properties"].get("RedrivePolicy")
        if redrive is None:
            assert name.endswith("Dead"), f"{name} has no dead-letter queue"
            # Longer than anything waits on the way here.
            assert queue["Properties"]["MessageRetentionPeriod"] == 14 * 86400
            continue
        assert 3 <= redrive["maxReceiveCount"] <= 100
        redriven.add(target(redrive["deadLetterTargetArn"]))
    assert redriven == {"ForwardObjectsDead", "ReverseObjectsDead"}


@pytest.mark.parametrize(("direction", "side"), SIDES.items())
def test_object_events_come_by_one_rule_and_nothing_else_may_send(direction, side):
    rule = RESOURCES[f"{direction}ObjectEvents"]["Properties"]
    pattern = rule["EventPattern"]
    assert pattern["source"] == ["aws.s3"]
    assert {"Object Created", "Object Deleted"} <= set(pattern["detail-type"])
    assert pattern["detail"] == {"bucket": {"name": [{"Ref": f"{side}Bucket"}]}}
    (to,) = rule["Targets"]
    assert target(to["Arn"]) == f"{direction}Objects"
    assert target(to["DeadLetterConfig"]["Arn"]) == f"{direction}ObjectsDead"
    for queue in (f"{direction}Objects", f"{direction}ObjectsDead"):
        policy = RESOURCES[f"{queue}Policy"]["Properties"]
        assert policy["Queues"] == [{"Ref": queue}]
        (statement,) = policy["PolicyDocument"]["Statement"]
        assert statement["Action"] == "sqs:SendMessage"
        assert target(statement["Resource"]) == queue
        assert statement["Condition"] == {"ArnEquals": {"aws:SourceArn": {"Fn::GetAtt": [f"{direction}ObjectEvents", "Arn"]}}}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_has_its_own_role_and_log(name):
    properties = FUNCTIONS[name]["Properties"]
    assert target(properties["Role"]) == f"{name}Role"
    assert RESOURCES[f"{name}Role"]["Condition"] == FUNCTIONS[name]["Condition"]
    log = properties["LoggingConfig"]
    # The functions write JSON themselves; Lambda would wrap it once more.
    assert (log["LogFormat"], target(log["LogGroup"])) == ("Text", f"{name}Logs")
    # SAM's own policies, events and connectors would widen or hide what the role says.
    assert not {"Policies", "Events", "Connectors"} & set(properties)
    assert properties["CodeUri"].startswith("target/lambda/")


def test_every_log_group_forgets():
    for name, group in of_type("Logs::LogGroup").items():
        assert group["Properties"]["RetentionInDays"] == {"Ref": "LogRetentionDays"}, name
    written = {target(one["Properties"]["LoggingConfig"]["LogGroup"]) for one in FUNCTIONS.values()}
    assert set(of_type("Logs::LogGroup")) == written | {"MachineLogs"}


def test_replicators_and_copiers_know_whose_events_they_get():
    for (direction, side), kind in itertools.product(SIDES.items(), ("Replicator", "Copier")):
        function = FUNCTIONS[f"{direction}{kind}"]["Properties"]
        assert function["Environment"]["Variables"]["STREAM_SIDE"] == side.lower()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_go_to_the_other_account_by_the_other_sites_role(name):
    variable = FUNCTIONS[name]["Properties"]["Environment"]["Variables"]["PEER_ROLE_ARN"]
    role, none = variable["Fn::If"][1:]
    other = "SourceAccount" if name.startswith("Reverse") else "TargetAccount"
    suffix = "peer-read" if name == "Verifier" else "peer"
    assert variable["Fn::If"][0] == "CrossAccount"
    assert (role["Fn::Sub"], none) == (f"arn:${{AWS::Partition}}:iam::${{{other}}}:role/livemove-${{MigrationId}}-{suffix}", "")
    assert list(resources_of(RESOURCES[f"{name}Role"], "sts:AssumeRole")) == [role]


def test_alarms_see_every_function_and_every_dead_queue():
    alarms = [one["Properties"] for one in of_type("CloudWatch::Alarm").values()]
    watched = {(one["MetricName"], target(dimension["Value"])) for one in alarms for dimension in one["Dimensions"]}
    wanted = {("Errors", name) for name in FUNCTIONS}
    wanted |= {("ApproximateNumberOfMessagesVisible", name) for name in QUEUES if name.endswith("Dead")}
    wanted |= {("IteratorAge", name) for name in ("ForwardReplicator", "ReverseReplicator")}
    # By the watch's own figures, one for the migration.
    wanted |= {("GapsCount", "MigrationId"), ("HeldKeysCount", "MigrationId")}
    assert watched == wanted
    for alarm in alarms:
        assert branches(alarm["AlarmActions"]) == [[{"Ref": "AlarmTopicArn"}]]


def test_the_watch_runs_every_minute_and_asks_what_control_understands():
    rule = RESOURCES["WatchSchedule"]["Properties"]
    assert (rule["State"], rule["ScheduleExpression"]) == ("ENABLED", "rate(1 minute)")
    (to,) = rule["Targets"]
    assert target(to["Arn"]) == "Control"
    asked = json.loads(to["Input"]["Fn::Sub"].replace("${MigrationId}", "orders"))
    assert asked == json.loads((ROOT / "events/control-watch.json").read_text())
    permission = RESOURCES["WatchPermission"]["Properties"]
    assert (target(permission["FunctionName"]), target(permission["SourceArn"])) == ("Control", "WatchSchedule")


def test_urls_demand_signed_requests():
    with_url = {name for name, one in FUNCTIONS.items() if "FunctionUrlConfig" in one["Properties"]}
    assert with_url == {"Reader", "Writer"}
    for name in with_url:
        assert FUNCTIONS[name]["Properties"]["FunctionUrlConfig"]["AuthType"] == "AWS_IAM"


def test_nothing_is_made_for_the_other_site_or_for_what_does_not_move():
    """Every resource belongs to a site, and what needs a table or a bucket waits for its parameter."""
    for name, one in RESOURCES.items():
        assert one.get("Condition"), f"{name} is made at both sites"
        wanted = {"Replicator": "TableWired", "RecordsDead": "TableWired", "Copier": "BucketWired", "Objects": "BucketWired"}
        for word, condition in wanted.items():
            if word in name:
                side = SIDES["Forward" if name.startswith("Forward") else "Reverse"]
                assert one["Condition"] == f"{side}{condition}", name
    assert set(TEMPLATE["Conditions"]) >= {one["Condition"] for one in RESOURCES.values()}


def test_samconfig_names_only_parameters_of_the_template():
    config = tomllib.loads((ROOT / "samconfig.toml").read_text())
    needed = {name for name, one in TEMPLATE["Parameters"].items() if "Default" not in one}
    for site in ("source", "target", "both"):
        deploy = config[site]["deploy"]["parameters"]
        given = dict(pair.split("=", 1) for pair in deploy["parameter_overrides"])
        assert needed <= set(given) <= set(TEMPLATE["Parameters"]), site
        assert given["Site"].lower() == site
        assert deploy["capabilities"] == "CAPABILITY_NAMED_IAM"
