"""Killing functions: processes that the local AWS started, and no others."""

import os
import pathlib
import signal


def workers(server: int) -> dict:
    """The functions that run now, by process id: children of the server that are a `bootstrap` with a function's name."""
    found = {}
    for place in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            # pid (name) state parent …; the name may hold anything, so from behind.
            parent = int((place / "stat").read_text().rsplit(")", 1)[1].split()[1])
            if parent != server or not (place / "cmdline").read_bytes().split(b"\0")[0].endswith(b"bootstrap"):
                continue
            variables = dict(entry.split(b"=", 1) for entry in (place / "environ").read_bytes().split(b"\0") if b"=" in entry)
            found[int(place.name)] = variables[b"AWS_LAMBDA_FUNCTION_NAME"].decode()
        except (OSError, KeyError, IndexError):
            # It ended just now, or is no function.
            continue
    return found


def one(server: int, dice) -> str | None:
    """Kill one of them, each kind of function as likely as another; its name, or None where none runs."""
    running = workers(server)
    if not running:
        return None
    name = dice.choice(sorted(set(running.values())))
    try:
        os.kill(dice.choice(sorted(pid for pid, of in running.items() if of == name)), signal.SIGKILL)
    except ProcessLookupError:
        return None
    return name
