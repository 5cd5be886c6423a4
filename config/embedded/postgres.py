"""The embedded PostgreSQL server: `postgres` itself as a supervised child, on a private Unix socket, never on TCP.

Owns the data directory, the socket directory and their rights. Starting it again after a kill is the caller's
work (`supervisor.py`); `prepare()` before each start makes that safe.
"""

import contextlib
import hashlib
import os
import pwd
import shutil
import signal
import stat
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from subprocess import Popen, TimeoutExpired
from urllib.parse import quote

import psycopg
from psycopg import sql

from config.embedded import processes
from config.embedded.binaries import MAJOR, STATE_ROOT, EmbeddedError, RunAs, choose_account, find_programs, reaches

ROLE = "gateway"
DATABASE = "gateway"
SOCKET_NAME = ".s.PGSQL.5432"
SOCKET_PATH_LIMIT = 107  # bytes in sockaddr_un.sun_path before the closing NUL, unix(7)
POINTER = "postgres.location"
SHUTDOWN_S, ORPHANS_S = 10.0, 1.0

# Sane on a laptop, fully durable: a commit is on the disk when it is confirmed.
SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "60",
    "shared_buffers": "256MB",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "wal_buffers": "32MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "random_page_cost": "1.1",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_duration_statement": "2s",
    "log_min_error_statement": "panic",  # statements hold values; the error's own words are enough
    "logging_collector": "off",
}
# For tests alone: the data is thrown away, so nothing has to survive a power cut.
EPHEMERAL = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "autovacuum_naptime": "1h",
    "log_min_duration_statement": "-1",
}


class EmbeddedPostgres:
    """One cluster under `data_dir`; `prepare()` then `start()`, or hand `argv()` to a supervisor."""

    def __init__(self, data_dir: Path, *, ephemeral: bool = False, say: Callable[[str], None] = print) -> None:
        self.data_dir = data_dir.absolute()
        self.ephemeral = ephemeral
        self.say = say
        self.process: Popen[bytes] | None = None
        self._run_as: RunAs | None = None
        self._programs: Path | None = None
        pointer = self.data_dir / POINTER
        self._place(Path(pointer.read_text().strip()) if pointer.is_file() else self.data_dir / "postgres")

    # ---- where things are ---------------------------------------------------------------------------------------
    def _place(self, cluster: Path) -> None:
        self.cluster = cluster
        digest = hashlib.sha256(str(cluster).encode()).hexdigest()
        # In the command line and the process titles: finds this cluster's processes, whoever started them.
        self.tag = f"llmgateway-{digest[:12]}"
        self.socket_dir = self._socket_base() / f"llmgateway-{os.geteuid()}-{digest[:8]}"

    @staticmethod
    def _socket_base() -> Path:
        """/tmp, because socket paths are short; elsewhere only when it is missing."""
        base = Path("/tmp")
        return base if os.access(base, os.W_OK | os.X_OK) else Path(tempfile.gettempdir())

    @property
    def url(self) -> str:
        """What `DATABASE_URL` has to be; valid before the server runs."""
        return self.database_url(DATABASE)

    def database_url(self, name: str) -> str:
        """URL of the database `name` on this server."""
        return f"postgresql://{ROLE}@/{quote(name)}?host={quote(str(self.socket_dir))}"

    # ---- before a start -----------------------------------------------------------------------------------------
    def prepare(self) -> None:
        """Make everything ready for a start: account, programs, cluster, socket directory, no stale pid file.

        Idempotent and fast when nothing is to do. Raises EmbeddedError with the remedy in one line.
        """
        self._make_data_dir()
        owner = self._cluster_owner()
        self._run_as = choose_account(owner, self.say)
        self._programs = find_programs(self._run_as)
        self._move_if_unreachable()
        if not self.cluster.exists():
            self._initialise()
        self._check_cluster()
        self._write_authentication()
        self._make_socket_dir()
        self._clear_left_over()
        self._publish_url()

    def _make_data_dir(self) -> None:
        try:
            self.data_dir.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise EmbeddedError(
                f"Cannot create the data directory {self.data_dir}: {error.strerror}. Choose another with --data-dir."
            ) from None

    def _cluster_owner(self) -> int | None:
        try:
            owner = self.cluster.stat().st_uid
        except FileNotFoundError:
            return None
        except PermissionError:
            raise EmbeddedError(self._foreign("another user")) from None
        if os.geteuid() not in (0, owner):
            raise EmbeddedError(self._foreign(_user_name(owner)))
        return owner

    def _foreign(self, owner: str) -> str:
        return (
            f"The database in {self.cluster} belongs to {owner}: start as the user who made it, "
            "or choose another place with --data-dir."
        )

    def _move_if_unreachable(self) -> None:
        """Root's checkout may lie under a closed home: then the data goes to a readable place, a pointer stays."""
        run_as = self._account()
        if self.cluster.exists() or not run_as.switch or reaches(run_as, self.data_dir):
            return
        digest = hashlib.sha256(str(self.data_dir).encode()).hexdigest()[:8]
        place = STATE_ROOT / f"data-{digest}"
        place.mkdir(mode=0o755, parents=True, exist_ok=True)
        moved = place / "postgres"
        (self.data_dir / POINTER).write_text(f"{moved}\n")
        self.say(f"{run_as.name} cannot enter {self.data_dir}: the database lives in {moved}.")
        self._place(moved)

    def _initialise(self) -> None:
        """`initdb` beside the final place, then rename: an interrupted one leaves nothing that looks whole."""
        building = self.cluster.with_name(f"{self.cluster.name}.new")
        shutil.rmtree(building, ignore_errors=True)
        self._owned_dir(building)
        argv = [str(self.program("initdb")), "-D", str(building), "-U", ROLE, "-E", "UTF8", "-A", "peer"]
        argv += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        done = self._run([*argv, "--no-sync"])
        if done.returncode == 0 and not self.ephemeral:
            done = self._run([argv[0], "--sync-only", "-D", str(building)])
        if done.returncode != 0:
            shutil.rmtree(building, ignore_errors=True)
            raise EmbeddedError(f"initdb failed: {_last_line(done.stderr)}. Set DATABASE_URL to use another server.")
        building.rename(self.cluster)

    def _check_cluster(self) -> None:
        aside = f"move {self.cluster} away to begin with an empty database"
        try:
            version = (self.cluster / "PG_VERSION").read_text().strip()
        except PermissionError:
            raise EmbeddedError(self._foreign("another user")) from None
        except (OSError, UnicodeDecodeError):
            raise EmbeddedError(f"{self.cluster} is no database (PG_VERSION is missing): {aside}.") from None
        if version != str(MAJOR):
            made_by = f"made by PostgreSQL {version}" if version.isdigit() else "damaged (PG_VERSION)"
            raise EmbeddedError(
                f"The database in {self.cluster} is {made_by}, this release runs {MAJOR}: restore a dump, or {aside}."
            )
        control = self.cluster / "global" / "pg_control"
        if not control.is_file():
            raise EmbeddedError(f"The database in {self.cluster} is damaged (pg_control is missing): {aside}.")

    def _write_authentication(self) -> None:
        """Peer authentication: the kernel names the connecting account; root, the server's and ours may enter."""
        names = sorted({self._account().name, _user_name(os.geteuid()), "root"})
        files = {
            "pg_hba.conf": "local all all peer map=gateway\n",
            "pg_ident.conf": "".join(f'gateway "{name}" {ROLE}\n' for name in names),
        }
        for name, text in files.items():
            path = self.cluster / name
            if path.read_text() != text:
                path.write_text(text)

    def _make_socket_dir(self) -> None:
        """A private directory; one that someone else put there in advance is not used."""
        if not self._is_private(self.socket_dir):
            try:
                self._owned_dir(self.socket_dir)
            except FileExistsError:
                self.socket_dir = Path(tempfile.mkdtemp(prefix="llmgateway-", dir=self._socket_base()))
                os.chown(self.socket_dir, self._account().uid, self._account().gid)
        path = self.socket_dir / SOCKET_NAME
        if len(os.fsencode(path)) > SOCKET_PATH_LIMIT:
            raise EmbeddedError(f"The socket path {path} is longer than {SOCKET_PATH_LIMIT} bytes: shorten TMPDIR.")

    def _is_private(self, path: Path) -> bool:
        try:
            status = path.lstat()
        except FileNotFoundError:
            return False
        return stat.S_ISDIR(status.st_mode) and status.st_uid == self._account().uid and not status.st_mode & 0o077

    def _clear_left_over(self) -> None:
        """End what a killed supervisor left, then remove its pid file: never while a backend still lives.

        The pid file names the shared memory by which PostgreSQL itself notices orphans, so it goes last.
        """
        pid_file = self.cluster / "postmaster.pid"
        if not pid_file.exists() and not processes.matching(self.tag):
            return
        for patience, death in ((self._patience(), signal.SIGQUIT), (5.0, signal.SIGKILL), (5.0, None)):
            if processes.wait_until(lambda: not processes.matching(self.tag), patience, interval=0.05):
                break
            for process in processes.matching(self.tag) if death else ():
                with contextlib.suppress(processes.psutil.Error):
                    process.send_signal(death)  # type: ignore[arg-type]
        else:
            pids = ", ".join(str(process.pid) for process in processes.matching(self.tag))
            raise EmbeddedError(f"Another PostgreSQL (process {pids}) uses {self.cluster}: stop it first.")
        pid_file.unlink(missing_ok=True)

    def _patience(self) -> float:
        """Seconds that what is left gets to end by itself: a server its shutdown, backends without one only a moment,
        since the busy ones would first end a statement that nobody waits for."""
        try:
            server = int((self.cluster / "postmaster.pid").read_text().split("\n")[0])
        except (OSError, ValueError):
            return ORPHANS_S
        return SHUTDOWN_S if any(process.pid == server for process in processes.matching(self.tag)) else ORPHANS_S

    def _publish_url(self) -> None:
        """Other commands find the server by this file; it holds no secret."""
        pointer = self.data_dir / "run" / "database.url"
        pointer.parent.mkdir(mode=0o755, exist_ok=True)
        pointer.write_text(f"{self.url}\n")

    # ---- life ---------------------------------------------------------------------------------------------------
    def argv(self) -> list[str]:
        """The command to run as `run_as` after `prepare()`."""
        settings = {**SETTINGS, **(EPHEMERAL if self.ephemeral else {})}
        settings |= {"cluster_name": self.tag, "unix_socket_directories": str(self.socket_dir)}
        if not _has_roomy_shm():
            settings["dynamic_shared_memory_type"] = "sysv"
        flags = [flag for name, value in settings.items() for flag in ("-c", f"{name}={value}")]
        return [str(self.program("postgres")), "-D", str(self.cluster), *flags]

    @property
    def run_as(self) -> RunAs:
        """The account of the server, after `prepare()`."""
        return self._account()

    @property
    def death_signal(self) -> int:
        """What the kernel sends when the supervisor dies: a fast shutdown; for throw-away data an immediate one."""
        return signal.SIGQUIT if self.ephemeral else signal.SIGINT

    def spawn(self, output: processes.Output) -> Popen[bytes]:
        """Start the server once; `prepare()` comes first."""
        run_as = self._account()
        ids = (run_as.uid, run_as.gid) if run_as.switch else (None, None)
        env = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "TZ": "UTC"}
        return processes.spawn(
            self.argv(), death_signal=self.death_signal, output=output, env=env, cwd="/", uid=ids[0], gid=ids[1]
        )

    def start(self, *, timeout: float = 30.0) -> None:
        """Prepare, start as a child of this process and wait until it answers."""
        self.prepare()
        log = self.data_dir / "log" / "postgres.log"
        log.parent.mkdir(mode=0o700, exist_ok=True)
        with log.open("ab") as output:
            self.process = self.spawn(output)
        self.wait_ready(timeout, lambda: self.process is not None and self.process.poll() is None)
        self.ensure_database(DATABASE)

    def wait_ready(self, timeout: float = 30.0, alive: Callable[[], bool] = lambda: True) -> None:
        """Return when the server takes connections. Raises EmbeddedError when it ended or `timeout` s passed."""
        log = self.data_dir / "log" / "postgres.log"
        if not processes.wait_until(lambda: self.answers() or not alive(), timeout) or not alive():
            why = _last_line(log.read_text(errors="replace")) if log.exists() else "no log"
            raise EmbeddedError(f"PostgreSQL did not start: {why} (log: {log}).")

    def answers(self) -> bool:
        """Does it take connections now?"""
        if not (self.socket_dir / SOCKET_NAME).exists():
            return False
        try:
            psycopg.connect(self.database_url("template1"), connect_timeout=2).close()
        except psycopg.Error:
            return False
        return True

    def ensure_database(self, name: str = DATABASE) -> None:
        """Create the database `name` when it is missing."""
        with psycopg.connect(self.database_url("postgres"), autocommit=True) as connection:
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
                with contextlib.suppress(psycopg.errors.DuplicateDatabase):
                    connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))

    def stop(self, *, timeout: float = 20.0) -> None:
        """Fast shutdown (immediate for throw-away data); a server that does not obey is killed."""
        if self.process is None or self.process.poll() is not None:
            return
        for death, patience in ((self.death_signal, timeout), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0)):
            self.process.send_signal(death)
            with contextlib.suppress(TimeoutExpired):
                self.process.wait(patience)
                break
        self.process = None

    def leave(self) -> None:
        """After the server's end: the socket directory goes, unless something is still in it."""
        with contextlib.suppress(OSError):
            self.socket_dir.rmdir()

    def remove(self) -> None:
        """Stop and delete everything, sockets included; for throw-away clusters."""
        self.stop()
        moved = [self.cluster.parent] if STATE_ROOT in self.cluster.parents else []
        for path in (self.socket_dir, self.cluster, *moved, self.data_dir):
            shutil.rmtree(path, ignore_errors=True)

    # ---- helpers ------------------------------------------------------------------------------------------------
    def _account(self) -> RunAs:
        if self._run_as is None:
            raise EmbeddedError("prepare() comes first.")
        return self._run_as

    def program(self, name: str) -> Path:
        """One of the server's programs, after `prepare()`."""
        if self._programs is None:
            raise EmbeddedError("prepare() comes first.")
        return self._programs / name

    def _owned_dir(self, path: Path) -> None:
        path.mkdir(mode=0o700)
        if self._account().switch:
            os.chown(path, self._account().uid, self._account().gid)

    def _run(self, argv: list[str]) -> subprocess.CompletedProcess[str]:
        env = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "TZ": "UTC"}
        extra = self._account().popen_args()
        return subprocess.run(argv, cwd="/", env=env, capture_output=True, text=True, **extra)  # type: ignore[call-overload]


def _has_roomy_shm() -> bool:
    """Parallel queries sort in /dev/shm; containers often give it 64 MB."""
    shm = Path("/dev/shm")
    return shm.is_dir() and shutil.disk_usage(shm).total >= 512 << 20


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user id {uid}"


def _last_line(text: str) -> str:
    """The last line that says why: PostgreSQL's FATAL or initdb's error, without the trailing hints."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    telling = [line for line in lines if "FATAL" in line or "error" in line.lower() or "PANIC" in line]
    return (telling or lines or ["no output"])[-1]
