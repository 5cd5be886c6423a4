"""Checks of the database and of the processes that work on it."""

import time
from datetime import datetime, timedelta
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import psycopg
from django.conf import settings
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from config import env
from config.backup import BACKUP_MADE, BACKUP_VERIFIED
from config.doctor.finding import Finding, failed, off, ok, skipped, warning
from config.embedded.binaries import MAJOR, PACKAGE
from gateway import replica
from gateway.choices import JobStatus
from gateway.dataplane.limits.views import SHARED, SHARES
from gateway.models import Heartbeat, Job, LedgerArchive, QuarantinedLine, RetentionPolicy
from gateway.services import archives, retention, spools
from gateway.services.errors import Invalid
from gateway.services.rate_limits import use_of

OLDEST = 150_000  # server_version_num of PostgreSQL 15
SKEW_WARNING_S = 1.0
SKEW_FAILED_S = 5.0
FRESH = timedelta(seconds=30)
LAG_WARNING_S = 30.0
CONNECT_S = 3
SPOOLS_SHOWN = 5
ARCHIVE_PROBE = "doctor"
"""A key that no archive has: its absence is an answer."""
SILENT_DATABASE = "the database does not answer"
GONE = "Is its host gone for good: manage.py forget_host."
START = "Start it with `make run` (or `manage.py {}`)."


def embedded_programs() -> Finding:
    """The wheel's PostgreSQL, when the database is the embedded one."""
    if not _is_embedded():
        return off("PostgreSQL programs", "DATABASE_URL names a server")
    spec = find_spec(PACKAGE)
    server = Path(spec.origin).parent / f"pginstall{MAJOR}" / "bin" / "postgres" if spec and spec.origin else None
    if server is None or not server.exists():
        return failed("PostgreSQL programs", "not installed", "Run `make run` again, or set DATABASE_URL.")
    return ok("PostgreSQL programs", f"PostgreSQL {MAJOR} in {server.parent}")


def _is_embedded() -> bool:
    url = settings.DATABASE_DIRECT_URL
    return not url or url == env.embedded_database_url(settings.DATA_DIR)


def database() -> Finding:
    """Answers, is new enough and speaks UTF-8."""
    if reason := unreachable():
        return failed("Database", reason, "Start it with `make run`, or correct DATABASE_URL.")
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('server_version_num')::int, current_setting('server_encoding')")
        number, encoding = cursor.fetchone()
    version = f"PostgreSQL {number // 10_000}.{number % 10_000}"
    if number < OLDEST:
        return failed("Database", version, "Use PostgreSQL 15 or newer.")
    if encoding != "UTF8":
        return failed("Database", f"{version}, encoding {encoding}", "Make the database with ENCODING 'UTF8'.")
    return ok("Database", version)


@lru_cache(maxsize=1)
def unreachable() -> str:
    """Why the database does not answer; empty when it does. Asked once per run, past the pool, which waits longer."""
    if not settings.DATABASE_DIRECT_URL:
        return "none is configured, and the embedded one was never started"
    try:
        psycopg.connect(settings.DATABASE_DIRECT_URL, connect_timeout=CONNECT_S).close()
    except psycopg.Error as error:
        return str(error).strip().splitlines()[0]
    return ""


def rate_limits() -> Finding:
    """All data planes share them, or there is one alone."""
    name = "Rate limits"
    if unreachable():
        return skipped(name, SILENT_DATABASE)
    _, found = use_of([], timezone.now())
    if found.processes == 0:
        return skipped(name, "no data plane runs")
    if found.mode == SHARED:
        return ok(name, f"shared by {found.processes} data planes")
    if found.mode == SHARES:
        return warning(name, "Redis is away: each data plane admits its share", "Start Redis, or correct REDIS_URL.")
    if found.processes > 1:
        detail = f"{found.processes} data planes run without Redis and admit a share each"
        return failed(name, detail, "Set REDIS_URL, or run one data plane.")
    return ok(name, "one data plane, which counts for itself")


def migrations() -> Finding:
    """None is missing."""
    if unreachable():
        return skipped("Migrations", SILENT_DATABASE)
    executor = MigrationExecutor(connection)
    missing = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
    if missing:
        return failed("Migrations", f"{missing} not applied", "Run `manage.py prepare` (or `manage.py migrate`).")
    return ok("Migrations", "all applied")


def clock() -> Finding:
    """Host and database agree on the time; half of the round trip is the error of the measurement."""
    if unreachable():
        return skipped("Clock", SILENT_DATABASE)
    with connection.cursor() as cursor:
        before = time.time()
        cursor.execute("SELECT extract(epoch FROM clock_timestamp())::float8")
        there = cursor.fetchone()[0]
        after = time.time()
    skew = there - (before + after) / 2
    detail = f"database {skew * 1000:+.0f} ms from this host (± {(after - before) * 500:.0f} ms)"
    remedy = "Synchronise both clocks (NTP): budgets and rate windows follow the database's time."
    if abs(skew) > SKEW_FAILED_S:
        return failed("Clock", detail, remedy)
    if abs(skew) > SKEW_WARNING_S:
        return warning("Clock", detail, remedy)
    return ok("Clock", detail)


def ledger_writer() -> Finding:
    """Every one is alive, and not far behind."""
    return _heartbeats("Ledger writer", "writer", START.format("write_ledger"))


def background() -> Finding:
    """Every one is alive."""
    return _heartbeats("Background work", "background", START.format("run_background"))


def _heartbeats(label: str, kind: str, remedy: str) -> Finding:
    if unreachable():
        return skipped(label, SILENT_DATABASE)
    now, beats = timezone.now(), list(Heartbeat.objects.of(kind).order_by("name"))
    if not beats:
        return warning(label, "never ran", remedy)
    silent = [f"{beat.name} is silent for {_age_s(beat, now):.0f} s" for beat in beats if now - beat.at > FRESH]
    if silent:
        return failed(label, "; ".join(silent), f"{remedy} {GONE}")
    late = [f"{beat.name} is {lag:.0f} s behind" for beat in beats if (lag := beat.lag_s(now) or 0) > LAG_WARNING_S]
    if late:
        return warning(label, "; ".join(late), "Read log/writer.log; a busy or locked database slows it.")
    count = f"{len(beats)} are alive, the last" if len(beats) > 1 else "alive"
    return ok(label, f"{count} {max(_age_s(beat, now) for beat in beats):.0f} s ago")


def _age_s(beat: Heartbeat, now: datetime) -> float:
    return (now - beat.at).total_seconds()


def silent_spools() -> Finding:
    """Every spool is closed, or its data plane lives."""
    name = "Spools"
    if unreachable():
        return skipped(name, SILENT_DATABASE)
    if not (silent := spools.silent_spools(timezone.now())):
        return ok(name, "none is silent")
    shown = ", ".join(silent[:SPOOLS_SHOWN]) + (", …" if len(silent) > SPOOLS_SHOWN else "")
    held = " and ".join(f"{amount:.2f} {currency}" for currency, amount in spools.leased(silent).items())
    detail = f"{len(silent)} without a sign of life of its data plane: {shown}; its leases hold {held or 'nothing'}"
    return failed(
        name, detail, "Start the writer of the host that has it (docs/operations/runbooks.md#a-spool-is-silent)."
    )


def quarantine() -> Finding:
    """No line that was put aside as unreadable waits to be resolved."""
    if unreachable():
        return skipped("Quarantine", SILENT_DATABASE)
    if count := QuarantinedLine.objects.filter(resolved_at=None).count():
        return warning("Quarantine", f"{count} ledger lines were put aside", "Read the reasons in the console.")
    return ok("Quarantine", "nothing open")


def read_replica() -> Finding:
    """Answers, is a replica, and is near enough to be read."""
    name = "Read replica"
    if unreachable():
        return skipped(name, SILENT_DATABASE)
    found = replica.state()
    if found is None:
        return off(name, "DATABASE_REPLICA_URL is not set; figures come from the primary")
    if found.reason:
        remedy = "Figures come from the primary meanwhile; see docs/operations/replica.md."
        return warning(name, found.reason, remedy)
    return ok(name, f"{found.lag_s or 0:.1f} s behind")


def ledger_archive() -> Finding:
    """The store answers, no archive is broken, and nothing waits to be archived for long."""
    name = "Ledger archive"
    if unreachable():
        return skipped(name, SILENT_DATABASE)
    waiting = len(archives.detached_tables())
    if not archives.is_configured():
        detail = f"ARCHIVE_URL is not set; {waiting} detached tables are in the database"
        return off(name, detail)
    try:
        archives.store().read(ARCHIVE_PROBE)
    except (Invalid, OSError) as error:
        return failed(name, str(error), "Correct ARCHIVE_URL and its credentials (docs/operations/archive.md).")
    broken = [str(one) for one in LedgerArchive.objects.readable().exclude(fault="")]
    if broken:
        return failed(name, f"broken: {', '.join(broken)}", "Restore the file from the bucket's versions or a backup.")
    if failing := Job.objects.filter(kind=archives.KIND, status=JobStatus.FAILED).first():
        return warning(name, f"{waiting} tables wait; {failing.error}", "Run `manage.py archive_ledger`.")
    return ok(name, f"{LedgerArchive.objects.readable().count()} archives; {waiting} tables wait")


def end_user_days() -> Finding:
    """No organization keeps names of end users until the ledger has lost them, where nobody looks."""
    name, most = "Names of end users", retention.most_end_user_days()
    if most is None:
        return off(name, "LEDGER_RETENTION_DAYS is not set")
    if unreachable():
        return skipped(name, SILENT_DATABASE)
    beyond = RetentionPolicy.objects.filter(end_user_days__gt=most, organization__archived_at=None)
    if slugs := list(beyond.order_by("organization__slug").values_list("organization__slug", flat=True)):
        remedy = f"There, under Privacy, choose {most} days at most, or raise LEDGER_RETENTION_DAYS."
        return warning(name, f"kept for longer than the ledger's lines by {', '.join(slugs)}", remedy)
    return ok(name, f"erased before their last line leaves the ledger, after {most} days at most")


def backup() -> Finding:
    """Young enough; one that was restored for a check says so."""
    name, allowed = "Backup", settings.BACKUP_MAX_AGE_HOURS
    if allowed <= 0:
        return off(name, "BACKUP_MAX_AGE_HOURS is not set")
    if unreachable():
        return skipped(name, SILENT_DATABASE)
    remedy = "Run `manage.py backup --output FOLDER`, and let it run by itself (docs/operations/backup.md)."
    last = Heartbeat.objects.filter(name=BACKUP_MADE).first()
    if last is None:
        return failed(name, "none was ever made", remedy)
    age = timezone.now() - last.at
    detail = f"{last.info.get('file', '')}, {age.total_seconds() / 3600:.1f} h old"
    if age > timedelta(hours=allowed):
        return failed(name, f"{detail}; {allowed} h are allowed", remedy)
    checked = Heartbeat.objects.filter(name=BACKUP_VERIFIED).first()
    if checked is None:
        return warning(name, f"{detail}; none was ever restored", "Run `manage.py restore FILE --verify`.")
    return ok(name, f"{detail}; the last restore was checked on {checked.at:%Y-%m-%d}")
