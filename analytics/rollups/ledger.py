"""SQL of what the rollups read from the ledger: its lines with what is summed of them, and their charges. Pure.

`window`: a condition over the alias `l`. Everything is computed once for a line and in plain expressions, because
this is most of the work of a rollup: charges are read by their place, without a set-returning function.
"""

from collections.abc import Iterable

from analytics import histogram
from analytics.rollups import cubes
from analytics.rollups.cubes import Grain
from gateway.ledger.schema import TABLE as LEDGER

SCORES = "gateway_qualityscore"
WIDTHS = {Grain.MINUTE: "1 minute", Grain.QUARTER_HOUR: "15 minutes", Grain.DAY: "1 day"}
SLOTS = 4
"""Lines with more charges than that have them read the long way."""
KEPT = "(SELECT currency FROM gateway_organization WHERE id = %(organization)s)"
"""The currency that the organization keeps; asked once for a statement."""
_HAS_SCORES = f"(SELECT EXISTS (SELECT FROM {SCORES} WHERE organization = %(organization)s))"
"""Asked once for a statement: most organizations have no scores, and a look-up for every line costs."""
_LONGEST_MS = 30 * 86_400_000
_MEASURED = {"latency": "duration_ms", "ttft": "ttft_ms", "output_rate": "output_rate"}
_SPLIT = (
    ("input_cost", cubes.INPUT_METERS),
    ("output_cost", cubes.OUTPUT_METERS),
    ("cache_cost", cubes.CACHE_METERS),
)
OUTPUT_RATE = (
    "CASE WHEN l.status = 'ok' AND l.output_ms >= 0.001 AND l.output_tokens > l.reasoning_tokens "
    "THEN (l.output_tokens - l.reasoning_tokens) * 1000 / l.output_ms END"
)
"""Tokens per second of a good answer, as `LedgerLine.output_rate`: reasoning is spent before the first visible token,
when `output_ms` begins."""


def quote(name: str) -> str:
    """Quoted identifier; `user` is a reserved word."""
    return f'"{name}"'


def names(columns: Iterable[str]) -> str:
    return ", ".join(map(quote, columns))


def bucket_of(column: str, grain: Grain) -> str:
    if grain == Grain.LOCAL_DAY:
        return f"(%(edges)s::timestamptz[])[width_bucket({column}, %(edges)s::timestamptz[])]"
    return f"date_bin('{WIDTHS[grain]}', {column}, timestamptz 'epoch')"


def lines(grain: Grain, window: str, tags: int = 0, table: str = LEDGER) -> str:
    """SELECT of the lines of `table` in `window`: dimensions, currency, `cubes.CONDITIONS`, what is summed of them,
    their places `<histogram>_at`, whether they may have subjects, and these. `tags`: how many declared tag keys there
    are, bound as `tag0`, `tag1`, …"""
    conditions = ", ".join(f"{condition} AS {name}" for name, condition in cubes.CONDITIONS.items())
    subjects = ", ".join(["has_subject", "end_user", *(f"tag{i}" for i in range(tags))])
    dimensions = names(["bucket", *cubes.CUBE_BY_NAME["wide"].dimensions])
    # OFFSET 0 keeps the planner from writing an expression out wherever its column is used
    return f"""SELECT {dimensions}, currency, final, {conditions}, {_SUMMED}, {_derived()}, {_split()}, {subjects}
FROM (
  SELECT i.*, {_kinds()} FROM (
    SELECT {_read(grain, tags)} FROM {table} l WHERE {window} OFFSET 0) i OFFSET 0) j OFFSET 0"""


def has_subject(tags: int) -> str:
    """Whether a line may be one of the subject cube's."""
    return "(l.end_user IS NOT NULL OR l.tag_set IS NOT NULL)" if tags else "(l.end_user IS NOT NULL)"


def charges(window: str) -> str:
    """Rows of the charge rollup from the ledger lines in `window` that have a cost: what some meters of a line without
    one come to is in no sum, and an entry that prices it has the whole."""
    keys = names(["bucket", *cubes.CHARGE_DIMENSIONS])
    return f"""SELECT {keys}, analytics_sum(quantity), analytics_sum(cost) FROM (
  SELECT bucket, organization, team, project, api_key, provider, model, c ->> 'meter' AS meter,
    c ->> 'rate_id' AS rate_id, coalesce(c ->> 'currency', currency) AS currency,
    (c ->> 'unit_price')::numeric AS unit_price, coalesce((c ->> 'quantity')::numeric, 0) AS quantity,
    coalesce((c ->> 'cost')::numeric, 0) AS cost
  FROM (
    SELECT {bucket_of("l.started_at", Grain.QUARTER_HOUR)} AS bucket, l.organization, l.team, l.project, l.api_key,
      l.provider, l.model_served AS model, l.currency, jsonb_array_elements(l.charges) AS c
    FROM {LEDGER} l WHERE {window} AND l.cost IS NOT NULL) e) c GROUP BY {keys}"""


_SUMMED = (
    "request_count, input_tokens, cache_read_tokens, cache_write_tokens, output_tokens, reasoning_tokens, cost, "
    "list_cost, quality_total"
)


def _read(grain: Grain, tags: int) -> str:
    """Columns of a line of the ledger `l`, cleaned, before anything is computed of them."""
    dimensions = [c for c in cubes.CUBE_BY_NAME["wide"].dimensions if c != "model"]
    tokens = ("input_tokens", "cache_read_tokens", "output_tokens", "reasoning_tokens", "cost", "list_cost")
    subjects = [f"{subject('l.end_user')} AS end_user"]
    subjects += [f"{subject(f'l.tag_set ->> %(tag{i})s::text')} AS tag{i}" for i in range(tags)]
    is_long = f"jsonb_array_length(l.charges) > {SLOTS}"
    slots = ", ".join(f"l.charges -> {i} AS charge_{i}" for i in range(SLOTS))
    return f"""{bucket_of("l.started_at", grain)} AS bucket, {", ".join(f'l."{c}"' for c in dimensions)},
    l.model_served AS model, l.currency, l.is_final,
    l.is_final AND l.kind IN {cubes.quoted(cubes.REQUEST_KINDS)} AS final,
    l.price_status, l.usage_source, l.request_count::bigint AS request_count, {", ".join(f"l.{c}" for c in tokens)},
    l.cache_write_5m_tokens + l.cache_write_1h_tokens AS cache_write_tokens,
    {_cleaned("duration_ms")} AS duration_ms, {_cleaned("ttft_ms")} AS ttft_ms, {OUTPUT_RATE} AS output_rate,
    CASE WHEN {_HAS_SCORES} AND l.is_final THEN (SELECT round(avg(score), 5) FROM {SCORES} s
      WHERE s.organization = l.organization AND s.line = l.id) END AS quality_total,
    CASE WHEN {is_long} THEN l.charges END AS long_charges, {slots}, {", ".join(subjects)},
    {has_subject(tags)} AS has_subject"""


def _derived() -> str:
    """What is summed, or has a place in a histogram, and is computed of the columns of `_read`."""
    target = cubes.APDEX_TARGET_MS
    values = [
        "1::bigint AS line_count",
        "(quality_total IS NOT NULL)::int::bigint AS quality_count",
        *(f"({name}_ms IS NOT NULL)::int::bigint AS {name}_count" for name in ("duration", "ttft")),
        *(f"round({name}_ms * 1000)::bigint AS {name}_us" for name in ("duration", "ttft")),
        f"(duration_ms <= {target})::int::bigint AS apdex_satisfied",
        f"(duration_ms > {target} AND duration_ms <= {4 * target})::int::bigint AS apdex_tolerating",
    ]
    values += [
        f"CASE WHEN final THEN {histogram.bucket_sql(_MEASURED[s.name], s)} END AS {s.name}_at"
        for s in histogram.SCALES
    ]
    return ", ".join(values)


def _kinds() -> str:
    """Of the first charges: `kind_<i>`, the place of their meter in `_SPLIT` (NULL: no charge), and `cost_<i>`."""
    kinds = " ".join(f"WHEN '{meter}' THEN {kind}" for kind, (_, of) in enumerate(_SPLIT) for meter in of)
    columns = [
        f"CASE WHEN charge_{i} IS NOT NULL THEN CASE charge_{i} ->> 'meter' {kinds} ELSE -1 END END AS kind_{i}, "
        f"(charge_{i} ->> 'cost')::numeric AS cost_{i}"
        for i in range(SLOTS)
    ]
    return ", ".join(columns)


def _split() -> str:
    """Cost by the kind of meter; NULL where a line has no such charge. Nearly always each kind has one charge, and
    nothing is added up."""
    is_simple = (
        "kind_3 IS NULL AND kind_0 IS DISTINCT FROM kind_1 AND kind_0 IS DISTINCT FROM kind_2 "
        "AND (kind_1 IS NULL OR kind_1 IS DISTINCT FROM kind_2)"
    )
    columns = []
    for kind, (name, meters) in enumerate(_SPLIT):
        one = " ".join(f"WHEN kind_{i} = {kind} THEN cost_{i}" for i in range(SLOTS))
        several = " + ".join(f"CASE WHEN kind_{i} = {kind} THEN coalesce(cost_{i}, 0) ELSE 0 END" for i in range(SLOTS))
        long = (
            "SELECT sum(c.cost) FROM jsonb_to_recordset(long_charges) AS c(meter text, cost numeric) "
            f"WHERE c.meter IN {cubes.quoted(meters)}"
        )
        columns.append(
            f"CASE WHEN cost IS NULL THEN NULL WHEN {is_simple} THEN CASE {one} END WHEN long_charges IS NULL "
            f"THEN {several} ELSE ({long}) END AS {name}"
        )
    return ", ".join(columns)


def _cleaned(column: str) -> str:
    """Milliseconds in [0, 30 days], NaN as the longest: one absurd value must not stop a rollup."""
    return f"CASE WHEN l.{column} IS NOT NULL THEN least(greatest(l.{column}, 0), {_LONGEST_MS}) END"


def subject(column: str) -> str:
    """A subject's value as it is kept; NULL when there is none."""
    return f"nullif(left(btrim({column}, E'\\x01\\x02'), {cubes.SUBJECT_CHARS}), '')"
