"""Every measure and every dimension, declared once. A new one is one declaration here or in a later app. Pure.

A measure says how it is derived from the stored sums of `analytics.rollups.cubes`: Σ weights · sums, a ratio of two
such totals, that total per minute, a histogram quantile, or a distinct count. Definitions shared by all:
a *request* is a final line of kind attempt or cache_hit (an imported total is one line for `request_count` of them);
*errors* are requests that ended in client_error, upstream_error, timeout or interrupted (denied and cancelled ones are
neither); tokens and cost count every line.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from analytics.histogram import LATENCY, OUTPUT_RATE, TTFT, Scale
from analytics.rollups.cubes import APDEX_TARGET_MS, CUBE_BY_NAME, SUM_NAMES

Kind = Literal["sum", "ratio", "per_minute", "quantile", "distinct"]
Format = Literal["count", "tokens", "money", "percent", "duration", "rate", "score"]
ValueKind = Literal["uuid", "text", "integer", "boolean"]
Weights = Mapping[str, int | float]


@dataclass(frozen=True, slots=True)
class Beside:
    """A table in which an app keeps a sum of its own, by hours: a column of the measure's name beside `bucket` and
    `dimensions`, which are as in a cube. Whoever writes it calls `analytics.rollups.state.touch`."""

    table: str
    dimensions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Measure:
    """One figure. `numerator`, `denominator`: stored sums and their weights; `factor` multiplies the quotient.
    `beside`: where its only sum is kept, when that is not in the cubes."""

    name: str
    label: str
    unit: str
    format: Format
    kind: Kind
    description: str
    numerator: Weights = field(default_factory=dict)
    denominator: Weights = field(default_factory=dict)
    factor: int | float = 1
    scale: Scale | None = None
    q: float | None = None
    column: str | None = None
    beside: Beside | None = None

    @property
    def is_additive(self) -> bool:
        """Whether the values of groups add up to the total."""
        return self.kind in ("sum", "per_minute")

    @property
    def is_money(self) -> bool:
        return self.format == "money"

    @property
    def most(self) -> float | None:
        """The largest value there can be: 1 of a share of a whole; None: no bound."""
        return 1.0 if self.unit == "ratio" else None

    @property
    def sums(self) -> frozenset[str]:
        """Stored sums it reads."""
        return frozenset(self.numerator) | frozenset(self.denominator)


@dataclass(frozen=True, slots=True)
class Dimension:
    """One way to group and filter; `name` is its column in every cube that keeps it.

    A derived one has an `expression` instead: SQL (per cent signs doubled) over the columns of stored dimensions that
    it `reads`, such as a look-up in a table of the app that declares it: `(SELECT … WHERE x.project = rows.project)`.
    """

    name: str
    label: str
    kind: ValueKind
    description: str
    expression: str | None = None
    reads: tuple[str, ...] = ()


MEASURES: dict[str, Measure] = {}
DIMENSIONS: dict[str, Dimension] = {}


def declare(*items: Measure | Dimension) -> None:
    """Add measures and dimensions; a name is declared once. An app does so in its `AppConfig.ready()`.

    Raises ValueError on another declaration of a name, and for what reads sums or dimensions that are not stored. The
    same declaration again is none: Django may call `ready()` more than once.
    """
    for item in items:
        known: Measure | Dimension | None = MEASURES.get(item.name) or DIMENSIONS.get(item.name)
        if known == item:
            continue
        if known is not None:
            raise ValueError(f"{item.name} is already declared")
        if isinstance(item, Measure):
            _check_stored(item.name, item.sums, [item.name] if item.beside else SUM_NAMES)
            MEASURES[item.name] = item
        else:
            _check_stored(item.name, item.reads, CUBE_BY_NAME["wide"].dimensions)
            DIMENSIONS[item.name] = item


def stored(dimension: str) -> tuple[str, ...]:
    """The stored dimensions that are read for it: itself, unless it is derived."""
    known = DIMENSIONS.get(dimension)
    return known.reads if known is not None and known.expression is not None else (dimension,)


def _check_stored(name: str, read: Iterable[str], known: Sequence[str]) -> None:
    missing = sorted(set(read) - set(known))
    if missing:
        raise ValueError(f"{name} reads {', '.join(missing)}, which is not stored")


def _sum(name: str, label: str, format: Format, description: str, *, of: Weights | None = None) -> Measure:
    unit = {"count": "1", "tokens": "tokens", "money": "currency"}[format]
    return Measure(name, label, unit, format, "sum", description, numerator=of or {name: 1})


def _ratio(
    name: str, label: str, unit: str, format: Format, of: Weights, by: Weights, description: str, factor: float = 1
) -> Measure:
    return Measure(name, label, unit, format, "ratio", description, numerator=of, denominator=by, factor=factor)


def _per_minute(name: str, label: str, unit: str, of: Weights, description: str) -> Measure:
    return Measure(name, label, unit, "rate", "per_minute", description, numerator=of)


def _quantiles(scale: Scale, label: str, unit: str, format: Format, population: str, *qs: str) -> list[Measure]:
    return [
        Measure(
            f"{scale.name}_p{digits}",
            f"{label} p{digits if digits != '999' else '99.9'}",
            unit,
            format,
            "quantile",
            f"Nearest-rank {float('0.' + digits):.1%} quantile of {population}; within 1 %.",
            scale=scale,
            q=float(f"0.{digits}"),
        )
        for digits in qs
    ]


TOKENS: Weights = {"input_tokens": 1, "output_tokens": 1}
REQUESTS: Weights = {"requests": 1}
COST: Weights = {"cost": 1}

declare(
    _sum("requests", "Requests", "count", "Final outcomes of calls: Σ request_count of final attempts and cache hits."),
    _sum("attempts", "Attempts", "count", "Upstream tries: lines of kind attempt."),
    _sum("errors", "Errors", "count", "Requests that ended in client_error, upstream_error, timeout or interrupted."),
    _ratio("error_rate", "Error rate", "ratio", "percent", {"errors": 1}, REQUESTS, "errors ÷ requests."),
    _ratio("success_rate", "Success rate", "ratio", "percent", {"successes": 1}, REQUESTS,
           "Requests with status ok ÷ requests."),
    _sum("denied", "Denied", "count", "Calls of authenticated callers refused before any upstream try."),
    _per_minute("requests_per_minute", "Requests per minute", "1/min", REQUESTS, "requests ÷ elapsed minutes."),
    _per_minute("tokens_per_minute", "Tokens per minute", "tokens/min", TOKENS, "total_tokens ÷ elapsed minutes."),
    _sum("input_tokens", "Input tokens", "tokens", "Prompt tokens, cached and cache-write parts included."),
    _sum("cache_read_tokens", "Cached input tokens", "tokens", "Input tokens the vendor read from its prompt cache."),
    _sum("cache_write_tokens", "Cache-write tokens", "tokens", "Input tokens written to the vendor's prompt cache."),
    _sum("output_tokens", "Output tokens", "tokens", "Answer tokens, reasoning included."),
    _sum("reasoning_tokens", "Reasoning tokens", "tokens", "Output tokens spent on reasoning."),
    _sum("total_tokens", "Tokens", "tokens", "input_tokens + output_tokens.", of=TOKENS),
    _sum("cost", "Cost", "money", "Σ cost of all priced lines, adjustments included."),
    _sum("list_cost", "List cost", "money", "Σ cost at public list prices."),
    _sum("input_cost", "Input cost", "money", "Σ charges for uncached text and audio input."),
    _sum("output_cost", "Output cost", "money", "Σ charges for output, reasoning and audio output."),
    _sum("cache_cost", "Cache cost", "money", "Σ charges for prompt-cache reads and writes."),
    _ratio("cost_per_request", "Cost per request", "currency", "money", COST, REQUESTS, "cost ÷ requests."),
    _ratio("cost_per_success", "Cost per success", "currency", "money", COST, {"successes": 1},
           "cost ÷ requests with status ok."),
    _ratio("cost_per_1k_tokens", "Cost per 1,000 tokens", "currency", "money", COST, TOKENS,
           "1,000 · cost ÷ total_tokens.", 1000),
    _sum("unpriced_requests", "Unpriced requests", "count", "Requests whose price is unknown; cost leaves them out."),
    _ratio("estimated_cost_share", "Estimated share of cost", "ratio", "percent", {"estimated_cost": 1}, COST,
           "cost of lines with estimated usage ÷ cost."),
    _sum("cache_hits", "Cache hits", "count", "Requests answered from the gateway's response cache."),
    _ratio("cache_hit_rate", "Cache hit rate", "ratio", "percent", {"cache_hits": 1}, REQUESTS,
           "cache_hits ÷ requests."),
    _sum("saved_by_cache", "Saved by cache", "money", "Σ list cost that answers from the response cache had at first."),
    _sum("retries", "Retries", "count", "Attempts that were followed by another one of the same request."),
    _sum("retry_cost", "Retry cost", "money", "Σ cost of attempts that were followed by another one."),
    _sum("failed_cost", "Cost of failures", "money", "Σ cost of attempts that ended in an error."),
    _ratio("latency_mean", "Latency mean", "ms", "duration", {"duration_us": 0.001}, {"duration_count": 1},
           "Σ duration ÷ requests with a measured duration."),
    *_quantiles(LATENCY, "Latency", "ms", "duration", "request durations", "50", "75", "90", "95", "99", "999"),
    *_quantiles(TTFT, "First token", "ms", "duration", "times to first token", "50", "95", "99"),
    *_quantiles(OUTPUT_RATE, "Output rate", "tokens/s", "rate",
                "visible output tokens (without reasoning) per second of output, good streams", "05", "50", "95"),
    _ratio("apdex", "Apdex", "ratio", "score", {"apdex_satisfied": 1, "apdex_tolerating": 0.5}, {"duration_count": 1},
           f"(satisfied + tolerating ÷ 2) ÷ measured requests; T = {APDEX_TARGET_MS / 1000:g} s; errors frustrate."),
    _ratio("availability", "Availability", "ratio", "percent", {"requests": 1, "unavailable": -1}, REQUESTS,
           "Share of requests not lost to upstream_error, timeout or interrupted."),
    _ratio("quality_score", "Quality", "ratio", "score", {"quality_total": 1}, {"quality_count": 1},
           "Mean over scored requests of the mean of their scores, 0 to 1."),
    Measure("distinct_users", "Active users", "1", "count", "distinct", "Key owners with a request.", column="user"),
    Measure("distinct_keys", "Active keys", "1", "count", "distinct", "Keys with a request.", column="api_key"),
)  # fmt: skip

declare(
    Dimension("organization", "Organization", "uuid", "Tenant."),
    Dimension("team", "Team", "uuid", "Team of the project when the line was booked."),
    Dimension("project", "Project", "uuid", "Project of the key."),
    Dimension("api_key", "Key", "uuid", "Virtual key."),
    Dimension("user", "Person", "uuid", "Owner of the key."),
    Dimension("end_user", "End user", "text", "Whom the caller named in `X-Gateway-End-User`, or in the body."),
    Dimension("provider", "Provider", "text", "Provider that was tried."),
    Dimension("model", "Model", "text", "Model that served."),
    Dimension("model_requested", "Requested model", "text", "Model or alias that the caller sent."),
    Dimension("endpoint", "Endpoint", "text", "Path called."),
    Dimension("kind", "Kind", "text", "Kind of ledger line."),
    Dimension("status", "Status", "text", "How it ended."),
    Dimension("error_type", "Error type", "text", "Class of the error."),
    Dimension("http_status", "HTTP status", "integer", "Status code answered."),
    Dimension("is_stream", "Streamed", "boolean", "Whether a stream was asked for."),
    Dimension("cache_status", "Cache status", "text", "Response cache: hit, miss, …"),
    Dimension("route", "Route", "text", "Route alias that was resolved."),
    Dimension("sdk", "SDK", "text", "Client library and version."),
    Dimension("origin", "Origin", "text", "gateway, import or otlp."),
)
