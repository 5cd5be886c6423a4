"""The process as tests, benchmarks and operators use it: log, control, instant mode, exit."""

import os
import re
import resource
import signal
import subprocess
import sys
import time
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from gateway.simulator.process import SimulatorProcess
from tests.gateway.simulator.raw import ask, events, open_socket, post, request_bytes

IDS = {"x-client-request-id": "0190f3c2-0000-7000-8000-00000000000a", "x-request-id": "req_gateway"}


def test_first_line_is_written_before_the_answer(fresh_simulator):
    before = len(fresh_simulator.log_lines())
    with open_socket(fresh_simulator) as sock:
        sock.sendall(request_bytes(ask("sim-fault-hang"), headers=IDS))
        while fresh_simulator.stats()["in_flight"] == 0:
            pass
        (begin,) = fresh_simulator.log_lines()[before:]
    fresh_simulator.wait_idle()
    end = fresh_simulator.log_lines()[-1]

    at = begin.pop("at")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00", at)
    assert begin == {
        "event": "begin",
        "attempt_id": IDS["x-client-request-id"],
        "request_id": "req_gateway",
        "path": "/v1/chat/completions",
        "model": "sim-fault-hang",
        "stream": False,
        "seq": end["seq"],
    }
    assert (end["event"], end["attempt_id"], end["outcome"]) == ("end", IDS["x-client-request-id"], "client_gone")
    assert (end["fault"], end["usage"]) == ("hang", None)


def test_end_line_has_usage_and_half_a_request_has_no_line(fresh_simulator):
    before = len(fresh_simulator.log_lines())
    with open_socket(fresh_simulator) as sock:
        sock.sendall(request_bytes(ask())[:-1])
    post(fresh_simulator, ask(max_tokens=2))

    lines = fresh_simulator.log_lines()[before:]
    assert [line["event"] for line in lines] == ["begin", "end"]
    assert (lines[0]["attempt_id"], lines[0]["request_id"]) == (None, None)
    assert (lines[1]["status"], lines[1]["outcome"], lines[1]["usage"]["total_tokens"]) == (200, "completed", 9)


def test_log_since_and_stats(fresh_simulator):
    post(fresh_simulator, ask())
    last = fresh_simulator.stats()["last_seq"]
    post(fresh_simulator, ask("no-such"))

    (record,) = fresh_simulator.records(since=last)
    assert (record["seq"], record["status"], record["outcome"]) == (last + 1, 404, "error")
    stats = fresh_simulator.stats()
    assert (stats["requests"], stats["in_flight"], stats["max_in_flight"]) == (2, 0, 1)
    assert stats["by_status"] == {"200": 1, "404": 1}
    assert stats["by_path"] == {"/v1/chat/completions": 2}


def test_outages(fresh_simulator):
    fresh_simulator.configure(down=True)
    assert post(fresh_simulator, ask())[0].startswith(b"HTTP/1.1 503 ")

    fresh_simulator.configure(down="close")
    with pytest.raises(ConnectionResetError):
        post(fresh_simulator, ask())

    fresh_simulator.configure(down=False)
    assert post(fresh_simulator, ask())[0].startswith(b"HTTP/1.1 200 ")


def test_error_rate_is_the_same_for_the_same_seed():
    def statuses(seed):
        with SimulatorProcess(latency_ms=0, tokens_per_s=0, error_rate=0.5, seed=seed) as simulator:
            return [post(simulator, ask(max_tokens=1))[0].split()[1] for _ in range(40)]

    assert statuses(1) == statuses(1)
    assert statuses(1) != statuses(2)
    assert set(statuses(1)) == {b"200", b"429", b"500", b"503"}


@pytest.mark.parametrize(
    "changes", [{"nonsense": 1}, {"error_rate": 2}, {"latency_ms": -1}, {"down": "x"}, {"next_faults": ["x"]}]
)
def test_impossible_changes_change_nothing(fresh_simulator, changes):
    before = fresh_simulator.configure()

    with pytest.raises(HTTPError) as error:
        fresh_simulator.configure(rpm=5, **changes)

    assert error.value.code == 400
    assert fresh_simulator.configure() == before


def test_latency_is_what_was_asked_for(fresh_simulator):
    fresh_simulator.configure(latency_ms=200)
    started = time.perf_counter()
    post(fresh_simulator, ask(max_tokens=1))

    assert 0.05 < time.perf_counter() - started < 2


def test_health(simulator):
    with urlopen(f"{simulator.url}/healthz") as response:
        assert response.read() == b'{"status":"ok"}'


def test_instant_mode(tmp_path):
    with SimulatorProcess(instant=True, log=tmp_path / "log") as simulator:
        _, first = post(simulator, ask("gpt-4o-mini"), headers=IDS)
        _, second = post(simulator, ask("gpt-4o-mini", content="something else"))
        head, stream = post(simulator, ask("gpt-4o-mini", stream=True, stream_options={"include_usage": True}))
        embedding_head, _ = post(simulator, {"model": "text-embedding-3-small", "input": "a"}, path="/v1/embeddings")
        refused, _ = post(simulator, ask("no-such"))
        _, paced = post(simulator, ask("sim-paced-3x0", stream=True))

        assert first == second
        assert b'"model":"gpt-4o-mini"' in first
        assert b"content-type: text/event-stream" in head
        assert stream.count(b"data: {") == 50 + 3  # role, 50 tokens, finish, usage
        assert embedding_head.startswith(b"HTTP/1.1 200 ")
        assert refused.startswith(b"HTTP/1.1 404 ")
        assert len(events(paced)) == 5
        lines = simulator.log_lines()
        assert [line["event"] for line in lines] == ["begin", "end"] * 6
        assert lines[0]["attempt_id"] == IDS["x-client-request-id"]
        assert lines[1]["usage"]["completion_tokens"] == 50


def test_starts_fast_and_stops_on_sigterm():
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    simulator = SimulatorProcess()
    simulator.stop()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)

    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 1.0  # CPU: blind to a busy machine
    assert simulator._process.returncode == 0


def test_ends_with_its_parent():
    script = (
        "import os, signal; from gateway.simulator.process import SimulatorProcess; s = SimulatorProcess();"
        "print(s.url, flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    )
    parent = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=10)
    url = parent.stdout.strip()

    assert parent.returncode == -signal.SIGKILL
    deadline = time.monotonic() + 5
    while _is_up(url):
        assert time.monotonic() < deadline


def _is_up(url):
    try:
        urlopen(f"{url}/healthz", timeout=1).close()
    except OSError:
        return False
    return True


def test_busy_port_and_bad_options_are_one_line(simulator):
    def run(*arguments):
        done = subprocess.run(
            [sys.executable, "-m", "gateway.simulator", *arguments], capture_output=True, text=True, timeout=10
        )
        return done.returncode, done.stderr.strip().splitlines()

    port = simulator.url.rpartition(":")[2]
    status, lines = run("--port", port)
    assert (status, len(lines)) == (1, 1)
    assert "address already in use" in lines[0]
    status, lines = run("--error-rate", "2")
    assert status == 2
    assert lines[-1].endswith("error rate must lie between 0 and 1")
    assert run("--log", "/nonexistent/dir/log")[0] == 1


def test_does_not_import_django():
    code = "import sys, gateway.simulator.run, gateway.simulator.process; print('django' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"


@pytest.mark.slow
def test_management_command_serves_the_same():
    command = [sys.executable, "manage.py", "simulate_provider", "--port", "0", "--instant"]
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "config.settings"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    try:
        url = process.stdout.readline().split()[-1]
        with urlopen(f"{url}/healthz") as response:
            assert response.status == 200
    finally:
        process.terminate()
        assert process.wait(timeout=10) == 0
        process.stdout.close()
