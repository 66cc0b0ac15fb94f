"""The execution environments themselves, with a bootstrap that is a few lines of Python and a backend that counts."""

import http.server
import json
import os
import sys
import threading
import time

import pytest

from tests.harness.runtime.function import Function
from tests.harness.runtime.outcome import Interruption

# Asks its backend as often as the event says, then does what it says. Tells its process and what it knows.
BOOTSTRAP = """#!{python}
import http.client, json, os, sys, time, urllib.request
api = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/"
backend = http.client.HTTPConnection(os.environ["AWS_ENDPOINT_URL"].removeprefix("http://"))
if os.environ.get("FAIL_AT_START"):
    urllib.request.urlopen(api + "init/error", json.dumps(dict(errorType="Start")).encode())
    sys.exit(1)
while True:
    with urllib.request.urlopen(api + "invocation/next") as given:
        event, headers = json.load(given), given.headers
    lost = 0
    for number in range(event.get("calls", 0)):
        try:
            backend.request("POST", "/" + event.get("name", "") + str(number + 1), b"x" * 100000)
            backend.getresponse().read()
        except OSError:
            lost += 1
            backend.close()
        except http.client.HTTPException:
            lost += 1
            backend.close()
    time.sleep(event.get("sleep", 0))
    if event.get("exit"):
        os._exit(event["exit"])
    answer = dict(pid=os.getpid(), left_s=int(headers["Lambda-Runtime-Deadline-Ms"]) / 1000 - time.time(), lost=lost,
                  arn=headers["Lambda-Runtime-Invoked-Function-Arn"], name=os.environ["AWS_LAMBDA_FUNCTION_NAME"])
    kind = "error" if event.get("fail") else "response"
    urllib.request.urlopen(api + "invocation/" + headers["Lambda-Runtime-Aws-Request-Id"] + "/" + kind, json.dumps(answer).encode())
"""


class Backend:
    """A server that writes down the paths it was asked for."""

    def __init__(self):
        seen = self.seen = []

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                self.rfile.read(int(self.headers["Content-Length"]))
                seen.append(self.path.removeprefix("/"))
                self.send_response(200)
                self.send_header("Content-Length", "2")
                self.end_headers()
                self.wfile.write(b"ok")

            def log_message(self, *_line):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.endpoint = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()


@pytest.fixture(scope="module")
def backend():
    return Backend()


@pytest.fixture()
def function(backend, tmp_path):
    backend.seen.clear()
    with make(backend, tmp_path) as made:
        yield made


def make(backend, path, timeout_s=10, **settings):
    variables = {"AWS_ENDPOINT_URL": backend.endpoint, "AWS_LAMBDA_FUNCTION_NAME": "tried", **settings.pop("variables", {})}
    bootstrap = path / "bootstrap"
    bootstrap.write_text(BOOTSTRAP.replace("{python}", sys.executable))
    bootstrap.chmod(0o755)
    return Function(bootstrap, variables, "arn:aws:lambda:us-east-1:111111111111:function:tried", timeout_s, **settings)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def eventually(condition) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_invocations_are_answered_by_a_warm_environment_with_a_deadline(function):
    answers = [json.loads(function.invoke({}).payload) for _ in range(3)]
    assert len({answer["pid"] for answer in answers}) == 1
    assert all(9 < answer["left_s"] <= 10 for answer in answers)
    assert answers[0]["name"] == "tried" and answers[0]["arn"].endswith(":tried")


def test_errors_are_the_functions_own_and_its_environment_lives_on(function):
    failed = function.invoke({"fail": True})
    assert failed.kind == "error" and failed.failed
    assert json.loads(failed.payload)["pid"] == json.loads(function.invoke({}).payload)["pid"]


def test_an_exit_is_a_crash_and_the_next_invocation_gets_a_new_environment(function):
    first = json.loads(function.invoke({}).payload)["pid"]
    assert function.invoke({"exit": 3}).kind == "crash"
    assert json.loads(function.invoke({}).payload)["pid"] != first


def test_a_function_that_fails_at_its_start_is_a_crash(backend, tmp_path):
    with make(backend, tmp_path, variables={"FAIL_AT_START": "1"}) as function:
        assert function.invoke({}).kind == "crash"


def test_when_time_is_up_the_process_is_ended(backend, tmp_path):
    with make(backend, tmp_path, timeout_s=0.5) as function:
        pid = json.loads(function.invoke({}).payload)["pid"]
        started = time.monotonic()
        assert function.invoke({"sleep": 30}).kind == "timeout"
        assert time.monotonic() - started < 5 and not alive(pid)
        assert function.invoke({}).kind == "answer"


@pytest.mark.parametrize("moment, arrived", [({"before_call": 3}, 2), ({"after_call": 3}, 3)])
def test_a_process_is_killed_at_a_chosen_call(function, backend, moment, arrived):
    pid = json.loads(function.invoke({}).payload)["pid"]
    outcome = function.invoke({"calls": 5}, Interruption("kill", **moment))
    assert outcome.kind == "crash" and not alive(pid)
    assert backend.seen == [str(number + 1) for number in range(arrived)]
    assert function.invoke({"calls": 1}).kind == "answer"


def test_a_process_is_killed_after_a_time(function):
    assert function.invoke({"sleep": 30}, Interruption("kill", after_s=0.2)).kind == "crash"


def test_a_process_is_killed_when_all_is_done_but_its_answer(function, backend):
    assert function.invoke({"calls": 2}, Interruption("kill", at_answer=True)).kind == "crash"
    assert backend.seen == ["1", "2"]


@pytest.mark.parametrize("moment, arrived", [({"before_call": 2}, ["1", "3"]), ({"after_call": 2}, ["1", "2", "3"])])
def test_a_call_is_cut_and_the_function_goes_on(function, backend, moment, arrived):
    outcome = function.invoke({"calls": 3}, Interruption("cut", **moment))
    assert outcome.kind == "answer" and json.loads(outcome.payload)["lost"] == 1
    assert backend.seen == arrived


def test_a_backend_that_is_out_of_reach_stays_so_until_the_next_invocation(function, backend):
    outcome = function.invoke({"calls": 4}, Interruption("cut", before_call=3, lasting=True))
    assert json.loads(outcome.payload)["lost"] == 2 and backend.seen == ["1", "2"]
    assert json.loads(function.invoke({"calls": 4}).payload)["lost"] == 0


def test_what_overruns_still_acts_while_the_next_invocation_runs(function, backend):
    pid = json.loads(function.invoke({}).payload)["pid"]
    late = Interruption("overrun", before_call=2, hold_s=2.0)
    assert function.invoke({"calls": 3, "name": "old"}, late).kind == "timeout"
    assert function.invoke({"calls": 2, "name": "new"}).kind == "answer"
    assert backend.seen == ["old1", "new1", "new2"] and alive(pid)
    eventually(lambda: backend.seen == ["old1", "new1", "new2", "old2", "old3"])
    eventually(lambda: not alive(pid))


def test_a_moment_that_does_not_come_interrupts_nothing(function, backend):
    assert function.invoke({"calls": 2}, Interruption("kill", before_call=3)).kind == "answer"
    assert backend.seen == ["1", "2"]


def test_invocations_at_a_time_have_environments_of_their_own_up_to_the_bound(backend, tmp_path):
    with make(backend, tmp_path, concurrency=2) as function:
        outcomes = []
        threads = [threading.Thread(target=lambda: outcomes.append(function.invoke({"sleep": 1}))) for _ in range(2)]
        for thread in threads:
            thread.start()
        eventually(lambda: function._busy == 2)
        assert function.invoke({}).kind == "throttled"
        for thread in threads:
            thread.join()
        assert len({json.loads(outcome.payload)["pid"] for outcome in outcomes}) == 2
