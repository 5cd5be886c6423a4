"""Checks of the database and of the processes that work on it."""

import time
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from config.doctor.finding import Finding, failed, ok, skipped, warning
from config.embedded.binaries import MAJOR, PACKAGE
from gateway.models import Heartbeat

OLDEST = 150_000  # server_version_num of PostgreSQL 15
SKEW_WARNING_S = 1.0
SKEW_FAILED_S = 5.0
FRESH = timedelta(seconds=30)
LAG_WARNING_S = 30.0
START = "Start it with `make run` (or `manage.py {}`)."


def embedded_programs() -> Finding:
    """The wheel's PostgreSQL, when the database is the embedded one."""
    if not _is_embedded():
        return skipped("PostgreSQL programs", "DATABASE_URL names a server")
    spec = find_spec(PACKAGE)
    server = Path(spec.origin).parent / f"pginstall{MAJOR}" / "bin" / "postgres" if spec and spec.origin else None
    if server is None or not server.exists():
        return failed("PostgreSQL programs", "not installed", "Run `make run` again, or set DATABASE_URL.")
    return ok("PostgreSQL programs", f"PostgreSQL {MAJOR} in {server.parent}")


def _is_embedded() -> bool:
    pointer = settings.DATA_DIR / "run" / "database.url"
    url = pointer.read_text().strip() if pointer.exists() else ""
    return bool(url) and url == settings.DATABASE_DIRECT_URL


def database() -> Finding:
    """Answers, is new enough and speaks UTF-8."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('server_version_num')::int, current_setting('server_encoding')")
            number, encoding = cursor.fetchone()
    except DatabaseError as error:
        reason = str(error).strip().splitlines()[0]
        return failed("Database", reason, "Start it with `make run`, or correct DATABASE_URL.")
    version = f"PostgreSQL {number // 10_000}.{number % 10_000}"
    if number < OLDEST:
        return failed("Database", version, "Use PostgreSQL 15 or newer.")
    if encoding != "UTF8":
        return failed("Database", f"{version}, encoding {encoding}", "Make the database with ENCODING 'UTF8'.")
    return ok("Database", version)


def migrations() -> Finding:
    """None is missing."""
    try:
        executor = MigrationExecutor(connection)
        missing = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
    except DatabaseError:
        return skipped("Migrations", "the database does not answer")
    if missing:
        return failed("Migrations", f"{missing} not applied", "Run `manage.py prepare` (or `manage.py migrate`).")
    return ok("Migrations", "all applied")


def clock() -> Finding:
    """Host and database agree on the time; half of the round trip is the error of the measurement."""
    try:
        with connection.cursor() as cursor:
            before = time.time()
            cursor.execute("SELECT extract(epoch FROM clock_timestamp())::float8")
            there = cursor.fetchone()[0]
            after = time.time()
    except DatabaseError:
        return skipped("Clock", "the database does not answer")
    skew = there - (before + after) / 2
    detail = f"database {skew * 1000:+.0f} ms from this host (± {(after - before) * 500:.0f} ms)"
    remedy = "Synchronise both clocks (NTP): budgets and rate windows follow the database's time."
    if abs(skew) > SKEW_FAILED_S:
        return failed("Clock", detail, remedy)
    if abs(skew) > SKEW_WARNING_S:
        return warning("Clock", detail, remedy)
    return ok("Clock", detail)


def ledger_writer() -> Finding:
    """Alive, and not far behind."""
    return _heartbeat("Ledger writer", "writer", START.format("write_ledger"))


def background() -> Finding:
    """Alive."""
    return _heartbeat("Background work", "background", START.format("run_background"))


def _heartbeat(label: str, name: str, remedy: str) -> Finding:
    try:
        beat = Heartbeat.objects.filter(name=name).first()
    except DatabaseError:
        return skipped(label, "the database does not answer")
    if beat is None:
        return warning(label, "never ran", remedy)
    age = timezone.now() - beat.at
    if age > FRESH:
        return failed(label, f"silent for {age.total_seconds():.0f} s", remedy)
    lag = beat.info.get("lag_s")
    if isinstance(lag, int | float) and lag > LAG_WARNING_S:
        return warning(label, f"{lag:.0f} s behind", "Read log/writer.log; a busy or locked database slows it.")
    return ok(label, f"alive {age.total_seconds():.0f} s ago")


def quarantine() -> Finding:
    """No line was put aside as unreadable."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM gateway_quarantinedline")
            (count,) = cursor.fetchone()
    except DatabaseError:
        return skipped("Quarantine", "the database does not answer")
    if count:
        return warning("Quarantine", f"{count} ledger lines were put aside", "Read the reasons in the console.")
    return ok("Quarantine", "empty")
