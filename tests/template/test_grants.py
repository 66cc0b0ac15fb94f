"""Every role may do what its function does, and nothing else."""

import re

import pytest

from .cfn import RESOURCES, ROOT, listed, of_type, statements, target
from .grants import GRANTS, WIRE, WITHOUT_RESOURCE

ROLES = of_type("IAM::Role")
SOURCES = ROOT / "shared" / "aws" / "src"
READING = re.compile(r"(dynamodb|s3):(Get|List|Describe|BatchGet|Scan|Query)")
PLACES = sorted({place for role in GRANTS.values() for policy in role.values() for place in policy.items()
                 if isinstance(place[1], tuple)})


def granted(role: str) -> set:
    return {(policy, action) for policy, statement in statements(ROLES[role]) for action in statement["Action"]}


def test_there_is_no_policy_beside_the_roles():
    kinds = {one["Type"] for one in RESOURCES.values()}
    assert not kinds & {"AWS::IAM::Policy", "AWS::IAM::ManagedPolicy", "AWS::IAM::User"}
    for name, role in ROLES.items():
        assert "ManagedPolicyArns" not in role["Properties"], name
    assert set(ROLES) == set(GRANTS)


@pytest.mark.parametrize("role", GRANTS)
def test_actions_are_exactly_those_with_a_use(role):
    used = {(policy, action) for policy, actions in GRANTS[role].items() for action in actions}
    assert granted(role) == used


@pytest.mark.parametrize(("action", "place"), PLACES, ids=lambda value: value if isinstance(value, str) else "/".join(value))
def test_the_code_calls_what_is_granted(action, place):
    path, method = place
    start = SOURCES / path
    files = [start] if start.is_file() else sorted(start.rglob("*.rs"))
    if method == WIRE:
        call = re.compile(re.escape(f'"{action}"'))
    else:
        call = re.compile(re.escape(method) + r"\(" if "::" in method else rf"\.{method}\(\)")
    # Tests of the crate may call what no function does.
    texts = (file.read_text().split("#[cfg(test)]")[0] for file in files if file.is_file() and file.stem != "tests")
    assert any(call.search(text) for text in texts), f"nothing in shared/aws/src/{path} calls {method}: {action} is not used"


@pytest.mark.parametrize("role", ROLES)
def test_no_wildcards(role):
    for policy, statement in statements(ROLES[role]):
        assert statement["Effect"] == "Allow"
        assert isinstance(statement["Action"], list)
        assert not {"NotAction", "NotResource"} & set(statement)
        for action in statement["Action"]:
            assert "*" not in action, (policy, action)
        for resource in listed(statement["Resource"]):
            text = resource if isinstance(resource, str) else str(resource.get("Fn::Sub", ""))
            if text == "*":
                assert set(statement["Action"]) <= WITHOUT_RESOURCE, policy
            elif "*" in text:
                # Objects of one bucket, pulses of it, streams and indexes of one table, executions of one machine.
                assert re.search(r"(Bucket}/(_lm_pulse-)?\*|Table}/(stream|index)/\*|livemove-\${MigrationId}-[a-z]+/\*)$", text), text


@pytest.mark.parametrize("role", ["VerifierRole", "TargetPeerReadRole"])
def test_who_verifies_cannot_write_data(role):
    for policy, statement in statements(ROLES[role]):
        if policy in ("tables", "buckets", "table", "bucket"):
            for action in statement["Action"]:
                assert READING.match(action), action
        elif policy == "control-table":
            # Its own checkpoints.
            assert listed(statement["Resource"]) == [{"Fn::GetAtt": ["ControlTable", "Arn"]}]
        else:
            assert policy in ("logs", "peer"), policy
    assert {policy for policy, _ in granted("TargetPeerReadRole")} == {"table", "bucket"}


@pytest.mark.parametrize("role", [name for name in ROLES if name.endswith("Role") and "Peer" not in name and name != "MachineRole"])
def test_functions_roles_are_for_lambda_alone(role):
    (statement,) = ROLES[role]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert (statement["Principal"], statement["Action"]) == ({"Service": "lambda.amazonaws.com"}, "sts:AssumeRole")


def test_control_writes_canary_objects_alone():
    """No object of an application has their keys: the core's own names for them."""
    source = (ROOT / "shared/core/src/object/mod.rs").read_text()
    key = re.search(r'CANARY_KEY: &str = "([^"]+)"', source)[1]
    prefix = re.search(r'PULSE_PREFIX: &str = "([^"]+)"', source)[1]
    written = [one["Fn::Sub"] for policy, statement in statements(ROLES["ControlRole"]) if "s3:PutObject" in statement["Action"]
               for one in listed(statement["Resource"])]
    assert written == [f"arn:${{AWS::Partition}}:s3:::${{{bucket}}}/{name}" for bucket in ("SourceBucket", "TargetBucket")
                       for name in (key, f"{prefix}*")]


def test_resources_are_those_that_the_parameters_name():
    """Tables and buckets by parameter, everything else by livemove-<id> or by the resource itself."""
    for role in ROLES:
        for policy, statement in statements(ROLES[role]):
            for resource in listed(statement["Resource"]):
                text = resource if isinstance(resource, str) else resource.get("Fn::Sub", "")
                if "dynamodb" in text and policy != "control-table":
                    assert re.search(r"\${(Source|Target)Account}:table/\${\1Table}(/(stream|index)/\*)?$", text), (role, text)
                elif "s3" in text:
                    assert re.search(r":::\${(Source|Target)Bucket}(/\*|/_lm_canary|/_lm_pulse-\*)?$", text), (role, text)
                elif text.startswith("arn"):
                    assert "livemove-${MigrationId}-" in text, (role, text)


def test_logs_go_to_the_functions_own_group():
    for role in ROLES:
        for policy, statement in statements(ROLES[role]):
            if policy == "logs":
                assert target(statement["Resource"]) == role.removesuffix("Role") + "Logs"


@pytest.mark.parametrize(("role", "account", "callers"), [
    ("TargetPeerRole", "SourceAccount", ["control", "backfill", "reader", "writer", "gateway", "forward-replicator", "forward-copier"]),
    ("TargetPeerReadRole", "SourceAccount", ["verifier"]),
    ("SourcePeerRole", "TargetAccount", ["reverse-replicator", "reverse-copier"]),
])
def test_peer_roles_trust_exactly_the_other_sites_functions(role, account, callers):
    (statement,) = ROLES[role]["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Principal"] == {"AWS": {"Fn::Sub": f"arn:${{AWS::Partition}}:iam::${{{account}}}:root"}}
    condition = statement["Condition"]
    assert set(condition) == {"StringEquals", "ArnLike"}
    assert condition["StringEquals"] == {"sts:ExternalId": {"Ref": "ExternalId"}}
    named = {arn["Fn::Sub"] for arn in condition["ArnLike"]["aws:PrincipalArn"]}
    prefix = "arn:${AWS::Partition}"
    assert named == {f"{prefix}:iam::${{{account}}}:role/livemove-${{MigrationId}}-{caller}" for caller in callers} | {
        f"{prefix}:sts::${{{account}}}:assumed-role/livemove-${{MigrationId}}-{caller}/*" for caller in callers}


def test_machines_may_invoke_three_functions():
    invoked = [listed(s["Resource"]) for _, s in statements(ROLES["MachineRole"]) if s["Action"] == ["lambda:InvokeFunction"]]
    assert invoked == [[{"Fn::GetAtt": [name, "Arn"]} for name in ("Control", "Backfill", "Verifier")]]
