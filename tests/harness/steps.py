"""State machines as an operator uses them: start one, watch it, and say what went wrong."""

import json
import time

LOOK_EVERY_S = 0.3
LOG_LINES = 12
LOGS_OF_S = 300


class Failed(Exception):
    """An execution that did not succeed; says why, with the end of the log of the function that failed."""

    def __init__(self, execution, error: str, cause: str):
        super().__init__(f"{execution.machine} ended {execution.state}: {error}: {cause}")
        self.error, self.cause = error, cause


class Execution:
    """One run of a state machine."""

    def __init__(self, world, machine: str, arn: str):
        self.machine, self.arn, self.state = machine, arn, "RUNNING"
        self._world, self._machines = world, world.client("stepfunctions")
        self.output = None

    def look(self) -> str:
        """Its state now: RUNNING, SUCCEEDED, FAILED, ABORTED or TIMED_OUT."""
        answer = self._machines.describe_execution(executionArn=self.arn)
        self.state = answer["status"]
        if self.state == "SUCCEEDED":
            self.output = json.loads(answer["output"])
        elif self.state != "RUNNING":
            self._failure = answer.get("error", ""), answer.get("cause", "")
        return self.state

    def wait(self, each=lambda: None, seconds: float = 300):
        """Its output when it has succeeded; calls `each` while it runs.

        Raises Failed, or TimeoutError after `seconds`, both with what the functions said last.
        """
        deadline = time.monotonic() + seconds
        while self.look() == "RUNNING":
            each()
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self.machine} still runs after {seconds} s in {self.at()}\n{logs(self._world)}")
            time.sleep(LOOK_EVERY_S)
        if self.state != "SUCCEEDED":
            raise Failed(self, *self._failure)
        return self.output

    def abort(self) -> None:
        """Stop it in the middle, as an operator may."""
        self._machines.stop_execution(executionArn=self.arn, cause="stopped by a test")
        self.look()

    def at(self) -> str:
        """The state it entered last."""
        pages = self._machines.get_execution_history(executionArn=self.arn, reverseOrder=True, maxResults=200)["events"]
        names = [event["stateEnteredEventDetails"]["name"] for event in pages if "stateEnteredEventDetails" in event]
        return names[0] if names else "its start"


def start(world, machine: str, given: dict) -> Execution:
    """Start `migrate`, `rollback` or `complete`."""
    machines, wanted = world.client("stepfunctions"), f"livemove-{world.migration}-{machine}"
    arn = next(m["stateMachineArn"] for m in machines.list_state_machines()["stateMachines"] if m["name"] == wanted)
    return Execution(world, machine, machines.start_execution(stateMachineArn=arn, input=json.dumps(given))["executionArn"])


def plan(world, **changes) -> dict:
    """A plan for everything in the world, with short times so that waits are short; `changes` replace parts."""
    def end(side, kind, name):
        return {"account": world.site(side).account, "region": world.site(side).region, kind: name}

    def both(kind, name):
        return {side: end(side, kind, name(side)) for side in ("source", "target")}

    return {
        "migration": world.migration,
        "tables": [{**both("table", world.table), "segments": 4}],
        "buckets": [{**both("bucket", world.bucket), "segments": 2}],
        "approval": "automatic",
        "timing": {"lease_ms": 1000, "call_ms": 2000, "skew_ms": 200},
        **changes,
    }


def control(world, action: str, **arguments):
    """Ask the control function directly, as the command line would. Raises RuntimeError by the function's words."""
    payload = json.dumps({"action": action, "migration": world.migration, **arguments}).encode()
    answer = world.client("lambda").invoke(FunctionName=world.function("control"), Payload=payload)
    body = json.loads(answer["Payload"].read())
    if "FunctionError" in answer:
        raise RuntimeError(f"{body.get('errorType')}: {body.get('errorMessage')}")
    return body


def logs(world) -> str:
    """What each function logged last in the past minutes: errors and warnings, and the last lines of those who steer."""
    found = {}
    for name, lines in log_lines(world, since=time.time() - LOGS_OF_S).items():
        lines = [line for line in lines if not line.startswith(("START ", "END ", "REPORT ", '{"Function"', '{"Migration"'))]
        loud = [line for line in lines if '"ERROR"' in line or '"WARN"' in line]
        quiet = lines if name.endswith(("control", "backfill", "verifier")) else []
        if loud or quiet:
            found[name] = (loud or quiet)[-LOG_LINES:]
    return "\n".join(line for name, lines in sorted(found.items()) for line in (f"--- {name}", *lines))


def log_lines(world, since: float = 0) -> dict:
    """Every line that every function of the migration logged since that time, by log group."""
    found = {}
    for side in ("source", "target"):
        client = world.client("logs", side)
        for group in client.describe_log_groups(logGroupNamePrefix=f"/aws/lambda/livemove-{world.migration}-")["logGroups"]:
            pages = client.get_paginator("filter_log_events").paginate(logGroupName=group["logGroupName"], startTime=int(since * 1000))
            found[group["logGroupName"]] = [line for page in pages for event in page["events"]
                                            for line in event["message"].splitlines() if line]
    return found
