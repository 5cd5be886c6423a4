"""A migrated database that the run's test databases are copied from.

Migrating takes half a minute, so its dump is kept in the checkout's cache for as long as nothing that migrates changed
and the day lasts (migrations make partitions of today).
"""

import hashlib
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from django.conf import settings

from config.embedded.postgres import EmbeddedPostgres

ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".pytest_cache" / "migrated"
NAME = "migrated"
VARIABLE = "TESTS_TEMPLATE"
SOURCES = (
    "*/migrations/*.py", "gateway/ledger/schema.py", "costs/budgets/sql.py", "requirements.txt", "config/settings.py",
)  # fmt: skip


def prepare(cluster: EmbeddedPostgres) -> None:
    """Make the database NAME: from the kept dump, else by migrating, which is then kept."""
    dump = CACHE / f"{_key()}.sql"
    cluster.ensure_database(NAME)
    url = cluster.database_url(NAME)
    if dump.is_file():
        _run([str(cluster.program("psql")), "--quiet", "--no-psqlrc", "--set=ON_ERROR_STOP=1", f"--file={dump}", url])
        return
    _migrate(url)
    CACHE.mkdir(parents=True, exist_ok=True)
    kept = sorted(CACHE.glob("*.sql"), key=lambda path: path.stat().st_mtime)
    for old in kept[:-2]:
        old.unlink(missing_ok=True)
    fresh = dump.with_suffix(f".{os.getpid()}")
    _run([str(cluster.program("pg_dump")), "--no-owner", f"--file={fresh}", url])
    fresh.replace(dump)


def create(name: str) -> str:
    """URL of a new migrated database for processes of their own; a copy, where this run has something to copy."""
    base = settings.DATABASE_DIRECT_URL
    url = urlsplit(base)._replace(path=f"/{name}").geturl()
    source = os.environ.get(VARIABLE)
    with psycopg.connect(base, autocommit=True, dbname="postgres") as connection:
        connection.execute(f"CREATE DATABASE {name}" + (f" TEMPLATE {source}" if source else ""))
    if not source:
        _migrate(url)
    return url


def _migrate(url: str) -> None:
    database = {"DATABASE_URL": url, "DATABASE_DIRECT_URL": url}
    _run([sys.executable, str(ROOT / "manage.py"), "migrate", "--verbosity=0"], **database)


def _key() -> str:
    digest = hashlib.sha256(datetime.now(UTC).date().isoformat().encode())
    for pattern in SOURCES:
        for path in sorted(ROOT.glob(pattern)):
            digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:32]


def _run(command: list[str], **more: str) -> None:
    done = subprocess.run(command, env={**os.environ, **more}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    if done.returncode != 0:
        raise RuntimeError(f"{Path(command[0]).name}: {done.stderr.decode(errors='replace')[-2000:]}")
