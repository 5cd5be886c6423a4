"""The rollup tables, declared once: which dimensions each cube keeps and what every stored sum means. Pure.

A new sum or dimension is one entry here plus its column in `analytics.models` (a test compares the two).
What is summed are columns of `ledger.lines`: counts (`request_count`: an imported total of several requests is one
line), tokens, microseconds, money, the cost split by meters, and of requests that were scored `quality_count` (1) and
`quality_total` (the mean of its scores).
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
    """A stored additive figure: Σ `value`, a column of `ledger.lines`, over the lines for which `condition` holds:
    one of `CONDITIONS`, `final`, or empty for all."""

    name: str
    value: str
    condition: str = ""
    is_money: bool = False

    @property
    def sparse(self) -> str:
        """Its SQL aggregate over a relation of lines; NULL where money has no line to be added up of."""
        where = f" FILTER (WHERE {self.condition})" if self.condition else ""
        return f"analytics_sum({self.value}){where}"

    @property
    def expression(self) -> str:
        """The same with 0 for NULL."""
        return f"coalesce({self.sparse}, 0)"


def quoted(values: tuple[str, ...]) -> str:
    """`('a', 'b')` for SQL; the values are constants of this module."""
    return "(" + ", ".join(f"'{value}'" for value in values) + ")"


def _money(name: str, condition: str = "", of: str = "cost") -> Sum:
    return Sum(name, of, condition, is_money=True)


_FAILED = f"status IN {quoted(ERROR_STATUSES)}"
CONDITIONS = {
    "is_ok": "final AND status = 'ok'",
    "is_error": f"final AND {_FAILED}",
    "is_unavailable": f"final AND status IN {quoted(UNAVAILABLE_STATUSES)}",
    "is_cancelled": "final AND status = 'cancelled'",
    "is_unpriced": "final AND price_status = 'unpriced'",
    "is_attempt": "kind = 'attempt'",
    "is_denied": "kind = 'denied'",
    "is_hit": "kind = 'cache_hit'",
    "is_no_hit": "kind <> 'cache_hit'",
    "is_retried": "kind = 'attempt' AND NOT is_final",
    "is_failed": f"kind = 'attempt' AND {_FAILED}",
    "is_estimated": "usage_source = 'estimated'",
}
"""What sums ask of a line, decided once for each of them; and `final`, on which some of them build."""
SUMS: tuple[Sum, ...] = (
    Sum("lines", "line_count"),
    Sum("requests", "request_count", "final"),
    Sum("attempts", "request_count", "is_attempt"),
    Sum("successes", "request_count", "is_ok"),
    Sum("errors", "request_count", "is_error"),
    Sum("unavailable", "request_count", "is_unavailable"),
    Sum("cancelled", "request_count", "is_cancelled"),
    Sum("denied", "request_count", "is_denied"),
    Sum("unpriced_requests", "request_count", "is_unpriced"),
    Sum("cache_hits", "request_count", "is_hit"),
    Sum("retries", "request_count", "is_retried"),
    Sum("input_tokens", "input_tokens"),
    Sum("cache_read_tokens", "cache_read_tokens"),
    Sum("cache_write_tokens", "cache_write_tokens"),
    Sum("output_tokens", "output_tokens"),
    Sum("reasoning_tokens", "reasoning_tokens"),
    Sum("duration_count", "duration_count", "final"),
    Sum("duration_us", "duration_us", "final"),
    Sum("ttft_count", "ttft_count", "final"),
    Sum("ttft_us", "ttft_us", "final"),
    Sum("apdex_satisfied", "apdex_satisfied", "is_ok"),
    Sum("apdex_tolerating", "apdex_tolerating", "is_ok"),
    _money("cost"),
    _money("list_cost", "is_no_hit", "list_cost"),
    _money("saved_by_cache", "is_hit", "list_cost"),
    _money("input_cost", of="input_cost"),
    _money("output_cost", of="output_cost"),
    _money("cache_cost", of="cache_cost"),
    _money("estimated_cost", "is_estimated"),
    _money("retry_cost", "is_retried"),
    _money("failed_cost", "is_failed"),
    Sum("quality_count", "quality_count"),
    _money("quality_total", of="quality_total"),
)
SUM_NAMES = tuple(item.name for item in SUMS)
MONEY_SUMS = frozenset(name for name in SUM_NAMES if "cost" in name or name == "saved_by_cache")
HISTOGRAMS = tuple(scale.name for scale in histogram.SCALES)


@dataclass(frozen=True, slots=True)
class Cube:
    """One family of rollup tables. `source`: the cube it is summed from, None for the ledger itself. `relation`: what
    of the ledger it is grouped from: each line once (`lines`), or once for each of its subjects (`subjects`). One that
    would save little by the quarter-hour has days alone; its quarter-hours are a wider cube's."""

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
    Cube(
        "outcome",
        (
            "organization", "provider", "model", "kind", "status", "error_type", "http_status", "is_stream",
            "cache_status",
        ),
        False,
        grains=(Grain.DAY, Grain.LOCAL_DAY),
        source="wide",
    ),
    Cube("project", ("organization", "team", "project", "provider", "model"), True),
    Cube("key", ("organization", "team", "project", "api_key", "user"), True),
    Cube(
        "key_model",
        ("organization", "team", "project", "api_key", "user", "provider", "model"),
        False,
        grains=(Grain.DAY, Grain.LOCAL_DAY),
        source="wide",
    ),
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
OF_LEDGER = tuple(cube for cube in STORED if cube.source is None)
"""The cubes whose quarter-hours are made of ledger lines."""
FOLDED = "\x02"
"""The value of those that were not admitted; no admitted value begins or ends with it."""
SUBJECT_CHARS = 200

CHARGE_TABLE = "analytics_charge_quarter_hour"
CHARGE_DIMENSIONS = (
    "organization", "team", "project", "api_key", "provider", "model", "meter", "rate_id", "currency", "unit_price",
)  # fmt: skip

FOREIGN_TABLES = {Grain.MINUTE: "analytics_foreign_minute", Grain.QUARTER_HOUR: "analytics_foreign_quarter_hour"}
"""Money of lines in another currency than their organization's, which the cubes add up as it is: what it takes to have
it out again, or converted. Few organizations have any. By all that `wide` keeps; rows of a subject besides, with its
`name` and `value` and the columns of `subject` alone. The minutes are by what `live` keeps. Like charges they have no
days: their quarter-hours stay."""
FOREIGN_SUMS = ("lines", *(name for name in SUM_NAMES if name in MONEY_SUMS))
FOREIGN_DIMENSIONS = (*CUBE_BY_NAME["wide"].dimensions, "name", "value", "currency")
FOREIGN_LIVE_DIMENSIONS = (*LIVE.dimensions, "currency")


def depth(cube: Cube) -> int:
    """How many cubes lie between this one and the ledger; a cube is refreshed after the one it is summed from."""
    return 0 if cube.source is None else 1 + depth(CUBE_BY_NAME[cube.source])


REFRESHED = tuple(sorted(STORED, key=depth))
"""The stored cubes in an order that has every source before what is summed from it."""
