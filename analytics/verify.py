"""Ledger against rollups, to the last decimal: every cube, every grain, every group, and the histograms."""

import json
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connection, transaction

from analytics.models import RollupState
from analytics.rollups import cubes, ledger, localdays, sql, state, subjects
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


def compare_rollups(organizations: Iterable[UUID] | None = None, *, workers: int = 1) -> list[Difference]:
    """Settle the dirty marks, then compare. Empty list: every figure of every rollup equals the ledger's.

    Left out, because there is nothing to compare with: days whose ledger is no longer complete (retention) and days
    that were booked to again while this ran. `workers`: connections at once, each with a few days; inside the caller's
    transaction there is one.
    """
    drain_marks()
    wanted = set(organizations) if organizations is not None else _all_organizations()
    parts = [(organization, days) for organization in sorted(wanted) for days in _chunks(organization)]
    if workers == 1 or connection.in_atomic_block:
        return [item for part in parts for item in _compare(*part)]
    with ThreadPoolExecutor(workers, thread_name_prefix="compare") as pool:
        return [item for found in pool.map(_compare_elsewhere, parts) for item in found]


def _compare_elsewhere(part: tuple[UUID, list[datetime]]) -> list[Difference]:
    """`_compare` on this thread's own connection."""
    try:
        return _compare(*part)
    finally:
        connection.close()


def _all_organizations() -> set[UUID]:
    tables = [LEDGER, *(cube.table(Grain.DAY) for cube in cubes.STORED)]
    union = " UNION ".join(f"SELECT organization FROM {table}" for table in tables)
    with connection.cursor() as cursor:
        cursor.execute(union)
        return {row[0] for row in cursor.fetchall()}


def _chunks(organization: UUID) -> Iterator[list[datetime]]:
    """The days that ledger or rollups know, a transaction's worth at a time."""
    parts = [f"SELECT min(started_at) AS a, max(started_at) AS b FROM {LEDGER} WHERE organization = %(organization)s"]
    own = "WHERE organization = %(organization)s"
    parts += [f"SELECT min(bucket), max(bucket) FROM {cube.table(Grain.DAY)} {own}" for cube in cubes.STORED]
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT min(a), max(b) FROM ({' UNION ALL '.join(parts)}) s", {"organization": organization})
        first, last = cursor.fetchone()
    # one more: the last local day may begin on it
    return chunks(first, last + 2 * DAY) if first else iter(())


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
        declared = subjects.declared_keys(organization)
        window |= subjects.parameters(declared)
        found = _run(_against_ledger(len(declared)), window)
        found += [item for statement in _against_sources() for item in _run(statement, window)]
        found = [item for item in found if _day(item.bucket) in fair]
        return found + _compare_local(organization, days, dirty)


def _compare_local(organization: UUID, days: list[datetime], dirty: set[datetime]) -> list[Difference]:
    """Local days (those that begin within the days) against the quarter-hours they are summed from, where there are."""
    known = RollupState.objects.filter(pk=organization, local_ready_at__isnull=False).exclude(local_zone="")
    zone = known.values_list("local_zone", flat=True).first()
    if zone is None:
        return []
    start = localdays.day_start(days[0], ZoneInfo(zone))
    edges = localdays.edges(start, localdays.day_start(days[-1] + DAY, ZoneInfo(zone)), ZoneInfo(zone))
    window = {"organization": organization, "start": edges[0], "end": edges[-1], "edges": edges}
    found = [item for statement in _of_local_days() for item in _run(statement, window)]
    pruned = state.quarters_from()
    fair = found if pruned is None else [item for item in found if item.bucket >= pruned + 2 * DAY]
    return [item for item in fair if not {_day(item.bucket), _day(item.bucket) + DAY} & dirty]


def _of_local_days() -> Iterator[str]:
    for cube in cubes.STORED:
        source = f"source AS MATERIALIZED ({sql.source(cube, Grain.LOCAL_DAY, _WINDOW)})"
        checks = [_sums(cube, Grain.LOCAL_DAY, _summed_source(cube))]
        if cube.has_histograms:
            checks += [
                _entries(cube.table(Grain.LOCAL_DAY), name, _entries_of_source(name)) for name in cubes.HISTOGRAMS
            ]
        yield f"WITH {source} " + " UNION ALL ".join(map(_difference, checks))


def _entries_of_source(name: str) -> str:
    pairs = f"SELECT bucket, unnest({name}_b) AS at, unnest({name}_n) AS n FROM source"
    return f"SELECT bucket, at, sum(n)::bigint AS n FROM ({pairs}) u GROUP BY 1, 2"


@dataclass(frozen=True, slots=True)
class _Check:
    """Two relations that must be equal as bags of rows: `keys` and `figures` are their columns."""

    table: str
    keys: tuple[str, ...]
    figures: tuple[str, ...]
    expected: str
    actual: str


def _against_ledger(tags: int) -> str:
    """Sums that read the ledger, and all histograms, in one pass over it: over all groups of a time bucket every
    cube's histogram has the same entries."""
    relations = [
        f"lines AS MATERIALIZED ({ledger.lines(Grain.QUARTER_HOUR, _LINES, tags)})",
        f"pairs AS ({sql.pairs(tags)})",
        f"subjects AS ({sql.subjects()})",
    ]
    made_of_lines = [cube for cube in cubes.STORED if cube.source is None]
    checks = [_charges(), _foreign(), *(_sums(cube, Grain.QUARTER_HOUR, _summed_lines(cube)) for cube in made_of_lines)]
    for name in cubes.HISTOGRAMS:
        relations.append(f"{name}_quarter_hour AS MATERIALIZED ({_entries_of_lines(name)})")
        relations.append(f"{name}_day AS MATERIALIZED ({_entries_by_day(f'{name}_quarter_hour')})")
        grains = (Grain.QUARTER_HOUR, Grain.DAY)
        tables = [(cube, grain) for cube in cubes.STORED if cube.has_histograms for grain in grains]
        checks += [_entries(cube.table(grain), name, f"SELECT * FROM {name}_{grain}") for cube, grain in tables]
    return f"WITH {', '.join(relations)} " + " UNION ALL ".join(map(_difference, checks))


def _against_sources() -> Iterator[str]:
    """The other sums, each against the table that it is summed from."""
    for cube in cubes.STORED:
        for grain in (Grain.QUARTER_HOUR, Grain.DAY):
            if grain in cube.grains and (cube.source or grain == Grain.DAY):
                source = f"source AS MATERIALIZED ({sql.source(cube, grain, _WINDOW)})"
                yield f"WITH {source} {_difference(_sums(cube, grain, _summed_source(cube)))}"


def _entries_of_lines(name: str) -> str:
    return f"SELECT bucket, {name}_at AS at, count(*) AS n FROM lines WHERE {name}_at IS NOT NULL GROUP BY 1, 2"


def _entries_by_day(quarter_hours: str) -> str:
    day = ledger.bucket_of("bucket", Grain.DAY)
    return f"SELECT {day} AS bucket, at, sum(n)::bigint AS n FROM {quarter_hours} GROUP BY 1, 2"


def _summed_lines(cube: Cube) -> str:
    keys = ledger.names(["bucket", *cube.dimensions])
    figures = ", ".join(_figure(item, item.expression) for item in cubes.SUMS)
    return f"SELECT {keys}, {figures} FROM {cube.relation} GROUP BY {keys}"


def _summed_source(cube: Cube) -> str:
    keys = ledger.names(["bucket", *cube.dimensions])
    figures = ", ".join(_figure(item, f"sum({ledger.quote(item.name)})") for item in cubes.SUMS)
    return f"SELECT {keys}, {figures} FROM source GROUP BY {keys}"


def _figure(item: cubes.Sum, expression: str) -> str:
    """A sum of bigint is numeric, which is dear to hash and compare; the tables hold it as bigint."""
    return f"{expression if item.is_money else f'({expression})::bigint'} AS {ledger.quote(item.name)}"


def _sums(cube: Cube, grain: Grain, expected: str) -> _Check:
    columns = ledger.names(["bucket", *cube.dimensions, *cubes.SUM_NAMES])
    actual = f"SELECT {columns} FROM {cube.table(grain)} WHERE {_WINDOW}"
    return _Check(cube.table(grain), cube.dimensions, cubes.SUM_NAMES, expected, actual)


def _entries(table: str, name: str, expected: str) -> _Check:
    """Histogram entries of each time bucket over all groups: (time bucket, histogram bucket) → count."""
    # a pair of set-returning functions runs in lockstep, and without a function scan for every row
    pairs = f"SELECT bucket, unnest({name}_b) AS at, unnest({name}_n) AS n FROM {table} WHERE {_WINDOW}"
    actual = f"SELECT bucket, at, sum(n)::bigint AS n FROM ({pairs}) u GROUP BY 1, 2"
    return _Check(f"{table}.{name}", ("at",), ("n",), expected, actual)


def _charges() -> _Check:
    columns = ledger.names(["bucket", *cubes.CHARGE_DIMENSIONS, "quantity", "cost"])
    actual = f"SELECT {columns} FROM {cubes.CHARGE_TABLE} WHERE {_WINDOW}"
    expected = f"SELECT * FROM ({ledger.charges(_LINES)}) c({columns})"
    return _Check(cubes.CHARGE_TABLE, cubes.CHARGE_DIMENSIONS, ("quantity", "cost"), expected, actual)


def _foreign() -> _Check:
    table = cubes.FOREIGN_TABLES[Grain.QUARTER_HOUR]
    columns = ledger.names(["bucket", *cubes.FOREIGN_DIMENSIONS, *cubes.FOREIGN_SUMS])
    expected = f"SELECT * FROM ({sql.foreign('lines', 'subjects')}) f({columns})"
    return _Check(
        table, cubes.FOREIGN_DIMENSIONS, cubes.FOREIGN_SUMS, expected, f"SELECT {columns} FROM {table} WHERE {_WINDOW}"
    )


def _difference(check: _Check) -> str:
    """Rows that one side has more often, as (table, is_ledger, row): each side is computed once."""
    columns = ledger.names(["bucket", *check.keys, *check.figures])
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
