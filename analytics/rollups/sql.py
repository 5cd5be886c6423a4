"""SQL of the rollups, generated from the declared cubes. Pure: strings in, strings out, nothing is executed here.

Every name in the SQL is a constant of `cubes`; values are bound as named parameters by the caller. A `window` is a
condition over the ledger alias `l`, or over a rollup table's `organization` and `bucket`.
"""

from analytics.rollups import cubes, ledger
from analytics.rollups.cubes import Cube, Grain
from analytics.rollups.ledger import bucket_of, names

ADMITTED = "analytics_admittedvalue"
SHORT = 128
"""Histograms of up to this many entries are stored as they come: unsorted, a bucket possibly more than once."""
_ARRAYS = tuple(f"{name}_{part}" for name in cubes.HISTOGRAMS for part in ("b", "n"))
_BUCKETS = tuple(f"{name}_b" for name in cubes.HISTOGRAMS)


def pairs(tags: int) -> str:
    """SELECT of the lines that name a subject, once for each: their columns, `name` and `raw`."""
    parts = ["SELECT lines.*, 'end_user' AS name, end_user AS raw FROM lines WHERE end_user IS NOT NULL"]
    parts += [
        f"SELECT lines.*, 'tag.' || %(tag{i})s::text, tag{i} FROM lines WHERE tag{i} IS NOT NULL" for i in range(tags)
    ]
    return " UNION ALL ".join(parts)


def subjects(fresh: str = "") -> str:
    """SELECT of `pairs` with their `value`: what was admitted (or is being, in the relation `fresh`), else the fold."""
    new = f" LEFT JOIN {fresh} f ON f.name = p.name AND f.raw = p.raw" if fresh else ""
    known = "a.value IS NOT NULL OR f.raw IS NOT NULL" if fresh else "a.value IS NOT NULL"
    return (
        f"SELECT p.*, CASE WHEN {known} THEN p.raw ELSE E'\\x02' END AS value FROM pairs p LEFT JOIN {ADMITTED} a "
        f"ON a.organization = %(organization)s AND a.name = p.name AND a.value = p.raw{new}"
    )


def _fresh() -> str:
    """Subjects that are seen for the first time, the most frequent ones first, as many as there is room for."""
    new = (
        f"SELECT name, raw, row_number() OVER (PARTITION BY name ORDER BY count(*) DESC, raw) AS place FROM pairs p "
        f"WHERE NOT EXISTS (SELECT FROM {ADMITTED} a WHERE a.organization = %(organization)s AND a.name = p.name "
        "AND a.value = p.raw) GROUP BY name, raw"
    )
    taken = f"SELECT count(*) FROM {ADMITTED} a WHERE a.organization = %(organization)s AND a.name = n.name"
    return f"SELECT name, raw FROM ({new}) n WHERE place <= %(max_values)s - ({taken})"


def _compacted(rows: str, keys: str) -> str:
    """Rows with each histogram sorted and its equal buckets added up; short ones stay as they are, which is cheaper."""
    sums, laterals, arrays = names(cubes.SUM_NAMES), [], []
    for name in cubes.HISTOGRAMS:
        # two set-returning functions run in lockstep, and without a function scan for every row
        pair, entries = f"r.{name}_b, r.{name}_n", f"unnest(r.{name}_b) AS b, unnest(r.{name}_n) AS n"
        dense = f"cardinality(r.{name}_b) > {SHORT}"
        added = f"SELECT b, sum(n)::integer AS n FROM (SELECT {entries} WHERE {dense}) u GROUP BY b"
        laterals.append(
            f"CROSS JOIN LATERAL (SELECT array_agg(b ORDER BY b) AS b, array_agg(n ORDER BY b) AS n FROM ({added}) g "
            f"HAVING {dense} UNION ALL SELECT {pair} WHERE NOT {dense}) {name}"
        )
        arrays += [f"{name}.b", f"{name}.n"]
    return f"SELECT {keys}, {sums}, {', '.join(arrays)} FROM ({rows}) r {' '.join(laterals)}"


def columns_of(cube: Cube) -> str:
    """Column list of a cube's tables in the order the SELECTs below produce."""
    arrays = _ARRAYS if cube.has_histograms else ()
    return names(["bucket", *cube.dimensions, *cubes.SUM_NAMES, *arrays])


def from_lines(cube: Cube) -> str:
    """Rows of `cube` from a relation of lines made by `ledger.lines`. A histogram begins as the list of its buckets."""
    keys = names(["bucket", *cube.dimensions])
    figures = ", ".join(f"{item.expression} AS {item.name}" for item in cubes.SUMS)
    if not cube.has_histograms:
        return f"SELECT {keys}, {figures} FROM {cube.relation} GROUP BY {keys}"
    arrays = ", ".join(
        f"coalesce(array_agg({name}_at) FILTER (WHERE {name}_at IS NOT NULL), '{{}}') AS {name}_b"
        for name in cubes.HISTOGRAMS
    )
    return _counted(f"SELECT {keys}, {figures}, {arrays} FROM {cube.relation} GROUP BY {keys}", keys)


def finest(lines: str) -> str:
    """Rows of the wide cube from `lines`, made by `ledger.lines`; with the histograms' buckets, which the narrow cubes
    that are summed from them keep, and money NULL where there is none: adding zeros up takes time."""
    keys = names(["bucket", *cubes.CUBE_BY_NAME["wide"].dimensions])
    figures = [f"{item.sparse} AS {item.name}" for item in cubes.SUMS]
    figures += ["bool_or(has_subject) AS has_subject", f"bool_or(currency <> {ledger.KEPT}) AS has_foreign"]
    figures += [f"array_agg({name}_at) FILTER (WHERE {name}_at IS NOT NULL) AS {name}_b" for name in cubes.HISTOGRAMS]
    return f"SELECT {keys}, {', '.join(figures)} FROM ({lines}) w GROUP BY {keys}"


def from_finest(cube: Cube) -> str:
    """Rows of `cube` from a relation `finest` that holds what `finest` made."""
    if not cube.has_histograms:
        figures = ", ".join(f"coalesce({name}, 0)" for name in cubes.SUM_NAMES)
        return f"SELECT {names(['bucket', *cube.dimensions])}, {figures} FROM finest"
    keys = names(["bucket", *cube.dimensions])
    arrays = ", ".join(f"analytics_concat({name}) AS {name}" for name in _BUCKETS)
    return _counted(f"SELECT {keys}, {_summed()}, {arrays} FROM finest GROUP BY {keys}", keys)


def _counted(rows: str, keys: str) -> str:
    """Rows whose histograms are lists of buckets: each of them counts once."""
    ones = ", ".join(f"array_fill(1, ARRAY[cardinality({name}_b)]) AS {name}_n" for name in cubes.HISTOGRAMS)
    return _compacted(f"SELECT *, {ones} FROM ({rows}) a", keys)


def _summed() -> str:
    """Every stored sum, added up: whole numbers without a detour by numeric, in which `sum(bigint)` answers."""
    return ", ".join(f"coalesce(analytics_sum({name}), 0) AS {name}" for name in cubes.SUM_NAMES)


def from_rollup(cube: Cube) -> str:
    """Rows of `cube` from a relation `source` that has its columns at a finer grain or with more dimensions."""
    keys = names(["bucket", *cube.dimensions])
    if not cube.has_histograms:
        return f"SELECT {keys}, {_summed()} FROM source GROUP BY {keys}"
    arrays = ", ".join(f"analytics_concat({name}) AS {name}" for name in _ARRAYS)
    return _compacted(f"SELECT {keys}, {_summed()}, {arrays} FROM source GROUP BY {keys}", keys)


def insert_minutes(window: str) -> str:
    """The minute cube from the ledger lines in `window`. Returns how many lines there were."""
    into = f"INSERT INTO {cubes.LIVE.table(Grain.MINUTE)} ({columns_of(cubes.LIVE)}) {from_lines(cubes.LIVE)}"
    read = ledger.lines(Grain.MINUTE, window)
    columns = names(["bucket", *cubes.FOREIGN_LIVE_DIMENSIONS, *cubes.FOREIGN_SUMS])
    foreign = f"INSERT INTO {cubes.FOREIGN_TABLES[Grain.MINUTE]} ({columns}) {foreign_minutes()}"
    stages = f"lines AS MATERIALIZED ({read}), live_rows AS ({into}), foreign_rows AS ({foreign})"
    return f"WITH {stages} SELECT count(*) FROM lines"


def foreign_minutes() -> str:
    """Rows of the minutes of other currencies, from a relation `lines`."""
    keys = names(["bucket", *cubes.FOREIGN_LIVE_DIMENSIONS])
    return f"SELECT {keys}, {_money()} FROM lines WHERE currency <> {ledger.KEPT} GROUP BY {keys}"


def foreign(lines: str, subjects: str) -> str:
    """Rows of the quarter-hours of other currencies, in the order of `cubes.FOREIGN_DIMENSIONS`: of the lines, and of
    their subjects once for each; the names of two relations. `lines` may hold those of other currencies alone."""
    kept, wide = cubes.SUBJECT.dimensions, cubes.CUBE_BY_NAME["wide"].dimensions
    dimensions, other = names(["bucket", *wide]), f"currency <> {ledger.KEPT}"
    whole = f"SELECT {dimensions}, NULL AS name, NULL AS value, currency, {_money()} FROM {lines} WHERE {other}"
    of_subject = ", ".join(ledger.quote(name) if name in kept else f"NULL AS {ledger.quote(name)}" for name in wide)
    keys = names(["bucket", *(name for name in wide if name in kept), "name", "value", "currency"])
    each = f"SELECT bucket, {of_subject}, name, value, currency, {_money()} FROM {subjects} WHERE {other}"
    return f"{whole} GROUP BY {dimensions}, currency UNION ALL {each} GROUP BY {keys}"


def _money() -> str:
    figures = [item for item in cubes.SUMS if item.name in cubes.FOREIGN_SUMS]
    return ", ".join(f"{item.expression} AS {item.name}" for item in figures)


def insert_lines(window: str, tags: int = 0, grain: Grain = Grain.QUARTER_HOUR) -> str:
    """One statement, hence one snapshot, for every cube that reads the ledger; charges and money of other currencies
    are kept by quarter-hours alone. Returns how many lines there were and how many subjects were admitted."""
    named = f"(SELECT bool_or(has_subject) FROM finest) AND {ledger.has_subject(tags)}"
    other = f"(SELECT bool_or(has_foreign) FROM finest) AND l.currency <> {ledger.KEPT}"
    admit = f"INSERT INTO {ADMITTED} (organization, name, value) SELECT %(organization)s, name, raw FROM fresh"
    stages = [
        f"finest AS MATERIALIZED ({finest(ledger.lines(grain, window, tags))})",
        f"lines AS MATERIALIZED ({ledger.lines(grain, f'{window} AND {named}', tags)})",
        f"pairs AS MATERIALIZED ({pairs(tags)})",
        f"fresh AS MATERIALIZED ({_fresh()})",
        # in one order, so that two who admit the same never wait for each other
        f"admitted AS ({admit} ORDER BY name, raw ON CONFLICT DO NOTHING RETURNING 1)",
        f"subjects AS ({subjects('fresh')})",
        f"foreign_lines AS ({ledger.lines(grain, f'{window} AND {other}', tags)})",
    ]
    stages += [
        f"{cube.name}_rows AS (INSERT INTO {cube.table(grain)} ({columns_of(cube)}) "
        f"{from_lines(cube) if cube is cubes.SUBJECT else from_finest(cube)})"
        for cube in cubes.OF_LEDGER
    ]
    if grain == Grain.QUARTER_HOUR:
        into = f"{cubes.CHARGE_TABLE} ({names(['bucket', *cubes.CHARGE_DIMENSIONS])}, quantity, cost)"
        stages.append(f"charge_rows AS (INSERT INTO {into} {ledger.charges(window)})")
        columns = names(["bucket", *cubes.FOREIGN_DIMENSIONS, *cubes.FOREIGN_SUMS])
        into = f"{cubes.FOREIGN_TABLES[grain]} ({columns})"
        stages.append(f"foreign_rows AS (INSERT INTO {into} {foreign('foreign_lines', 'subjects')})")
    with_stages = ",\n".join(stages)
    return f"WITH {with_stages}\nSELECT coalesce(sum(lines), 0), (SELECT count(*) FROM admitted) FROM finest"


def source_of(cube: Cube, grain: Grain) -> tuple[str, Grain]:
    """Table and grain that a derived row is summed from: a wider cube, or the cube's own quarter-hours for days."""
    if cube.source:
        return cubes.CUBE_BY_NAME[cube.source].table(grain), grain
    return cube.table(Grain.QUARTER_HOUR), Grain.QUARTER_HOUR


def source(cube: Cube, grain: Grain, window: str) -> str:
    """SELECT of the rows that `from_rollup` sums, at the bucket of `grain`."""
    kept = names([*cube.dimensions, *cubes.SUM_NAMES, *(_ARRAYS if cube.has_histograms else ())])
    table, _ = source_of(cube, grain)
    return f"SELECT {bucket_of('bucket', grain)} AS bucket, {kept} FROM {table} WHERE {window}"


def insert_derived(cube: Cube, grain: Grain, window: str) -> str:
    """A cube's rows of `grain` from a finer or wider table."""
    into = f"INSERT INTO {cube.table(grain)} ({columns_of(cube)})"
    return f"WITH source AS ({source(cube, grain, window)}) {into} {from_rollup(cube)}"


def insert_merged(cube: Cube, grain: Grain, window: str) -> str:
    """A cube's rows of `grain` added up to one for each group."""
    kept = names(["bucket", *cube.dimensions, *cubes.SUM_NAMES, *(_ARRAYS if cube.has_histograms else ())])
    gone = f"DELETE FROM {cube.table(grain)} WHERE {window} RETURNING {kept}"
    return f"WITH source AS ({gone}) INSERT INTO {cube.table(grain)} ({columns_of(cube)}) {from_rollup(cube)}"
