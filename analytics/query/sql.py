"""One statement for one question: every grain, both windows, totals, series, groups and quantiles in one snapshot.

Stages (CTEs): `src` visible rows of the covering cube with their bucket number `t` and window number `period`;
`ranked` the groups in order, `g` = rank or 0 for the rest bucket; `cells` sums by grouping sets; `merged` the cells'
histograms, or `packed` the rows' own ones while they are few; `counted` distinct counts. In the result t = -1 means the
whole window and g = -1 every group.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from analytics import histogram
from analytics.metrics import Measure
from analytics.query.foreign import Rate, table_of
from analytics.query.plan import Plan
from analytics.query.values import column_of
from analytics.rollups import cubes
from analytics.rollups.cubes import Grain
from analytics.rollups.ledger import names, quote

NULL = "\x01"
"""Stands for "not set" while groups are compared as text."""
COMPARISONS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<=", "eq": "=", "ne": "<>"}
PACKED_ROWS = 20_000
"""Up to so many rows their histograms are sent as stored and merged by `analytics.query.quantiles`, which takes a tenth
of the time of merging them here; more than that would take the console's memory."""
ARRAY_HEADER_BYTES = 20
"""PostgreSQL's binary array of one dimension: dimensions, flags, element type, length and lower bound, 4 bytes each
(src/backend/utils/adt/arrayfuncs.c, array_send); then each element with its length before it."""


def statement(plan: Plan, rates: Sequence[Rate] = ()) -> tuple[str, dict[str, Any]]:
    """SQL and named parameters. `rates`: of other currencies, by which sums of money are made right.

    Columns: period, t, g, sums, packed_ and merged_<histogram>_b and _n (one of the two is NULL), distinct counts c0…,
    d0….
    """
    source, parameters = _source(plan, rates)
    stages = [f"src AS ({source})"]
    if plan.dimensions:
        stages.append(f"ranked AS ({_ranked(plan)})")
        parameters["limit"] = plan.query.limit
        parameters |= {f"having{i}": item.value for i, item in enumerate(plan.having)}
    stages.append(f"cells AS ({_cells(plan)})")
    columns = ["cells.*"]
    joins = ""
    if plan.quantiles:
        for stage, text in (("packed", _packed(plan)), ("merged", _merged(plan))):
            stages.append(f"{stage} AS ({text})")
            columns += [
                f"{stage}.{name}_{part} AS {stage}_{name}_{part}" for name in _histograms(plan) for part in "bn"
            ]
            joins += f" LEFT JOIN {stage} USING (period, t, g)"
        parameters["packed_rows"] = PACKED_ROWS
    if plan.distincts:
        stages.append(f"counted AS ({_counted(plan)})")
        columns += [f"counted.c{i}" for i in range(len(plan.distincts))]
        joins += " LEFT JOIN counted USING (period, t, g)"
    if plan.dimensions:
        columns += [f"ranked.d{i}" for i in range(len(plan.dimensions))]
        joins += " LEFT JOIN ranked ON ranked.g = cells.g AND cells.g > 0"
    return f"WITH {', '.join(stages)} SELECT {', '.join(columns)} FROM cells{joins}", parameters


def _source(plan: Plan, rates: Sequence[Rate]) -> tuple[str, dict[str, Any]]:
    """Rows of the cube, one branch per window and grain; one more per window that makes up for other currencies."""
    visible, parameters = plan.scope.predicate()
    asked = " AND ".join([*(condition.sql for condition in plan.conditions), "true"])
    for condition in plan.conditions:
        parameters |= condition.parameters
    parameters["subject"] = plan.subject
    parameters["edges"] = list(plan.buckets.edges[:-1])
    if plan.query.conversion is not None:
        parameters["rate_starts"] = [step.start for step in plan.query.conversion.steps]
        parameters["rate_factors"] = [step.factor for step in plan.query.conversion.steps]
    for i, (organization, table) in enumerate(rates):
        parameters |= {f"whose{i}": organization, f"base{i}": table.base}
        parameters[f"starts{i}"] = [step.start for step in table.steps]
        parameters[f"factors{i}"] = [step.factor for step in table.steps]
    branches = []
    for period, segments in enumerate(plan.segments):
        at = "width_bucket(bucket, %(edges)s::timestamptz[]) - 1" if period == 0 else "0"
        whole: list[str] = []
        for grain, ranges in segments.items():
            name = f"p{period}_{grain}"
            parts = []
            for i, (start, end) in enumerate(ranges):
                parts.append(f"(bucket >= %({name}_{i}a)s AND bucket < %({name}_{i}b)s)")
                parameters |= {f"{name}_{i}a": start, f"{name}_{i}b": end}
            whole += parts
            where = f"{visible} AND ({' OR '.join(parts)})"
            branches.append(
                f"SELECT {period} AS period, {at} AS t, {_columns(plan)} FROM {_rows(plan, grain, where)} WHERE {asked}"
            )
        if rates and whole:
            made_up = _made_up(plan, f"{visible} AND ({' OR '.join(whole)})", rates)
            branches.append(
                f"SELECT {period} AS period, {at} AS t, {_columns(plan, made_up=True)} FROM {made_up} WHERE {asked}"
            )
    for measure in plan.beside:
        branches += _beside(plan, measure, f"{visible} AND {asked}", parameters)
    return " UNION ALL ".join(branches), parameters


def _beside(plan: Plan, measure: Measure, where: str, parameters: dict[str, Any]) -> Iterator[str]:
    """Rows of a table that is no cube, one branch per window: its sum, and nothing of the others. After the branches of
    the cube, whose types theirs take."""
    assert measure.beside is not None
    for period, window in enumerate([plan.window, *([plan.previous] if plan.previous else [])]):
        first, last = f"beside_{period}a", f"beside_{period}b"
        parameters |= {first: window[0], last: window[1]}
        at = "width_bucket(bucket, %(edges)s::timestamptz[]) - 1" if period == 0 else "0"
        yield (
            f"SELECT {period}, {at}, {_columns(plan, beside=measure)} FROM {measure.beside.table} rows "
            f"WHERE bucket >= %({first})s AND bucket < %({last})s AND {where}"
        )


def _rows(plan: Plan, grain: Grain, where: str) -> str:
    """The cube's rows where … holds. With a subject: the rows that have it, and as rows without it what remains of the
    whole when those are taken away, so that every line is counted once."""
    if plan.subject is None:
        return f"(SELECT * FROM {plan.table(grain)} WHERE {where}) rows"
    having = f"{where} AND name = %(subject)s"
    keys = names(["bucket", *plan.columns])
    read = dict.fromkeys(["lines", "requests", *plan.sums])
    sums, less = names([*read]), ", ".join(f"-{quote(name)}" for name in read)
    table = plan.subject_table(grain)
    whole = f"SELECT {keys}, {sums} FROM {plan.table(grain)} WHERE {where}"
    apart = f"{whole} UNION ALL SELECT {keys}, {less} FROM {table} WHERE {having}"
    rest = ", ".join(f"sum({quote(name)})" for name in read)
    return (
        f"(SELECT {keys}, value, {sums} FROM {table} WHERE {having} UNION ALL "
        f"SELECT {keys}, NULL, {rest} FROM ({apart}) a GROUP BY {keys} HAVING sum(lines) <> 0) rows"
    )


def _made_up(plan: Plan, where: str, rates: Sequence[Rate]) -> str:
    """Money of other currencies as what has to be added to the cubes' sums: `extra` times it, since it is to count by
    the rate of its bucket and is there as it is; all of it is taken away where there is no rate. With a subject as
    `_rows` has them."""
    factors = " ".join(
        f"WHEN organization = %(whose{i})s AND currency = %(base{i})s "
        f"THEN (%(factors{i})s::numeric[])[width_bucket(bucket, %(starts{i})s::timestamptz[])]"
        for i, rate in enumerate(rates)
        if rate.table.steps
    )
    factor = f"coalesce(CASE {factors} END, 0)" if factors else "0"
    money, kept = names(cubes.FOREIGN_SUMS), f"FROM {table_of(plan)} WHERE {where}"
    if plan.cube is cubes.LIVE:
        rows = f"SELECT * {kept}"
    elif plan.subject is None:
        rows = f"SELECT * {kept} AND name IS NULL"
    else:
        keys = names(["bucket", *dict.fromkeys(["organization", *plan.columns]), "currency"])
        less = ", ".join(f"-{quote(name)}" for name in cubes.FOREIGN_SUMS)
        rest = ", ".join(f"sum({quote(name)})" for name in cubes.FOREIGN_SUMS)
        having = f"{kept} AND name = %(subject)s"
        apart = f"SELECT {keys}, {money} {kept} AND name IS NULL UNION ALL SELECT {keys}, {less} {having}"
        rows = (
            f"SELECT {keys}, value, {money} {having} UNION ALL "
            f"SELECT {keys}, NULL, {rest} FROM ({apart}) a GROUP BY {keys} HAVING sum(lines) <> 0"
        )
    return f"(SELECT *, {factor} - 1 AS extra FROM ({rows}) f) rows"


def _columns(plan: Plan, *, made_up: bool = False, beside: Measure | None = None) -> str:
    """Of rows of the cube; of those that `_made_up` gives, which have money alone; of those of the measure that is kept
    `beside` the cube, which have nothing else."""
    is_cube = not made_up and beside is None
    columns = [f"coalesce({column_of(name)}::text, E'\\x01') AS d{i}" for i, name in enumerate(plan.dimensions)]
    values = {name: quote(name) if is_cube else _added(name) if made_up else "0" for name in plan.sums}
    values |= {one.name: quote(one.name) if one is beside else "0::numeric" for one in plan.beside}
    columns += [_converted(plan, name, value) for name, value in values.items()]
    for i, measure in enumerate(plan.distincts):
        who, asked = (quote(str(measure.column)), "requests") if is_cube else ("NULL", "0")
        columns.append(f"{who} AS x{i}, {asked} AS xr{i}")
    for name in _histograms(plan):
        columns += [f"{name}_{part}" if is_cube else f"NULL AS {name}_{part}" for part in "bn"]
    return ", ".join(columns) or "1"


def _added(name: str) -> str:
    return f"{quote(name)} * extra" if name in cubes.MONEY_SUMS else "0"


def _converted(plan: Plan, name: str, value: str) -> str:
    """A sum as it is stored; money by the rate of its bucket where another currency is asked for."""
    money = cubes.MONEY_SUMS | {measure.name for measure in plan.beside if measure.is_money}
    if plan.query.conversion is None or name not in money:
        return f"{value} AS {quote(name)}"
    place = "width_bucket(bucket, %(rate_starts)s::timestamptz[])"
    return f"{value} * (%(rate_factors)s::numeric[])[{place}] AS {quote(name)}"


def _histograms(plan: Plan) -> list[str]:
    wanted = {m.scale.name for m in plan.quantiles if m.scale}
    return [name for name in cubes.HISTOGRAMS if name in wanted]


def _keys(plan: Plan) -> str:
    return ", ".join(f"d{i}" for i in range(len(plan.dimensions)))


def _ranked(plan: Plan) -> str:
    """Groups of the asked window with their number `g`: rank from 1, or 0 for the rest bucket, which takes those beyond
    the limit and those that do not meet `having`."""
    keys, order = _keys(plan), plan.order
    direction = "DESC" if order.descending else "ASC"
    if order.measure is None:
        place = f"d{plan.dimensions.index(str(order.dimension))} {direction}"
    else:
        place = f"v{plan.ranking.index(order.measure)} {direction} NULLS LAST"
    kept = " AND ".join([*_kept(plan), "true"])
    known = f"SELECT *, ({kept}) IS TRUE AS kept FROM ({_values_by_group(plan)}) v"
    numbered = f"SELECT *, row_number() OVER (PARTITION BY kept ORDER BY {place}, {keys}) AS r FROM ({known}) k"
    return f"SELECT {keys}, CASE WHEN kept AND r <= %(limit)s THEN r ELSE 0 END AS g FROM ({numbered}) n"


def _kept(plan: Plan) -> list[str]:
    """Conditions over a group's values v0, v1, … that let it have a name of its own; what was folded has none."""
    kept = [
        f"v{plan.ranking.index(item.measure)} {COMPARISONS[item.op]} %(having{i})s"
        for i, item in enumerate(plan.having)
    ]
    if plan.subject in plan.dimensions:
        kept.append(f"d{plan.dimensions.index(plan.subject)} <> E'\\x02'")
    return kept


def _values_by_group(plan: Plan) -> str:
    """What groups are ranked and kept by: `v<i>` for each of `plan.ranking`, one row per group."""
    keys = _keys(plan)
    columns, joins = [], ""
    for i, measure in enumerate(plan.ranking):
        if measure.kind == "quantile":
            joins += f" LEFT JOIN ({_quantile_by_group(plan, measure)}) q{i}({keys}, v{i}) USING ({keys})"
        elif measure.kind == "distinct":
            columns.append(f"{_distinct(plan.distincts.index(measure))} AS v{i}")
        else:
            columns.append(f"{_value(measure)} AS v{i}")
    sums = f"SELECT {', '.join([keys, *columns])} FROM src WHERE period = 0 GROUP BY {keys}"
    return f"SELECT * FROM ({sums}) s{joins}"


def _quantile_by_group(plan: Plan, measure: Measure) -> str:
    keys = _keys(plan)
    name, q = measure.scale.name if measure.scale else "", measure.q or 0
    entries = f"SELECT {keys}, unnest({name}_b) AS b, unnest({name}_n) AS n FROM src WHERE period = 0{_many(plan)}"
    merged = f"SELECT {keys}, b, sum(n) AS n FROM ({entries}) u GROUP BY {keys}, b"
    running = (
        f"SELECT {keys}, b, sum(n) OVER (PARTITION BY {keys} ORDER BY b) AS upto, "
        f"sum(n) OVER (PARTITION BY {keys}) AS total FROM ({merged}) m"
    )
    bucket = f"min(b) FILTER (WHERE upto >= {histogram.rank_sql(q, 'total')})"
    value = histogram.value_sql(bucket, measure.scale) if measure.scale else bucket
    return f"SELECT {keys}, {value} FROM ({running}) o GROUP BY {keys}"


def _many(plan: Plan) -> str:
    """Quantiles are ranked by here only where groups have to be left out; `run` puts those that are there in order."""
    if any(item.measure.kind == "quantile" for item in plan.having):
        return ""
    groups = f"SELECT FROM src WHERE period = 0 GROUP BY {_keys(plan)}"
    return f" AND (SELECT count(*) FROM ({groups}) g) > %(limit)s"


def _value(measure: Measure) -> str:
    """A sum or ratio over `src` rows; a figure per minute is its sum."""
    top = _weighted(measure.numerator)
    if measure.kind == "ratio":
        return f"{measure.factor} * {top}::numeric / nullif({_weighted(measure.denominator)}, 0)"
    return top


def _weighted(weights: object) -> str:
    items = dict(weights) if isinstance(weights, dict) else {}
    return "(" + " + ".join(f"{weight} * sum({quote(name)})" for name, weight in items.items()) + ")"


def _sets(plan: Plan, extra: str = "") -> str:
    """GROUP BY for the whole window, the series, the groups and their series."""
    has_t, has_g = plan.query.granularity is not None, bool(plan.dimensions)
    sets = ["period"]
    if has_g:
        sets.append("period, g")
    if has_t and has_g:
        sets.append("period, t, g")
    elif has_t:
        sets.append("period, t")
    return "GROUP BY GROUPING SETS (" + ", ".join(f"({item}{extra})" for item in sets) + ")"


def _grouped(plan: Plan) -> str:
    """`src` with the group number; a group that only the compared window has belongs to the rest."""
    if not plan.dimensions:
        return "(SELECT src.*, 0 AS g FROM src)"
    return f"(SELECT src.*, coalesce(ranked.g, 0) AS g FROM src LEFT JOIN ranked USING ({_keys(plan)}))"


def _cell(plan: Plan) -> str:
    """Key columns of a cell; what a grouping set leaves out is -1."""
    t = "coalesce(t, -1)" if plan.query.granularity is not None else "-1"
    g = "coalesce(g, -1)" if plan.dimensions else "-1"
    return f"period, {t} AS t, {g} AS g"


def _cells(plan: Plan) -> str:
    names = [*plan.sums, *(measure.name for measure in plan.beside)]
    sums = "".join(f", sum({quote(name)}) AS {quote(name)}" for name in names)
    return f"SELECT {_cell(plan)}{sums} FROM {_grouped(plan)} s {_sets(plan)}"


def _packed(plan: Plan) -> str:
    """The rows' histograms end to end, of the finest cells alone; both parts in the order of the same rows."""
    t = "t" if plan.query.granularity is not None else "-1"
    g = "g" if plan.dimensions else "-1"
    joined = ", ".join(
        f"string_agg(substr(array_send({name}_{part}), {ARRAY_HEADER_BYTES + 1}), ''::bytea) AS {name}_{part}"
        for name in _histograms(plan)
        for part in "bn"
    )
    few = "(SELECT count(*) FROM src) <= %(packed_rows)s"
    return f"SELECT period, {t} AS t, {g} AS g, {joined} FROM {_grouped(plan)} s WHERE {few} GROUP BY 1, 2, 3"


def _merged(plan: Plan) -> str:
    """Histograms of each cell, buckets in any order: sorting them here would cost more than everything else."""
    names = _histograms(plan)
    pairs = " UNION ALL ".join(
        f"SELECT {i}, u.b, u.n FROM unnest({name}_b, {name}_n) u(b, n)" for i, name in enumerate(names)
    )
    rows = f"{_grouped(plan)} s CROSS JOIN LATERAL ({pairs}) v(which, b, n)"
    many = "(SELECT count(*) FROM src) > %(packed_rows)s"
    summed = f"SELECT {_cell(plan)}, which, b, sum(n) AS n FROM {rows} WHERE {many} {_sets(plan, ', which, b')}"
    arrays = ", ".join(
        f"array_agg({part}) FILTER (WHERE which = {i}) AS {name}_{part}"
        for i, name in enumerate(names)
        for part in "bn"
    )
    return f"SELECT period, t, g, {arrays} FROM ({summed}) m GROUP BY period, t, g"


def _distinct(i: int) -> str:
    return f"count(DISTINCT x{i}) FILTER (WHERE xr{i} > 0)"


def _counted(plan: Plan) -> str:
    columns = ", ".join(f"{_distinct(i)} AS c{i}" for i in range(len(plan.distincts)))
    return f"SELECT {_cell(plan)}, {columns} FROM {_grouped(plan)} s {_sets(plan)}"
