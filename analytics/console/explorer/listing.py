"""A page of the list: newest first, by keyset through the index `ledgerline_by_organization`, within a window; never
counted, and given up after some seconds when hardly a request matches."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import blake2b
from typing import Any
from uuid import UUID

import psycopg
from django.db import OperationalError, connection, transaction
from django.db.models import Q, QuerySet

from analytics.console import format, ledger
from analytics.console.explorer import columns
from analytics.console.explorer.names import names_of
from analytics.console.explorer.state import State
from gateway.ledger.ids import started_at
from gateway.models import LedgerLine, User
from gateway.querysets import LedgerLineQuerySet
from gateway.services import archivedlines

PAGE_SIZE = 50
PATIENCE_MS = 5_000


class TooWide(Exception):
    """The window holds so many requests that do not match that a page was not found in time."""


@dataclass(frozen=True, slots=True)
class Row:
    """`cells`: each column with its cell."""

    id: str
    request_id: str
    at: datetime
    cells: list[Any]
    is_archived: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """Rows with the cursors to the neighbours (empty at the ends); `tag` changes when the rows do. `is_too_wide`: not
    found in time, so there are none. `archive_fault`: the window reaches into an archive that cannot be read now, so
    the rows are those of the ledger alone."""

    rows: list[Row]
    newer: str = ""
    older: str = ""
    tag: str = ""
    is_too_wide: bool = False
    archive_fault: str = ""

    @property
    def from_archive(self) -> bool:
        """Whether a row is from the archive."""
        return any(row.is_archived for row in self.rows)


def page(user: User, state: State, params: Mapping[str, str]) -> Page:
    """`before` and `after` are ids of lines. Four statements, one more for each column of names; where there is an
    archive, one more to see whether the window reaches into it, and what reading it takes."""
    try:
        return _page(user, state, params, with_archive=archivedlines.touches(state.period.start, state.period.end))
    except TooWide:
        return Page([], is_too_wide=True)
    except archivedlines.Unreadable as error:
        return replace(_page(user, state, params, with_archive=False), archive_fault=str(error))


def _page(user: User, state: State, params: Mapping[str, str], *, with_archive: bool) -> Page:
    before, after = _cursor(params.get("before")), _cursor(params.get("after"))

    def narrow(rows: LedgerLineQuerySet | None = None) -> QuerySet[LedgerLine]:
        return _beside(matching(user, state, rows), before, after)

    found = _fetched(narrow())
    if with_archive:
        found = _with_archive(found, state, narrow, newest_first=after is None)
    if after is not None:
        more_newer, shown, more_older = len(found) > PAGE_SIZE, found[:PAGE_SIZE][::-1], True
    else:
        more_newer, shown, more_older = before is not None, found[:PAGE_SIZE], len(found) > PAGE_SIZE
    return Page(
        rows=rows_of(user, state, shown),
        newer=str(shown[0].id) if shown and more_newer else "",
        older=str(shown[-1].id) if shown and more_older else "",
        tag=tag_of(state, shown),
    )


def _beside(lines: QuerySet[LedgerLine], before: UUID | None, after: UUID | None) -> QuerySet[LedgerLine]:
    """Lines newer than `after`, oldest first; else those older than `before`, newest first."""
    if after is not None:
        at = started_at(after)
        newer = lines.filter(Q(started_at__gte=at) & (Q(started_at__gt=at) | Q(id__gt=after)))
        return newer.order_by("started_at", "id")
    if before is not None:
        at = started_at(before)
        return lines.filter(Q(started_at__lte=at) & (Q(started_at__lt=at) | Q(id__lt=before)))
    return lines


def _with_archive(
    found: list[LedgerLine], state: State, narrow: Callable[[LedgerLineQuerySet], Any], *, newest_first: bool
) -> list[LedgerLine]:
    question = archivedlines.Question(
        state.organization.pk, state.period.start, state.period.end, PAGE_SIZE + 1, newest_first, archivedlines.LISTED
    )  # fmt: skip
    try:
        return archivedlines.merged(found, question, narrow)
    except archivedlines.TooSlow as error:
        raise TooWide from error


def newest(user: User, state: State) -> list[LedgerLine]:
    """The first page's lines. Three statements. Raises `TooWide`."""
    return _fetched(matching(user, state))[:PAGE_SIZE]


def matching(user: User, state: State, rows: LedgerLineQuerySet | None = None) -> QuerySet[LedgerLine]:
    """All requests of the window that match, of the ledger or of other `rows`."""
    period = state.period
    lines = ledger.requests_of(user, state.organization, rows).filter(
        started_at__gte=period.start, started_at__lt=period.end
    )
    return state.filters.narrow(lines, state.organization)


def rows_of(user: User, state: State, lines: Sequence[LedgerLine]) -> list[Row]:
    """A query for each column of names."""
    names = {
        dimension: names_of(
            user, state.organization, dimension, (str(getattr(line, dimension)) for line in lines if
                                                  getattr(line, dimension))
        )
        for dimension in columns.needed(state.columns)
    }  # fmt: skip
    zone = state.period.zone
    return [
        Row(
            str(line.id), line.request_id, format.local(line.started_at, zone),
            columns.cells(line, state.columns, names), line.is_archived,
        )
        for line in lines
    ]  # fmt: skip


def tag_of(state: State, lines: Sequence[LedgerLine]) -> str:
    """What the rows show, short: a line never changes, so ids are enough."""
    names = (column.name for column in state.columns)
    text = "".join([state.period.zone, *names, *(str(line.id) for line in lines)])
    return blake2b(text.encode(), digest_size=12).hexdigest()


def _fetched(lines: QuerySet[LedgerLine]) -> list[LedgerLine]:
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(PATIENCE_MS)])
            return list(lines[: PAGE_SIZE + 1])
    except OperationalError as error:
        if isinstance(error.__cause__, psycopg.errors.QueryCanceled):
            raise TooWide from error
        raise


def _cursor(text: str | None) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        return None
