"""How fast and how reliable: percentiles, throughput, apdex, and the errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from analytics.answers.errortypes import meaning
from analytics.answers.overview import by
from analytics.answers.questions import Questions, common
from analytics.query import Group, Having, Note, Query
from analytics.query.shapes import Granularity
from analytics.rollups.cubes import APDEX_TARGET_MS

MEASURES = (
    "requests", "errors", "error_rate", "success_rate", "availability", "latency_mean", "apdex", "requests_per_minute",
    "tokens_per_minute",
)  # fmt: skip
PERCENTILES = (
    "latency_p50", "latency_p75", "latency_p90", "latency_p95", "latency_p99", "latency_p999", "ttft_p50", "ttft_p95",
    "ttft_p99", "output_rate_p50",
)  # fmt: skip
THROUGHPUT = ("requests_per_minute", "tokens_per_minute")
SOME = (Having("errors", "gt", 0),)
MOST = 10
STEPS: tuple[tuple[timedelta, Granularity, str], ...] = (
    (timedelta(days=2), "quarter_hour", "quarter-hour"),
    (timedelta(days=62), "hour", "hour"),
    (timedelta.max, "day", "day"),
)


@dataclass(frozen=True, slots=True)
class Count:
    """Errors of one type or at one provider; None where the line does not say, `Other` for the rest."""

    name: str | None
    count: int
    share: float
    error_rate: float | None = None


@dataclass(frozen=True, slots=True)
class Common:
    """One sort of error; seen times are starts of buckets, `message` says what the type means."""

    type: str | None
    message: str | None
    http_status: int | None
    provider: str | None
    model: str | None
    count: int
    first_seen: datetime
    last_seen: datetime


@dataclass(frozen=True, slots=True)
class Errors:
    """Requests that ended in an error, by what and where."""

    total: int
    by_type: list[Count]
    by_provider: list[Count]
    most_common: list[Common]


def performance(questions: Questions, query: Query, *, percentiles: bool, errors: bool) -> dict[str, Any]:
    """The common answer with its parts. Three statements, three more with `errors`; besides the scope's and labels'."""
    optional = PERCENTILES if percentiles else ()
    result = questions.ask(replace(query, measures=MEASURES), optional)
    totals = result.totals
    parts = {
        "by_provider": by(questions, query, MEASURES, "provider", optional=optional),
        "by_model": by(questions, query, MEASURES, "provider", "model", optional=optional),
    }
    analysis = error_analysis(questions, query) if errors else None
    return {
        **common(questions, result, *parts.values()),
        **parts,
        "percentiles": {name: totals[name] for name in PERCENTILES} if percentiles else None,
        "throughput": {name: totals[name] for name in THROUGHPUT},
        "apdex": totals["apdex"],
        "apdex_target_ms": APDEX_TARGET_MS,
        "error_analysis": analysis,
    }


def error_analysis(questions: Questions, query: Query) -> Errors:
    """From the rollups alone: times of errors are as fine as their buckets."""
    types, providers = (
        by(questions, replace(query, limit=100), ("errors", "error_rate"), name) for name in ("error_type", "provider")
    )
    total = sum(_errors(group) for group in types)
    return Errors(
        total=total,
        by_type=[replace(item, error_rate=None) for item in _counts(types, "error_type", total)],
        by_provider=_counts(providers, "provider", total),
        most_common=_most_common(questions, query) if total else [],
    )


def _errors(group: Group) -> int:
    found: Any = group.measures["errors"]
    return int(found or 0)


def _counts(groups: Sequence[Group], dimension: str, total: int) -> list[Count]:
    rates: Any = {id(group): group.measures["error_rate"] for group in groups}
    return [
        Count(_text(group.dimensions[dimension]), count, count / total, rates[id(group)])
        for group in groups
        if (count := _errors(group))
    ]


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _most_common(questions: Questions, query: Query) -> list[Common]:
    step, words = next((step, words) for longest, step, words in STEPS if query.end - query.start <= longest)
    dimensions = ("error_type", "http_status", "provider", "model")
    result = questions.ask(
        replace(
            query, measures=("errors",), dimensions=dimensions, granularity=step, compare_to="none", order=None,
            having=SOME, limit=MOST,
        )
    )  # fmt: skip
    seen: dict[tuple[object, ...], list[datetime]] = {}
    for point in result.series:
        if point.measures["errors"]:
            seen.setdefault(tuple(point.dimensions.values()), []).append(point.time)
    questions.note(
        Note("seen_by_bucket", f"first_seen and last_seen are the start of the {words}."),
        Note("messages_not_kept", "Providers' own messages are not kept; message says what the error type means."),
    )
    return [_common(group, seen[tuple(group.dimensions.values())]) for group in result.groups if not group.is_other]


def _common(group: Group, times: Sequence[datetime]) -> Common:
    says: Any = group.dimensions
    return Common(
        type=says["error_type"], message=meaning(says["error_type"]), http_status=says["http_status"],
        provider=says["provider"], model=says["model"], count=_errors(group), first_seen=min(times),
        last_seen=max(times),
    )  # fmt: skip
