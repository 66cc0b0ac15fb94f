"""HTTP/1.1 as far as AWS SDKs use it: whole messages in, whole messages out, connections kept.

Bodies are taken in whole: what stands between must be able to change, cut or keep them. A body that came in
chunks goes on with its length (RFC 9112, section 7.1.3 allows that to whoever forwards).
"""

import asyncio
import dataclasses
import time

HEAD_MAX = 64 * 1024
BODY_MAX = 256 * 1024 * 1024
# Shorter than the server keeps an idle connection (hypercorn: 5 s), so that none is used while it is being closed.
IDLE_MAX_S = 2.0
NOT_FORWARDED = {"connection", "keep-alive", "proxy-connection", "transfer-encoding", "content-length", "expect", "trailer", "te"}


class Malformed(Exception):
    """Not HTTP/1.1 as far as it is understood here, or the other end is gone in the middle of a message."""


@dataclasses.dataclass
class Message:
    """A request or an answer: its first line, its headers in order, its body."""

    start: str
    headers: list
    body: bytes = b""

    def get(self, name: str, default: str = "") -> str:
        """A header by its name in lower case; the first of several."""
        return next((value for header, value in self.headers if header.lower() == name), default)

    def set(self, name: str, value: str) -> None:
        """Replace a header, or add it."""
        self.headers = [(header, old) for header, old in self.headers if header.lower() != name.lower()] + [(name, value)]

    @property
    def method(self) -> str:
        """Of a request."""
        return self.start.split(" ", 1)[0]

    @property
    def target(self) -> str:
        """Of a request: path and query as they were sent."""
        return self.start.split(" ")[1]

    @property
    def status(self) -> int:
        """Of an answer."""
        return int(self.start.split(" ", 2)[1])

    def encode(self, close: bool = False, length: int | None = None) -> bytes:
        """The bytes to send on; `length` where the header must say another one than the body has."""
        lines = [self.start, *(f"{name}: {value}" for name, value in self.headers if name.lower() not in NOT_FORWARDED)]
        lines.append(f"Content-Length: {len(self.body) if length is None else length}")
        if close:
            lines.append("Connection: close")
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + self.body


async def read_request(reader, writer) -> Message | None:
    """The next request of a connection; None when it was closed between two. Answers `Expect: 100-continue`."""
    message = await _head(reader)
    if message is None:
        return None
    if message.start.count(" ") != 2:
        raise Malformed(f"no request line: {message.start[:80]!r}")
    if message.get("expect").lower() == "100-continue":
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    message.body = await _body(reader, message, to_the_end=False)
    return message


async def read_answer(reader, method: str) -> Message:
    """The answer to a request of that method; answers of the 100s are passed over."""
    while True:
        message = await _head(reader)
        if message is None:
            raise Malformed("closed instead of an answer")
        if message.status >= 200:
            break
    if method != "HEAD" and message.status not in (204, 304):
        message.body = await _body(reader, message, to_the_end=True)
    return message


async def _head(reader) -> Message | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise Malformed("closed within a head") from error
        return None
    except asyncio.LimitOverrunError as error:
        raise Malformed(f"a head of more than {HEAD_MAX} bytes") from error
    start, *lines = head[:-4].decode("latin-1").split("\r\n")
    headers = []
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon:
            raise Malformed(f"no header: {line[:80]!r}")
        headers.append((name, value.strip()))
    return Message(start, headers)


async def _body(reader, message: Message, to_the_end: bool) -> bytes:
    try:
        if "chunked" in message.get("transfer-encoding").lower():
            return await _chunks(reader)
        if length := message.get("content-length"):
            if int(length) > BODY_MAX:
                raise Malformed(f"a body of {length} bytes")
            return await reader.readexactly(int(length))
        return await reader.read() if to_the_end else b""
    except (asyncio.IncompleteReadError, ValueError) as error:
        raise Malformed(f"a body that ends too soon: {error}") from error


async def _chunks(reader) -> bytes:
    parts, total = [], 0
    while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
        total += size
        if total > BODY_MAX:
            raise Malformed(f"a body of more than {BODY_MAX} bytes")
        parts.append(await reader.readexactly(size))
        await reader.readexactly(2)
    # What trails after the last chunk is not forwarded.
    while await reader.readuntil(b"\r\n") != b"\r\n":
        pass
    return b"".join(parts)


class Backend:
    """Kept connections to one server; a call uses one of them alone."""

    def __init__(self, host: str, port: int):
        self._place, self._idle = (host, port), []

    async def exchange(self, request: Message) -> Message:
        """Send it, once, and give the answer. Raises OSError or Malformed when there is none; it may have been done."""
        reader, writer = await self._connection()
        try:
            writer.write(request.encode())
            answer = await read_answer(reader, request.method)
        except BaseException:
            writer.transport.abort()
            raise
        bounded = answer.get("content-length") or answer.get("transfer-encoding") or answer.status in (204, 304)
        if bounded and answer.get("connection").lower() != "close":
            self._idle.append((time.monotonic(), reader, writer))
        else:
            writer.close()
        return answer

    async def _connection(self) -> tuple:
        while self._idle:
            since, reader, writer = self._idle.pop()
            if time.monotonic() - since < IDLE_MAX_S and not reader.at_eof() and not writer.is_closing():
                return reader, writer
            writer.close()
        return await asyncio.open_connection(*self._place, limit=HEAD_MAX)
