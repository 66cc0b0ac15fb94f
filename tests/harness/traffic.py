"""All application clients together: start them, stop them, and what they know between them."""

import collections
import threading

from tests.harness.book import PATIENCE_S, Kind
from tests.harness.item_clients import ItemClient
from tests.harness.object_clients import ObjectClient
from tests.harness.transfer_clients import TransferClient

OWNED_ITEMS = 25
OWNED_OBJECTS = 8
COUNTERS = 4
ACCOUNTS = 3


class Traffic:
    """Clients of one service, whose object writes wait at most `frozen_s_max` for a frozen bucket.

    Use as context manager: leaving it stops them.
    """

    def __init__(self, world, service, item_clients: int = 6, object_clients: int = 2, transfer_clients: int = 0,
                 frozen_s_max: float = PATIENCE_S):
        self.service, self.stopping, self._died = service, threading.Event(), []
        schema = service.schema
        self.counters = [schema.make(f"counter-{n}") for n in range(COUNTERS)]
        self.accounts = [schema.make(f"account-{n}") for n in range(ACCOUNTS)] if transfer_clients else []
        items, found = list(service.items.values()), sorted(service.objects)
        own = min(OWNED_ITEMS, len(items) // (item_clients + 1))
        untouched = items[own * item_clients:]
        self.items = [
            ItemClient(world, schema, n, items[n * own:(n + 1) * own], untouched, self.counters, self.stopping)
            for n in range(item_clients)
        ]
        self.transfers = [TransferClient(world, schema, n, self.accounts, self.stopping) for n in range(transfer_clients)]
        objects = object_clients if found else 0
        self.objects = [
            ObjectClient(world, n, {key: service.objects[key] for key in found[n::max(1, len(found) // OWNED_OBJECTS)]}, self.stopping,
                         frozen_s_max)
            for n in range(objects)
        ]

    @property
    def clients(self) -> list:
        """All of them."""
        return [*self.items, *self.objects, *self.transfers]

    def join(self, client) -> None:
        """One more client of items, of whatever kind; before they start."""
        self.items.append(client)

    def start(self) -> "Traffic":
        """Let them work until `stop`."""
        for client in self.clients:
            client.start()
        return self

    def stop(self) -> None:
        """Let every client finish the operation in its hands."""
        if not self.stopping.is_set():
            self._died = [client.name for client in self.clients if client.ident and not client.is_alive()]
        self.stopping.set()
        for client in self.clients:
            if client.ident:
                client.join()

    def __enter__(self) -> "Traffic":
        return self.start()

    def __exit__(self, *_exception) -> None:
        self.stop()

    def violations(self) -> list:
        """What clients saw and must not have; may be looked at while they work."""
        died = [f"{name}: ended by an exception of its own" for name in self._died]
        return died + [violation for client in self.clients for violation in list(client.book.violations)]

    def done(self) -> int:
        """Operations answered so far."""
        return sum(kind.done for client in self.clients for kind in list(client.book.kinds.values()))

    def figures(self) -> dict:
        """By kind of operation: how many were answered, repeated, left open, and the longest."""
        total = collections.defaultdict(Kind)
        for client in self.clients:
            for name, kind in client.book.kinds.items():
                sum_ = total[name]
                sum_.done, sum_.repeated, sum_.open = sum_.done + kind.done, sum_.repeated + kind.repeated, sum_.open + kind.open
                sum_.longest_s = max(sum_.longest_s, kind.longest_s)
        return dict(sorted(total.items()))

    def errors(self) -> collections.Counter:
        """How often each error was met."""
        return sum((client.book.errors for client in self.clients), collections.Counter())

    def frozen_s(self) -> float:
        """The longest wait of an object write for its bucket to take writes again."""
        return max((client.frozen_s for client in self.objects), default=0.0)
