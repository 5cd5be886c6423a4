"""Lines of old ranges, read from the archive by the very querysets that read the ledger.

Groups of archived rows that can matter are copied into a temporary table of the reading transaction, newest or oldest
first, until enough lines match; visibility, filters, search and order are PostgreSQL's, so an archived line is found
by exactly what would have found it in the ledger.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from gateway.ledger.archive.reading import Group, groups
from gateway.ledger.schema import COLUMNS
from gateway.ledger.schema import TABLE as LEDGER
from gateway.models import ArchivedLine, LedgerArchive, LedgerLine
from gateway.querysets import LedgerLineQuerySet
from gateway.services.archives import is_configured, load, store

PATIENCE_S = 5.0
TABLE = ArchivedLine._meta.db_table
BULKY = frozenset({"charges", "route_decision", "prefix_hmacs", "request_hmac", "client_ip_hash", "sdk_about"})
"""Columns that lists do not show."""
LISTED = tuple(name for name in COLUMNS if name not in BULKY)
Narrow = Callable[[LedgerLineQuerySet], Any]
"""Visibility and filters of a read, as it applies them to the ledger's queryset."""


class TooSlow(Exception):
    """Not enough was found in time."""


@dataclass(frozen=True, slots=True)
class Question:
    """Lines of one organization that started in `[start, end)`. `limit`: at most so many, from the end that is asked
    for first. `columns`: those that are read; `narrow` must not look at others."""

    organization: UUID
    start: datetime
    end: datetime
    limit: int
    newest_first: bool = True
    columns: Sequence[str] = tuple(COLUMNS)
    patience_s: float = PATIENCE_S


def touches(start: datetime, end: datetime) -> bool:
    """Whether lines of the window may be in an archive. One query where there is an archive, else none."""
    return is_configured() and LedgerArchive.objects.touching(start, end).exists()


def find(question: Question, narrow: Narrow) -> list[LedgerLine]:
    """What matches, in the order asked for. Raises `TooSlow`, and `Invalid` when the archive cannot be read here."""
    order = ("-started_at", "-id") if question.newest_first else ("started_at", "id")
    deadline = time.monotonic() + question.patience_s
    waiting = sorted(
        _groups(question), key=lambda group: group.last if question.newest_first else group.first,
        reverse=question.newest_first,
    )  # fmt: skip
    with _table():
        rows = narrow(ArchivedLine.objects.all()).order_by(*order)
        for place, group in enumerate(waiting):
            _copy(group, question)
            if _is_enough(rows, question, waiting[place + 1 :]):
                break
            if time.monotonic() > deadline and place + 1 < len(waiting):
                raise TooSlow
        return [_line(row, question.columns) for row in rows.values_list(*question.columns)[: question.limit]]


def every(question: Question, narrow: Narrow) -> Iterator[LedgerLine]:
    """Everything that matches, group after group, oldest first but for lines that came late to a month. For exports:
    memory holds one group, whatever `limit` and `patience_s` say."""
    for group in sorted(_groups(question), key=lambda group: group.first):
        with _table():
            _copy(group, question)
            rows = narrow(ArchivedLine.objects.all()).order_by("started_at", "id")
            found = [_line(row, question.columns) for row in rows.values_list(*question.columns)]
        yield from found


def _groups(question: Question) -> Iterable[Group]:
    target = store()
    for archive in LedgerArchive.objects.touching(question.start, question.end):
        yield from groups(
            target, archive.about, organization=str(question.organization), start=question.start, end=question.end
        )


@contextmanager
def _table() -> Iterator[None]:
    """The temporary table, empty; gone when the block ends, also in a test's transaction."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"CREATE TEMP TABLE {TABLE} ON COMMIT DROP AS SELECT * FROM {LEDGER} WITH NO DATA")
        yield
        cursor.execute(f"DROP TABLE {TABLE}")


def _copy(group: Group, question: Question) -> None:
    rows = group.read(
        question.columns, organization=str(question.organization), start=question.start, end=question.end
    )  # fmt: skip
    with connection.cursor() as cursor:
        load(cursor, TABLE, list(question.columns), rows)


def _is_enough(rows: Any, question: Question, rest: Sequence[Group]) -> bool:
    """Whether what is wanted cannot be changed by the groups that are left."""
    if not rest:
        return True
    last = rows.values_list("started_at", flat=True)[question.limit - 1 : question.limit]
    for at in last:
        if question.newest_first:
            return bool(at > max(group.last for group in rest))
        return bool(at < min(group.first for group in rest))
    return False


def _line(row: Sequence[Any], columns: Sequence[str]) -> LedgerLine:
    """As a line of the ledger; what was not read is None."""
    line = LedgerLine(**{**dict.fromkeys(COLUMNS), **dict(zip(columns, row, strict=True))})
    line.is_archived = True
    return line


def merged(
    lines: Sequence[LedgerLine], question: Question, narrow: Narrow
) -> list[LedgerLine]:  # fmt: skip
    """`lines` of the ledger, in the order asked for, and those of the archive among them, at most `limit`. The archive
    is left alone when nothing of it can come before the last of a full list."""
    if len(lines) >= question.limit and not _may_precede(lines[question.limit - 1], question):
        return list(lines[: question.limit])
    everything = [*lines, *find(question, narrow)]
    everything.sort(key=lambda line: (line.started_at, line.id), reverse=question.newest_first)
    return everything[: question.limit]


def _may_precede(line: LedgerLine, question: Question) -> bool:
    archives = LedgerArchive.objects.touching(question.start, question.end)
    if question.newest_first:
        return archives.filter(last_at__gte=line.started_at).exists()
    return archives.filter(first_at__lte=line.started_at).exists()
