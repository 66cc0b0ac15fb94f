"""How many of the waiting records one invocation gets.

<https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventsourcemapping.html>: a batch is handed over when its size
or the payload of 6 MB is reached, or its window is over; without a window, as soon as there is anything.
"""

import json

# The payload of a synchronous invocation: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
PAYLOAD = 6 * 1024 * 1024


def size_of(record: dict) -> int:
    """Bytes that the record takes in an event, with the comma after it."""
    return len(json.dumps(record).encode()) + 2


def take(waiting: list, batch_size: int, window_over: bool) -> list:
    """The records of the next batch, from the front; none while a batch is still being gathered.

    A single record above the payload is handed over by itself: it is the service that refuses it then.
    """
    size, room = 0, PAYLOAD - len('{"Records": []}')
    for record in waiting[:batch_size]:
        room -= size_of(record)
        if room < 0 and size:
            return waiting[:size]
        size += 1
    full = size == batch_size or room < 0
    return waiting[:size] if full or window_over else []
