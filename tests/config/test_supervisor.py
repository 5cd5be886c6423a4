"""The supervisor with small children: restarts, order, locks, ports, and that nothing outlives it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from config.embedded import processes
from config.embedded.childlogs import RotatingLog
from config.embedded.children import console_socket_path
from config.embedded.runtime import StartError, UpLock, listen_tcp, listen_unix, port_is_free
from config.embedded.secretfile import MAKERS, ensure_secrets
from config.embedded.supervisor import SAME_SIGNAL

ROOT = Path(__file__).resolve().parents[2]
# Two children: `second` is to stop first; each writes its end to `order`.
PROGRAM = """
import sys
from pathlib import Path
from config.embedded.childlogs import LogPump
from config.embedded.runtime import StateFile, UpLock, StartError
from config.embedded.supervisor import Child, Supervisor

where = Path(sys.argv[1])
try:
    lock = UpLock(where); lock.acquire(); lock.describe("http://127.0.0.1:1")
except StartError as error:
    sys.exit(str(error))
child = '''
import os, signal, sys, time
name, order, stubborn = sys.argv[1], sys.argv[2], sys.argv[3] == "stubborn"
def end(signum, frame):
    if stubborn: return open(order + "-told", "w").close()
    with open(order, "a") as file: file.write(name + " ")
    os._exit(0)
signal.signal(signal.SIGTERM, end)
print("up", name, flush=True)
while True: time.sleep(60)
'''
sup = Supervisor(StateFile(where), LogPump(where / "log"), lambda text: print(text, flush=True))
for name in ("first", "second"):
    sup.start(Child(name, [sys.executable, "-c", child, name, str(where / "order"), sys.argv[2]], patience=30))
sup.wait_for(lambda: all("up" in sup.logs.last_line(n) for n in ("first", "second")), names=["first"], timeout=20)
print("running", flush=True)
sup.run()
sup.stop(["second", "first"])
print("stopped", flush=True)
"""


class Running:
    """A supervisor process with its two children."""

    def __init__(self, directory: Path, mode: str) -> None:
        argv = [sys.executable, "-c", PROGRAM, str(directory), mode]
        self.directory = directory
        self.process = subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        self.read_until("running")

    def read_until(self, text: str) -> str:
        assert self.process.stdout is not None
        for line in iter(self.process.stdout.readline, ""):
            if text in line:
                return line
        raise AssertionError(f"{text!r} never came")

    def state(self) -> dict[str, Any]:
        loaded: dict[str, Any] = json.loads((self.directory / "run" / "state.json").read_text())
        return loaded

    def pid(self, name: str) -> int:
        pid: int = self.state()["children"][name]["pid"]
        return pid


Starter = Callable[..., Running]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Starter]:
    started: list[Running] = []

    def begin(mode: str = "obedient") -> Running:
        started.append(Running(tmp_path, mode))
        return started[-1]

    yield begin
    for running in started:
        running.process.kill()
        running.process.communicate()


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_killed_child_is_started_again_within_half_a_second(start: Starter) -> None:
    running = start()
    before = running.pid("second")
    killed_at = time.monotonic()

    os.kill(before, signal.SIGKILL)

    def back() -> bool:
        child = running.state()["children"]["second"]
        return child["restarts"] == 1 and child["pid"] not in (None, before)

    assert processes.wait_until(back, 5)
    assert time.monotonic() - killed_at < 1.0
    assert running.read_until("second ended").startswith("second ended (signal SIGKILL); starting it again in 0.2 s.")


def test_term_stops_in_the_given_order_and_removes_the_state(start: Starter, tmp_path: Path) -> None:
    running = start()

    running.process.send_signal(signal.SIGTERM)
    running.read_until("stopped")

    assert running.process.wait(10) == 0
    assert (tmp_path / "order").read_text() == "second first "
    assert not (tmp_path / "run" / "state.json").exists()


def test_signal_sent_to_process_and_group_counts_once(start: Starter, tmp_path: Path) -> None:
    running = start()

    running.process.send_signal(signal.SIGINT)
    running.process.send_signal(signal.SIGTERM)

    assert running.process.wait(10) == 0
    assert (tmp_path / "order").read_text() == "second first "


def test_second_interrupt_kills_children_that_do_not_obey(start: Starter) -> None:
    running = start("stubborn")
    pids = [running.pid("first"), running.pid("second")]

    running.process.send_signal(signal.SIGINT)
    assert processes.wait_until((running.directory / "order-told").exists, 20)  # the first has been taken
    time.sleep(1.5 * SAME_SIGNAL)
    running.process.send_signal(signal.SIGINT)

    assert running.process.wait(10) == 0
    assert all(gone(pid) for pid in pids)


def test_kill_9_of_the_supervisor_ends_all_children_and_frees_the_lock(start: Starter) -> None:
    running = start("stubborn")
    pids = [running.pid("first"), running.pid("second")]

    running.process.kill()
    running.process.wait()

    assert processes.wait_until(lambda: all(gone(pid) for pid in pids), 5)
    again = start()
    assert again.pid("first") not in pids


def test_second_start_names_the_first(start: Starter, tmp_path: Path) -> None:
    running = start()

    with pytest.raises(StartError) as caught:
        UpLock(tmp_path).acquire()

    assert f"(process {running.process.pid}, http://127.0.0.1:1)" in str(caught.value)
    assert "Ctrl-C" in str(caught.value)


def test_child_logs_are_kept_per_child(start: Starter, tmp_path: Path) -> None:
    start()

    assert (tmp_path / "log" / "first.log").read_text() == "up first\n"
    assert (tmp_path / "log" / "second.log").read_text() == "up second\n"


def test_log_rotates_by_size(tmp_path: Path) -> None:
    log = RotatingLog(tmp_path / "x.log", max_bytes=10)

    for number in range(5):
        log.write(b"%d-------\n" % number)
    log.close()

    kept = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert kept == {"x.log": "4-------\n", "x.log.1": "3-------\n", "x.log.2": "2-------\n"}


def test_busy_port_is_named_with_the_way_out() -> None:
    with listen_tcp("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(StartError) as caught:
            listen_tcp("127.0.0.1", port, patience=0)

        assert str(caught.value) == (
            f"Port {port} on 127.0.0.1 is used by another program: stop it, or choose another with --port {port + 1}."
        )
        assert not port_is_free("127.0.0.1", port)


def test_console_socket_is_private_and_replaces_a_stale_one(tmp_path: Path) -> None:
    path = tmp_path / "c.sock"

    listen_unix(path).close()
    with listen_unix(path):
        assert path.stat().st_mode & 0o777 == 0o600


def test_console_socket_of_a_long_path_is_short(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 100)

    path = console_socket_path(deep)

    assert len(os.fsencode(path)) <= 107
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert console_socket_path(deep) == path
    assert console_socket_path(tmp_path) == tmp_path / "run" / "console.sock"
    path.parent.rmdir()


def test_secrets_are_made_once_and_private(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in MAKERS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SECRET_KEY", "from the environment")

    first = ensure_secrets(tmp_path)
    text = (tmp_path / "secrets.env").read_text()
    second = ensure_secrets(tmp_path)

    assert first == ["KEY_PEPPERS", "FIELD_ENCRYPTION_KEYS"]
    assert second == []
    assert (tmp_path / "secrets.env").read_text() == text
    assert "SECRET_KEY" not in text
    assert (tmp_path / "secrets.env").stat().st_mode & 0o777 == 0o600


def test_task_that_fails_is_tried_three_times_and_one_that_succeeds_once(tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path\n"
        "from config.embedded.childlogs import LogPump; from config.embedded.runtime import StateFile\n"
        "from config.embedded.supervisor import Child, Supervisor\n"
        "where = Path(sys.argv[1]); (where / 'run').mkdir()\n"
        "sup = Supervisor(StateFile(where), LogPump(where / 'log'), print)\n"
        "for name, status in (('good', 0), ('bad', 4)):\n"
        "    code = f'print(1); raise SystemExit({status})'\n"
        "    sup.start(Child(name, [sys.executable, '-c', code], keep=False))\n"
        "while sup.state.values['children']: sup.poll(1)\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, timeout=30
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].startswith("bad failed 3 times (exit status 4); given up.")
    assert processes.wait_until(lambda: (tmp_path / "log" / "bad.log").read_text() == "1\n1\n1\n", 5)
    assert (tmp_path / "log" / "good.log").read_text() == "1\n"
