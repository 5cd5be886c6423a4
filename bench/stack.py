"""A whole gateway for a benchmark: `manage.py up --no-demo` on a free port, in a directory that is deleted again.

It is what people start, embedded PostgreSQL with its durable settings included. The data plane gets a core of its
own; everything else shares the other one with the load.
"""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.request import urlopen

import psycopg

from bench.common import LOAD_CORE, MEASURED_CORE, ROOT, pin
from config.embedded.postgres import EmbeddedPostgres
from config.embedded.processes import spawn

START_TIMEOUT_S = 120.0
ORGANIZATION, PROVIDER, MODEL = "bench", "upstream", "gpt-4o-mini"
MAKE_ORGANIZATION = (
    "from gateway.services import identity; identity.create_organization(actor=None, name='Bench', slug='bench')"
)


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(condition: Any, timeout: float, what: str) -> None:
    """Poll until `condition()` is true. Raises TimeoutError naming `what`."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not after {timeout:.0f} s")
        time.sleep(0.02)


def answers(url: str) -> bool:
    """Whether GET `url` answers 200."""
    try:
        with urlopen(url, timeout=2) as response:
            return bool(response.status == 200)
    except OSError:
        return False


def end(process: subprocess.Popen[bytes], death: int = signal.SIGTERM, patience: float = 40.0) -> None:
    """End a process we started, by its handle."""
    if process.poll() is None:
        process.send_signal(death)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience)
    if process.poll() is None:
        process.kill()
        process.wait()


def manage(env: Mapping[str, str], *arguments: str) -> str:
    """Run a management command to its end; its standard output. Raises RuntimeError with its words."""
    command = [sys.executable, "manage.py", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=dict(env), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"manage.py {' '.join(arguments)}:\n{done.stderr}")
    return done.stdout


def scratch() -> Path:
    """A new directory that PostgreSQL's own account can enter; the caller deletes it."""
    directory = Path(tempfile.mkdtemp(prefix="llmgateway-bench-"))
    directory.chmod(0o755)
    return directory


@dataclass(frozen=True, slots=True)
class Database:
    """A migrated database: its data directory, URL, and the environment of commands that use it."""

    directory: Path
    url: str
    env: Mapping[str, str]


@contextmanager
def database() -> Iterator[Database]:
    """An embedded server as shipped (durable), migrated, in a directory of its own, without the other processes."""
    directory = scratch()
    postgres = EmbeddedPostgres(directory, say=lambda line: print(line, file=sys.stderr))
    try:
        postgres.start()
        env = os.environ | dict.fromkeys(("DATABASE_URL", "DATABASE_DIRECT_URL"), postgres.url)
        env["DATA_DIR"] = str(directory)
        manage(env, "migrate", "--verbosity=0")
        yield Database(directory, postgres.url, env)
    finally:
        postgres.remove()
        shutil.rmtree(directory, ignore_errors=True)


class Stack:
    """Context manager. `url` is the public root, `key` a virtual key, `dataplane_pid` the measured process."""

    def __init__(
        self,
        upstream: str,
        *,
        models: tuple[str, ...] = (MODEL,),
        upstream_models: tuple[str, ...] = (),
        settings: Mapping[str, str] | None = None,
    ):
        self.upstream = upstream
        self.models = dict(zip(models, upstream_models or models, strict=True))
        self.directory = scratch()
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.env = os.environ | {"DATA_DIR": str(self.directory), "DATABASE_URL": "", "DATABASE_DIRECT_URL": ""}
        self.env["GATEWAY_PRIVATE_UPSTREAMS"] = upstream.removeprefix("http://").split("/")[0]
        self.env |= settings or {}
        self.process: subprocess.Popen[bytes] | None = None
        self.key = ""

    def __enter__(self) -> Self:
        os.sched_setaffinity(0, {LOAD_CORE})
        try:
            self._start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _start(self) -> None:
        log = (self.directory / "up.log").open("wb")
        command = [sys.executable, "manage.py", "up", "--no-demo", "--port", str(self.port)]
        command += ["--data-dir", str(self.directory)]
        # SIGTERM and not SIGKILL when we die: the supervisor then ends its children in order
        self.process = spawn(command, death_signal=signal.SIGTERM, output=log, env=self.env, cwd=ROOT)
        wait_for(self._is_up, START_TIMEOUT_S, "manage.py up")
        self.database_url = self._state()["database_url"]
        self.env["DATABASE_URL"] = self.env["DATABASE_DIRECT_URL"] = self.database_url
        self._configure()
        pin(self.dataplane_pid, MEASURED_CORE)

    def _is_up(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            raise RuntimeError(f"manage.py up ended:\n{(self.directory / 'up.log').read_text()}")
        return b"Ready after" in (self.directory / "up.log").read_bytes()

    def _state(self) -> dict[str, Any]:
        state: dict[str, Any] = json.loads((self.directory / "run" / "state.json").read_text())
        return state

    def pid(self, name: str) -> int:
        """Process id of a child by its name in `up`: dataplane, console, writer, background."""
        return int(self._state()["children"][name]["pid"])

    @property
    def dataplane_pid(self) -> int:
        return self.pid("dataplane")

    def manage(self, *arguments: str) -> str:
        """A management command on this installation."""
        return manage(self.env, *arguments)

    def _configure(self) -> None:
        """Organization, provider, models and a key without limits, through the product's own verbs."""
        self.manage("shell", "-c", MAKE_ORGANIZATION)
        self.env["BENCH_CREDENTIAL"] = "sk-bench"
        provider = ("set_provider", PROVIDER, "--base-url", self.upstream, "--api-key-env", "BENCH_CREDENTIAL")
        self.manage(*provider, "--price-list", "openai")
        for name, upstream_name in self.models.items():
            self.manage("add_model", name, "--provider", PROVIDER, "--upstream", upstream_name)
        self.key = json.loads(self.manage("create_key", "--organization", ORGANIZATION, "--json"))["secret"]
        wait_for(self._key_is_known, 10, "the new key at the data plane")

    def _key_is_known(self) -> bool:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=5)
        connection.request("GET", "/v1/models", headers={"Authorization": f"Bearer {self.key}"})
        answer = connection.getresponse().read()
        connection.close()
        return all(f'"{name}"'.encode() in answer for name in self.models)

    @property
    def admin_password(self) -> str:
        return (self.directory / "admin-password").read_text().strip()

    def ledger_lines(self, only: str = "true") -> int:
        """Attempts in the ledger now; `only` narrows them in SQL."""
        with psycopg.connect(self.database_url) as connection:
            row = connection.execute(
                f"SELECT count(*) FROM gateway_ledgerline WHERE kind = 'attempt' AND {only}"
            ).fetchone()
        return int(row[0]) if row else 0

    def wait_for_lines(self, wanted: int, timeout: float = 60.0) -> int:
        """The number of attempts in the ledger once the writer has caught up, or after `timeout` s as it is."""
        with contextlib.suppress(TimeoutError):
            wait_for(lambda: self.ledger_lines() >= wanted, timeout, "the ledger writer")
        time.sleep(1.0)  # more lines than requests would be as wrong as fewer
        return self.ledger_lines()

    def verifies(self) -> bool:
        """Whether `verify_ledger` finds ledger, rollups and budgets consistent, once the rollups are up to date."""
        command = [sys.executable, "manage.py", "verify_ledger"]
        done = subprocess.run(command, cwd=ROOT, env=dict(self.env), capture_output=True, text=True, check=False)
        if done.returncode != 0:
            print(done.stdout[-2000:], done.stderr[-2000:], file=sys.stderr)
        return done.returncode == 0

    def wait_idle(self) -> None:
        """Return when no call is in flight: what the load generator dropped has then run to its end as well."""
        wait_for(lambda: not self._active_requests(), 60, "the last calls")

    def _active_requests(self) -> float:
        """Calls in flight now, over all processes that answer for this port."""
        with urlopen(f"{self.url}/metrics", timeout=30) as response:
            lines = response.read().decode().splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith("gateway_active_requests"))

    def close(self) -> None:
        """Stop everything and delete the directory."""
        if self.process is not None:
            end(self.process)
        EmbeddedPostgres(self.directory).remove()
        shutil.rmtree(self.directory, ignore_errors=True)
