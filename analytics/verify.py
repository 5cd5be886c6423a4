"""Ledger against rollups, to the last decimal: every cube, every grain, every group, and the histograms."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from analytics.rollups import cubes, sql, state
from analytics.rollups.cubes import Cube, Grain
from analytics.rollups.marks import drain_marks
from analytics.rollups.refresh import DAY, chunks
from gateway.ledger.schema import TABLE as LEDGER
from gateway.models import DirtyMark

MAX_PER_TABLE = 100
"""Differences reported of one table and week; the first says enough."""
_WINDOW = "organization = %(organization)s AND bucket >= %(start)s AND bucket < %(end)s"
_LINES = "l.organization = %(organization)s AND l.started_at >= %(start)s AND l.started_at < %(end)s"


@dataclass(frozen=True, slots=True)
class Difference:
    """One group that differs: `ledger` and `rollup` map the differing figures to their values (empty: no such row)."""

    table: str
    organization: UUID
    bucket: datetime
    group: Mapping[str, object]
    ledger: Mapping[str, object]
    rollup: Mapping[str, object]

    def __str__(self) -> str:
        where = ", ".join(f"{name}={value}" for name, value in self.group.items() if value is not None)
        names = sorted({*self.ledger, *self.rollup})
        figures = "; ".join(f"{n}: ledger {self.ledger.get(n)}, rollup {self.rollup.get(n)}" for n in names)
        return f"{self.table} {self.bucket:%Y-%m-%d %H:%M} organization={self.organization} {where}: {figures}"


def compare_rollups(organizations: Iterable[UUID] | None = None) -> list[Difference]:
    """Settle the dirty marks, then compare. Empty list: every figure of every rollup equals the ledger's.

    Left out, because there is nothing to compare with: days whose ledger is no longer complete (retention) and days
    that were booked to again while this ran.
    """
    drain_marks()
    wanted = set(organizations) if organizations is not None else _all_organizations()
    found: list[Difference] = []
    for organization in sorted(wanted):
        span = _span(organization)
        for days in chunks(*span) if span else ():
            found += _compare(organization, days)
    return found


def _all_organizations() -> set[UUID]:
    tables = [LEDGER, *(cube.table(Grain.DAY) for cube in cubes.STORED)]
    union = " UNION ".join(f"SELECT organization FROM {table}" for table in tables)
    with connection.cursor() as cursor:
        cursor.execute(union)
        return {row[0] for row in cursor.fetchall()}


def _span(organization: UUID) -> tuple[datetime, datetime] | None:
    """From the first to after the last day that ledger or rollups know."""
    parts = [f"SELECT min(started_at) AS a, max(started_at) AS b FROM {LEDGER} WHERE organization = %(organization)s"]
    for cube in cubes.STORED:
        parts.append(
            f"SELECT min(bucket), max(bucket) FROM {cube.table(Grain.DAY)} WHERE organization = %(organization)s"
        )
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT min(a), max(b) FROM ({' UNION ALL '.join(parts)}) s", {"organization": organization})
        first, last = cursor.fetchone()
    return (first, last + DAY) if first else None


def _compare(organization: UUID, days: list[datetime]) -> list[Difference]:
    """All tables over a few days, in one snapshot."""
    window = {"organization": organization, "start": days[0], "end": days[-1] + DAY}
    with transaction.atomic():
        outermost = len(connection.savepoint_ids) == 0
        if outermost:
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        marks = DirtyMark.objects.filter(organization=organization, bucket__gte=days[0], bucket__lt=window["end"])
        dirty = {_day(bucket) for bucket in marks.values_list("bucket", flat=True)}
        fair = state.complete_days(days) - dirty
        found = [item for table in _tables() for item in _differences(table, window)]
    return [item for item in found if _day(item.bucket) in fair]


@dataclass(frozen=True, slots=True)
class _Table:
    name: str
    keys: tuple[str, ...]
    figures: tuple[str, ...]
    expected: str
    actual: str


def _tables() -> Iterator[_Table]:
    for cube in cubes.STORED:
        for grain in cube.grains:
            yield _sums(cube, grain)
            if cube.has_histograms:
                yield from (_histogram(cube, grain, name) for name in cubes.HISTOGRAMS)
    dimensions = sql.names(["bucket", *cubes.CHARGE_DIMENSIONS])
    actual = f"SELECT {dimensions}, quantity, cost FROM {cubes.CHARGE_TABLE} WHERE {_WINDOW}"
    expected = f"SELECT * FROM ({sql.charges(_LINES)}) c({dimensions}, quantity, cost)"
    yield _Table(cubes.CHARGE_TABLE, cubes.CHARGE_DIMENSIONS, ("quantity", "cost"), expected, actual)


def _sums(cube: Cube, grain: Grain) -> _Table:
    keys = sql.names(["bucket", *cube.dimensions])
    figures = ", ".join(f"{item.expression} AS {item.name}" for item in cubes.SUMS)
    expected = f"SELECT {keys}, {figures} FROM ({sql.lines(grain, _LINES)}) lines GROUP BY {keys}"
    actual = f"SELECT {keys}, {sql.names(cubes.SUM_NAMES)} FROM {cube.table(grain)} WHERE {_WINDOW}"
    return _Table(cube.table(grain), cube.dimensions, cubes.SUM_NAMES, expected, actual)


def _histogram(cube: Cube, grain: Grain, name: str) -> _Table:
    """Histogram entries of each bucket over all groups: (bucket, histogram bucket) → count."""
    expected = f"SELECT bucket, {name}_at AS at, count(*) AS n FROM ({sql.lines(grain, _LINES)}) lines WHERE {name}_at IS NOT NULL GROUP BY 1, 2"
    actual = f"SELECT bucket, u.b AS at, sum(u.n) AS n FROM {cube.table(grain)}, unnest({name}_b, {name}_n) u(b, n) WHERE {_WINDOW} GROUP BY 1, 2"
    return _Table(f"{cube.table(grain)}.{name}", ("at",), ("n",), expected, actual)


def _differences(table: _Table, window: Mapping[str, object]) -> list[Difference]:
    statement = (
        f"WITH expected AS ({table.expected}), actual AS ({table.actual}) "
        f"(SELECT true AS is_ledger, e.* FROM (TABLE expected EXCEPT ALL TABLE actual) e LIMIT {MAX_PER_TABLE}) UNION ALL "
        f"(SELECT false, a.* FROM (TABLE actual EXCEPT ALL TABLE expected) a LIMIT {MAX_PER_TABLE})"
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, window)
        names = [column.name for column in cursor.description or ()]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    return _paired(table, rows, window)


def _paired(table: _Table, rows: list[dict[str, Any]], window: Mapping[str, object]) -> list[Difference]:
    """Both sides of each differing group, narrowed to the figures that differ."""
    sides: dict[tuple[object, ...], tuple[dict[str, Any], dict[str, Any]]] = {}
    for row in rows:
        key = (row["bucket"], *(row[name] for name in table.keys))
        sides.setdefault(key, ({}, {}))[0 if row["is_ledger"] else 1].update({n: row[n] for n in table.figures})
    found = []
    for (bucket, *group), (ledger, rollup) in sides.items():
        changed = [n for n in table.figures if ledger.get(n) != rollup.get(n)]
        found.append(
            Difference(
                table=table.name,
                organization=window["organization"],  # type: ignore[arg-type]
                bucket=bucket,  # type: ignore[arg-type]
                group=dict(zip(table.keys, group, strict=True)),
                ledger={n: ledger[n] for n in changed if ledger},
                rollup={n: rollup[n] for n in changed if rollup},
            )
        )
    return found


def _day(at: datetime) -> datetime:
    return at.replace(hour=0, minute=0, second=0, microsecond=0)
