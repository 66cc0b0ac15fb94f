"""Stands between one process and the local AWS: passes bytes on and counts calls, to interrupt at a chosen one.

It does not read HTTP. A call begins with the first bytes from the process after an answer; SDKs do not send the
next request on a connection before they have the answer of the last.
"""

import select
import socket
import threading
import urllib.parse

CHUNK = 1 << 16


class Cut(Exception):
    """Raised by a watcher to break the connection of the call that it was told of."""


class Relay:
    """Listens on a port of 127.0.0.1; `watch(number, moment)` is called at each call, with "before" its first bytes
    go on and "after" the first bytes of its answer came and were not passed on yet. It may wait, and raise Cut.
    """

    def __init__(self, endpoint: str, watch):
        place = urllib.parse.urlsplit(endpoint)
        self._backend, self._watch = (place.hostname, place.port), watch
        self._lock, self._calls = threading.Lock(), 0
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.endpoint = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def begin(self) -> None:
        """Count calls from 1 again."""
        with self._lock:
            self._calls = 0

    @property
    def calls(self) -> int:
        """How many calls have begun since `begin`."""
        return self._calls

    def close(self) -> None:
        """Take no more connections."""
        try:
            # Wakes up the thread that waits in accept.
            self._listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        try:
            with client, socket.create_connection(self._backend) as backend:
                for end in (client, backend):
                    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._pump(client, backend)
        except (OSError, Cut):
            # Closing both ends is all there is to do.
            pass

    def _pump(self, client: socket.socket, backend: socket.socket) -> None:
        number = 0
        while True:
            ready, _, _ = select.select([client, backend], [], [])
            if client in ready:
                data = client.recv(CHUNK)
                if not data:
                    return
                if not number:
                    number = self._count()
                    self._watch(number, "before")
                backend.sendall(data)
            if backend in ready:
                data = backend.recv(CHUNK)
                if not data:
                    return
                if number:
                    self._watch(number, "after")
                    number = 0
                client.sendall(data)

    def _count(self) -> int:
        with self._lock:
            self._calls += 1
            return self._calls
