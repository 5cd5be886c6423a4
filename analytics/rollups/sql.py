"""SQL of the rollups, generated from the declared cubes. Pure: strings in, strings out, nothing is executed here.

Every name in the SQL is a constant of `cubes`; values are bound as named parameters by the caller. A `window` is a
condition over the ledger alias `l`, or over a rollup table's `organization` and `bucket`.
"""

from analytics import histogram
from analytics.rollups import cubes
from analytics.rollups.cubes import Cube, Grain
from gateway.ledger.schema import TABLE as LEDGER

SCORES = "gateway_qualityscore"
WIDTHS = {Grain.MINUTE: "1 minute", Grain.QUARTER_HOUR: "15 minutes", Grain.DAY: "1 day"}
ADMITTED = "analytics_admittedvalue"
SHORT = 32
"""Histograms of up to this many entries are stored as they come: unsorted, a bucket possibly more than once."""
_HAS_SCORES = f"(SELECT EXISTS (SELECT FROM {SCORES} WHERE organization = %(organization)s))"
"""Asked once for a statement: most organizations have no scores, and a look-up for every line costs."""
_LONGEST_MS = 30 * 86_400_000
_TOKENS = (
    "input_tokens", "cache_read_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens", "output_tokens",
    "reasoning_tokens",
)  # fmt: skip
OUTPUT_RATE = (
    "CASE WHEN l.status = 'ok' AND l.output_ms >= 0.001 AND l.output_tokens > l.reasoning_tokens "
    "THEN (l.output_tokens - l.reasoning_tokens) * 1000 / l.output_ms END"
)
"""Tokens per second of a good answer, as `LedgerLine.output_rate`: reasoning is spent before the first visible token,
when `output_ms` begins."""
_ARRAYS = tuple(f"{name}_{part}" for name in cubes.HISTOGRAMS for part in ("b", "n"))


def quote(name: str) -> str:
    """Quoted identifier; `user` is a reserved word."""
    return f'"{name}"'


def names(columns: tuple[str, ...] | list[str]) -> str:
    return ", ".join(map(quote, columns))


def bucket_of(column: str, grain: Grain) -> str:
    if grain == Grain.LOCAL_DAY:
        return f"(%(edges)s::timestamptz[])[width_bucket({column}, %(edges)s::timestamptz[])]"
    return f"date_bin('{WIDTHS[grain]}', {column}, timestamptz 'epoch')"


def _cleaned(column: str) -> str:
    """Milliseconds in [0, 30 days], NaN as the longest: one absurd value must not stop a rollup."""
    return f"CASE WHEN l.{column} IS NOT NULL THEN least(greatest(l.{column}, 0), {_LONGEST_MS}) END"


def _subject(column: str) -> str:
    """A subject's value as it is kept; NULL when there is none."""
    return f"nullif(left(btrim({column}, E'\\x01\\x02'), {cubes.SUBJECT_CHARS}), '')"


def lines(grain: Grain, window: str, tags: int = 0) -> str:
    """SELECT of the ledger lines in `window` as the sums and histograms read them. `tags`: how many declared tag keys
    there are, bound as `tag0`, `tag1`, …"""
    subjects = [f"{_subject('l.end_user')} AS end_user"]
    subjects += [f"{_subject(f'l.tag_set ->> %(tag{i})s::text')} AS tag{i}" for i in range(tags)]
    dimensions = [c for c in cubes.CUBE_BY_NAME["wide"].dimensions if c != "model"]
    parts = ", ".join(
        f"sum(c.cost) FILTER (WHERE c.meter IN {cubes.quoted(meters)}) AS {name}"
        for name, meters in (
            ("input_cost", cubes.INPUT_METERS),
            ("output_cost", cubes.OUTPUT_METERS),
            ("cache_cost", cubes.CACHE_METERS),
        )
    )
    measured = {"latency": "duration_ms", "ttft": "ttft_ms", "output_rate": "output_rate"}
    at = ", ".join(
        f"CASE WHEN final THEN {histogram.bucket_sql(measured[s.name], s)} END AS {s.name}_at" for s in histogram.SCALES
    )
    return f"""SELECT i.*, {at} FROM (
  SELECT {bucket_of("l.started_at", grain)} AS bucket, {", ".join(f'l."{c}"' for c in dimensions)},
    l.model_served AS model, l.is_final, l.is_final AND l.kind IN {cubes.quoted(cubes.REQUEST_KINDS)} AS final,
    l.price_status, l.usage_source, l.request_count, {", ".join(f"l.{c}" for c in _TOKENS)}, l.cost, l.list_cost,
    {_cleaned("duration_ms")} AS duration_ms, {_cleaned("ttft_ms")} AS ttft_ms, {OUTPUT_RATE} AS output_rate,
    c.input_cost, c.output_cost, c.cache_cost, q.quality_count, q.quality_total, {", ".join(subjects)}
  FROM {LEDGER} l LEFT JOIN LATERAL (
    SELECT {parts} FROM jsonb_to_recordset(l.charges) AS c(meter text, cost numeric)) c ON true
  LEFT JOIN LATERAL (
    SELECT (count(score) > 0)::int AS quality_count, round(avg(score), 5) AS quality_total
    FROM {SCORES} s WHERE {_HAS_SCORES} AND l.is_final AND s.organization = l.organization AND s.line = l.id) q ON true
  WHERE {window}) i"""


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
        pair = f"r.{name}_b, r.{name}_n"
        dense = f"cardinality(r.{name}_b) > {SHORT}"
        laterals.append(
            f"CROSS JOIN LATERAL (SELECT b, n FROM analytics_compact({pair}) WHERE {dense} "
            f"UNION ALL SELECT {pair} WHERE NOT {dense}) {name}"
        )
        arrays += [f"{name}.b", f"{name}.n"]
    return f"SELECT {keys}, {sums}, {', '.join(arrays)} FROM ({rows}) r {' '.join(laterals)}"


def columns_of(cube: Cube) -> str:
    """Column list of a cube's tables in the order the SELECTs below produce."""
    arrays = _ARRAYS if cube.has_histograms else ()
    return names(["bucket", *cube.dimensions, *cubes.SUM_NAMES, *arrays])


def from_lines(cube: Cube) -> str:
    """Rows of `cube` from a relation `lines` made by `lines()`. A histogram begins as the list of its buckets."""
    keys = names(["bucket", *cube.dimensions])
    figures = ", ".join(f"{item.expression} AS {item.name}" for item in cubes.SUMS)
    if not cube.has_histograms:
        return f"SELECT {keys}, {figures} FROM {cube.relation} GROUP BY {keys}"
    arrays = ", ".join(
        f"coalesce(array_agg({name}_at) FILTER (WHERE {name}_at IS NOT NULL), '{{}}') AS {name}_b"
        for name in cubes.HISTOGRAMS
    )
    ones = ", ".join(f"array_fill(1, ARRAY[cardinality({name}_b)]) AS {name}_n" for name in cubes.HISTOGRAMS)
    return _compacted(f"SELECT *, {ones} FROM (SELECT {keys}, {figures}, {arrays} FROM lines GROUP BY {keys}) a", keys)


def from_rollup(cube: Cube) -> str:
    """Rows of `cube` from a relation `source` that has its columns at a finer grain or with more dimensions."""
    keys = names(["bucket", *cube.dimensions])
    figures = ", ".join(f"sum({quote(name)}) AS {quote(name)}" for name in cubes.SUM_NAMES)
    if not cube.has_histograms:
        return f"SELECT {keys}, {figures} FROM source GROUP BY {keys}"
    arrays = ", ".join(f"analytics_concat({name}) AS {name}" for name in _ARRAYS)
    return _compacted(f"SELECT {keys}, {figures}, {arrays} FROM source GROUP BY {keys}", keys)


def charges(window: str) -> str:
    """Rows of the charge rollup from the ledger lines in `window`."""
    keys = names(["bucket", *cubes.CHARGE_DIMENSIONS])
    return f"""SELECT {keys}, sum(quantity), sum(cost) FROM (
  SELECT {bucket_of("l.started_at", Grain.QUARTER_HOUR)} AS bucket, l.organization, l.team, l.project, l.api_key,
    l.provider, l.model_served AS model, c.meter, c.rate_id, coalesce(c.currency, l.currency) AS currency,
    c.unit_price, coalesce(c.quantity, 0) AS quantity, coalesce(c.cost, 0) AS cost
  FROM {LEDGER} l, jsonb_to_recordset(l.charges)
    AS c(meter text, rate_id text, quantity numeric, unit_price numeric, cost numeric, currency text)
  WHERE {window}) c GROUP BY {keys}"""


def insert_from_ledger(grain: Grain, window: str, tags: int = 0) -> str:
    """One statement, hence one snapshot, for every cube of `grain` that reads the ledger. Returns how many lines there
    were and how many subjects were admitted."""
    targets = [cube for cube in cubes.CUBES if grain in cube.grains and cube.source is None]
    inserts = []
    if grain == Grain.QUARTER_HOUR:
        admit = f"INSERT INTO {ADMITTED} (organization, name, value) SELECT %(organization)s, name, raw FROM fresh"
        inserts += [
            f"pairs AS MATERIALIZED ({pairs(tags)})",
            f"fresh AS MATERIALIZED ({_fresh()})",
            # in one order, so that two who admit the same never wait for each other
            f"admitted AS ({admit} ORDER BY name, raw ON CONFLICT DO NOTHING RETURNING 1)",
            f"subjects AS ({subjects('fresh')})",
        ]
    inserts += [
        f"{cube.name}_rows AS (INSERT INTO {cube.table(grain)} ({columns_of(cube)}) {from_lines(cube)})"
        for cube in targets
    ]
    if grain == Grain.QUARTER_HOUR:
        into = f"{cubes.CHARGE_TABLE} ({names(['bucket', *cubes.CHARGE_DIMENSIONS])}, quantity, cost)"
        inserts.append(f"charge_rows AS (INSERT INTO {into} {charges(window)})")
    source = f"WITH lines AS MATERIALIZED ({lines(grain, window, tags)})"
    admitted = "(SELECT count(*) FROM admitted)" if grain == Grain.QUARTER_HOUR else "0"
    return ",\n".join([source, *inserts]) + f"\nSELECT count(*), {admitted} FROM lines"


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
