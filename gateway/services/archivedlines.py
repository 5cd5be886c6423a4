"""Lines of old ranges, read from the archive by the very querysets that read the ledger.

Groups of archived rows that can matter are copied into a temporary table of the reading transaction, newest or oldest
first, until enough lines match; visibility, filters, search and order are PostgreSQL's, so an archived line is found
by exactly what would have found it in the ledger.
"""

import operator
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from django.db import connection, transaction
from django.db.models import Max, Min

from gateway.ledger.archive.reading import Group, Wanted, groups
from gateway.ledger.ids import started_at
from gateway.ledger.schema import COLUMNS
from gateway.ledger.schema import TABLE as LEDGER
from gateway.models import ArchivedLine, LedgerArchive, LedgerLine
from gateway.querysets import LedgerLineQuerySet
from gateway.services.archives import is_configured, load, store
from gateway.services.errors import Invalid

log = structlog.get_logger(__name__)
PATIENCE_S = 5.0
TABLE = ArchivedLine._meta.db_table
BULKY = frozenset({"charges", "route_decision", "prefix_hmacs", "request_hmac", "client_ip_hash", "sdk_about"})
"""Columns that lists do not show."""
LISTED = tuple(name for name in COLUMNS if name not in BULKY)
LONGEST_CALL = timedelta(hours=25)
"""After which no line of a request begins any more: batches end within a day."""
_OWN_ID = re.compile(r"(?:req_)?([0-9a-fA-F]{32}|[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})")
Narrow = Callable[[LedgerLineQuerySet], Any]
"""Visibility and filters of a read, as it applies them to the ledger's queryset."""


class TooSlow(Exception):
    """Not enough was found in time."""


class Unreadable(Exception):
    """The archive does not answer, or nothing here can read it; the text says which."""


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
    request_id: str | None = None
    patience_s: float = PATIENCE_S

    @property
    def wanted(self) -> Wanted:
        return Wanted(str(self.organization), self.start, self.end, self.request_id)


def touches(start: datetime, end: datetime) -> bool:
    """Whether lines of the window may be in an archive. One query where there is an archive, else none."""
    return is_configured() and LedgerArchive.objects.touching(start, end).exists()


def were_taken_out(start: datetime, end: datetime) -> bool:
    """Whether lines of the window have an archive, be they brought back or not. One query where there is one."""
    return is_configured() and LedgerArchive.objects.kept(start, end).exists()


def find(question: Question, narrow: Narrow) -> list[LedgerLine]:
    """What matches, in the order asked for. Raises `TooSlow` and `Unreadable`."""
    with _readable():
        try:
            return _found(question, narrow)
        except FileNotFoundError:  # the archive was written again meanwhile
            return _found(question, narrow)


def _found(question: Question, narrow: Narrow) -> list[LedgerLine]:
    deadline = time.monotonic() + question.patience_s
    key = operator.attrgetter("last" if question.newest_first else "first")
    waiting = sorted(_groups(question), key=key, reverse=question.newest_first)
    order = ("-started_at", "-id") if question.newest_first else ("started_at", "id")
    with _table():
        rows = narrow(ArchivedLine.objects.all()).order_by(*order)
        for place, group in enumerate(waiting):
            _copy(group, question)
            if _is_enough(rows, question, waiting[place + 1 :]):
                break
            if time.monotonic() > deadline:
                raise TooSlow
        return [_line(row, question.columns) for row in rows.values_list(*question.columns)[: question.limit]]


def every(question: Question, narrow: Narrow) -> Iterator[LedgerLine]:
    """Everything that matches, group after group, oldest first but for lines that came late to a month. For exports:
    memory holds one group, whatever `limit` and `patience_s` say."""
    with _readable():
        waiting = sorted(_groups(question), key=operator.attrgetter("first"))
    for group in waiting:
        with _readable(), _table():
            _copy(group, question)
            rows = narrow(ArchivedLine.objects.all()).order_by("started_at", "id")
            found = [_line(row, question.columns) for row in rows.values_list(*question.columns)]
        yield from found


@contextmanager
def copied(question: Question) -> Iterator[str]:
    """Everything of the question, whatever `limit` says, in a temporary table whose name is given: what is archived,
    and what came later and is in the ledger still. Raises as `find` does."""
    deadline = time.monotonic() + question.patience_s
    with _table():
        with _readable():
            for group in _groups(question):
                _copy(group, question)
                if time.monotonic() > deadline:
                    raise TooSlow
        columns = ", ".join(f'"{name}"' for name in question.columns)
        with connection.cursor() as cursor:
            cursor.execute(
                f"INSERT INTO {TABLE} ({columns}) SELECT {columns} FROM {LEDGER} "
                "WHERE organization = %s AND started_at >= %s AND started_at < %s",
                [question.organization, question.start, question.end],
            )
        yield TABLE


def _groups(question: Question) -> Iterable[Group]:
    target = store()
    for archive in LedgerArchive.objects.touching(question.start, question.end):
        yield from groups(target, archive.about, question.wanted)


@contextmanager
def _readable() -> Iterator[None]:
    """Raises `Unreadable` in place of what the store raises."""
    try:
        yield
    except (OSError, Invalid) as error:
        log.warning("ledger_archive_unreadable", error=str(error))
        raise Unreadable(str(error)) from error


@contextmanager
def _table() -> Iterator[None]:
    """The temporary table, empty; gone when the block ends, also in a test's transaction."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"CREATE TEMP TABLE {TABLE} ON COMMIT DROP AS SELECT * FROM {LEDGER} WITH NO DATA")
        yield
        cursor.execute(f"DROP TABLE {TABLE}")


def _copy(group: Group, question: Question) -> None:
    rows = group.read(question.columns, question.wanted)
    with connection.cursor() as cursor, connection.wrap_database_errors:
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


def of_request(organization: UUID, value: str, narrow: Narrow, limit: int) -> list[LedgerLine]:
    """Archived lines of one request, oldest first. `value`: its id, or the id of one of its lines. An id that the
    gateway made says when it was; others are looked for in all archives, newest first. Raises as `find` does."""
    span = (
        LedgerArchive.objects.readable().aggregate(first=Min("first_at"), last=Max("last_at"))
        if is_configured()
        else {}
    )
    if not span.get("last"):
        return []
    start, end = span["first"], span["last"] + timedelta(microseconds=1)
    known = _identity(value)
    if known is not None:
        at = started_at(known)
        start, end = max(start, at - timedelta(hours=1)), min(end, at + LONGEST_CALL)
    if start >= end:
        return []
    lines = find(Question(organization, start, end, limit, request_id=value), narrow)
    if not lines and known is not None and value == str(known):
        at = started_at(known)
        here = Question(organization, at, at + timedelta(milliseconds=1), 1)
        of = find(here, lambda rows: narrow(rows).filter(id=known))
        return of_request(organization, of[0].request_id, narrow, limit) if of else []
    return sorted(lines, key=lambda line: (line.started_at, line.id))


def _identity(value: str) -> UUID | None:
    """The UUIDv7 of an id that was made here."""
    found = _OWN_ID.fullmatch(value)
    known = UUID(found[1]) if found else None
    return known if known is not None and known.version == 7 else None


def merged(lines: Sequence[LedgerLine], question: Question, narrow: Narrow) -> list[LedgerLine]:
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
