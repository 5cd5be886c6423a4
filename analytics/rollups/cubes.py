"""The rollup tables, declared once: which dimensions each cube keeps and what every stored sum means. Pure.

A new sum or dimension is one entry here plus its column in `analytics.models` (a test compares the two).
SQL expressions read the columns of `sql.lines`: the ledger's own, plus `final`, `duration_ms`, `ttft_ms`,
`output_rate` (cleaned), the cost split `input_cost`, `output_cost`, `cache_cost`, and of requests that were scored
`quality_count` (1) and `quality_total` (the mean of its scores).
"""

from dataclasses import dataclass
from enum import StrEnum

from analytics import histogram

APDEX_TARGET_MS = 5_000
"""Apdex T of a whole answer; tolerated up to 4 T (Apdex Technical Specification 1.1, §3)."""
MINUTES_KEPT_H = 48

INPUT_METERS = ("input", "audio_input", "image_input", "character", "audio_second")
CACHE_METERS = ("cache_read", "cache_write_5m", "cache_write_1h")
OUTPUT_METERS = ("output", "reasoning", "audio_output", "image_output", "image")

ERROR_STATUSES = ("client_error", "upstream_error", "timeout", "interrupted")
UNAVAILABLE_STATUSES = ("upstream_error", "timeout", "interrupted")
REQUEST_KINDS = ("attempt", "cache_hit")


class Grain(StrEnum):
    """Time grains that are stored; everything else is a sum of them."""

    MINUTE = "minute"
    QUARTER_HOUR = "quarter_hour"
    DAY = "day"
    LOCAL_DAY = "local_day"
    """Days in the organization's reporting time zone, where that is not UTC; a bucket is named by its first instant."""


@dataclass(frozen=True, slots=True)
class Sum:
    """A stored additive figure: `expression` is its SQL aggregate over ledger lines."""

    name: str
    expression: str
    is_money: bool = False


def quoted(values: tuple[str, ...]) -> str:
    """`('a', 'b')` for SQL; the values are constants of this module."""
    return "(" + ", ".join(f"'{value}'" for value in values) + ")"


def _count(name: str, condition: str) -> Sum:
    return Sum(name, f"count(*) FILTER (WHERE {condition})")


def _requests(name: str, condition: str) -> Sum:
    """Requests, not lines: an imported total of several requests is one line."""
    return Sum(name, f"coalesce(sum(request_count) FILTER (WHERE {condition}), 0)")


def _total(name: str, expression: str) -> Sum:
    return Sum(name, f"coalesce(sum({expression}), 0)")


def _money(name: str, condition: str = "") -> Sum:
    column = name if not condition else "cost"
    where = f" FILTER (WHERE {condition})" if condition else ""
    return Sum(name, f"coalesce(sum({column}){where}, 0)", is_money=True)


_FAILED = f"status IN {quoted(ERROR_STATUSES)}"
SUMS: tuple[Sum, ...] = (
    Sum("lines", "count(*)"),
    _requests("requests", "final"),
    _requests("attempts", "kind = 'attempt'"),
    _requests("successes", "final AND status = 'ok'"),
    _requests("errors", f"final AND {_FAILED}"),
    _requests("unavailable", f"final AND status IN {quoted(UNAVAILABLE_STATUSES)}"),
    _requests("cancelled", "final AND status = 'cancelled'"),
    _requests("denied", "kind = 'denied'"),
    _requests("unpriced_requests", "final AND price_status = 'unpriced'"),
    _requests("cache_hits", "kind = 'cache_hit'"),
    _requests("retries", "kind = 'attempt' AND NOT is_final"),
    _total("input_tokens", "input_tokens"),
    _total("cache_read_tokens", "cache_read_tokens"),
    _total("cache_write_tokens", "cache_write_5m_tokens + cache_write_1h_tokens"),
    _total("output_tokens", "output_tokens"),
    _total("reasoning_tokens", "reasoning_tokens"),
    Sum("duration_count", "count(duration_ms) FILTER (WHERE final)"),
    Sum("duration_us", "coalesce(sum(round(duration_ms * 1000)::bigint) FILTER (WHERE final), 0)"),
    Sum("ttft_count", "count(ttft_ms) FILTER (WHERE final)"),
    Sum("ttft_us", "coalesce(sum(round(ttft_ms * 1000)::bigint) FILTER (WHERE final), 0)"),
    _count("apdex_satisfied", f"final AND status = 'ok' AND duration_ms <= {APDEX_TARGET_MS}"),
    _count(
        "apdex_tolerating",
        f"final AND status = 'ok' AND duration_ms > {APDEX_TARGET_MS} AND duration_ms <= {4 * APDEX_TARGET_MS}",
    ),
    _money("cost"),
    Sum("list_cost", "coalesce(sum(list_cost) FILTER (WHERE kind <> 'cache_hit'), 0)", is_money=True),
    Sum("saved_by_cache", "coalesce(sum(list_cost) FILTER (WHERE kind = 'cache_hit'), 0)", is_money=True),
    _money("input_cost"),
    _money("output_cost"),
    _money("cache_cost"),
    _money("estimated_cost", "usage_source = 'estimated'"),
    _money("retry_cost", "kind = 'attempt' AND NOT is_final"),
    _money("failed_cost", f"kind = 'attempt' AND {_FAILED}"),
    _total("quality_count", "quality_count"),
    Sum("quality_total", "coalesce(sum(quality_total), 0)", is_money=True),
)
SUM_NAMES = tuple(item.name for item in SUMS)
HISTOGRAMS = tuple(scale.name for scale in histogram.SCALES)


@dataclass(frozen=True, slots=True)
class Cube:
    """One family of rollup tables. `source`: the cube it is summed from, None for the ledger itself. `relation`: what
    of the ledger it is grouped from: each line once (`lines`), or once for each of its subjects (`subjects`)."""

    name: str
    dimensions: tuple[str, ...]
    has_histograms: bool
    grains: tuple[Grain, ...] = (Grain.QUARTER_HOUR, Grain.DAY, Grain.LOCAL_DAY)
    source: str | None = None
    relation: str = "lines"

    def table(self, grain: Grain) -> str:
        return f"analytics_{self.name}_{grain}"

    def covers(self, dimensions: set[str], *, histograms: bool, grain: Grain) -> bool:
        """Whether a question about these dimensions can be answered from this cube."""
        kept = dimensions <= set(self.dimensions)
        return kept and (self.has_histograms or not histograms) and grain in self.grains


# Smallest first: a query takes the first that covers it.
CUBES: tuple[Cube, ...] = (
    Cube("total", ("organization",), True, source="model"),
    Cube("model", ("organization", "provider", "model"), True, source="project"),
    Cube("project", ("organization", "team", "project", "provider", "model"), True),
    Cube("key", ("organization", "team", "project", "api_key", "user"), True),
    Cube(
        "wide",
        (
            "organization", "team", "project", "api_key", "user", "provider", "model", "model_requested", "endpoint",
            "kind", "status", "error_type", "http_status", "is_stream", "cache_status", "route", "sdk", "origin",
        ),
        False,
    ),
    Cube(
        "subject",
        ("organization", "team", "project", "api_key", "user", "provider", "model", "name", "value"),
        False,
        relation="subjects",
    ),
    Cube("live", ("organization", "model", "status"), True, grains=(Grain.MINUTE,)),
)  # fmt: skip
CUBE_BY_NAME = {cube.name: cube for cube in CUBES}
STORED = tuple(cube for cube in CUBES if Grain.DAY in cube.grains)
LIVE = CUBE_BY_NAME["live"]
SUBJECT = CUBE_BY_NAME["subject"]
"""End users and declared tags (rule 15): a line is in it once for each that it names, `name` is the dimension; lines
that name none are not in it."""
WHOLE = tuple(cube for cube in STORED if cube is not SUBJECT)
"""The cubes that hold every line once."""
FOLDED = "\x02"
"""The value of those that were not admitted; no admitted value begins or ends with it."""
SUBJECT_CHARS = 200

CHARGE_TABLE = "analytics_charge_quarter_hour"
CHARGE_DIMENSIONS = (
    "organization", "team", "project", "api_key", "provider", "model", "meter", "rate_id", "currency", "unit_price",
)  # fmt: skip


def depth(cube: Cube) -> int:
    """How many cubes lie between this one and the ledger; a cube is refreshed after the one it is summed from."""
    return 0 if cube.source is None else 1 + depth(CUBE_BY_NAME[cube.source])


REFRESHED = tuple(sorted(STORED, key=depth))
"""The stored cubes in an order that has every source before what is summed from it."""
