"""`manage.py up` for real: from an empty directory to a page, through kills, to an orderly end."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from config.embedded import processes
from config.embedded.postgres import EmbeddedPostgres

ROOT = Path(__file__).resolve().parents[2]
CHILDREN = {"postgres", "writer", "background", "console", "dataplane"}
# What the test run sets for itself must not reach the gateway under test.
FOREIGN = {"DATABASE_URL", "DATABASE_DIRECT_URL", "DATA_DIR", "SECRET_KEY", "KEY_PEPPERS", "FIELD_ENCRYPTION_KEYS"}

pytestmark = pytest.mark.slow


class Up:
    """A running `manage.py up`; its output is read by a thread."""

    def __init__(self, data_dir: Path, port: int, *arguments: str) -> None:
        self.data_dir = data_dir
        self.port = port
        env = {name: value for name, value in os.environ.items() if name not in FOREIGN}
        argv = [sys.executable, str(ROOT / "manage.py"), "up", "--port", str(port), "--data-dir", str(data_dir)]
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            [*argv, *arguments], env=env, cwd=data_dir.parent, text=True, start_new_session=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        self.lines.extend(iter(self.process.stdout.readline, ""))

    @property
    def output(self) -> str:
        return "".join(self.lines)

    def wait_for(self, text: str, timeout: float = 120) -> None:
        done = processes.wait_until(lambda: text in self.output or self.process.poll() is not None, timeout)
        assert done, self.output
        self._reader.join(0.2)
        assert text in self.output, self.output

    def children(self) -> dict[str, Any]:
        state: dict[str, Any] = json.loads((self.data_dir / "run" / "state.json").read_text())
        found: dict[str, Any] = state["children"]
        return found

    def status(self, path: str) -> int:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=30) as response:
                code: int = response.status
                return code
        except OSError:
            return 0

    def end(self, number: int = signal.SIGINT) -> int:
        self.process.send_signal(number)
        status = self.process.wait(60)
        self._reader.join(5)
        return status


@pytest.fixture
def data_dir(tmp_path: Path) -> Iterator[Path]:
    """A directory with a space in its name, in one that only this user can enter (pytest's own)."""
    directory = tmp_path / "data dir"
    yield directory
    EmbeddedPostgres(directory, say=lambda line: None).remove()


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        number: int = probe.getsockname()[1]
        return number


def free_of(pids: list[int]) -> bool:
    return not any(psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE for pid in pids)


def test_from_nothing_to_a_page_and_back(data_dir: Path, port: int) -> None:
    up = Up(data_dir, port, "--no-demo")
    try:
        up.wait_for("Ctrl-C stops everything.")
        assert set(up.children()) == CHILDREN
        assert up.status("/readyz") == 200
        assert up.status("/admin/login/") == 200
        password = re.search(r"Sign in +admin +(\S+)", up.output)
        assert password is not None
        assert (data_dir / "admin-password").read_text().strip() == password[1]
        assert (data_dir / "admin-password").stat().st_mode & 0o777 == 0o600

        second = Up(data_dir, port, "--no-demo")
        assert second.process.wait(30) == 1
        second.wait_for(f"already runs on this data directory (process {up.process.pid}, http://127.0.0.1:{port})")
        pids = [child["pid"] for child in up.children().values()]
        assert up.end() == 0
    finally:
        up.process.kill()

    assert free_of(pids)
    assert "Stopped." in up.output
    assert "did not end" not in up.output
    assert "Traceback" not in "".join(path.read_text() for path in (data_dir / "log").iterdir())


def test_printed_curl_works_when_pasted(data_dir: Path, port: int) -> None:
    up = Up(data_dir, port)
    try:
        up.wait_for("Ctrl-C stops everything.", timeout=240)
        command = up.output[up.output.index("curl ") : up.output.index("Ctrl-C stops")]

        pasted = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60)

        answer = json.loads(pasted.stdout)
        assert answer["object"] == "chat.completion", answer
        assert answer["usage"]["total_tokens"] > 0
        assert (data_dir / "demo-key").stat().st_mode & 0o777 == 0o600
        assert {*CHILDREN, "simulator", "demo"} >= set(up.children()) >= {*CHILDREN, "simulator"}
        assert up.end() == 0
    finally:
        up.process.kill()


def test_survives_kills_of_its_children_and_of_itself(data_dir: Path, port: int) -> None:
    up = Up(data_dir, port, "--no-demo")
    again = None
    try:
        up.wait_for("Ctrl-C stops everything.")
        for name in ("postgres", "console", "dataplane", "writer"):
            before = up.children()[name]["pid"]
            os.kill(before, signal.SIGKILL)
            processes.wait_until(lambda n=name, b=before: up.children()[n]["pid"] not in (None, b), 20)  # type: ignore[misc]
            assert processes.wait_until(lambda: up.status("/admin/login/") == 200, 60, interval=0.2), name
        pids = [child["pid"] for child in up.children().values()]

        up.process.kill()
        up.process.wait()
        assert processes.wait_until(lambda: free_of(pids), 15)
        began = time.monotonic()
        again = Up(data_dir, port, "--no-demo")
        again.wait_for("Ctrl-C stops everything.")
        took = time.monotonic() - began

        assert "migrations applied" not in again.output
        assert "(password in " in again.output
        assert again.status("/readyz") == 200
        assert took < 60
        assert again.end(signal.SIGTERM) == 0
    finally:
        up.process.kill()
        if again is not None:
            again.process.kill()


def test_busy_port_ends_with_one_line(data_dir: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        up = Up(data_dir, port, "--no-demo")

        assert up.process.wait(30) == 1
        up.wait_for(f"Cannot start: Port {port} on 127.0.0.1 is used by another program")

    assert not (data_dir / "postgres").exists()


def test_damaged_database_ends_with_one_line(data_dir: Path, port: int) -> None:
    (data_dir / "postgres").mkdir(parents=True)
    (data_dir / "postgres" / "PG_VERSION").write_text("13\n")

    up = Up(data_dir, port, "--no-demo")

    assert up.process.wait(30) == 1
    up.wait_for("is made by PostgreSQL 13, this release runs 18: restore a dump, or move ")
    assert "Traceback" not in up.output


def test_unreachable_external_database_ends_with_one_line(
    data_dir: Path, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules[__name__], "FOREIGN", FOREIGN - {"DATABASE_URL"})
    monkeypatch.setenv("DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")

    up = Up(data_dir, port, "--no-demo")

    assert up.process.wait(60) == 1
    up.wait_for("Cannot start:")
    assert "DATABASE_URL" in up.output
    assert "Traceback" not in up.output
