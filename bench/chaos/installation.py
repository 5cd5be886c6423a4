"""A whole installation as in production: PostgreSQL, Redis, two data planes, two writers, two workers, beat, console,
two providers, a mail server and a webhook's receiver, with a wire between each of them and what it depends on."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

from cryptography.fernet import Fernet

from bench.chaos.keeper import Keeper, Part
from bench.chaos.loops import LoopThread
from bench.chaos.sinks import HookSink, MailSink
from bench.chaos.wires import Wire, socket_folder
from bench.common import ROOT
from bench.stack import answers, free_port, scratch, wait_for
from config.embedded.children import FRONT_PROTOCOL, manage
from config.embedded.postgres import ROLE, SOCKET_NAME, EmbeddedPostgres
from config.embedded.processes import Output, spawn

DATAPLANES, WRITERS, WORKERS = ("dataplane-1", "dataplane-2"), ("writer-1", "writer-2"), ("worker-1", "worker-2")
PROVIDERS = ("provider-1", "provider-2")
STOP_ORDER = (*DATAPLANES, "console", "beat", *WORKERS, *WRITERS, *PROVIDERS, "redis", "postgres")
SPOOL_DISK_MB = 96
START_S = 120.0


class Installation:
    """Made by `start`, ended and deleted by `close`."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.say = say
        self.directory = scratch()
        self.postgres = EmbeddedPostgres(self.directory, say=say)
        self.thread = LoopThread("wires")
        self.ports = {name: free_port() for name in (*DATAPLANES, *PROVIDERS, "redis", "mail", "hook")}
        self.has_spool_disk = False
        self.wires: dict[str, Wire] = {}
        self.environment: dict[str, str] = {}

    def start(self) -> None:
        (self.directory / "log").mkdir(mode=0o755)
        self._mount_spool()
        self.mail = MailSink(self.thread, self.ports["mail"])
        self.hook = HookSink(self.thread, self.ports["hook"])
        self.postgres.prepare()
        self._lay_wires()
        self.environment = self._environment()
        self.keeper = Keeper(self.directory / "log", self.environment)
        self.keeper.add(Part("postgres", start=self._start_postgres, death=signal.SIGINT))
        self.postgres.wait_ready()
        self.postgres.ensure_database()
        self.keeper.add(Part("redis", start=self._start_redis))
        for name in PROVIDERS:
            self.keeper.add(Part(name, self._provider(name)))
        self.manage("prepare", "--report", str(self.directory / "prepared.json"))

    def start_gateway(self) -> None:
        """Once it is configured."""
        socket = str(self.directory / "run" / "console.sock")
        console = [sys.executable, "-m", "config.embedded.serve", "config.asgi:application", "--listen", socket]
        self._add("console", "web", [*console, "--lifespan", "off", "--drain", "5"])
        for name in DATAPLANES:
            self._add(name, "web", self._dataplane(name))
        for name in WRITERS:
            self._add(name, "writer", manage("write_ledger"))
        for name in WORKERS:
            self._add(name, "background", manage("run_background", "--no-beat"))
        self._add("beat", "background", manage("run_background", "--beat-only"))
        for name in DATAPLANES:
            wait_for(lambda n=name: answers(f"{self.url(n)}/readyz"), START_S, name)

    def url(self, name: str) -> str:
        """Root of a data plane or provider, without a wire in between."""
        return f"http://127.0.0.1:{self.ports[name]}"

    def journal(self, name: str) -> Path:
        return self.directory / f"{name}.jsonl"

    def manage(self, *arguments: str) -> str:
        """A management command; its output. Raises RuntimeError with its words."""
        command, env = manage(*arguments), self.environment
        done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"manage.py {' '.join(arguments)}: {(done.stdout + done.stderr)[-3000:]}")
        return done.stdout

    def close(self, *, keep: bool = False) -> None:
        """End everything; delete the directory unless `keep`."""
        with suppress(AttributeError):
            self.keeper.stop(STOP_ORDER)
        self.thread.close()
        if self.has_spool_disk:
            subprocess.run(["umount", "--lazy", str(self.spool)], check=False)
        if not keep:
            self.postgres.remove()
            shutil.rmtree(self.directory, ignore_errors=True)

    # ---- parts -------------------------------------------------------------------------------------------------
    @property
    def spool(self) -> Path:
        return self.directory / "spool"

    def _mount_spool(self) -> None:
        """A disk of its own that can be filled; only root may make one."""
        self.spool.mkdir(mode=0o700)
        command = ["mount", "-t", "tmpfs", "-o", f"size={SPOOL_DISK_MB}m,mode=0700", "chaos-spool", str(self.spool)]
        self.has_spool_disk = subprocess.run(command, capture_output=True, check=False).returncode == 0

    def _lay_wires(self) -> None:
        server = self.postgres.socket_dir / SOCKET_NAME
        for name in ("web", "writer", "background"):
            folder = socket_folder(self.directory, f"pg-{name}")
            self.wires[f"postgres-{name}"] = Wire(self.thread, f"postgres-{name}", folder / SOCKET_NAME, server)
        for name in ("redis", *PROVIDERS):
            here = ("127.0.0.1", free_port())
            self.ports[f"wire-{name}"] = here[1]
            self.wires[name] = Wire(self.thread, name, here, ("127.0.0.1", self.ports[name]))

    def database_url(self, wire: str) -> str:
        return f"postgresql://{ROLE}@/gateway?host={quote(str(self.directory / f'pg-{wire}'))}"

    def _environment(self) -> dict[str, str]:
        ports = self.ports
        private = [f"127.0.0.1:{ports[f'wire-{name}']}" for name in PROVIDERS] + [f"127.0.0.1:{ports['hook']}"]
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("GATEWAY_", "DATABASE_"))}
        return kept | {
            "DATA_DIR": str(self.directory), "DATABASE_URL": self.postgres.url,
            "DATABASE_DIRECT_URL": self.postgres.url, "REDIS_URL": f"redis://127.0.0.1:{ports['wire-redis']}/0",
            "EMAIL_URL": f"smtp://127.0.0.1:{ports['mail']}", "SECRET_KEY": "chaos-" * 10,
            "KEY_PEPPERS": f"1:{'ab' * 32}", "FIELD_ENCRYPTION_KEYS": Fernet.generate_key().decode(),
            "GATEWAY_PRIVATE_UPSTREAMS": ",".join(private), "GATEWAY_PROCESSES": str(len(DATAPLANES)),
            "CONSOLE_SOCKET": str(self.directory / "run" / "console.sock"), "PORT": str(ports[DATAPLANES[0]]),
            "DJANGO_SETTINGS_MODULE": "config.settings", "PYTHONUNBUFFERED": "1", "LOG_JSON": "false",
            "PYTHONPATH": str(ROOT),
        }  # fmt: skip

    def _add(self, name: str, wire: str, argv: list[str]) -> None:
        """A process whose database is at the end of a wire."""
        url = self.database_url(wire)
        self.keeper.add(Part(name, argv, env={"DATABASE_URL": url, "DATABASE_DIRECT_URL": url}))

    def _dataplane(self, name: str) -> list[str]:
        where = f"127.0.0.1:{self.ports[name]}"
        argv = [sys.executable, "-m", "bench.chaos.dataplane", "config.dataplane:app", "--listen", where]
        return [*argv, "--protocol", FRONT_PROTOCOL, "--drain", "5"]

    def _provider(self, name: str) -> list[str]:
        argv = [sys.executable, "-m", "gateway.simulator", "--port", str(self.ports[name]), "--latency-ms", "40"]
        return [*argv, "--tokens-per-s", "300", "--log", str(self.journal(name))]

    def _start_postgres(self, output: Output) -> "subprocess.Popen[bytes]":
        self.postgres.prepare()
        return self.postgres.spawn(output)

    def _start_redis(self, output: Output) -> "subprocess.Popen[bytes]":
        program = shutil.which("redis-server")
        if program is None:
            raise SystemExit("bench.chaos needs redis-server: apt-get install redis-server")
        argv = [program, "--port", str(self.ports["redis"]), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        return spawn([*argv, "--dir", str(self.directory)], output=output)
