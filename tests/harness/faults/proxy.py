"""The server: takes a request, asks what is to happen to it, and makes that happen.

Under `/_faults/` it is told what to do: `POST /_faults/rules` with `{"seed", "rules"}`, `POST /_faults/calm`, which
answers when no fault is under way any more, `POST /_faults/listen` with `{"client"}`, which opens a port of that client's own,
and `GET /_faults/figures`.
"""

import asyncio
import dataclasses
import functools
import hashlib
import json

from tests.harness.faults import calls, kinds
from tests.harness.faults.http1 import HEAD_MAX, Backend, Malformed, Message, read_request
from tests.harness.faults.journal import Journal
from tests.harness.faults.rules import Decider, Rule


class Proxy:
    """One proxy before one backend. `serve` on an event loop; nothing of it is for other threads."""

    def __init__(self, host: str, port: int, journal: Journal):
        self._backend, self._journal, self._decider = Backend(host, port), journal, Decider(0)
        self._ports, self._under_way, self._idle = {}, 0, asyncio.Event()
        self._idle.set()

    async def serve(self, port: int) -> asyncio.Server:
        """Listen on that port of 127.0.0.1, 0 for a free one, for clients who say themselves who they are."""
        return await asyncio.start_server(functools.partial(self._connection, ""), "127.0.0.1", port, limit=HEAD_MAX)

    async def _listen(self, client: str) -> int:
        """The port of a client, the same whenever it is asked for."""
        if client not in self._ports:
            server = await asyncio.start_server(functools.partial(self._connection, client), "127.0.0.1", 0, limit=HEAD_MAX)
            self._ports[client] = server
        return self._ports[client].sockets[0].getsockname()[1]

    async def _connection(self, client: str, reader, writer) -> None:
        try:
            while request := await read_request(reader, writer):
                if request.target.startswith("/_faults/"):
                    answer = await self._steer(request)
                else:
                    answer = await self._answer(client, request)
                # To HEAD, the length is that of the body which does not come.
                writer.write(answer.encode(length=int(answer.get("content-length") or 0) if request.method == "HEAD" else None))
                await writer.drain()
                if request.get("connection").lower() == "close":
                    break
        except kinds.Cut as cut:
            writer.write(cut.data)
            await _flush(writer)
            # So that the client sees an end and not just silence, with what was sent before.
            writer.close()
            return
        except (OSError, Malformed):
            writer.transport.abort()
            return
        writer.close()

    async def _answer(self, client: str, request: Message) -> Message:
        call = calls.read(request)
        if client:
            call = dataclasses.replace(call, client=client)
        self._journal.call(call)
        decision = self._decider.decide(call, request)

        async def forward(message: Message) -> Message:
            try:
                return await self._backend.exchange(message)
            except (OSError, Malformed) as error:
                self._journal.lost(call, error)
                raise

        if decision.rule is None:
            return await forward(request)
        self._under_way += 1
        self._idle.clear()
        try:
            answer = await self._fault(call, request, decision, forward)
            self._journal.fault(call, decision, str(answer.status))
            return answer
        except kinds.Cut:
            self._journal.fault(call, decision, "cut")
            raise
        finally:
            self._under_way -= 1
            if not self._under_way:
                self._idle.set()

    async def _fault(self, call, request: Message, decision, forward) -> Message:
        name = f"{self._decider.seed}/{decision.rule.name}/{call.client}/{call.name}/{decision.ordinal}"
        occasion = kinds.Occasion(call, request, forward, decision.chance, decision.rule.seconds,
                                  hashlib.sha256(name.encode()).hexdigest()[:26].upper())
        return await kinds.KINDS[decision.rule.kind][0](occasion)

    async def _steer(self, request: Message) -> Message:
        try:
            said = await self._steered(request)
        except (ValueError, TypeError, KeyError) as error:
            return _json(400, {"error": f"{type(error).__name__}: {error}"})
        return _json(200, said)

    async def _steered(self, request: Message) -> dict:
        if request.target == "/_faults/rules":
            given = json.loads(request.body)
            rules = [Rule(**rule) for rule in given["rules"]]
            self._decider.seed, self._decider.rules = int(given["seed"]), tuple(rules)
            self._journal.rules(self._decider.seed, rules)
        elif request.target == "/_faults/calm":
            self._decider.calm()
            await self._idle.wait()
        elif request.target == "/_faults/listen":
            return {"port": await self._listen(json.loads(request.body)["client"])}
        elif request.target != "/_faults/figures":
            raise ValueError(f"{request.target} is nothing to ask for")
        return self._journal.figures()


def _json(status: int, said: dict) -> Message:
    return Message(f"HTTP/1.1 {status} {'OK' if status == 200 else 'Bad Request'}", [("Content-Type", "application/json")], json.dumps(said).encode())


async def _flush(writer) -> None:
    try:
        await writer.drain()
    except OSError:
        pass
