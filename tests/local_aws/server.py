"""Starting and stopping one local AWS."""

import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
READY_WITHIN_S = 60
STOPPED_WITHIN_S = 15
# It waits for the functions at work, which wait for what it does not answer any more.
RESTARTED_WITHIN_S = 300


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def credentials(account: str, region: str) -> dict:
    """Environment variables that make any AWS tool act as the root of `account` in `region`, here."""
    return {
        "AWS_ACCESS_KEY_ID": account,
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }


def without_aws(environment) -> dict:
    """`environment` without whatever would lead an AWS tool to another place or identity."""
    return {name: value for name, value in environment.items() if not name.startswith("AWS_")}


class LocalAws:
    """One server; use as context manager, or `start` and `stop`.

    `enforce_policies` makes it check the identity policies of function roles (MiniStack's AUTH).
    `detached` lets it outlive this process. `functions_endpoint`: what functions get as AWS_ENDPOINT_URL instead of
    the server itself, for whatever stands between. `persistent`: it can be restarted with all that it holds.
    """

    def __init__(self, enforce_policies: bool = False, detached: bool = False, persistent: bool = False):
        self.enforce_policies = enforce_policies
        self.detached = detached
        self.persistent = persistent
        self.port = free_port()
        self.endpoint = self.functions_endpoint = f"http://127.0.0.1:{self.port}"
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="livemove-aws-"))
        self.log = self.home / "server.log"
        self.process = None

    def environment(self) -> dict:
        """What the server process gets to see."""
        return {
            **without_aws(os.environ),
            **credentials("111111111111", "us-east-1"),
            # Functions inherit this; without it they would look for the real AWS.
            "AWS_ENDPOINT_URL": self.functions_endpoint,
            "GATEWAY_PORT": str(self.port),
            "BIND_HOST": "127.0.0.1",
            "STATE_DIR": str(self.home / "state"),
            "TMPDIR": str(self.home),
            "MINISTACK_ACCOUNT_ID": "111111111111",
            # Listens on a fixed port otherwise.
            "IOT_MTLS_ENABLED": "0",
            # The default depends on the memory of the machine, and a throttled function would fail tests.
            "LAMBDA_ACCOUNT_CONCURRENCY": "200",
            **({"AUTH": "true"} if self.enforce_policies else {}),
            **({"PERSIST_STATE": "1", "S3_PERSIST": "1", "S3_DATA_DIR": str(self.home / "objects")} if self.persistent else {}),
        }

    def start(self) -> "LocalAws":
        """Start the server and wait until it answers.

        Raises RuntimeError with the end of the log when it does not.
        """
        arguments = [sys.executable, "-m", "tests.local_aws.launch"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                arguments if self.detached else [*arguments, str(os.getpid())],
                cwd=ROOT, env=self.environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                # A group of its own: Ctrl-C is ours to handle, and its functions can be stopped with it.
                start_new_session=True,
            )
        deadline = time.monotonic() + READY_WITHIN_S
        while not self._healthy():
            if self.process.poll() is not None or time.monotonic() > deadline:
                tail = self.log_tail()
                self.stop()
                raise RuntimeError(f"the local AWS did not start:\n{tail}")
            time.sleep(0.05)
        return self

    def restart(self) -> None:
        """Stop it, which ends its functions too, and start it again with what it held and at the same address.

        State machines that were running are not any more. Raises RuntimeError when it does not stop in time, for then
        it has not stored its state, or when it does not start.
        """
        if not self.persistent:
            raise RuntimeError("only a persistent server can be restarted: LocalAws(persistent=True)")
        if not self._end(RESTARTED_WITHIN_S):
            raise RuntimeError(f"the local AWS did not stop within {RESTARTED_WITHIN_S} s, so its state is lost:\n{self.log_tail()}")
        self.start()

    def stop(self) -> None:
        """Stop the server and its functions, and remove its files. Stopping twice is no error."""
        self._end(STOPPED_WITHIN_S)
        shutil.rmtree(self.home, ignore_errors=True)

    def _end(self, within_s: float) -> bool:
        """End the processes; whether the server stopped by itself when it was asked to."""
        process, self.process = self.process, None
        if not process:
            return True
        process.terminate()
        try:
            process.wait(within_s)
            stopped = True
        except subprocess.TimeoutExpired:
            stopped = False
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait()
        return stopped

    def log_tail(self, lines: int = 40) -> str:
        """The last lines of the server's log."""
        if not self.log.exists():
            return ""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def _healthy(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.endpoint}/_ministack/health", timeout=2) as answer:
                return answer.status == 200
        except OSError:
            return False

    def __enter__(self) -> "LocalAws":
        return self.start()

    def __exit__(self, *_exception) -> None:
        self.stop()
