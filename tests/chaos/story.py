"""The runs: forth and back until the time is over, then calm, to the end of the run, and complete."""

import dataclasses
import time

from botocore.exceptions import BotoCoreError, ClientError

from tests.chaos.mischief import Mischief
from tests.harness import audit, deploy, items, service, steps
from tests.harness.faults.control import Faults, name_clients
from tests.harness.traffic import Traffic
from tests.harness.world import World
from tests.local_aws.server import LocalAws

# An execution that was stopped or has failed is started again; more often than this is a run that does not get on.
STARTS_MAX = 60
EXECUTION_S = 400
LOOK_EVERY_S = 0.2
# Operations of the clients after the last fault.
AFTERWARDS = 100
# A bucket stays frozen while its controller is killed and its execution is stopped, over and over.
FROZEN_S_MAX = 900


@dataclasses.dataclass
class Outcome:
    """What a chaos run was and came to."""

    seed: int
    journal: str
    operations: int
    runs: int
    faults: dict
    acts: dict
    open: int
    frozen_s: float
    lost: list
    duplicated: list
    violations: list

    @property
    def clean(self) -> bool:
        """Nothing lost, nothing done twice, nothing that clients must not see."""
        return not (self.lost or self.duplicated or self.violations)


class Stuck(Exception):
    """A run that does not get on, whatever is done; says where."""


def tell(seed: int, seconds: float, count: int, objects: int, say=print, restarts: bool = True) -> Outcome:
    """One whole chaos run on a local AWS of its own. Raises Stuck, steps.Failed or TimeoutError when it cannot be ended."""
    aws = LocalAws(persistent=restarts)
    with Faults(aws.endpoint) as faults:
        say(f"seed {seed}, journal {faults.journal}")
        aws.functions_endpoint = faults.endpoint
        with aws:
            world = World(aws.endpoint, migration="chaos")
            existing = service.create(world, items.ORDERS, items.generate(count, seed), objects)
            deploy.deploy(world, existing)
            name_clients(world, faults)
            try:
                return _runs(seed, seconds, world, aws, faults, existing, say, restarts)
            except Exception:
                say(f"seed {seed}, journal {faults.journal}\n{steps.logs(world)}")
                raise


def _runs(seed: int, seconds: float, world, aws, faults, existing, say, restarts: bool) -> Outcome:
    plan, serving, runs = steps.plan(world), "source", 0
    steps.control(world, "preflight", plan=plan)
    deadline = time.monotonic() + seconds
    with Traffic(world, existing, item_clients=4, object_clients=2, transfer_clients=2, frozen_s_max=FROZEN_S_MAX) as traffic:
        mischief = Mischief(seed, world, aws, faults, restarts, say)
        while time.monotonic() < deadline:
            machine = "migrate" if serving == "source" else "rollback"
            _run(world, machine, plan, mischief, deadline, say)
            serving, runs = "target" if serving == "source" else "source", runs + 1
            say(f"{machine} succeeded, {traffic.done():,} operations")
        figures = mischief.calm()
        _run(world, "complete", plan, mischief, deadline, say)
        _until(lambda goal=traffic.done() + AFTERWARDS: traffic.done() >= goal, f"{AFTERWARDS} operations after the last fault")
    wrong = audit.table(world, traffic, serving, swept=True) + audit.bucket(world, traffic, serving)
    twice = [what for what in wrong if "done twice" in what]
    return Outcome(seed=seed, journal=str(faults.journal), operations=traffic.done(), runs=runs, faults=figures, acts=dict(mischief.done),
                   open=sum(kind.open for kind in traffic.figures().values()), frozen_s=traffic.frozen_s(),
                   lost=[what for what in wrong if what not in twice], duplicated=twice, violations=traffic.violations())


def _run(world, machine: str, plan: dict, mischief: Mischief, deadline: float, say) -> None:
    """One run to its success, started as often as it is stopped or fails. After the deadline nothing goes wrong any more."""
    given = plan if machine == "migrate" else {"migration": world.migration}
    for _ in range(STARTS_MAX):
        execution = _patiently(lambda: steps.start(world, machine, given))
        state = _watch(execution, mischief, deadline)
        if state == "SUCCEEDED":
            return
        if state != "ABORTED":
            try:
                execution.wait()
            except steps.Failed as failed:
                mischief.done["failed executions"] += 1
                say(f"{machine} failed and is started again: {failed.error}: {str(failed.cause)[:200]}")
        else:
            mischief.done["started again"] += 1
    raise Stuck(f"{machine} was started {STARTS_MAX} times and did not succeed")


def _watch(execution, mischief: Mischief, deadline: float) -> str:
    """Its state when it has ended; until the deadline with mischief."""
    until = time.monotonic() + EXECUTION_S
    while _patiently(execution.look) == "RUNNING":
        if time.monotonic() > until:
            raise Stuck(f"{execution.machine} runs for more than {EXECUTION_S} s, in {execution.at()}")
        if time.monotonic() < deadline:
            mischief(execution)
        else:
            mischief.calm()
        time.sleep(LOOK_EVERY_S)
    return execution.state


def _patiently(call, seconds: float = 30):
    """What the operator's own calls need where the local AWS is just coming back."""
    until = time.monotonic() + seconds
    while True:
        try:
            return call()
        except (BotoCoreError, ClientError):
            if time.monotonic() > until:
                raise
            time.sleep(LOOK_EVERY_S)


def _until(condition, what: str, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise Stuck(f"not within {seconds} s: {what}")
        time.sleep(LOOK_EVERY_S)
