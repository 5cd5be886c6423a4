"""The processes of `up`: how each is started, and the order in which they stop (rule 20)."""

import hashlib
import os
import shutil
import signal
import socket
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from config.embedded.postgres import EmbeddedPostgres
from config.embedded.runtime import UNIX_PATH_LIMIT
from config.embedded.supervisor import Child

# First who takes requests, then who works on what they left, the database last.
STOP_ORDER = ("dataplane", "console", "simulator", "demo", "background", "writer", "postgres")
BASE_DIR = Path(__file__).resolve().parents[2]
FRONT_PROTOCOL = "gateway.dataplane.front:FrontProtocol"
DRAIN = 10  # seconds that running requests get when the data plane stops


@dataclass(frozen=True, slots=True)
class Plan:
    """Ports, sockets and environment of one run. `simulator_port` None: no simulated provider."""

    data_dir: Path
    host: str
    port: int
    public: socket.socket
    console: socket.socket
    simulator_port: int | None
    env: dict[str, str]

    @classmethod
    def make(
        cls,
        data_dir: Path,
        host: str,
        public: socket.socket,
        console: socket.socket,
        console_path: Path,
        simulator_port: int | None,
    ) -> "Plan":
        """Arrange the children's environment; the database is added when it runs."""
        port = public.getsockname()[1]
        allowed = os.environ.get("GATEWAY_PRIVATE_UPSTREAMS", "")
        if simulator_port is not None:
            allowed = ",".join(filter(None, [allowed, f"127.0.0.1:{simulator_port}"]))
        env = {
            "DATA_DIR": str(data_dir),
            "PORT": str(port),
            "DATABASE_URL": "",
            "CONSOLE_SOCKET": str(console_path),
            "GATEWAY_PRIVATE_UPSTREAMS": allowed,
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "PYTHONPATH": os.pathsep.join(filter(None, [str(BASE_DIR), os.environ.get("PYTHONPATH", "")])),
            "PYTHONUNBUFFERED": "1",
        }
        return cls(data_dir, host, port, public, console, simulator_port, env)

    @property
    def connect_host(self) -> str:
        """An address of this machine at which the public port answers."""
        return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104  (compared, not bound)

    @property
    def url(self) -> str:
        """Base URL people and programs use, without a slash at the end."""
        host = f"[{self.connect_host}]" if ":" in self.connect_host else self.connect_host
        return f"http://{host}:{self.port}"


def console_socket_path(data_dir: Path) -> Path:
    """`run/console.sock`; under a long path a short private directory in /tmp instead."""
    path = data_dir / "run" / "console.sock"
    if len(os.fsencode(path)) <= UNIX_PATH_LIMIT:
        return path
    digest = hashlib.sha256(str(data_dir).encode()).hexdigest()[:8]
    short = Path("/tmp") / f"llmgateway-run-{os.geteuid()}-{digest}"
    short.mkdir(mode=0o700, exist_ok=True)
    if short.lstat().st_uid != os.geteuid() or short.is_symlink():
        short = Path(tempfile.mkdtemp(prefix="llmgateway-run-", dir="/tmp"))
    return short / "console.sock"


def manage(*arguments: str) -> list[str]:
    """Command line of a management command in this interpreter."""
    return [sys.executable, str(BASE_DIR / "manage.py"), *arguments]


def prepare_argv(plan: Plan, report: Path) -> list[str]:
    """`manage.py prepare`, which leaves its report in `report`."""
    argv = manage("prepare", "--report", str(report))
    if plan.simulator_port is not None:
        argv += ["--demo", "--simulator-url", f"http://127.0.0.1:{plan.simulator_port}/v1"]
    return argv


def database(postgres: EmbeddedPostgres) -> Child:
    """PostgreSQL: ready again 0.5 s after a kill. First to start, last to stop; never killed without recovery."""

    return Child(
        "postgres",
        patience=20.0,
        stop_signal=signal.SIGINT,
        kill_signal=signal.SIGQUIT,
        before=postgres.prepare,
        spawn=postgres.spawn,
    )


def front(plan: Plan) -> list[Child]:
    """What a first page and a first call need."""
    children = [_console(plan), _dataplane(plan)]
    if plan.simulator_port is not None:
        argv = [sys.executable, "-m", "gateway.simulator", "--port", str(plan.simulator_port)]
        children.insert(0, Child("simulator", argv, plan.env, port=plan.simulator_port))
    return children


def behind(plan: Plan) -> list[Child]:
    """What may come a second later: calls made meanwhile wait in the spool. Workers give way to people and calls."""
    return [
        Child("writer", manage("write_ledger"), plan.env, patience=15.0),
        Child("background", _gently(manage("run_background"), 5), plan.env, patience=15.0),
    ]


def _serve(app: str, listener: socket.socket, drain: int) -> list[str]:
    fd = str(listener.fileno())
    return [sys.executable, "-m", "config.embedded.serve", app, "--fd", fd, "--drain", str(drain)]


def _console(plan: Plan) -> Child:
    argv = [*_serve("config.asgi:application", plan.console, 5), "--lifespan", "off"]
    return Child("console", argv, plan.env, fds=(plan.console.fileno(),), patience=8.0)


def _dataplane(plan: Plan) -> Child:
    argv = [*_serve("config.dataplane:app", plan.public, DRAIN), "--protocol", FRONT_PROTOCOL]
    return Child("dataplane", argv, plan.env, fds=(plan.public.fileno(),), port=plan.port, patience=DRAIN + 5.0)


def demo_seeding(plan: Plan) -> Child:
    """The rest of the demo organization's 90 days, at low priority."""
    argv = manage("seed_demo", "--days", "90", "--seed", "7", "--background")
    return Child("demo", _gently(argv, 10), plan.env, keep=False)


def _gently(argv: list[str], lower: int) -> list[str]:
    """`lower` steps down in priority, where there is a `nice`; it becomes the command, so the process id stays."""
    nice = shutil.which("nice")
    return [nice, "-n", f"{lower}", *argv] if nice else argv
