"""The state machines are well-formed and keep to what runs both on AWS and on the local AWS."""

import copy
import json

import pytest

from .cfn import RESOURCES, ROOT, of_type, target
from .machines import RESERVED, machines, problems, states, successors

MACHINES = machines()
# What the functions answer for what time alone, or another try, puts right.
TRANSIENT = {"Throttled", "Unavailable", "Conflict", "OutcomeUnknown", "Lambda.ServiceException",
             "Lambda.TooManyRequestsException", "Lambda.Unknown", "Lambda.SdkClientException"}


def retried(state: dict) -> dict:
    return {error: retry for retry in state["Retry"] for error in retry["ErrorEquals"]}


def tasks(name: str):
    return ((state_name, state) for state_name, state in states(MACHINES[name]) if state["Type"] == "Task")


def job_of(state: dict) -> str | None:
    return state.get("Parameters", {}).get("for")


def test_the_machines_are_these():
    assert set(MACHINES) == {"MigrateMachine", "RollbackMachine", "CompleteMachine"}
    assert MACHINES["MigrateMachine"]["States"]["Begin"]["Parameters"]["direction"] == "forward"
    assert MACHINES["RollbackMachine"]["States"]["Begin"]["Parameters"]["direction"] == "back"


@pytest.mark.parametrize("name", MACHINES)
def test_well_formed(name):
    assert problems(MACHINES[name]) == []


@pytest.mark.parametrize("name", MACHINES)
def test_substitutions_are_given_and_used(name):
    properties = RESOURCES[name]["Properties"]
    text = (ROOT / properties["DefinitionUri"]).read_text()
    assert set(RESERVED.findall(text)) == set(properties["DefinitionSubstitutions"])
    json.loads(text)  # Valid before substitution too: editors and the console's designer open it.


@pytest.mark.parametrize("name", MACHINES)
def test_only_what_both_ends_of_the_test_know(name):
    """JSONPath; no item batches, result writers or variables, which the local AWS does not know."""
    text = json.dumps(MACHINES[name])
    for word in ("JSONata", '"Assign"', "ItemBatcher", "ResultWriter", "MaxDelaySeconds", "HeartbeatSeconds", "{%"):
        assert word not in text, word


@pytest.mark.parametrize("name", MACHINES)
def test_transient_errors_are_retried_and_others_are_not(name):
    for state_name, state in tasks(name):
        errors = retried(state)
        assert TRANSIENT <= set(errors), state_name
        assert not {"States.ALL", "States.TaskFailed"} & set(errors), state_name


@pytest.mark.parametrize("name", MACHINES)
def test_time_gates_outlast_what_they_wait_for(name):
    """A busy segment is free after the longest function run; time to live is switched within an hour."""
    for state_name, state in tasks(name):
        errors, action = retried(state), state.get("Parameters", {}).get("action")
        if action in ("begin", "arm", "advance", "retreat", "seal"):
            early = errors["TooEarly"]
            waits = [early["IntervalSeconds"] * early["BackoffRate"] ** n for n in range(early["MaxAttempts"])]
            assert 3600 < sum(waits) < 2 * 3600, state_name
        if state_name == "Segment" or job_of(state):
            busy = errors["SegmentBusy"]
            assert busy["BackoffRate"] == 1
            assert busy["IntervalSeconds"] * busy["MaxAttempts"] > 900, state_name


@pytest.mark.parametrize("name", MACHINES)
def test_segments_loop_in_distributed_maps_and_bring_nothing_back(name):
    maps = [(map_name, state) for map_name, state in states(MACHINES[name]) if state["Type"] == "Map"]
    assert maps
    for map_name, state in maps:
        assert state["ItemProcessor"]["ProcessorConfig"] == {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
        assert 1 <= state["MaxConcurrency"] <= 1000
        assert state["ItemsPath"] == "$.work.segments"
        inner = state["ItemProcessor"]["States"]
        assert inner["Segment"]["Next"] == "SegmentDone"
        assert (inner["SegmentDone"]["Default"], inner["NextStretch"]["Next"]) == ("NextStretch", "Segment")
        assert "WhySegmentsFailed" in successors(state)
        if name == "CompleteMachine":
            assert [one["Result"] for one in inner.values() if one.get("End")] == [{"clean": True}, {"clean": False}]
        else:
            assert state["ResultPath"] is None, map_name


@pytest.mark.parametrize("name", MACHINES)
def test_jobs_run_under_the_role_they_need(name):
    """What only looks runs where nothing can be written."""
    for state_name, state in states(MACHINES[name]):
        for branch in [state, *state.get("ItemProcessor", {}).get("States", {}).values()]:
            looking = job_of(state) in ("verify", "certify") or state_name in ("Verify", "Certify")
            if branch["Type"] == "Task" and (job_of(state) or state["Type"] == "Map"):
                assert branch["Resource"] == ("VerifierArn" if looking else "BackfillArn"), state_name


def test_the_run_takes_its_steps_in_the_order_of_the_protocol():
    """Along the straight way: whatever loops or fails is left out."""
    steps, name, run = [], "Begin", MACHINES["MigrateMachine"]["States"]
    straight = {"Begun": "ArmSource", "SourceArmed": "AdvanceCopy", "Resume": "PlanCopy", "Identical": "AdvanceGuarded",
                "TargetArmed": "ApprovalNeeded", "ApprovalNeeded": "Approval", "TablesToo": "WaitNew"}
    while run[name]["Type"] != "Succeed":
        state = run[name]
        following = straight.get(name, state.get("Next"))
        assert following in successors(state)
        steps.append(name)
        name = following
    interesting = [step for step in steps if not step.startswith(("Wait", "Plan")) and step not in straight]
    assert interesting == ["Begin", "ArmSource", "AdvanceCopy", "Copy", "Verify", "Verified", "AdvanceGuarded", "ArmTarget",
                           "Approval", "AdvanceHandoff", "LateCopy", "Seal", "Finish", "Certify", "Certificate", "AdvanceNew",
                           "Certificates"]
    for step in steps:
        parameters = run[step].get("Parameters", {})
        if parameters.get("action") in ("advance", "seal"):
            # Nothing builds on the buckets' `new` before the tables have theirs.
            follower = run["WaitNew" if step == "AdvanceNew" else run[step]["Next"]]
            assert (follower["Type"], follower["SecondsPath"]) == ("Wait", "$.step.wait_seconds"), step
    between = steps[steps.index("AdvanceHandoff"):steps.index("TablesToo")]
    for step in between:
        if run[step]["Type"] == "Task":
            assert run[step]["Parameters"]["only.$"] == "$.only", f"{step} would take tables along while buckets are frozen"
    assert run["Settings"]["Parameters"]["only"] == "bucket"
    assert run["TablesToo"]["Choices"] == [{"Variable": "$.only", "StringEquals": "bucket", "Next": "Tables"}]
    assert (run["Tables"]["Result"], run["Tables"]["ResultPath"], run["Tables"]["Next"]) == ("table", "$.only", "AdvanceHandoff")
    assert run["PlanCertify"]["Parameters"]["restart"] is True
    assert run["PlanVerifyAgain"]["Parameters"]["restart"] is True
    assert run["PlanRepair"]["Parameters"]["restart"] is True


def test_machines_log_no_data():
    for name, machine in of_type("Serverless::StateMachine").items():
        properties = machine["Properties"]
        assert properties["Logging"]["IncludeExecutionData"] is False, name
        assert target(properties["Role"]) == "MachineRole"
        assert properties["Type"] == "STANDARD"


def changed(change) -> dict:
    machine = copy.deepcopy(MACHINES["MigrateMachine"])
    change(machine["States"])
    return machine


@pytest.mark.parametrize(("change", "problem"), [
    (lambda run: run["WaitCopy"].update(Next="Nowhere"), "Nowhere does not exist"),
    (lambda run: run["Begin"].pop("Catch"), "Begin has no Catch"),
    (lambda run: run["Begin"].pop("Retry"), "Begin has no Retry"),
    (lambda run: run["Begin"]["Retry"][0].pop("MaxAttempts"), "Begin retries without bound"),
    (lambda run: run["Begin"].pop("TimeoutSeconds"), "Begin may run for ever"),
    (lambda run: run["Resume"].pop("Default"), "Resume has no default"),
    (lambda run: run["WaitCopy"].pop("Next"), "WaitCopy leads nowhere"),
    (lambda run: run["Begin"].pop("Comment"), "Begin does not say what it is for"),
    (lambda run: run.update(Lost={"Type": "Succeed", "Comment": "x"}), "Lost is not reached"),
    (lambda run: run["Copy"]["ItemProcessor"]["States"]["Segment"].update(Next="Nowhere"), "Nowhere does not exist"),
])
def test_the_checker_sees(change, problem):
    assert problem in problems(changed(change))
