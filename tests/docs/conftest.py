"""A data plane with a company, a provider, models and a key: what the documentation's examples take for granted."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

import psycopg
import pytest

from gateway.simulator.process import SimulatorProcess
from tests import template
from tests.config.test_profiles import PRODUCTION
from tests.docs.pages import ROOT
from tests.gateway.dataplane.stack import Stack

READY = Path(__file__).with_name("ready.py")
"""Makes the people, mails, budgets and backups that a go-live asks for."""
BEATS = """
INSERT INTO gateway_heartbeat (name, at, info) SELECT name, now(), '{"lag_s": 0.1}' FROM unnest(%s::text[]) AS name
ON CONFLICT (name) DO UPDATE SET at = excluded.at, info = excluded.info
"""
PROCESSES = ["writer", "background"]


@dataclass(frozen=True)
class Installation:
    """A running data plane and the key its documentation calls `GATEWAY_KEY`."""

    stack: Stack
    key: str
    alertmanager: str
    empty: dict[str, str]
    """Variable → address of a database without tables."""

    @property
    def environment(self) -> dict[str, str]:
        """For commands typed on the server."""
        stack = self.stack
        path = f"{os.path.dirname(sys.executable)}{os.pathsep}{os.environ['PATH']}"
        return {
            **stack.environment(), **self.empty, "PATH": path, "GATEWAY_KEY": self.key,
            "CONSOLE_URL": f"http://127.0.0.1:{stack.port}", "ARCHIVE_URL": f"file://{stack.data_dir}/archive",
        }  # fmt: skip

    @property
    def production(self) -> dict[str, str]:
        """For commands of the operator of an installation that is about to go live."""
        own = {
            name: value for name, value in PRODUCTION.items() if name not in ("KEY_PEPPERS", "FIELD_ENCRYPTION_KEYS")
        }
        return self.environment | own | {
            "BACKUP_MAX_AGE_HOURS": "26", "METRICS_TOKEN": "token", "ALERTMANAGER_URL": self.alertmanager,
        }  # fmt: skip

    @contextmanager
    def alive(self) -> Iterator[None]:
        """Signs of life of the processes that are not started here."""
        with self.stack.connect() as connection:
            connection.execute(BEATS, [PROCESSES])
            try:
                yield
            finally:
                connection.execute("DELETE FROM gateway_heartbeat WHERE name = ANY(%s::text[])", [PROCESSES])

    def adapted(self, text: str) -> str:
        """The example's text with this installation's ports."""
        simulator = self.stack.simulator.url
        return text.replace("http://127.0.0.1:8000", f"http://127.0.0.1:{self.stack.port}").replace(
            "http://127.0.0.1:9100", simulator
        )


class Alertmanager(BaseHTTPRequestHandler):
    """Takes alerts as Alertmanager's API v2 does: a list, each with its labels."""

    def do_POST(self) -> None:
        alerts = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        is_fine = self.path == "/api/v2/alerts" and all(alert["labels"]["alertname"] for alert in alerts)
        self.send_response(200 if is_fine else 400)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        return


@pytest.fixture(scope="session")
def alertmanager() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Alertmanager) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="session")
def installation(
    tmp_path_factory: pytest.TempPathFactory, simulator: SimulatorProcess, alertmanager: str
) -> Iterator[Installation]:
    url = template.create(f"documentation_{os.getpid()}")
    stack = Stack(tmp_path_factory.mktemp("documentation"), url, simulator, secrets_in_file=True)
    stack.start()
    (stack.data_dir / "secrets.env").chmod(0o600)
    console = None
    try:
        organization = stack.organization("demo")
        stack.model(stack.provider("openai"), "gpt-4o-mini")
        secret, _ = stack.key(organization, stack.project(organization))
        stack.wait_until_current()
        console = _console(stack)
        made = Installation(stack, secret, alertmanager, _empty_databases(url))
        command = [sys.executable, "manage.py", "shell", "--no-imports", "-c", READY.read_text()]
        subprocess.run(command, cwd=ROOT, env=made.environment, check=True, timeout=60)
        stack.wait_until_current()
        stack.wait_for(lambda: stack.get("/metrics/ledger").status == 200)
        yield made
    finally:
        if console is not None:
            console.terminate()
            console.wait(20)
        stack.close()


def _empty_databases(url: str) -> dict[str, str]:
    addresses = {}
    with psycopg.connect(url, autocommit=True) as connection:
        for variable in ("NEW_DATABASE_URL", "COORDINATOR_URL"):
            name = f"{variable.lower()}_{os.getpid()}"
            connection.execute(f"CREATE DATABASE {name}")
            addresses[variable] = urlsplit(url)._replace(path=f"/{name}").geturl()
    return addresses


def _console(stack: Stack) -> subprocess.Popen[bytes]:
    socket = stack.data_dir / "run" / "console.sock"
    command = [sys.executable, "-m", "config.embedded.serve", "config.asgi:application", "--listen", str(socket),
               "--lifespan", "off"]  # fmt: skip
    with open(stack.data_dir / "console.log", "ab") as log:
        return subprocess.Popen(command, cwd=ROOT, env=stack.environment(), stdout=log, stderr=log)
