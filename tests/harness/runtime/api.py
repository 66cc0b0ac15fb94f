"""The Runtime API of one execution environment, on a port of its own.

<https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>: a bootstrap asks for the next invocation and waits,
without a timeout of its own; it posts its answer, or an error, under the invocation's id, or an error of its start.
"""

import http.server
import queue
import threading

PREFIX = "/2018-06-01/runtime/"
SLOW_CLIENT_S = 600


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        """A process that is killed leaves broken connections: no news."""


class RuntimeApi:
    """Hands out one invocation at a time; what is posted goes to `posted(kind, request_id, body)`.

    `posted` answers whether the post arrives: if not, the connection is dropped as if nobody had been there.
    """

    def __init__(self, posted):
        self._next, self._posted = queue.Queue(), posted
        self._server = _Server(("127.0.0.1", 0), self._handler())
        self.address = f"127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def hand_out(self, request_id: str, body: bytes, deadline_ms: int, function_arn: str) -> None:
        """Give this invocation to whoever asks next."""
        headers = {
            "Lambda-Runtime-Aws-Request-Id": request_id,
            "Lambda-Runtime-Deadline-Ms": str(deadline_ms),
            "Lambda-Runtime-Invoked-Function-Arn": function_arn,
        }
        self._next.put((headers, body))

    def close(self) -> None:
        """Stop listening, and send away whoever waits."""
        self._next.put(None)
        self._server.shutdown()
        self._server.server_close()

    def _handler(api):
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = SLOW_CLIENT_S

            def do_GET(self):
                if self.path != f"{PREFIX}invocation/next":
                    return self._answer(404)
                invocation = api._next.get()
                if invocation is None:
                    api._next.put(None)
                    self.close_connection = True
                    return None
                headers, body = invocation
                return self._answer(200, body, headers)

            def do_POST(self):
                body = self._body()
                if self.path == f"{PREFIX}init/error":
                    kind, request_id = "init", ""
                else:
                    request_id, _, kind = self.path.removeprefix(f"{PREFIX}invocation/").partition("/")
                if kind not in ("init", "response", "error"):
                    return self._answer(404)
                if not api._posted(kind, request_id, body.decode(errors="replace")):
                    self.close_connection = True
                    return None
                return self._answer(202, b'{"status":"OK"}\n')

            def _body(self) -> bytes:
                if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
                    return self.rfile.read(int(self.headers.get("Content-Length", 0)))
                body = b""
                while size := int(self.rfile.readline().split(b";")[0], 16):
                    body += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
                return body

            def _answer(self, status: int, body: bytes = b"", headers: dict | None = None) -> None:
                try:
                    self.send_response(status)
                    for name, value in {"Content-Type": "application/json", **(headers or {}), "Content-Length": str(len(body))}.items():
                        self.send_header(name, value)
                    self.end_headers()
                    self.wfile.write(body)
                except OSError:
                    # The process has been ended while it waited.
                    self.close_connection = True

            def log_message(self, *_line):
                pass

        return Handler
