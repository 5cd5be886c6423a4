"""Hours of long ago, of which days alone are kept: their quarter-hours are made again of archived lines.

For one question, in temporary tables of one transaction, by the SQL that made them at the time. Whole days are made,
and each must have as many lines as the day that is kept, so that an answer is complete or is refused.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from analytics.patience import TookTooLong, is_limited
from analytics.query.plan import Plan
from analytics.query.shapes import QueryError
from analytics.query.window import Range
from analytics.rollups import cubes, ledger, sql, subjects
from analytics.rollups.cubes import Cube, Grain
from analytics.rollups.refresh import DAY, day_of, within
from gateway.ledger.schema import COLUMNS
from gateway.services import archivedlines
from gateway.services.archivedlines import Question, TooSlow, Unreadable

PATIENCE_S = 20.0
READ = tuple(
    name
    for name in COLUMNS
    if name not in {"route_decision", "prefix_hmacs", "request_hmac", "client_ip_hash", "sdk_about"}
)
"""Columns of a line that rollups may look at."""
TOTAL = cubes.CUBE_BY_NAME["total"]


def fetch(plan: Plan, statement: str, parameters: Mapping[str, Any]) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Names of the columns, and the rows. Raises QueryError where the archive cannot answer, TookTooLong."""
    is_own = not connection.in_atomic_block
    with transaction.atomic(), connection.cursor() as cursor:
        if is_own:  # one snapshot, as any other answer
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        with _made(plan):
            cursor.execute(statement, parameters)
            return [column.name for column in cursor.description or ()], cursor.fetchall()


@contextmanager
def _made(plan: Plan) -> Iterator[None]:
    """The tables that the plan reads, gone when the block ends."""
    deadline = time.monotonic() + (settings.ANALYTICS_PATIENCE_S if is_limited() else PATIENCE_S)
    wanted = {plan.finer.name: plan.finer} | ({cubes.SUBJECT.name: cubes.SUBJECT} if plan.subject else {})
    made = [f"archived_{cube.name}" for cube in wanted.values()]
    with connection.cursor() as cursor:
        for cube, table in zip(wanted.values(), made, strict=True):
            columns = f"SELECT {sql.columns_of(cube)} FROM {cube.table(Grain.QUARTER_HOUR)}"
            cursor.execute(f"CREATE TEMP TABLE {table} ON COMMIT DROP AS {columns} WITH NO DATA")
        for start, end in _ranges(plan):
            for cube, table in zip(wanted.values(), made, strict=True):
                _copy_kept(plan, cube, table, (start, end))
            if start < _until(plan):
                _make(plan, list(wanted.values()), (day_of(start), min(_next_day(end), _until(plan))), deadline)
        yield
        cursor.execute(f"DROP TABLE {', '.join(made)}")


def _until(plan: Plan) -> datetime:
    assert plan.archived_until is not None
    return plan.archived_until


def _next_day(at: datetime) -> datetime:
    day = day_of(at)
    return day if day == at else day + DAY


def _ranges(plan: Plan) -> Sequence[Range]:
    """Quarter-hours of both windows, sorted, each once."""
    found: list[Range] = []
    for start, end in sorted(part for grains in plan.segments for part in grains.get(Grain.QUARTER_HOUR, [])):
        if found and start <= found[-1][1] + DAY:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return found


def _copy_kept(plan: Plan, cube: Cube, table: str, asked: Range) -> None:
    """Quarter-hours that are kept still, in the part of the range where they are."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} SELECT {sql.columns_of(cube)} FROM {cube.table(Grain.QUARTER_HOUR)} "
            "WHERE organization = ANY(%s) AND bucket >= %s AND bucket < %s",
            [list(plan.scope.organizations), max(asked[0], _until(plan)), asked[1]],
        )


def _make(plan: Plan, wanted: Sequence[Cube], days: Range, deadline: float) -> None:
    (organization,) = plan.scope.organizations
    question = Question(organization, *days, limit=0, columns=READ, patience_s=deadline - time.monotonic())
    try:
        with archivedlines.copied(question) as lines:
            _check(plan, lines, days)
            _roll_up(plan, wanted, lines, days)
    except TooSlow as error:
        if is_limited():
            raise TookTooLong("the archive was not read in time") from error
        message = "The archive holds too many lines of that time; take a shorter window."
        raise QueryError("archive_too_long", message) from error
    except Unreadable as error:
        message = "The archive of old records cannot be read now; ask for that time by the day."
        raise QueryError("archive_unavailable", message) from error


def _check(plan: Plan, lines: str, days: Range) -> None:
    """Raises QueryError when the lines of a day are not those that its kept day was made of."""
    (organization,) = plan.scope.organizations
    found = (
        f"SELECT date_bin('1 day', started_at, timestamptz 'epoch') AS bucket, count(*) AS n FROM {lines} GROUP BY 1"
    )
    kept = (
        f"SELECT bucket, sum(lines) AS n FROM {TOTAL.table(Grain.DAY)} "
        "WHERE organization = %s AND bucket >= %s AND bucket < %s GROUP BY 1"
    )
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT bucket FROM ({found}) f FULL JOIN ({kept}) k USING (bucket) "
            "WHERE coalesce(f.n, 0) <> coalesce(k.n, 0) ORDER BY 1 LIMIT 1",
            [organization, *days],
        )
        row = cursor.fetchone()
    if row is not None:
        message = f"Not all lines of {row[0]:%Y-%m-%d} are archived; ask for that time by the day."
        raise QueryError("not_covered", message)


def _roll_up(plan: Plan, wanted: Sequence[Cube], lines: str, days: Range) -> None:
    (organization,) = plan.scope.organizations
    declared = subjects.declared_keys(organization)
    window, at = within("l.started_at", [days])
    values = {"organization": organization, **at, **subjects.parameters(declared)}
    relations = {
        "lines": ledger.lines(Grain.QUARTER_HOUR, window, len(declared), lines),
        "pairs": sql.pairs(len(declared)),
        "subjects": sql.subjects(),
    }
    stages = ", ".join(f"{name} AS ({text})" for name, text in relations.items())
    with connection.cursor() as cursor:
        for cube in wanted:
            into = f"INSERT INTO archived_{cube.name} ({sql.columns_of(cube)})"
            cursor.execute(f"WITH {stages} {into} {sql.from_lines(cube)}", values)
