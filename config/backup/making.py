"""Making a backup beside a running gateway: one snapshot for the dump and the figures, spools read after it."""

import contextlib
import gzip
import os
import subprocess
import tempfile
import time
import tomllib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import psycopg
from django.conf import settings
from psycopg import IsolationLevel

from config.backup import BACKUP_MADE, control
from config.backup.archive import CHUNK, Writer
from config.backup.server import Database, ServerError, program, server_major
from gateway import keyring
from gateway.models import Heartbeat

DUMP = "database.dump"
SPOOL = "spool/"
SUFFIX = ".tar"
Say = Callable[[str], None]
Segments = dict[str, IO[bytes]]


def product_version() -> str:
    """Of this checkout."""
    project: dict[str, Any] = tomllib.loads((settings.BASE_DIR / "pyproject.toml").read_text())["project"]
    return str(project["version"])


def place(output: str, now: datetime) -> Path:
    """A file as it is named; in a folder one named by the moment. Raises `ServerError`."""
    path = Path(output).absolute()
    if path.is_dir() or output.endswith("/"):
        path = path / f"llm-gateway-{now:%Y%m%dT%H%M%SZ}{SUFFIX}"
    if path.exists():
        raise ServerError(f"{path} exists: name another file, or a folder.")
    if not path.parent.is_dir():
        raise ServerError(f"The folder {path.parent} does not exist.")
    return path


def make(output: str, say: Say) -> Path:
    """Write a backup; where it is. Raises `ServerError` and OSError; then nothing is left."""
    began, now = time.monotonic(), datetime.now(UTC)
    path, database = place(output, now), Database.own()
    with contextlib.ExitStack() as stack:
        # open before the snapshot, so that what is booked and deleted meanwhile can still be read
        segments = _segments(stack, {})
        connection = stack.enter_context(database.connect(autocommit=False))
        connection.isolation_level, connection.read_only = IsolationLevel.REPEATABLE_READ, True
        snapshot = connection.execute("SELECT pg_export_snapshot()").fetchone()[0]  # type: ignore[index]
        segments = _segments(stack, segments)
        writer = stack.enter_context(Writer(path))
        say(f"Dump: {_size(_dump(writer, database, server_major(connection), snapshot))}")
        if count := _spools(writer, segments):
            say(f"Spool segments: {count}")
        writer.finish(_manifest(connection, now))
    size = path.stat().st_size
    Heartbeat.objects.update_or_create(
        name=BACKUP_MADE, defaults={"at": now, "info": {"file": path.name, "size_bytes": size}}
    )
    say(f"Backup: {path}, {_size(size)}, {time.monotonic() - began:.1f} s")
    return path


def _size(count: int) -> str:
    return f"{count / (1 << 20):.1f} MiB"


def _manifest(connection: psycopg.Connection[Any], now: datetime) -> dict[str, Any]:
    return {
        "product": "llm-gateway", "version": product_version(), "made_at": now.isoformat(timespec="seconds"),
        "server_version": connection.info.server_version, "migrations": control.migrations(connection),
        "keys": control.keys(connection, keyring.current(fresh=True)),
        "tables": control.tables(connection), "sums": control.sums(connection),
    }  # fmt: skip


def _dump(writer: Writer, database: Database, major: int, snapshot: str) -> int:
    """`pg_dump` in the custom format; bytes. It reads the snapshot that the figures are counted in."""
    where, env = database.for_programs()
    argv = [str(program("pg_dump", major)), "--format=custom", "--compress=3", "--no-owner", "--no-privileges"]
    argv += [f"--exclude-table-data={table}" for table in control.UNSAVED]
    argv += [f"--snapshot={snapshot}", "--no-password", f"--dbname={where}"]
    with tempfile.TemporaryFile() as errors:
        with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=errors, stdin=subprocess.DEVNULL, env=env) as child:
            assert child.stdout is not None
            size = writer.add(DUMP, iter(lambda: child.stdout.read(CHUNK), b""))  # type: ignore[union-attr]
        if child.returncode != 0:
            errors.seek(0)
            raise ServerError(f"pg_dump failed: {_last_line(errors.read())}")
    return size


def _last_line(output: bytes) -> str:
    lines = [line for line in output.decode(errors="replace").splitlines() if line.strip()]
    telling = [line for line in lines if "error" in line.lower()]
    return (telling or lines or ["it does not say why"])[0].strip()


def _segments(stack: contextlib.ExitStack, known: Segments) -> Segments:
    """This host's spool segments, open: an open file can be read when its name is gone. `known` ones are kept."""
    found = dict(known)
    for path in sorted(settings.SPOOL_DIR.glob("*/*.seg")):
        name = f"{path.parent.name}/{path.name}"
        with contextlib.suppress(FileNotFoundError):
            if name not in found:
                found[name] = stack.enter_context(path.open("rb"))
    return found


def _spools(writer: Writer, segments: Segments) -> int:
    """Segments, packed: most of one is room that is not used yet; how many."""
    for name, file in segments.items():
        writer.add(f"{SPOOL}{name}.gz", [gzip.compress(os.pread(file.fileno(), 1 << 30, 0), 1, mtime=0)])
    return len(segments)
