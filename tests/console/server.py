"""The console as it is run: its own process, database and collected static files."""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from tests import template

ROOT = Path(__file__).resolve().parents[2]
READY_S = 60.0


class ConsoleServer:
    """A uvicorn process on a free port; `stop` ends it and drops its database."""

    def __init__(self, directory: Path) -> None:
        self._admin_url = os.environ["DATABASE_URL"]
        self._database = f"console_{uuid.uuid4().hex[:12]}"
        url = urlunsplit(urlsplit(self._admin_url)._replace(path=f"/{self._database}"))
        self._environment = {**os.environ, "DATABASE_URL": url, "DATA_DIR": str(directory), "DEBUG": "false"}
        self._environment.pop("DATABASE_DIRECT_URL", None)
        self._log = (directory / "console.log").open("ab")
        self._process: subprocess.Popen[bytes] | None = None
        self.url = ""

    def start(self) -> None:
        template.create(self._database)
        self._run("manage.py", "collectstatic", "--noinput", "--verbosity=0")
        self._run("-m", "tests.console.company", "--days", "14", "--per-day", "60")
        self._run("-m", "tests.console.tuning")
        with socket.create_server(("127.0.0.1", 0)) as listener:
            os.set_inheritable(listener.fileno(), True)
            self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            command = [sys.executable, "-m", "uvicorn", "config.asgi:application", "--fd", str(listener.fileno())]
            self._process = subprocess.Popen(
                [*command, "--log-level", "warning"], cwd=ROOT, env=self._environment, stdout=self._log,
                stderr=self._log, pass_fds=[listener.fileno()],
            )  # fmt: skip
        self._wait_ready()

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(20)
        with psycopg.connect(self._admin_url, autocommit=True) as connection:
            connection.execute(
                sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(self._database))
            )
        self._log.close()

    def shell(self, code: str) -> str:
        """What `code` prints, run in a process with the console's settings and models."""
        command = [sys.executable, "manage.py", "shell", "--no-imports", "--command", code]
        return subprocess.run(
            command, cwd=ROOT, env=self._environment, check=True, timeout=60, capture_output=True, text=True
        ).stdout.strip()

    def _run(self, *arguments: str) -> None:
        subprocess.run([sys.executable, *arguments], cwd=ROOT, env=self._environment, check=True, timeout=300)

    def _wait_ready(self) -> None:
        deadline = time.monotonic() + READY_S
        while True:
            try:
                urllib.request.urlopen(f"{self.url}/admin/login/", timeout=READY_S).close()
                return
            except (urllib.error.URLError, ConnectionError):
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
