"""A function: its configuration, and its environments, which are made when needed and kept warm."""

import pathlib
import tempfile
import threading

from tests.harness.runtime.environment import Environment
from tests.harness.runtime.outcome import Interruption, Outcome
from tests.local_aws.server import ROOT, credentials


class Function:
    """A bootstrap with its environments; use as context manager, or `close` it.

    `concurrency` is the most invocations at a time; one more is throttled, as with reserved concurrency:
    <https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html>. 0 is no bound.
    """

    def __init__(self, bootstrap, variables: dict, arn: str, timeout_s: float, concurrency: int = 0):
        self.arn, self.timeout_s = arn, timeout_s
        self._bootstrap, self._variables, self._concurrency = bootstrap, variables, concurrency
        self._lock, self._idle, self._all, self._busy = threading.Lock(), [], [], 0
        self._log, self._said = tempfile.NamedTemporaryFile(prefix="livemove-function-", suffix=".log"), ""

    def invoke(self, event: dict, interruption: Interruption | None = None) -> Outcome:
        """One invocation in an environment that is free, or a new one."""
        with self._lock:
            if self._concurrency and self._busy >= self._concurrency:
                return Outcome("throttled")
            self._busy += 1
            environment = self._idle.pop() if self._idle else None
        try:
            environment = environment or self._new()
            return environment.invoke(event, self.timeout_s, interruption)
        finally:
            with self._lock:
                self._busy -= 1
                if environment is not None and environment.usable:
                    self._idle.append(environment)

    def log(self) -> str:
        """What its processes have said, also after `close`."""
        return self._said if self._log.closed else pathlib.Path(self._log.name).read_text(errors="replace")

    def close(self) -> None:
        """End all processes."""
        with self._lock:
            environments, self._all, self._idle = self._all, [], []
        for environment in environments:
            environment.kill()
        self._said = self.log()
        self._log.close()

    def _new(self) -> Environment:
        environment = Environment(self._bootstrap, self._variables, self.arn, self._log)
        with self._lock:
            self._all = [one for one in self._all if not one.ended] + [environment]
        return environment

    def __enter__(self) -> "Function":
        return self

    def __exit__(self, *_exception) -> None:
        self.close()


def deployed(world, side: str, name: str, bundle: str, **changes) -> Function:
    """The function as it is deployed at that side: variables, timeout and ARN are the deployment's, the program is the
    one in target/lambda. `changes` replace arguments of Function."""
    site = world.site(side)
    configuration = world.client("lambda", side).get_function_configuration(FunctionName=world.function(name))
    variables = {
        **credentials(site.account, site.region), **configuration["Environment"]["Variables"],
        "AWS_ENDPOINT_URL": world.endpoint,
        # What Lambda sets: https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
        "AWS_LAMBDA_FUNCTION_NAME": configuration["FunctionName"],
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(configuration["MemorySize"]),
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{configuration['FunctionName']}",
        "AWS_LAMBDA_LOG_STREAM_NAME": "local",
    }
    arguments = {"arn": configuration["FunctionArn"], "timeout_s": configuration["Timeout"], **changes}
    return Function(ROOT / "target" / "lambda" / bundle / "bootstrap", variables, **arguments)
