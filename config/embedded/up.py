"""`manage.py up`: the whole gateway on one machine, from nothing to a page.

Runs before and without Django: the settings need the secrets and the database that this module provides, and the
process that supervises should stay small. Everything that needs Django happens in children.
"""

import argparse
import contextlib
import http.client
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from config import env
from config.embedded import children
from config.embedded.binaries import EmbeddedError
from config.embedded.childlogs import LogPump
from config.embedded.children import BASE_DIR, Plan
from config.embedded.postgres import EmbeddedPostgres
from config.embedded.runtime import StartError, StateFile, UpLock, listen_tcp, listen_unix, port_is_free
from config.embedded.secretfile import ensure_secrets
from config.embedded.supervisor import Supervisor

READY_TIMEOUT = 60.0
LOGIN = "/admin/login/"


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of `up`; defaults come from the environment."""
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="address of the public port (default %(default)s)")
    add("--port", type=_port, default=os.environ.get("PORT") or "8000", help="public port (default %(default)s)")
    add("--data-dir", default=os.environ.get("DATA_DIR") or str(BASE_DIR / "var"), help="default: var")
    add(
        "--simulator-port",
        type=_port,
        default=None,
        help="port of the simulated provider (default 9100, else a free one)",
    )
    add("--no-demo", action="store_true", help="no demo organization and no simulated provider")
    add("--echo", action="store_true", help="show the logs of all processes here as well")


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port between 1 and 65535")
    return int(text)


def main(argv: Sequence[str]) -> None:
    """Run until Ctrl-C or SIGTERM; exit status 1 with one line when it cannot start."""
    env.read_dotenv()
    parser = argparse.ArgumentParser(prog="manage.py up", description="Start the whole gateway on this machine.")
    add_options(parser)
    try:
        _Up(parser.parse_args(argv)).run()
    except (StartError, EmbeddedError) as error:
        sys.exit(f"Cannot start: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


class _Up:
    """One run of the command: what it holds, and the steps in order."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.began = time.monotonic()
        self.options = options
        self.data_dir = Path(options.data_dir).absolute()
        self.plan: Plan
        self.supervisor: Supervisor
        self.postgres: EmbeddedPostgres | None = None

    def run(self) -> None:
        lock = self._claim()
        say("LLM Gateway")
        self.plan = self._plan()
        lock.describe(self.plan.url)
        pump = LogPump(self.data_dir / "log", _echo if self.options.echo else None)
        state = StateFile(self.data_dir)
        state.values |= {"port": self.plan.port, "url": self.plan.url, "database_url": self.plan.env["DATABASE_URL"]}
        self.supervisor = Supervisor(state, pump, say)
        try:
            if self._start():
                self.supervisor.run()
        finally:
            if self.supervisor.stopping:
                say("\nStopping. Ctrl-C again kills.")  # the terminal shows ^C at the start of the line
            self.supervisor.stop(children.STOP_ORDER)
            if self.postgres is not None:
                self.postgres.leave()
        say("Stopped.")

    def _claim(self) -> UpLock:
        """The data directory is ours, or we end here."""
        try:
            self.data_dir.mkdir(parents=True, exist_ok=True)
            lock = UpLock(self.data_dir)
            lock.acquire()
        except OSError as error:
            raise StartError(
                f"The data directory {self.data_dir} cannot be used: {error.strerror}. Choose another with --data-dir."
            ) from None
        return lock

    def _plan(self) -> Plan:
        """Take the ports, make the secrets, find the database: all that can fail early fails here."""
        options = self.options
        public = listen_tcp(options.host, options.port)
        console_path = children.console_socket_path(self.data_dir)
        console = listen_unix(console_path)
        made = ensure_secrets(self.data_dir)
        if made and (self.data_dir / "postgres").exists():
            say(f"Note: {self.data_dir / 'secrets.env'} was missing; keys and credentials made with the old one fail.")
        simulator = None if options.no_demo else _simulator_port(options.simulator_port)
        return Plan.make(self.data_dir, options.host, public, console, console_path, simulator)

    # ---- start --------------------------------------------------------------------------------------------------
    def _start(self) -> bool:
        """All children, in order; False when a signal asked for the end meanwhile."""
        database_ready = self._start_database()
        report = database_ready and self._prepare()
        if not report:
            return False
        front = children.front(self.plan)
        for child in front:
            self.supervisor.start(child)
        names = [child.name for child in front]
        if not self.supervisor.wait_for(self._ready, names=names, timeout=READY_TIMEOUT):
            return False
        for child in children.behind(self.plan):
            self.supervisor.start(child)
        if report["demo_pending"]:
            self.supervisor.start(children.demo_seeding(self.plan))
        say(f"Ready after {time.monotonic() - self.began:.1f} s\n")
        say("\n".join(summary(self.plan, report)) + "\n")
        return True

    def _start_database(self) -> bool:
        url = os.environ.get("DATABASE_URL")
        if url:
            self.plan.env["DATABASE_URL"] = url
            return True
        started = time.monotonic()
        postgres = self.postgres = EmbeddedPostgres(self.data_dir, say=say)
        self.supervisor.start(children.database(postgres))
        answered = self.supervisor.wait_for(postgres.answers, names=["postgres"], timeout=30.0)
        if answered:
            postgres.ensure_database()
            self.plan.env["DATABASE_URL"] = self.plan.env["DATABASE_DIRECT_URL"] = postgres.url
            self.supervisor.state.values["database_url"] = postgres.url
            step("PostgreSQL 18", f"{time.monotonic() - started:.1f} s")
        return answered

    def _prepare(self) -> dict[str, Any] | None:
        """Schema, static files, admin, demo: `manage.py prepare`; its report, or None after a signal."""
        path = self.data_dir / "run" / "prepared.json"
        path.unlink(missing_ok=True)
        status = self.supervisor.run_task(children.prepare_argv(self.plan, path), self.plan.env)
        if self.supervisor.stopping:
            return None
        if status != 0 or not path.exists():
            raise StartError("the database could not be prepared; the lines above say why.")
        report: dict[str, Any] = json.loads(path.read_text())
        return report

    def _ready(self) -> bool:
        """Do the provider, the data plane and, through it, the console's first page answer?"""
        paths = [(self.plan.connect_host, self.plan.port, "/readyz"), (self.plan.connect_host, self.plan.port, LOGIN)]
        if self.plan.simulator_port is not None:
            paths.insert(0, ("127.0.0.1", self.plan.simulator_port, "/healthz"))
        return all(_answers(host, port, path) for host, port, path in paths)


def _answers(host: str, port: int, path: str) -> bool:
    connection = http.client.HTTPConnection(host, port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _simulator_port(wanted: int | None) -> int:
    """9100 when it is free, else any free port; a port asked for by name must be free."""
    if wanted is None and not port_is_free("127.0.0.1", 9100):
        wanted = 0
    probe = listen_tcp("127.0.0.1", 9100 if wanted is None else wanted, option="--simulator-port", patience=0)
    with contextlib.closing(probe):
        port: int = probe.getsockname()[1]
        return port


# ---- what people see --------------------------------------------------------------------------------------------
def say(text: str) -> None:
    """Tell people; a terminal that was closed is no reason to fail."""
    with contextlib.suppress(OSError):
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()


def step(name: str, result: str) -> None:
    """A finished step of the start."""
    say(f"  {name:<18}{result}")


def _echo(name: str, line: str) -> None:
    say(f"{name:<10} | {line}")


def summary(plan: Plan, report: dict[str, Any]) -> list[str]:
    """What a newcomer needs next: URL, sign-in, a key and a line to paste."""
    admin = Path(report["admin_password_file"])
    password = admin.read_text().strip() if report["admin_is_new"] else f"(password in {_short(admin)})"
    rows = [("Console", plan.url + "/"), ("Sign in", f"{report['admin']}  {password}")]
    if report["admin_is_new"]:
        rows.append(("", f"shown once; kept in {_short(admin)}"))
    key_file = report.get("key_file")
    key = Path(key_file).read_text().strip() if key_file else ""
    if key:
        rows.append(("Virtual key", key))
    rows.append(("Logs", _short(plan.data_dir / "log") + "/"))
    lines = [f"  {name:<18}{value}" for name, value in rows]
    if key:
        lines += ["", "Try it:", "", *_curl(plan, key, report["model"])]
    else:
        lines += ["", "Next: make an organization and a provider in the console, then `manage.py create_key`."]
    return [*lines, "", "Ctrl-C stops everything."]


def _curl(plan: Plan, key: str, model: str) -> list[str]:
    body = json.dumps({"model": model, "messages": [{"role": "user", "content": "Say hello."}]})
    return [
        f"curl {plan.url}/v1/chat/completions \\",
        f'  -H "Authorization: Bearer {key}" -H "Content-Type: application/json" \\',
        f"  -d '{body}'",
    ]


def _short(path: Path) -> str:
    """Relative to the working directory when it lies below it."""
    with contextlib.suppress(ValueError):
        return str(path.relative_to(Path.cwd()))
    return str(path)
