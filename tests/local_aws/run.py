"""Run a command beside a local AWS: `python -m tests.local_aws.run -- COMMAND...`.

The command finds the server's address in LIVEMOVE_TEST_ENDPOINT and AWS_ENDPOINT_URL, with credentials of account 111111111111 in
us-east-1. The exit code is the command's; the server stops with it.
"""

import os
import subprocess
import sys

from tests.local_aws.server import LocalAws, credentials, without_aws


def main() -> int:
    """Parse, start, run, stop."""
    command = sys.argv[1:]
    if command[:1] == ["--"]:
        command = command[1:]
    if not command:
        print(__doc__, file=sys.stderr)
        return 2
    with LocalAws() as aws:
        environment = {
            **without_aws(os.environ),
            **credentials("111111111111", "us-east-1"),
            "LIVEMOVE_TEST_ENDPOINT": aws.endpoint,
            # Whatever finds AWS by itself finds this one.
            "AWS_ENDPOINT_URL": aws.endpoint,
        }
        code = subprocess.call(command, env=environment)
        if code:
            print(f"--- end of the local AWS's log\n{aws.log_tail(20)}", file=sys.stderr)
        return code


if __name__ == "__main__":
    sys.exit(main())
