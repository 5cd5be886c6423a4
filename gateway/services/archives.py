"""Months that left the ledger go to the object store, are checked there, and come back when somebody needs them.

A detached table is dropped in the transaction that makes its archive `complete`, after the stored file was read back
and compared. Whatever is killed before leaves the table; the next run writes the same part again, over what is there.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from importlib.util import find_spec
from typing import Any

import psycopg
import structlog
from django.conf import settings
from django.db import connection, transaction
from django.db.models import Max
from django.utils import timezone

from gateway.choices import ArchiveState
from gateway.ledger import partitions, spend
from gateway.ledger.archive import reading, writing
from gateway.ledger.archive.columns import TEXT_IN_SQL, base
from gateway.ledger.archive.manifest import Manifest
from gateway.ledger.archive.stores import Place, Store, store_of
from gateway.ledger.copyformat import COLUMN_LIST
from gateway.ledger.schema import COLUMNS
from gateway.ledger.schema import TABLE as LEDGER
from gateway.models import Job, LedgerArchive
from gateway.services import audit, jobs
from gateway.services.audit import Actor
from gateway.services.errors import Invalid

log = structlog.get_logger(__name__)
KIND = "gateway.archive_ledger"
LEASE_S = 120
RESTORED_DAYS = 30
EVERY_LINE = reading.Wanted()
NEEDS = "It needs the package pyarrow: pip install -r requirements-parquet.txt."
UNSET = "ARCHIVE_URL is not set."
Say = Callable[[str], None]
Keep = Callable[[], None]
"""Called every few seconds of long work; it may raise to stop it."""


@dataclass(frozen=True, slots=True)
class Archived:
    """`written`: archives that are complete now; `failed`: tables with what was in the way; they stay. `busy`: tables
    that another process is at."""

    written: tuple[LedgerArchive, ...] = ()
    failed: tuple[tuple[str, str], ...] = ()
    busy: tuple[str, ...] = ()


def is_configured() -> bool:
    return bool(settings.LEDGER_ARCHIVE.url)


def obstacle() -> str:
    """Why nothing can be archived or read here; empty when it can."""
    if not is_configured():
        return UNSET
    return "" if find_spec("pyarrow") else NEEDS


def store() -> Store:
    """The configured one. Raises `Invalid`."""
    if why := obstacle():
        raise Invalid("archive_unavailable", why)
    return _store(settings.LEDGER_ARCHIVE)


@lru_cache(maxsize=4)
def _store(place: Place) -> Store:
    return store_of(place)


def detached_tables() -> list[str]:
    """What waits to be archived, oldest month first."""
    with _direct() as direct:
        return partitions.detached_tables(direct)


def archive_detached(*, say: Say = lambda line: None, keep: Keep = lambda: None) -> Archived:
    """Archive every detached table, oldest first. One that fails does not hold up the others. Raises `Invalid`."""
    target, written, failed, busy = store(), [], [], []
    for table in detached_tables():
        say(f"{table} …")
        try:
            done = _archive(target, table, keep)
        except jobs.ClaimLost:
            done = None
        except Exception as error:
            log.exception("ledger_archive_failed", table=table)
            failed.append((table, f"{type(error).__name__}: {error}"))
            continue
        if done is None:
            busy.append(table)
        else:
            written.append(done)
    sweep_superseded(target)
    return Archived(tuple(written), tuple(failed), tuple(busy))


def _archive(target: Store, table: str, keep: Keep) -> LedgerArchive | None:
    """None when another process has the claim."""
    archive = _row_of(table)
    jobs.enqueue(KIND, str(archive.pk), parameters={"table": table})
    job = jobs.claim(KIND, str(archive.pk), LEASE_S)
    if job is None:
        return None
    try:
        with _direct() as direct:
            partitions.add_columns(direct, table)
            manifest = writing.write(direct, target, target_of(archive), progress_of(job, keep))
        return _complete(archive, job, target, manifest)
    except jobs.ClaimLost:
        raise
    except Exception as error:
        jobs.fail(job, f"{type(error).__name__}: {error}")
        raise


def _row_of(table: str) -> LedgerArchive:
    """The row of a table that is being archived; the next free part of its month when there is none."""
    month = partitions.month_of_table(table).date()
    with transaction.atomic():
        lock_parts()
        known = LedgerArchive.objects.filter(table_name=table, state=ArchiveState.WRITING, rewrites=None).first()
        if known is not None:
            return known
        last = LedgerArchive.objects.filter(month=month).aggregate(last=Max("part"))["last"] or 0
        return LedgerArchive.objects.create(month=month, part=last + 1, table_name=table)


def lock_parts() -> None:
    """Until the transaction ends nobody else takes the number of a part."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('ledger-archives'))")


def target_of(archive: LedgerArchive) -> writing.Target:
    """Where its files are."""
    return writing.Target(archive.table_name, f"{archive.month:%Y-%m}", archive.part)


def progress_of(job: Job, keep: Keep = lambda: None, lease_s: float = LEASE_S) -> writing.Progress:
    """Keeps the claim while rows are written or read; raises `ClaimLost` when somebody else has it."""

    def extend(done: int, total: int) -> None:
        jobs.extend(job, lease_s, min(1.0, done / total) if total else 1.0)
        keep()

    return extend


@transaction.atomic
def _complete(archive: LedgerArchive, job: Job, target: Store, manifest: Manifest) -> LedgerArchive:
    """The archive takes the table's place; what was restored of the month is in it, so its older parts go."""
    facts, archive.state = manifest.facts, ArchiveState.COMPLETE
    describe(archive, target, manifest)
    archive.save()
    LedgerArchive.objects.filter(month=archive.month, state=ArchiveState.RESTORED).update(
        state=ArchiveState.SUPERSEDED, superseded_by=archive
    )
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE {archive.table_name}")
    audit.record(
        organization=None, actor=None, verb="ledger.archive", target=archive,
        after={"table": archive.table_name, "lines": facts.rows, "cost": facts.sums["cost"], "place": target.name,
               "manifest_sha256": digest_of(manifest)},
    )  # fmt: skip
    jobs.finish(job, {"table": archive.table_name, "lines": facts.rows, "bytes": manifest.size_bytes})
    return archive


def describe(archive: LedgerArchive, target: Store, manifest: Manifest) -> None:
    """What was just written and read back, into the row, which is not saved."""
    facts = manifest.facts
    archive.place, archive.manifest = target.name, manifest.to_dict()
    archive.lines, archive.size_bytes = facts.rows, manifest.size_bytes
    archive.first_at, archive.last_at = _instant(facts.first), _instant(facts.last)
    archive.completed_at = archive.verified_at = timezone.now()


def digest_of(manifest: Manifest) -> str:
    """SHA-256 of what lies beside the files, which has theirs."""
    return hashlib.sha256(manifest.to_json()).hexdigest()


def _instant(text: str) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def sweep_superseded(target: Store) -> None:
    """Delete files that a later archive of the same lines replaces. Raises OSError."""
    for archive in LedgerArchive.objects.filter(state=ArchiveState.SUPERSEDED).exclude(manifest=None):
        delete_files(target, archive)
        LedgerArchive.objects.filter(pk=archive.pk).update(manifest=None)


def delete_files(target: Store, archive: LedgerArchive) -> None:
    """Whatever there is of it in the store. Raises OSError."""
    writing.clear(target, target_of(archive))


# ---- check ---------------------------------------------------------------------------------------------------------
def verify_archives(*, say: Say = lambda line: None, keep: Keep = lambda: None) -> dict[str, list[str]]:
    """Read every complete archive and compare it with its manifest; archive → what is wrong (empty: nothing)."""
    target, found = store(), {}
    for archive in LedgerArchive.objects.readable():
        problems = _faults(target, archive, keep)
        same = LedgerArchive.objects.readable().filter(pk=archive.pk)  # not replaced meanwhile, with its files
        same.update(verified_at=timezone.now(), fault="; ".join(problems))
        say(f"{archive}: {'; '.join(problems) or 'intact'}")
        found[str(archive)] = problems
    return found


def _faults(target: Store, archive: LedgerArchive, keep: Keep) -> list[str]:
    manifest = archive.about
    beside = target.read(target_of(archive).manifest_key)
    if beside is None:
        return ["the manifest is not there"]
    if json.loads(beside) != archive.manifest:
        return ["the manifest in the store is another one"]
    return writing.faults(target, manifest, lambda done, total: keep())


# ---- back ----------------------------------------------------------------------------------------------------------
def restore_month(
    *, month: date, actor: Actor, days: int = RESTORED_DAYS, say: Say = lambda line: None, keep: Keep = lambda: None
) -> int:  # fmt: skip
    """Bring a month back into the ledger for some days, in one transaction; returns how many lines. Its figures do not
    change, for nothing before the horizon is recomputed. Raises `Invalid`, and `BrokenArchive` before anything is
    written."""
    target = store()
    parts = list(LedgerArchive.objects.readable().filter(month=month))
    if not parts:
        raise Invalid("archive_unknown", f"There is no complete archive of {month:%Y-%m}.", field="month")
    for archive in parts:
        if problems := _faults(target, archive, keep):
            raise writing.BrokenArchive(f"{archive}: {'; '.join(problems)}")
    with _direct() as direct:
        partitions.ensure_partitions(direct, [datetime(month.year, month.month, 1, tzinfo=UTC)])
    with transaction.atomic():
        locked = LedgerArchive.objects.select_for_update().readable().filter(pk__in=[archive.pk for archive in parts])
        if len(locked) < len(parts):
            raise Invalid("archive_changed", f"{month:%Y-%m} was restored or written again meanwhile.", field="month")
        lines = sum(_restore(target, archive, say, keep) for archive in parts)
        until = timezone.now() + timedelta(days=days)
        for archive in parts:
            LedgerArchive.objects.filter(pk=archive.pk).update(state=ArchiveState.RESTORED, restored_until=until)
            audit.record(
                organization=None, actor=actor, verb="ledger.restore_archive", target=archive,
                after={"lines": archive.lines, "restored_until": until.isoformat()},
            )  # fmt: skip
    return lines


def _restore(target: Store, archive: LedgerArchive, say: Say, keep: Keep) -> int:
    """Lines that are there already stay; the sums of keys are those of lines that really came back."""
    total = 0
    for group in reading.groups(target, archive.about, EVERY_LINE):
        with connection.cursor() as cursor:
            cursor.execute(f"CREATE TEMP TABLE archive_part (LIKE {LEDGER} INCLUDING DEFAULTS)")
            load(cursor, "archive_part", list(COLUMNS), group.read(list(COLUMNS), EVERY_LINE))
            cursor.execute(f"CREATE TEMP TABLE archive_new (LIKE {LEDGER} INCLUDING DEFAULTS)")
            cursor.execute(
                f"WITH new AS (INSERT INTO {LEDGER} ({COLUMN_LIST}) SELECT {COLUMN_LIST} FROM archive_part "
                f"ON CONFLICT DO NOTHING RETURNING *) INSERT INTO archive_new SELECT * FROM new"
            )
            total += cursor.rowcount
            spend.bring_back(cursor, "archive_new")
            cursor.execute("DROP TABLE archive_part, archive_new")
        say(f"{archive}: {total:,} lines")
        keep()
    return total


def load(cursor: Any, table: str, columns: list[str], rows: list[tuple[Any, ...]]) -> None:
    """COPY rows of an archive into a table with the ledger's columns."""
    names = ", ".join(f'"{name}"' for name in columns)
    texts = [base(COLUMNS[name]) in TEXT_IN_SQL for name in columns]
    with cursor.copy(f"COPY {table} ({names}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row([_copied(value, text) for value, text in zip(row, texts, strict=True)])


def _copied(value: Any, is_text: bool) -> Any:
    """A default of JSON (`charges`) is a list, not a text, when the archive is older than its column."""
    return "[]" if is_text and isinstance(value, list) else value


def held_months() -> set[date]:
    """Months that were restored and are left alone by retention still."""
    held = LedgerArchive.objects.filter(state=ArchiveState.RESTORED, restored_until__gt=timezone.now())
    return set(held.values_list("month", flat=True))


def _direct() -> psycopg.Connection[Any]:
    """A connection in autocommit that PgBouncer is not in the way of; `with` closes it."""
    return psycopg.connect(settings.DATABASE_DIRECT_URL, autocommit=True, connect_timeout=5)
