"""What an outcome costs, what is wasted on the way, and how that compares: with before, with everybody, with list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from analytics.answers.questions import Questions, common
from analytics.query import Note, Query, Value, change_of
from analytics.query.plan import compared_window
from costs.analysis import units

FIGURES = (
    "cost", "list_cost", "requests", "cost_per_request", "cost_per_success", "cost_per_1k_tokens", "input_tokens",
    "cache_read_tokens", "output_tokens", "retry_cost", "failed_cost", "saved_by_cache", "cache_hit_rate",
    "unpriced_requests",
)  # fmt: skip
COMPARED = ("cost_per_request", "cost_per_success", "cost_per_1k_tokens", "cached_share", "retry_share", "failed_share")
AGAINST = ("previous_period", "organization", "list_price")
MAIN = "cost_per_1k_tokens"
WHOLE = Note("benchmark_is_itself", "difference is null: without filters there is no organization around it.")
NO_LIST = Note("no_list_price", "difference is null: nothing in the window has a list price.")


@dataclass(frozen=True, slots=True)
class Efficiency:
    """Ratios of one window. `cached_share`: of input tokens read from the provider's cache; `retry_waste`: cost of
    attempts that were followed by another one; `retry_share`, `failed_share`: of the cost. None without a measure."""

    cost: Decimal
    cost_per_request: Value
    cost_per_success: Value
    cost_per_1k_tokens: Value
    cached_share: float | None
    retry_waste: Decimal
    retry_share: float | None
    failed_share: float | None
    output_input_ratio: float | None

    def value(self, name: str) -> Any:
        return getattr(self, name)


@dataclass(frozen=True, slots=True)
class Compared:
    """One ratio beside the benchmark's; `difference` relative, None where either is missing or the benchmark is 0."""

    measure: str
    value: Value
    benchmark: Value
    difference: float | None


@dataclass(frozen=True, slots=True)
class Benchmark:
    """`difference`: of cost per 1,000 tokens; against list prices, of the cost itself."""

    against: str
    difference: float | None
    measures: Sequence[Compared]


@dataclass(frozen=True, slots=True)
class Moment:
    """The ratios of a bucket."""

    time: datetime
    ratios: Efficiency


def efficiency(questions: Questions, query: Query, against: str) -> dict[str, Any]:
    """Days unless another granularity is asked. A question more for the benchmark, and those of the unit metrics."""
    query = replace(query, dimensions=(), granularity=query.granularity or "day", compare_to="none", order=None)
    result = questions.ask(replace(query, measures=FIGURES))
    own = ratios(result.totals)
    compared = benchmark(questions, query, against, own, result.totals)
    metrics = units.answers(questions, query)
    return {
        **common(questions, replace(result, series=())),
        **{name: own.value(name) for name in _NAMES},
        "saved_by_cache": result.totals["saved_by_cache"],
        "unit_metrics": metrics,
        "benchmark": compared,
        "trend": [Moment(point.time, ratios(point.measures)) for point in result.series],
        "notes": list(questions.notes),
    }


_NAMES = (
    "cost_per_request", "cost_per_success", "cost_per_1k_tokens", "cached_share", "retry_waste", "retry_share",
    "failed_share", "output_input_ratio",
)  # fmt: skip


def ratios(values: Mapping[str, Any]) -> Efficiency:
    """Of the totals or one bucket of `FIGURES`."""
    return Efficiency(
        cost=values["cost"],
        cost_per_request=values["cost_per_request"],
        cost_per_success=values["cost_per_success"],
        cost_per_1k_tokens=values["cost_per_1k_tokens"],
        cached_share=_ratio(values["cache_read_tokens"], values["input_tokens"]),
        retry_waste=values["retry_cost"],
        retry_share=_ratio(values["retry_cost"], values["cost"]),
        failed_share=_ratio(values["failed_cost"], values["cost"]),
        output_input_ratio=_ratio(values["output_tokens"], values["input_tokens"]),
    )


def benchmark(
    questions: Questions, query: Query, against: str, own: Efficiency, totals: Mapping[str, Any]
) -> Benchmark:
    """One of `AGAINST`: the window before, all of what the person sees, or what the vendors' lists would have asked.
    At most one question."""
    if against == "list_price":
        return _against_list(questions, own, totals)
    if against == "organization" and not query.filters:
        questions.note(WHOLE)
        return Benchmark(against, None, [Compared(name, own.value(name), None, None) for name in COMPARED])
    asked = replace(query, measures=FIGURES, granularity=None)
    if against == "organization":
        asked = replace(asked, filters=())
    else:
        start, end = compared_window(replace(query, compare_to="previous_period")) or (query.start, query.end)
        asked = replace(asked, start=start, end=end)
    other = ratios(questions.ask(asked).totals)
    pairs = [_compared(name, own.value(name), other.value(name)) for name in COMPARED]
    return Benchmark(against, next(pair.difference for pair in pairs if pair.measure == MAIN), pairs)


def _against_list(questions: Questions, own: Efficiency, totals: Mapping[str, Any]) -> Benchmark:
    listed = totals["list_cost"]
    if not listed:
        questions.note(NO_LIST)
    pair = _compared("cost", own.cost, listed or None)
    return Benchmark("list_price", pair.difference, [pair])


def _compared(name: str, value: Any, other: Any) -> Compared:
    return Compared(name, value, other, change_of(value, other))


def _ratio(part: Any, whole: Any) -> float | None:
    return float(Decimal(part) / Decimal(whole)) if whole else None
