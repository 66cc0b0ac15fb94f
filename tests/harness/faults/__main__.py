"""The process of a proxy: `python -m tests.harness.faults PARENT_PID PORT BACKEND_PORT JOURNAL`. Ends with its parent."""

import asyncio
import os
import pathlib
import sys

from tests.harness.faults.journal import Journal
from tests.harness.faults.proxy import Proxy

LOOK_EVERY_S = 0.5


async def main(parent: int, port: int, backend: int, path: pathlib.Path) -> None:
    """Serve until nobody is left who wanted it."""
    server = await Proxy("127.0.0.1", backend, Journal(path)).serve(port)
    async with server:
        while os.getppid() == parent:
            await asyncio.sleep(LOOK_EVERY_S)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), pathlib.Path(sys.argv[4])))
