"""Days of the demo company into the ledger: COPY, key spend, budgets, dirty marks and the note of the day, in one
transaction.

This is `gateway.ledger.booking.book` for lines known to be new: the same tables move in the same transaction. That
they are new is settled by the `Job` row, which lists the days that are in; it is locked while a day is loaded.
"""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import numpy as np
from django.apps import apps
from django.db import connection, transaction

from analytics.rollups.refresh import refresh
from config.demo.company import Company
from config.demo.prices import to_decimal
from config.demo.rows import DayLines
from costs.services.budgets import hold_bookings, recount
from gateway.ledger.booking import MINUTE_MARKS_FOR
from gateway.ledger.copyformat import COLUMN_LIST
from gateway.ledger.ids import EPOCH
from gateway.ledger.schema import TABLE
from gateway.models import DirtyMark, Job

QUARTER_MS, MINUTE_MS = 900_000, 60_000
BLOCK_ROWS = 2_000


def load_day(job_id: UUID, company: Company, before: int, lines: DayLines) -> int:
    """Book a day; returns how many lines, 0 when it was there already. Partitions must exist."""
    name = company.calendar.day(before).isoformat()
    with transaction.atomic():
        _commit_without_waiting()
        hold_bookings()
        job = Job.objects.select_for_update().get(pk=job_id)
        result = job.result or {"days": {}}
        if name in result["days"]:
            return 0
        _copy(lines.rows)
        _book_spend(company, lines)
        _mark_dirty(company.organization, lines)
        recount(
            organization=company.organization, start=company.calendar.midnight(before),
            end=company.calendar.midnight(before - 1),
        )  # fmt: skip
        result["days"][name] = len(lines.rows)
        job.result = result
        job.progress = min(1.0, len(result["days"]) / job.parameters["days"])
        job.save(update_fields=["result", "progress", "updated_at"])
    return len(lines.rows)


def refresh_days(company: Company, first: date, last: date) -> None:
    """Bring the rollups of these days up to date, unless the background process did it already."""
    start = datetime.combine(first, datetime.min.time(), UTC)
    end = datetime.combine(last, datetime.min.time(), UTC) + timedelta(days=1)
    marks = DirtyMark.objects.filter(organization=company.organization, grain="quarter_hour")
    if marks.filter(bucket__gte=start, bucket__lt=end).exists():
        refresh(company.organization, start, end)


def gather_statistics() -> None:
    """Tell the planner at once what autovacuum would find out in a minute: the first page is opened before that.

    Of plain columns (nothing is looked up by a histogram, JSON or a hash) and a third of the usual sample. Since it is
    not of all columns, autovacuum still makes the whole statistics in its time.
    """
    tables = [TABLE, *(model._meta.db_table for model in apps.get_app_config("analytics").get_models())]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL default_statistics_target = 30")
        for table in tables:
            cursor.execute(
                "SELECT string_agg(quote_ident(attname), ', ') FROM pg_attribute JOIN pg_type t ON t.oid = atttypid "
                "WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped AND t.typcategory <> 'A' "
                "AND t.typname NOT IN ('jsonb', 'bytea')",
                [table],
            )
            cursor.execute(f"ANALYZE {table} ({cursor.fetchone()[0]})")


def _commit_without_waiting() -> None:
    """A crash of the server may lose the last days; the note that they are in is lost with them, so that the next call
    makes them again. What is committed after them in the usual way, the end of the job, waits for all of it."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL synchronous_commit = off")


def _copy(rows: list[str]) -> None:
    with connection.cursor() as cursor, cursor.copy(f"COPY {TABLE} ({COLUMN_LIST}) FROM STDIN") as copy:
        for start in range(0, len(rows), BLOCK_ROWS):
            copy.write("".join(rows[start : start + BLOCK_ROWS]))


def _book_spend(company: Company, lines: DayLines) -> None:
    """As `booking._book_spend`: keys in one global order, so that writers never deadlock (rule 3)."""
    spend = sorted((str(company.key(company.keys[index])), entry) for index, entry in lines.spend.items())
    if not spend:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO gateway_keyspend AS s (key_id, spent, requests, last_used_at) "
            "SELECT * FROM unnest(%s::uuid[], %s::numeric[], %s::bigint[], %s::timestamptz[]) "
            "ON CONFLICT (key_id) DO UPDATE SET spent = s.spent + excluded.spent, "
            "requests = s.requests + excluded.requests, "
            "last_used_at = greatest(s.last_used_at, excluded.last_used_at)",
            [
                [key for key, _ in spend],
                [to_decimal(entry.cost) for _, entry in spend],
                [entry.requests for _, entry in spend],
                [_at(entry.last_ms) for _, entry in spend],
            ],
        )


def _mark_dirty(organization: UUID, lines: DayLines) -> None:
    recent = int((datetime.now(UTC) - MINUTE_MARKS_FOR).timestamp() * 1000)
    quarters = np.unique(lines.ms // QUARTER_MS * QUARTER_MS).tolist()
    minutes = np.unique(lines.ms[lines.ms > recent] // MINUTE_MS * MINUTE_MS).tolist()
    with connection.cursor() as cursor:
        for grain, buckets in (("quarter_hour", quarters), ("minute", minutes)):
            cursor.execute(
                "INSERT INTO gateway_dirtymark (organization, grain, bucket) "
                "SELECT %s, %s, bucket FROM unnest(%s::timestamptz[]) bucket",
                [organization, grain, [_at(bucket) for bucket in buckets]],
            )


def _at(ms: int) -> datetime:
    return EPOCH + timedelta(milliseconds=ms)
