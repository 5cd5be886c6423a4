"""Ledger against rollups, to the last decimal: every cube, every grain, every group, and the histograms."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
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
_FIGURES = frozenset({*cubes.SUM_NAMES, "n", "quantity"})
_Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Difference:
    """One group that differs: `ledger` and `rollup` map the differing figures to their values (empty: no such row)."""

    table: str
    organization: UUID
    bucket: datetime
    group: Mapping[str, Any]
    ledger: Mapping[str, Any]
    rollup: Mapping[str, Any]

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
    own = "WHERE organization = %(organization)s"
    parts += [f"SELECT min(bucket), max(bucket) FROM {cube.table(Grain.DAY)} {own}" for cube in cubes.STORED]
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT min(a), max(b) FROM ({' UNION ALL '.join(parts)}) s", {"organization": organization})
        first, last = cursor.fetchone()
    return (first, last + DAY) if first else None


def _compare(organization: UUID, days: list[datetime]) -> list[Difference]:
    """All tables over a few days, in one snapshot."""
    window = {"organization": organization, "start": days[0], "end": days[-1] + DAY}
    with transaction.atomic():
        if not connection.savepoint_ids:  # else the caller's transaction decides the snapshot
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        marks = DirtyMark.objects.filter(organization=organization, bucket__gte=days[0], bucket__lt=window["end"])
        dirty = {_day(bucket) for bucket in marks.values_list("bucket", flat=True)}
        fair = state.complete_days(days) - dirty
        with connection.cursor() as cursor:
            # hashing fifty columns is half the work of sorting by them; no two lines have the same charges
            cursor.execute("SET LOCAL work_mem = '64MB'; SET LOCAL enable_sort = off; SET LOCAL enable_memoize = off")
        found = [item for statement in _statements() for item in _run(statement, window)]
    return [item for item in found if _day(item.bucket) in fair]


@dataclass(frozen=True, slots=True)
class _Check:
    """Two relations that must be equal as bags of rows: `keys` and `figures` are their columns."""

    table: str
    keys: tuple[str, ...]
    figures: tuple[str, ...]
    expected: str
    actual: str


def _statements() -> Iterator[str]:
    """Tables that read the ledger in one pass over it; the others each against the table they are summed from."""
    checks = [check for cube in cubes.STORED if cube.source is None for check in _against_ledger(cube)]
    lines = f"lines AS MATERIALIZED ({sql.lines(Grain.QUARTER_HOUR, _LINES)})"
    yield f"WITH {lines} " + " UNION ALL ".join(map(_difference, [*checks, _charges()]))
    for cube in cubes.STORED:
        for grain in cube.grains:
            if cube.source or grain == Grain.DAY:
                source = f"source AS MATERIALIZED ({sql.source(cube, grain, _WINDOW)})"
                yield f"WITH {source} " + " UNION ALL ".join(map(_difference, _against_source(cube, grain)))


def _against_ledger(cube: Cube) -> list[_Check]:
    table, grain = cube.table(Grain.QUARTER_HOUR), Grain.QUARTER_HOUR
    keys = sql.names(["bucket", *cube.dimensions])
    figures = ", ".join(f"{item.expression} AS {item.name}" for item in cubes.SUMS)
    sums = _sums(cube, grain, f"SELECT {keys}, {figures} FROM lines GROUP BY {keys}")
    entries = {
        name: f"SELECT bucket, {name}_at AS at, count(*) AS n FROM lines WHERE {name}_at IS NOT NULL GROUP BY 1, 2"
        for name in _histograms(cube)
    }
    return [sums, *(_entries(table, name, expected) for name, expected in entries.items())]


def _against_source(cube: Cube, grain: Grain) -> list[_Check]:
    keys = sql.names(["bucket", *cube.dimensions])
    figures = ", ".join(f"sum({sql.quote(name)}) AS {sql.quote(name)}" for name in cubes.SUM_NAMES)
    sums = _sums(cube, grain, f"SELECT {keys}, {figures} FROM source GROUP BY {keys}")
    table = cube.table(grain)
    return [sums, *(_entries(table, name, _unnested(name, "source", "true")) for name in _histograms(cube))]


def _sums(cube: Cube, grain: Grain, expected: str) -> _Check:
    columns = sql.names(["bucket", *cube.dimensions, *cubes.SUM_NAMES])
    actual = f"SELECT {columns} FROM {cube.table(grain)} WHERE {_WINDOW}"
    return _Check(cube.table(grain), cube.dimensions, cubes.SUM_NAMES, expected, actual)


def _entries(table: str, name: str, expected: str) -> _Check:
    """Histogram entries of each time bucket over all groups: (time bucket, histogram bucket) → count."""
    return _Check(f"{table}.{name}", ("at",), ("n",), expected, _unnested(name, table, _WINDOW))


def _unnested(name: str, relation: str, where: str) -> str:
    entries = f"{relation}, unnest({name}_b, {name}_n) u(b, n)"
    return f"SELECT bucket, u.b AS at, sum(u.n) AS n FROM {entries} WHERE {where} GROUP BY 1, 2"


def _histograms(cube: Cube) -> tuple[str, ...]:
    return cubes.HISTOGRAMS if cube.has_histograms else ()


def _charges() -> _Check:
    columns = sql.names(["bucket", *cubes.CHARGE_DIMENSIONS, "quantity", "cost"])
    actual = f"SELECT {columns} FROM {cubes.CHARGE_TABLE} WHERE {_WINDOW}"
    expected = f"SELECT * FROM ({sql.charges(_LINES)}) c({columns})"
    return _Check(cubes.CHARGE_TABLE, cubes.CHARGE_DIMENSIONS, ("quantity", "cost"), expected, actual)


def _difference(check: _Check) -> str:
    """Rows that one side has more often, as (table, is_ledger, row): each side is computed once."""
    columns = sql.names(["bucket", *check.keys, *check.figures])
    rows = (
        f"SELECT {columns}, 1 AS side FROM ({check.expected}) e UNION ALL SELECT {columns}, -1 FROM ({check.actual}) a"
    )
    unequal = f"SELECT {columns}, sum(side) AS side FROM ({rows}) r GROUP BY {columns} HAVING sum(side) <> 0"
    return f"(SELECT '{check.table}', side > 0, to_jsonb(d) - 'side' FROM ({unequal} LIMIT {MAX_PER_TABLE}) d)"


def _run(statement: str, window: Mapping[str, Any]) -> list[Difference]:
    """Both sides of each differing group, narrowed to the figures that differ."""
    sides: dict[tuple[str, str], tuple[_Row, _Row]] = {}
    with connection.cursor() as cursor:
        cursor.execute(statement, window)
        for table, is_ledger, text in cursor.fetchall():
            row = json.loads(text, parse_float=Decimal)
            key = repr([(name, row[name]) for name in sorted(row) if name not in _FIGURES])
            sides.setdefault((table, key), ({}, {}))[0 if is_ledger else 1].update(row)
    return [_paired(table, window, *pair) for (table, _), pair in sides.items()]


def _paired(table: str, window: Mapping[str, Any], ledger: _Row, rollup: _Row) -> Difference:
    known = ledger or rollup
    changed = [name for name in known if name in _FIGURES and ledger.get(name) != rollup.get(name)]
    return Difference(
        table=table,
        organization=UUID(str(window["organization"])),
        bucket=datetime.fromisoformat(known["bucket"]).astimezone(UTC),
        group={name: value for name, value in known.items() if name not in _FIGURES and name != "bucket"},
        ledger={name: ledger[name] for name in changed if ledger},
        rollup={name: rollup[name] for name in changed if rollup},
    )


def _day(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
