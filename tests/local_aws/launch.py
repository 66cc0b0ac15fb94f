"""The process of the local AWS: MiniStack with our corrections, ending when the process that asked for it does.

`python -m tests.local_aws.launch [PARENT_PID]`, environment as `server.LocalAws` makes it.
"""

import os
import pathlib
import shutil
import signal
import sys
import threading
import time


def end_with(parent: int) -> None:
    """Stop this process soon after `parent` has gone, so that a killed test run leaves no server and no files."""

    def watch():
        while os.getppid() == parent:
            time.sleep(0.5)
        # Nobody is left who would remove its files.
        shutil.rmtree(pathlib.Path(os.environ["STATE_DIR"]).parent, ignore_errors=True)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()


def main() -> None:
    """Correct, then serve until stopped."""
    from tests.local_aws import corrections

    corrections.apply()
    if len(sys.argv) > 1:
        end_with(int(sys.argv.pop(1)))
    from ministack.app import main as serve

    serve()


if __name__ == "__main__":
    main()
